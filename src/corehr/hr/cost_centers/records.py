"""Cost centres, as records; a body names its `parent_id`."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from corehr.engines import versions
from corehr.engines.entity import Entity
from corehr.engines.timeline import at
from corehr.kernel.clock import Day
from corehr.kernel.db import Tx
from corehr.kernel.statements import add, among, mine, statement, table, text

COST_CENTER = Entity("cost_center")

child = table("cost_center_child", text("parent_id", key=True), text("id", key=True))

_ADD_CHILD = add(child)
_CHILDREN = statement(sa.select(child.c.parent_id, child.c.id).where(mine(child), among(child.c.parent_id, "parents")))


def add_cost_center(tx: Tx, id: str, valid_from: Day, body: Mapping[str, Any]) -> None:
    """The cost centre comes into being; under its parent, if it has one."""
    COST_CENTER.add(tx, id, valid_from, body)
    if body.get("parent_id"):
        tx.run(_ADD_CHILD, parent_id=body["parent_id"], id=id)


def with_children(tx: Tx, ids: list[str], day: Day) -> set[str]:
    """Those of the given cost centres that have an active child on a day."""
    rows = tx.all(_CHILDREN, parents=ids)
    lives = versions.timelines(tx, [r["id"] for r in rows]) if rows else {}
    parents = set()
    for row in rows:
        version = at(lives[(COST_CENTER.kind, row["id"])], day)
        if version and version.body["active"] and version.body.get("parent_id") == row["parent_id"]:
            parents.add(row["parent_id"])
    return parents
