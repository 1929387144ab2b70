"""Views of records that need no code of their own: entities with their versions, and rows without versions."""

import sqlalchemy as sa

from corehr.apps.handlers import JsonObject
from corehr.engines import versions
from corehr.engines.entity import Entity
from corehr.engines.feature import RecordView
from corehr.kernel.clock import IsoDate
from corehr.kernel.db import Row, Tx
from corehr.kernel.statements import select_by


def view_entity(entity: Entity) -> RecordView:
    """Return the view of an entity: its version as of the day, and its versions."""

    def view(tx: Tx, id: str, as_of: IsoDate, known_at: str) -> JsonObject | None:
        return versions.to_record(versions.timeline_known_at(tx, entity.kind, id, known_at), as_of)

    return view


def view_row(table: sa.Table) -> RecordView:
    """Return the view of a row without versions: its current columns."""
    select_by_id = select_by(table, "id")

    def view(tx: Tx, id: str, as_of: IsoDate, known_at: str) -> JsonObject | None:
        return without_tenant(tx.fetch_one(select_by_id, id=id))

    return view


def without_tenant(row: Row | None) -> JsonObject | None:
    """Return the columns of a row except its tenant, or None."""
    return {name: value for name, value in row.items() if name != "tenant"} if row else None
