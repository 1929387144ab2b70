"""Contracts: how the sandbox shows them. They have no operations yet."""

from typing import Final

from corehr.apps.handlers import JsonObject
from corehr.engines import versions
from corehr.engines.feature import Feature
from corehr.hr.contracts import records
from corehr.kernel.clock import IsoDate
from corehr.kernel.db import Tx
from corehr.kernel.statements import select_by

_SELECT: Final = select_by(records.contract, "id")


def view_record(tx: Tx, id: str, as_of: IsoDate, known_at: str) -> JsonObject | None:
    """Return the contract with its versions and its employment_id, or None."""
    record = versions.to_record(versions.timeline_known_at(tx, records.KIND, id, known_at), as_of)
    row = tx.fetch_one(_SELECT, id=id)
    return {**record, "employment_id": row["employment_id"]} if record and row else None


FEATURE = Feature("contracts", record_views={"contracts": view_record}, events=records.EVENTS_BY_PRIMITIVE)
