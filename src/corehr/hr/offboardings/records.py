"""Offboardings, as records: who leaves, when, and how far that has been decided."""

from collections.abc import Sequence
from enum import StrEnum

import sqlalchemy as sa

from corehr.hr.offboardings import events
from corehr.hr.people import records as people
from corehr.kernel.clock import Day
from corehr.kernel.db import Row, Tx
from corehr.kernel.statements import add, having, statement, table, text


class Status(StrEnum):
    """How far an offboarding is, in the words of the search operation."""

    APPROVING = "Approving"
    APPROVED = "Approved"
    OFFBOARDED = "Offboarded"
    REJECTED = "Rejected"
    WITHDRAWN = "Withdrawn"
    NO_NEED_APPROVAL = "NoNeedApproval"


PENDING = frozenset({Status.APPROVING, Status.APPROVED, Status.NO_NEED_APPROVAL})
"""Asked for and neither ended nor taken effect."""

AGREED = frozenset({Status.APPROVED, Status.NO_NEED_APPROVAL, Status.OFFBOARDED})
"""The employment has an end because of it."""

offboarding = table(
    "offboarding",
    text("id", key=True),
    text("employment_id"),
    text("status"),
    text("offboarding_date"),
    text("process_id", optional=True),
    text("created_at"),
    sa.Index("offboarding_by_employment", "tenant", "employment_id"),
)

_ADD = add(offboarding)
_OF = statement(sa.select(offboarding).where(*having(offboarding, "employment_id")).order_by(offboarding.c.id))


def add_offboarding(
    tx: Tx, id: str, employment_id: str, status: Status, date: Day, process_id: str | None = None
) -> None:
    """Somebody is leaving; where that is agreed the employment's last day is known."""
    row = {
        "id": id,
        "employment_id": employment_id,
        "status": status.value,
        "offboarding_date": date,
        "process_id": process_id,
        "created_at": tx.recorded_at,
    }
    tx.run(_ADD, **row)
    if status in AGREED:
        people.set_end(tx, employment_id, date)
    tx.emit(events.status_updated(row))


def of(tx: Tx, employment_id: str) -> Sequence[Row]:
    """Every offboarding of the employment, oldest first."""
    return tx.all(_OF, employment_id=employment_id)
