"""Companies to measure on: demo companies of any size, kept between runs, and people whose job can be changed."""

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

from bench import leaving
from corehr.engines import versions
from corehr.engines.timeline import version_as_of
from corehr.entrypoints import demo, schema
from corehr.entrypoints.demo.company import World, read_names
from corehr.entrypoints.demo.people import EVERYONE, asked
from corehr.hr.contracts import records as contracts
from corehr.hr.employments import records as people
from corehr.hr.job_changes import commands
from corehr.hr.job_changes.records import PENDING_STATUSES, job_change
from corehr.hr.job_datas import records as job_datas
from corehr.hr.offboardings.records import offboarding
from corehr.hr.probation import records as probation
from corehr.kernel import tenants
from corehr.kernel.clock import Clock, IsoDate, real_now, to_timestamp
from corehr.kernel.db import Store, Tx
from corehr.kernel.errors import BusinessError
from corehr.kernel.ids import TimeOrderedIds
from corehr.kernel.settings import open_store
from corehr.kernel.statements import bind, in_constants, metadata, of_tenant, statement

HERE = Path(__file__).resolve().parent
SOURCE = HERE.parent / "src" / "corehr"
CACHE = HERE.parent / ".cache" / "bench"
NOW = demo.DEFAULT_NOW
TODAY: IsoDate = NOW.date().isoformat()
EFFECTIVE: IsoDate = (NOW.date() + timedelta(days=30)).isoformat()
"""The day on which every measured job change would take effect."""

DAYS = leaving.Days(
    last=(NOW.date() + timedelta(days=40)).isoformat(), moved=(NOW.date() + timedelta(days=47)).isoformat()
)
"""When the leavers leave."""

_SETTLED = (NOW.date() + timedelta(days=90)).isoformat()

_line, _employee = people.reporting_line.c, people.employment.c


