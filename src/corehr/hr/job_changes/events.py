"""Event bodies of job changes, made from the row."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from corehr.hr.basic_data import custom_fields
from corehr.hr.job_changes.row import JobChange
from corehr.kernel.clock import parse_timestamp
from corehr.kernel.event_log import Event

EVENT_STATUS_CODES: Final = {
    "Approving": 1,
    "Cancelled": 2,
    "Rejected": 3,
    "Approved": 4,
    "Transformed": 5,
    "NoNeedApproval": 6,
}
"""The statuses as numbered in events; the API numbers them differently (`api.STATUS_CODES`)."""

NO_STATUS_CODE: Final = 0
"""The original status of a job change that is new."""

WIRE_TO_FIELD: Final[Mapping[str, str]] = {
    "department": "department_id",
    "work_location": "work_location_id",
    "direct_manager": "direct_manager_id",
    "dotted_manager": "dotted_manager_id",
    "job": "job_id",
    "job_family": "job_family_id",
    "job_level": "job_level_id",
    "workforce_type": "employee_type_id",
    "employee_subtype": "employee_subtype_id",
    "company": "company_id",
    "contract_number": "contract_number",
    "contract_type": "contract_type",
    "duration_type": "duration_type",
    "signing_type": "signing_type",
    "contract_start_date": "contract_start_date",
    "contract_end_date": "contract_end_date",
    "working_hours_type": "working_hours_type_id",
    "working_calendar": "working_calendar_id",
    "probation_end_date": "probation_end_date",
    "weekly_working_hours": "weekly_working_hours",
    "work_shift": "work_shift",
    "cost_center_rate": "cost_center_rates",
    "job_grade": "job_grade_id",
    "compensation_type": "compensation_type",
    "service_company": "service_company_id",
    "position": "position_id",
    "social_security_city": "social_security_city_id",
    "pathway": "pathway_id",
}
"""Maps the page's name of a field, without `original_` or `target_`, to our name."""

_EVENT_NAMES: Final = {
    **{field: f"target_{wire}" for wire, field in WIRE_TO_FIELD.items()},
    "probation_start_date": "probation_exist",
}

JOB_CHANGE_ADDED, JOB_CHANGE_REVOKED = 5001, 5003
_PRIMARY_JOB_CHANGED = 5
_SCENES_AND_DESCRIPTIONS: Final = {
    JOB_CHANGE_ADDED: ("OpenAPIAddJobChange", "添加异动"),
    JOB_CHANGE_REVOKED: ("OpenAPIRevokeJobChange", "撤销异动"),
}
"""The scene of each sub-event, and the name that its page gives it."""


def field_names(values: Mapping[str, Any]) -> Sequence[str]:
    """Return the page's names of the fields that a job change sets, sorted; a custom field has its own name."""
    return sorted(_EVENT_NAMES.get(field, custom_fields.name_of(field)) for field in values)


def status_changed(job_change: JobChange, original_status: str | None, fields: Sequence[str]) -> Sequence[Event]:
    """Return the status event under both names that the documents give it; version 2 has two fields more.

    `original_status` is the status before, None of a new job change; `fields` are the names of what it changes.
    """
    payload = {
        "employment_id": job_change.employment_id,
        "job_change_id": job_change.id,
        "transfer_mode": job_change.mode,
        "transfer_type_unique_identifier": job_change.transfer_type,
        "transfer_reason_unique_identifier": job_change.transfer_reason or "",
        "process_id": job_change.process_id or "",
        "effective_date": job_change.effective_date,
        "status": EVENT_STATUS_CODES[job_change.status],
        "transfer_key": job_change.transfer_key or "",
    }
    only_in_v2 = {
        "original_status": EVENT_STATUS_CODES[original_status] if original_status else NO_STATUS_CODE,
        "details_of_job_status_change": list(fields),
    }
    return [
        Event("corehr.job_change.updated_v1", job_change.id, payload),
        Event("corehr.job_change.status_updated_v2", job_change.id, payload | only_in_v2),
    ]


def job_data_changed(job_change: JobChange, job_data_id: str) -> Event:
    return Event(
        "corehr.job_data.changed_v1",
        job_change.id,
        {"job_data_id": job_data_id, "employment_id": job_change.employment_id, "job_change_id": job_change.id},
    )


def employee_domain_event(
    job_change: JobChange, sub_event_type: int, operator_id: str | None, recorded_at: str, fields: Sequence[str]
) -> Event:
    """Return the employee's domain event about a job change that was added or revoked."""
    scene, description = _SCENES_AND_DESCRIPTIONS[sub_event_type]
    data: list[dict[str, Any]] = [
        {
            "id": job_change.id,
            "entity": "job_change",
            "agg_entity": "employment",
            "agg_entity_id": job_change.employment_id,
            "opt_type": 1 if sub_event_type == JOB_CHANGE_ADDED else 3,
            "fields": list(fields),
        }
    ]
    return Event(
        "corehr.employee.domain_event_v2",
        job_change.employment_id,
        {
            "event_type": _PRIMARY_JOB_CHANGED,
            "sub_event_type": sub_event_type,
            "operator_user_id": operator_id or "",
            "opt_scene": scene,
            "opt_desc": description,
            "opt_time": str(int(parse_timestamp(recorded_at).timestamp())),
            "opt_id": job_change.id,
            "employment_id": job_change.employment_id,
            "data": data,
        },
    )
