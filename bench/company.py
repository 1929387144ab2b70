"""Companies to measure on: demo companies of any size, cached between runs, with employees whose job can change."""

import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import apsw
import psycopg
import sqlalchemy as sa
from psycopg import sql

from bench import offboardings
from corehr import demo
from corehr.app import schema
from corehr.app.stores import open_store
from corehr.demo.demo_build import NamedRecords, get_named_records
from corehr.demo.people import ALL_EMPLOYEES, job_change_request
from corehr.engines import versions
from corehr.engines.timeline import version_as_of
from corehr.hr.basic_data import custom_fields
from corehr.hr.contracts import records as contracts
from corehr.hr.employees.employments import records as employments
from corehr.hr.employees.job_datas import records as job_datas
from corehr.hr.job_changes import commands
from corehr.hr.job_changes.records import PENDING_STATUSES, job_change
from corehr.hr.offboardings.records import offboarding
from corehr.hr.probation import records as probation
from corehr.kernel import tenants
from corehr.kernel.clock import Clock, IsoDate, real_now, to_timestamp
from corehr.kernel.db import Store, Tx
from corehr.kernel.errors import BusinessError
from corehr.kernel.ids import TimeOrderedIds
from corehr.kernel.statements import bind, in_constants, in_tenant, metadata, statement

os.environ.setdefault("COREHR_KEY", "5" * 64)  # one key for every copy of a company, and for the servers

HERE = Path(__file__).resolve().parent
SOURCE = HERE.parent / "src" / "corehr"
CACHE = HERE.parent / ".cache" / "bench"
NOW = demo.DEFAULT_NOW
TODAY: IsoDate = NOW.date().isoformat()
EFFECTIVE_DATE: IsoDate = (NOW.date() + timedelta(days=30)).isoformat()
"""The day on which every measured job change would take effect."""

OFFBOARDING_DATES = offboardings.OffboardingDates(
    planned=(NOW.date() + timedelta(days=40)).isoformat(), edited=(NOW.date() + timedelta(days=47)).isoformat()
)
"""Offboarding dates of the leavers, before and after the measured edit."""

CUSTOM_FIELD = "custom_field_1__c"
"""A text field of employments, which every measured job change sets."""

_PROBATION_END_DATE = (NOW.date() + timedelta(days=90)).isoformat()

_reporting_line, _employment = employments.reporting_line.c, employments.employment.c


