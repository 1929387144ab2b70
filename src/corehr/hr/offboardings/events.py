"""What is said when an offboarding changes."""

from typing import Any, Final

from corehr.kernel.event_log import Event

STATUS: Final = {
    "Approving": 1,
    "Approved": 2,
    "Offboarded": 3,
    "Rejected": 4,
    "Withdrawn": 5,
    "NoNeedApproval": 6,
}
"""The statuses as the events of version 2 number them."""


def status_updated(row: dict[str, Any]) -> Event:
    return Event(
        "corehr.offboarding.status_updated_v2",
        row["id"],
        {
            "employment_id": row["employment_id"],
            "offboarding_id": row["id"],
            "process_id": row["process_id"] or "",
            "status": STATUS[row["status"]],
        },
    )
