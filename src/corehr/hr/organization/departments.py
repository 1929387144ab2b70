"""Records of departments: an effective-dated tree; a body has its `parent_id`."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from corehr.apps.handlers import JsonObject
from corehr.engines import versions
from corehr.engines.entity import Entity
from corehr.engines.feature import Feature
from corehr.engines.record_views import view_entity
from corehr.engines.timeline import version_as_of
from corehr.kernel.clock import IsoDate
from corehr.kernel.db import Row, Tx
from corehr.kernel.statements import in_list, in_tenant, insert_into, statement, tenant_table, text_column

DEPARTMENT = Entity("department")

department = tenant_table(
    "department",
    text_column("id", key=True),
    text_column("department_id"),
    sa.Index("department_by_department_id", "tenant", "department_id", unique=True),
)

_INSERT = insert_into(department)
_SELECT_BY_IDS = statement(sa.select(department).where(in_tenant(department), in_list(department.c.id, "ids")))
_SELECT_BY_DEPARTMENT_IDS = statement(
    sa.select(department).where(in_tenant(department), in_list(department.c.department_id, "department_ids"))
)


def create(tx: Tx, id: str, department_id: str, valid_from: IsoDate, body: Mapping[str, Any]) -> None:
    """Insert a department; `department_id` is the tenant's own id for it."""
    tx.execute(_INSERT, id=id, department_id=department_id)
    DEPARTMENT.create(tx, id, valid_from, body)


def list_by_department_ids(tx: Tx, department_ids: Sequence[str]) -> Sequence[Row]:
    """Return rows `{id, department_id}` of the departments that exist."""
    return tx.fetch_all(_SELECT_BY_DEPARTMENT_IDS, department_ids=list(department_ids))


def list_by_ids(tx: Tx, ids: Sequence[str]) -> Sequence[Row]:
    """Return rows `{id, department_id}` of the departments that exist."""
    return tx.fetch_all(_SELECT_BY_IDS, ids=list(ids))


def is_in_or_below(tx: Tx, department_id: str | None, ancestor_ids: Collection[str], day: IsoDate) -> bool:
    """Return whether the department, or one above it on `day`, is among `ancestor_ids`."""
    visited: set[str] = set()
    ancestor_id = department_id
    while ancestor_id and ancestor_id not in visited:
        if ancestor_id in ancestor_ids:
            return True
        visited.add(ancestor_id)
        version = version_as_of(versions.timeline(tx, DEPARTMENT.kind, ancestor_id), day)
        ancestor_id = version.body.get("parent_id") if version else None
    return False


def view_record(tx: Tx, id: str, as_of: IsoDate, known_at: str) -> JsonObject | None:
    """Return the department with its versions and its department_id, or None."""
    record = view_entity(DEPARTMENT)(tx, id, as_of, known_at)
    rows = list_by_ids(tx, [id])
    return {**record, "department_id": rows[0]["department_id"]} if record and rows else None


FEATURE = Feature("departments", record_views={"departments": view_record})