def _no(table: sa.Table, *conditions: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    return ~sa.exists().where(table.c.tenant == _employee.tenant, *conditions)


_STAYING = statement(
    sa.select(_employee.id)
    .where(
        of_tenant(people.employment),
        _employee.end_date.is_(None),
        _employee.onboarding_date <= bind("day"),
        _no(offboarding, offboarding.c.employment_id == _employee.id),
        _no(
            job_change,
            job_change.c.employment_id == _employee.id,
            in_constants(job_change.c.status, PENDING_STATUSES),
        ),
    )
    .order_by(_employee.id)
)
"""Who works there, stays, and has no change waiting."""

_MANAGERS = statement(sa.select(_line.manager_id).where(of_tenant(people.reporting_line)).distinct())


@dataclass(frozen=True)
class Subject:
    """A person whose job the benchmark changes; `current` holds the values in force on the effective date."""

    id: str
    current: Mapping[str, Any]


@dataclass(frozen=True)
class Staff:
    """What the requests on one company are made of."""

    server_key: str
    world: World
    subjects: Sequence[Subject]
    records: Mapping[str, Sequence[str]]
    """Ids of the offboardings and pre-hires that wait for the other operations, by kind."""


# ------------------------------------------------------------------------------------------------------- preparing


def prepared(size: int, subjects: int, each: int) -> Path:
    """The SQLite file of a company of this size, made once and kept for as long as what makes it stays the same.

    Beside the subjects as many leavers, with `each` offboardings, and as many pre-hires.
    """
    folder = CACHE / _fingerprint()
    path = folder / f"{size}-{subjects}-{each}.db"
    if path.exists():
        return path
    if CACHE.exists():
        for old in CACHE.iterdir():
            if old != folder:
                shutil.rmtree(old, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".making")
    forget(fresh)
    url = f"sqlite:///{fresh}"
    schema.upgrade(url)
    demo.prepare(url, employees=size, now=NOW)
    with opened(url) as store:
        _settle(store, subjects, each)
    fresh.rename(path)
    return path


def _fingerprint() -> str:
    made_by = (
        HERE / "company.py",
        HERE / "leaving.py",
        *sorted((SOURCE / "entrypoints" / "demo").glob("*.py")),
        *sorted((SOURCE / "migrations" / "versions").glob("*.py")),
        *sorted((SOURCE / "engines").glob("*.py")),
        *sorted((SOURCE / "hr").glob("*/records.py")),
    )
    return hashlib.sha256(b"".join(path.read_bytes() for path in made_by)).hexdigest()[:16]


@contextmanager
def opened(url: str) -> Iterator[Store]:
    """The store at an address; closed, and its changes written into the file itself, afterwards."""
    store = open_store(url, Clock(), TimeOrderedIds())
    try:
        yield store
    finally:
        store.close()


def _settle(store: Store, wanted: int, each: int) -> None:
    """Give the subjects, from today on, a value for every field of the request that demo people may lack.

    The leavers are others: nobody's job is changed who is about to go.
    """
    ids = store.command_sync(tenants.DEFAULT_TENANT_ID, _candidates, at=NOW)
    spread = ids[:: max(1, len(ids) // (wanted + wanted // 4))]
    for start in range(0, len(spread), 100):
        store.command_sync(tenants.DEFAULT_TENANT_ID, partial(_settle_some, spread[start : start + 100]), at=NOW)
    leavers = store.command_sync(tenants.DEFAULT_TENANT_ID, partial(_leavers, wanted, frozenset(spread)), at=NOW)
    if len(leavers) < wanted:
        raise SystemExit(f"the company has {len(leavers)} people who can leave, and {wanted} are needed")
    leaving.prepare(partial(store.command_sync, tenants.DEFAULT_TENANT_ID, at=NOW), leavers, each, DAYS)


def _leavers(wanted: int, subjects: frozenset[str], tx: Tx) -> list[str]:
    """Whose last day the rules let be moved, evenly spread. They may manage: they leave after the effective date."""
    others = [row["id"] for row in tx.fetch_all(_STAYING, day=TODAY) if row["id"] not in subjects]
    some = others[:: max(1, len(others) // (wanted + wanted // 4))]
    return [id for id in some if leaving.could_move(tx, id, DAYS)][:wanted]


def _candidates(tx: Tx) -> list[str]:
    """Who manages nobody may get any manager: the line never closes a circle."""
    managers = {row["manager_id"] for row in tx.fetch_all(_MANAGERS)}
    return [row["id"] for row in tx.fetch_all(_STAYING, day=TODAY) if row["id"] not in managers]


def _settle_some(ids: Sequence[str], tx: Tx) -> None:
    dotted = read_names(tx)["employments"]["top"]["id"]
    for id in ids:
        targets = {
            people.DOTTED_MANAGER: dotted,
            "probation_end_date": _SETTLED,
            "seniority_date": "2015-01-01",
            "custom_fields": [{"custom_api_name": "name", "value": "231"}],
        }
        with suppress(BusinessError):  # somebody with plans of their own
            commands.create(tx, asked(id, "internal_transfer", TODAY, targets), EVERYONE)


# ----------------------------------------------------------------------------------------------------------- copies


def copied(source: Path, to: Path) -> str:
    """The address of a copy whose clock stands where it stood when the company was made."""
    forget(to)
    shutil.copyfile(source, to)
    url = f"sqlite:///{to}"
    set_clock_of(url)
    with to.open("rb+") as written:
        os.fsync(written.fileno())
    return url


def forget(path: Path) -> None:
    """Remove a SQLite file and what lies beside it."""
    for suffix in ("", "-wal", "-shm", ".lock"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)


def set_clock_of(url: str) -> None:
    """Otherwise the days since the company was made would all have to be lived first."""
    with opened(url) as store:
        store.command_sync(
            tenants.DEFAULT_TENANT_ID, lambda tx: tenants.set_clock(tx, to_timestamp(NOW), to_timestamp(real_now()))
        )


def copy_to_postgres(source: Path, url: str) -> None:
    """The same rows in an empty PostgreSQL database."""
    schema.upgrade(url)
    rows = apsw.Connection(str(source), flags=apsw.SQLITE_OPEN_READONLY)
    with psycopg.connect(url, autocommit=True) as raw:
        for table in metadata.sorted_tables:
            names = [column.name for column in table.columns]
            columns = sql.SQL(", ").join(map(sql.Identifier, names))
            into = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table.name), columns)
            quoted = ", ".join(f'"{name}"' for name in names)
            with raw.cursor().copy(into) as copy:
                for row in rows.execute(f'SELECT {quoted} FROM "{table.name}"'):
                    copy.write_row(row)
        raw.execute("VACUUM ANALYZE")
    rows.close()


# --------------------------------------------------------------------------------------------------------- subjects


def staff(path: Path, wanted: int) -> Staff:
    """Whom the requests are about, evenly spread over the company, and everything that the requests name."""
    with opened(f"sqlite:///{path}") as store:
        return store.command_sync(tenants.DEFAULT_TENANT_ID, lambda tx: _staff(tx, wanted), at=NOW)


def _staff(tx: Tx, wanted: int) -> Staff:
    tenant = tenants.get(tx)
    assert tenant is not None
    found: list[Subject] = []
    world = read_names(tx)
    closed = {world["departments"][name]["id"] for name in ("full", "closing")}
    ids = [row["employment_id"] for row in tx.fetch_all(_SETTLED_PEOPLE, day=TODAY)]
    for start in range(0, len(ids), 100):
        for person in people.get_many(tx, ids[start : start + 100]).values():
            current = _current(tx, person)
            if current.get("contract_end_date") and current["department_id"] not in closed:
                found.append(Subject(person.id, current))
    if len(found) < wanted:
        raise SystemExit(f"the company has {len(found)} people whose job can be changed, and {wanted} are needed")
    subjects = sorted(found, key=lambda s: s.id)[:wanted]
    return Staff(tenant.server_key, world, subjects, leaving.made(tx, to_timestamp(NOW)))


_SETTLED_PEOPLE = statement(
    sa.select(job_change.c.employment_id)
    .where(of_tenant(job_change), job_change.c.effective_date == bind("day"), job_change.c.status == "Transformed")
    .order_by(job_change.c.employment_id)
)


def _current(tx: Tx, person: people.Employment) -> dict[str, Any]:
    """The person's values on the effective date, by our own field names."""
    signed = contracts.list_ids(tx, person.id)
    lives = versions.timelines(tx, [person.id, person.job_data_id, *signed])
    contract = contracts.contract_in_force(lives, signed, EFFECTIVE)
    current: dict[str, Any] = dict(contract.body) if contract else {}
    for kind, thing in ((job_datas.KIND, person.job_data_id), (people.KIND, person.id), (probation.KIND, person.id)):
        version = version_as_of(lives.get((kind, thing), ()), EFFECTIVE)
        current.update(version.body if version else {})
    return current


def days_later(day: IsoDate, days: int) -> IsoDate:
    return (date.fromisoformat(day) + timedelta(days=days)).isoformat()
