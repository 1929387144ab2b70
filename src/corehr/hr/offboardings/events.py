"""The events of offboardings, built from their rows."""

from collections.abc import Sequence
from typing import Final

from corehr.hr.offboardings.row import Offboarding
from corehr.kernel.clock import epoch_millis, parse_timestamp
from corehr.kernel.event_log import Event

EVENT_STATUS_CODES: Final = {
    "Approving": 1,
    "Approved": 2,
    "Offboarded": 3,
    "Rejected": 4,
    "Withdrawn": 5,
    "NoNeedApproval": 6,
}
"""The status numbers in the events of version 2."""

EVENT_STATUS_CODES_V1: Final = {
    "Approving": 1,
    "Withdrawn": 2,
    "Rejected": 3,
    "Approved": 4,
    "Offboarded": 5,
}
"""The status numbers in the event of version 1, which is never emitted for a direct offboarding."""

EVENT_CHECKLIST_STATUS_CODES: Final = {
    "AntiBegin": 1,
    "Approving": 2,
    "Finished": 3,
    "Rejected": 4,
    "Withdrawn": 5,
}

OFFBOARDING_APPROVED, OFFBOARDING_REVOKED = 7001, 7002
_EMPLOYEE_OFFBOARDED = 7
_SCENES_AND_DESCRIPTIONS: Final = {
    OFFBOARDING_APPROVED: ("OpenAPIAddOffboarding", "离职通过"),
    OFFBOARDING_REVOKED: ("OpenAPIRevokeOffboarding", "撤销离职"),
}
"""The scene of each sub-event, and the name that its page gives it."""


def status_updated(offboarding: Offboarding) -> Event:
    return Event(
        "corehr.offboarding.status_updated_v2",
        offboarding.id,
        {
            "employment_id": offboarding.employment_id,
            "offboarding_id": offboarding.id,
            "process_id": offboarding.process_id or "",
            "status": EVENT_STATUS_CODES[offboarding.status],
        },
    )


def status_updated_v1(offboarding: Offboarding) -> Event:
    return Event(
        "corehr.offboarding.updated_v1",
        offboarding.id,
        {
            "employment_id": offboarding.employment_id,
            "offboarding_id": offboarding.id,
            "process_id": offboarding.process_id or "",
            "status": EVENT_STATUS_CODES_V1[offboarding.status],
        },
    )


def updated(offboarding: Offboarding, fields: Sequence[str]) -> Event:
    return Event(
        "corehr.offboarding.updated_v2",
        offboarding.id,
        {
            "tenant_id": offboarding.tenant,
            "offboarding_info_id": offboarding.id,
            "process_id": offboarding.process_id or "",
            "checklist_process_id": offboarding.checklist_process_id or "",
            "employment_id": offboarding.employment_id,
            "operator": offboarding.updated_by or "",
            "status": EVENT_STATUS_CODES[offboarding.status],
            "checklist_status": EVENT_CHECKLIST_STATUS_CODES[offboarding.checklist_status],
            "updated_time": epoch_millis(parse_timestamp(offboarding.updated_at)),
            "updated_fields": list(fields),
        },
    )


def checklist_updated(offboarding: Offboarding) -> Event:
    return Event(
        "corehr.offboarding.checklist_updated_v2",
        offboarding.id,
        {
            "employment_id": offboarding.employment_id,
            "offboarding_id": offboarding.id,
            "checklist_process_id": offboarding.checklist_process_id or "",
            "checklist_status": EVENT_CHECKLIST_STATUS_CODES[offboarding.checklist_status],
        },
    )


def employee_domain_event(offboarding: Offboarding, sub_event_type: int) -> Event:
    """Return the domain event of an approved or revoked offboarding, as `sub_event_type` says."""
    scene, description = _SCENES_AND_DESCRIPTIONS[sub_event_type]
    return Event(
        "corehr.employee.domain_event_v2",
        offboarding.employment_id,
        {
            "event_type": _EMPLOYEE_OFFBOARDED,
            "sub_event_type": sub_event_type,
            "operator_user_id": offboarding.updated_by or "",
            "opt_scene": scene,
            "opt_desc": description,
            "opt_time": str(int(parse_timestamp(offboarding.updated_at).timestamp())),
            "opt_id": offboarding.id,
            "employment_id": offboarding.employment_id,
            "data": [
                {
                    "id": offboarding.id,
                    "entity": "offboarding_info",
                    "agg_entity": "employment",
                    "agg_entity_id": offboarding.employment_id,
                    "opt_type": 1 if sub_event_type == OFFBOARDING_APPROVED else 3,
                    "fields": ["status"],
                }
            ],
        },
    )
