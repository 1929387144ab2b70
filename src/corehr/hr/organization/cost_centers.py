"""Records of cost centres; a body has its `parent_id`."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from corehr.engines import versions
from corehr.engines.entity import Entity
from corehr.engines.feature import Feature
from corehr.engines.record_views import view_entity
from corehr.engines.timeline import version_as_of
from corehr.kernel.clock import IsoDate
from corehr.kernel.db import Tx
from corehr.kernel.statements import in_list, in_tenant, insert_into, statement, tenant_table, text_column

COST_CENTER = Entity("cost_center")

cost_center_child = tenant_table("cost_center_child", text_column("parent_id", key=True), text_column("id", key=True))

_INSERT_CHILD = insert_into(cost_center_child)
_SELECT_CHILDREN = statement(
    sa.select(cost_center_child.c.parent_id, cost_center_child.c.id).where(
        in_tenant(cost_center_child), in_list(cost_center_child.c.parent_id, "parents")
    )
)


def create(tx: Tx, id: str, valid_from: IsoDate, body: Mapping[str, Any]) -> None:
    """Insert a cost centre, under its parent if it has one."""
    COST_CENTER.create(tx, id, valid_from, body)
    if body.get("parent_id"):
        tx.execute(_INSERT_CHILD, parent_id=body["parent_id"], id=id)


def with_active_children(tx: Tx, ids: list[str], day: IsoDate) -> set[str]:
    """Return those of the given cost centres that have an active child on `day`."""
    rows = tx.fetch_all(_SELECT_CHILDREN, parents=ids)
    timelines = versions.timelines(tx, [r["id"] for r in rows]) if rows else {}
    parents = set()
    for row in rows:
        version = version_as_of(timelines[(COST_CENTER.kind, row["id"])], day)
        if version and version.body["active"] and version.body.get("parent_id") == row["parent_id"]:
            parents.add(row["parent_id"])
    return parents


FEATURE = Feature("cost_centers", record_views={"cost_centers": view_entity(COST_CENTER)})
