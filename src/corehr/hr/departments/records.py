"""Departments, as records: an effective-dated tree; a body names its `parent_id`."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from corehr.engines import versions
from corehr.engines.entity import Entity
from corehr.engines.timeline import at
from corehr.kernel.clock import Day
from corehr.kernel.db import Row, Tx
from corehr.kernel.feature import DataRange
from corehr.kernel.statements import add, among, mine, statement, table, text

DEPARTMENT = Entity("department")

department = table(
    "department",
    text("id", key=True),
    text("department_id"),
    sa.Index("department_by_department_id", "tenant", "department_id", unique=True),
)

_ADD = add(department)
_BY_ID = statement(sa.select(department).where(mine(department), among(department.c.id, "ids")))
_BY_DEPARTMENT_ID = statement(
    sa.select(department).where(mine(department), among(department.c.department_id, "department_ids"))
)


def add_department(tx: Tx, id: str, department_id: str, valid_from: Day, body: Mapping[str, Any]) -> None:
    """The department comes into being; `department_id` is the tenant's own name for it."""
    tx.run(_ADD, id=id, department_id=department_id)
    DEPARTMENT.add(tx, id, valid_from, body)


def by_department_id(tx: Tx, department_ids: Sequence[str]) -> Sequence[Row]:
    """Rows `{id, department_id}` of those that exist."""
    return tx.all(_BY_DEPARTMENT_ID, department_ids=list(department_ids))


def by_id(tx: Tx, ids: Sequence[str]) -> Sequence[Row]:
    """Rows `{id, department_id}` of those that exist."""
    return tx.all(_BY_ID, ids=list(ids))


def within(tx: Tx, data_range: DataRange, department_id: str | None, day: Day) -> bool:
    """Does the range hold this department, itself or through one it stands below on a day?"""
    if data_range.everyone:
        return True
    seen: set[str] = set()
    above = department_id
    while above and above not in seen:
        if above in data_range.departments:
            return True
        seen.add(above)
        version = at(versions.timeline(tx, DEPARTMENT.kind, above), day)
        above = version.body.get("parent_id") if version else None
    return False