def _not_exists(table: sa.Table, *conditions: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    return ~sa.exists().where(table.c.tenant == _employment.tenant, *conditions)


_SELECT_STAYING = statement(
    sa.select(_employment.id)
    .where(
        in_tenant(employments.employment),
        _employment.end_date.is_(None),
        _employment.onboarding_date <= bind("day"),
        _not_exists(offboarding, offboarding.c.employment_id == _employment.id),
        _not_exists(
            job_change,
            job_change.c.employment_id == _employment.id,
            in_constants(job_change.c.status, PENDING_STATUSES),
        ),
    )
    .order_by(_employment.id)
)
"""Active employees without an end date, an offboarding or a pending job change."""

_SELECT_MANAGERS = statement(
    sa.select(_reporting_line.manager_id).where(in_tenant(employments.reporting_line)).distinct()
)


@dataclass(frozen=True)
class BenchEmployee:
    """An employee whose job is changed; `current` holds the values in force on the effective date."""

    id: str
    current: Mapping[str, Any]


@dataclass(frozen=True)
class BenchData:
    """Data for the requests to one company."""

    server_key: str
    named_records: NamedRecords
    employees: Sequence[BenchEmployee]
    record_ids: Mapping[str, Sequence[str]]
    """Ids of the offboardings and pre-hires for the other operations, by kind."""


# ------------------------------------------------------------------------------------------------------- preparing


def prepare(size: int, employees: int, leavers: int, per_leaver: int) -> Path:
    """Return the SQLite file of a company of this size, cached until the code that builds it changes.

    Besides the `employees` it has `leavers`, each with `per_leaver` offboardings, and as many pre-hires as these.
    """
    folder = CACHE / _fingerprint()
    path = folder / f"{size}-{employees}-{leavers}-{per_leaver}.db"
    if path.exists():
        return path
    if CACHE.exists():
        for stale in CACHE.iterdir():
            if stale != folder:
                shutil.rmtree(stale, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    new_path = path.with_suffix(".tmp")
    delete_database(new_path)
    url = f"sqlite:///{new_path}"
    schema.upgrade(url)
    demo.prepare(url, employees=size, now=NOW)
    with open_database(url) as store:
        _seed_records(store, employees, leavers, per_leaver)
    new_path.rename(path)
    return path


def _fingerprint() -> str:
    source_files = (
        HERE / "company.py",
        HERE / "offboardings.py",
        *sorted((SOURCE / "demo").glob("*.py")),
        *sorted((SOURCE / "migrations" / "versions").glob("*.py")),
        *sorted((SOURCE / "engines").glob("*.py")),
        *sorted((SOURCE / "hr").rglob("records.py")),
    )
    return hashlib.sha256(b"".join(path.read_bytes() for path in source_files)).hexdigest()[:16]


@contextmanager
def open_database(url: str) -> Iterator[Store]:
    """Yield the store at an address; closing it writes all changes into the database file itself."""
    store = open_store(url, Clock(), TimeOrderedIds())
    try:
        yield store
    finally:
        store.close()


def _seed_records(store: Store, count: int, leaver_count: int, per_leaver: int) -> None:
    """Give the employees, from today on, a value for every field of the request that demo employees may lack.

    The leavers are other employees: no job of a leaver is changed.
    """
    ids = store.command_sync(tenants.DEFAULT_TENANT_ID, _candidate_ids, at=NOW)
    sampled_ids = ids[:: max(1, len(ids) // (count + count // 4))]
    for start in range(0, len(sampled_ids), 100):
        store.command_sync(
            tenants.DEFAULT_TENANT_ID, partial(_complete_job_data, sampled_ids[start : start + 100]), at=NOW
        )
    leavers = store.command_sync(
        tenants.DEFAULT_TENANT_ID, partial(_leaver_ids, leaver_count, frozenset(sampled_ids)), at=NOW
    )
    if len(leavers) < leaver_count:
        raise SystemExit(f"the company has {len(leavers)} people who can leave, and {leaver_count} are needed")
    offboardings.prepare(
        partial(store.command_sync, tenants.DEFAULT_TENANT_ID, at=NOW), leavers, per_leaver, OFFBOARDING_DATES
    )


def _leaver_ids(count: int, excluded_ids: frozenset[str], tx: Tx) -> list[str]:
    """Return evenly spread employees whose offboarding date the rules let change.

    They may be managers, since they leave after the effective date.
    """
    other_ids = [row["id"] for row in tx.fetch_all(_SELECT_STAYING, day=TODAY) if row["id"] not in excluded_ids]
    sampled_ids = other_ids[:: max(1, len(other_ids) // (count + count // 4))]
    return [id for id in sampled_ids if offboardings.can_change_date(tx, id, OFFBOARDING_DATES)][:count]


def _candidate_ids(tx: Tx) -> list[str]:
    """Return employees without reports: with any manager their reporting line stays without a cycle."""
    managers = {row["manager_id"] for row in tx.fetch_all(_SELECT_MANAGERS)}
    return [row["id"] for row in tx.fetch_all(_SELECT_STAYING, day=TODAY) if row["id"] not in managers]


def _complete_job_data(ids: Sequence[str], tx: Tx) -> None:
    dotted_manager_id = get_named_records(tx)["employments"]["top"]["id"]
    for id in ids:
        targets = {
            employments.DOTTED_MANAGER: dotted_manager_id,
            "probation_end_date": _PROBATION_END_DATE,
            "seniority_date": "2015-01-01",
            custom_fields.key_of(CUSTOM_FIELD): "231",
        }
        with suppress(BusinessError):  # an employee with another change
            commands.create(tx, job_change_request(id, "internal_transfer", TODAY, targets), ALL_EMPLOYEES)


# ----------------------------------------------------------------------------------------------------------- copies


def copy_database(source: Path, target: Path) -> str:
    """Copy the database, reset the world clock to the time of the build, and return the URL of the copy."""
    delete_database(target)
    shutil.copyfile(source, target)
    url = f"sqlite:///{target}"
    reset_clock(url)
    with target.open("rb+") as file:
        os.fsync(file.fileno())
    return url


def delete_database(path: Path) -> None:
    """Delete a SQLite file and the files beside it."""
    for suffix in ("", "-wal", "-shm", ".lock"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)


def reset_clock(url: str) -> None:
    """Set the world clock to the time of the build: the days since then would all have to be processed first."""
    with open_database(url) as store:
        store.command_sync(
            tenants.DEFAULT_TENANT_ID, lambda tx: tenants.set_clock(tx, to_timestamp(NOW), to_timestamp(real_now()))
        )


def copy_to_postgres(source: Path, url: str) -> None:
    """Copy all rows into an empty PostgreSQL database."""
    schema.upgrade(url)
    source_connection = apsw.Connection(str(source), flags=apsw.SQLITE_OPEN_READONLY)
    with psycopg.connect(url, autocommit=True) as target_connection:
        for table in metadata.sorted_tables:
            names = [column.name for column in table.columns]
            columns = sql.SQL(", ").join(map(sql.Identifier, names))
            copy_sql = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table.name), columns)
            quoted = ", ".join(f'"{name}"' for name in names)
            with target_connection.cursor().copy(copy_sql) as copy:
                for row in source_connection.execute(f'SELECT {quoted} FROM "{table.name}"'):
                    copy.write_row(row)
        target_connection.execute("VACUUM ANALYZE")
    source_connection.close()


# -------------------------------------------------------------------------------------------------------- employees


def load_bench_data(path: Path, count: int) -> BenchData:
    """Return `count` employees for the requests, evenly spread over the company, and all that the requests refer to."""
    with open_database(f"sqlite:///{path}") as store:
        return store.command_sync(tenants.DEFAULT_TENANT_ID, lambda tx: _read_bench_data(tx, count), at=NOW)


def _read_bench_data(tx: Tx, count: int) -> BenchData:
    tenant = tenants.get(tx)
    assert tenant is not None
    found: list[BenchEmployee] = []
    named_records = get_named_records(tx)
    unusable_department_ids = {named_records["departments"][name]["id"] for name in ("full", "closing")}
    ids = [row["employment_id"] for row in tx.fetch_all(_SELECT_COMPLETED_EMPLOYMENTS, day=TODAY)]
    for start in range(0, len(ids), 100):
        for employment in employments.get_many(tx, ids[start : start + 100]).values():
            current = _current_values(tx, employment)
            if current.get("contract_end_date") and current["department_id"] not in unusable_department_ids:
                found.append(BenchEmployee(employment.id, current))
    if len(found) < count:
        raise SystemExit(f"the company has {len(found)} people whose job can be changed, and {count} are needed")
    employees = sorted(found, key=lambda employee: employee.id)[:count]
    return BenchData(tenant.server_key, named_records, employees, offboardings.list_seeded(tx, to_timestamp(NOW)))


_SELECT_COMPLETED_EMPLOYMENTS = statement(
    sa.select(job_change.c.employment_id)
    .where(in_tenant(job_change), job_change.c.effective_date == bind("day"), job_change.c.status == "Transformed")
    .order_by(job_change.c.employment_id)
)


def _current_values(tx: Tx, employment: employments.Employment) -> dict[str, Any]:
    """Return the employee's values on the effective date, by our own field names."""
    contract_ids = contracts.list_ids(tx, employment.id)
    timelines = versions.timelines(tx, [employment.id, employment.job_data_id, *contract_ids])
    contract = contracts.contract_in_force(tx, contract_ids, EFFECTIVE_DATE)
    current: dict[str, Any] = dict(contract.body) if contract else {}
    for kind, entity_id in (
        (job_datas.KIND, employment.job_data_id),
        (employments.KIND, employment.id),
        (probation.KIND, employment.id),
    ):
        version = version_as_of(timelines.get((kind, entity_id), ()), EFFECTIVE_DATE)
        current.update(version.body if version else {})
    return current


def add_days(day: IsoDate, days: int) -> IsoDate:
    return (date.fromisoformat(day) + timedelta(days=days)).isoformat()
