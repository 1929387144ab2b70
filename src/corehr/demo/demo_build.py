"""The context in which a demo company is built, and the tables of its named records."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from corehr.demo.dates import DemoDates
from corehr.demo.organisation_ids import OrganisationIds
from corehr.demo.random import SeededRandom
from corehr.kernel.db import Store, Tx
from corehr.kernel.ids import SeededIds
from corehr.kernel.statements import (
    in_tenant,
    insert_into,
    integer_column,
    json_column,
    select_by,
    statement,
    tenant_table,
    text_column,
)
from corehr.kernel.tenants import DEFAULT_TENANT_ID

NamedRecords = dict[str, dict[str, dict[str, Any]]]
"""The facts of named records, at least `id`, by kind and name."""

named_record = tenant_table(
    "named_record", text_column("kind", key=True), text_column("name", key=True), json_column("facts")
)
demo_company = tenant_table("demo_company", integer_column("seed"), integer_column("employees"), text_column("now"))

_INSERT_NAMED_RECORD = insert_into(named_record)
_SELECT_NAMED_RECORDS = statement(
    sa.select(named_record).where(in_tenant(named_record)).order_by(named_record.c.kind, named_record.c.name)
)
_INSERT_DEMO_COMPANY = insert_into(demo_company)
_SELECT_DEMO_COMPANY = select_by(demo_company)


class DemoBuild:
    """The state of one build: its dates, random choices, scheduled commands and named records."""

    def __init__(self, seed: int, employees: int, dates: DemoDates) -> None:
        self.seed, self.employees = seed, employees
        self.dates = dates
        self.random = SeededRandom(seed)
        self.named_records: NamedRecords = {}
        self.organisation = OrganisationIds()
        self._ids = SeededIds()
        self._scheduled: list[tuple[datetime, Callable[[Tx], None]]] = []

    def schedule(self, instant: datetime, work: Callable[[Tx], None]) -> None:
        """Schedule a command that `run` will execute at an instant of world time."""
        self._scheduled.append((instant, work))

    def register(self, kind: str, name: str, id: str, **facts: Any) -> str:
        """Give a record a name and facts, and return its id."""
        self.named_records.setdefault(kind, {})[name] = {"id": id, **facts}
        return id

    def id_of(self, kind: str, name: str) -> str:
        """Return the id of a named record."""
        return str(self.named_records[kind][name]["id"])

    def run(self, store: Store) -> None:
        """Execute all scheduled commands, the earliest first, and clear the schedule."""
        scheduled, self._scheduled = sorted(self._scheduled, key=lambda item: item[0]), []
        for instant, work in scheduled:
            store.command_sync(DEFAULT_TENANT_ID, work, at=instant, ids=self._ids)


def save(tx: Tx, build: DemoBuild) -> None:
    """Insert the named records and the row that marks the company as complete."""
    insert_named_records(tx, build.named_records)
    now = build.dates.now.isoformat()
    tx.execute(_INSERT_DEMO_COMPANY, seed=build.seed, employees=build.employees, now=now)


def insert_named_records(tx: Tx, named_records: NamedRecords) -> None:
    """Insert the names and facts of records."""
    tx.execute_many(
        _INSERT_NAMED_RECORD,
        [
            {"kind": kind, "name": name, "facts": facts}
            for kind, names in named_records.items()
            for name, facts in names.items()
        ],
    )


def get_named_records(tx: Tx) -> NamedRecords:
    """Return all named records, by kind and name."""
    named_records: NamedRecords = {}
    for row in tx.fetch_all(_SELECT_NAMED_RECORDS):
        named_records.setdefault(row["kind"], {})[row["name"]] = row["facts"]
    return named_records


def find_demo_company(tx: Tx) -> tuple[int, int, datetime] | None:
    """Return seed, employees and first instant of the demo company, or None when the database has no complete one."""
    row = tx.fetch_one(_SELECT_DEMO_COMPANY)
    return (row["seed"], row["employees"], datetime.fromisoformat(row["now"])) if row else None
