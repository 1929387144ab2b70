"""Event bodies of job changes, made from the row."""

from collections.abc import Sequence
from typing import Any, Final

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

JOB_CHANGE_ADDED, JOB_CHANGE_REVOKED = 5001, 5003
_PRIMARY_JOB_CHANGED = 5


def status_changed(job_change: JobChange) -> Sequence[Event]:
    """Return the status event under both names that the documents give it, with one payload."""
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
    return [
        Event("corehr.job_change.updated_v1", job_change.id, payload),
        Event("corehr.job_change.status_updated_v2", job_change.id, payload),
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
    is_added = sub_event_type == JOB_CHANGE_ADDED
    data: list[dict[str, Any]] = [
        {
            "id": job_change.id,
            "entity": "job_change",
            "agg_entity": "employment",
            "agg_entity_id": job_change.employment_id,
            "opt_type": 1 if is_added else 3,
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
            "opt_scene": "OpenAPIAddJobChange" if is_added else "OpenAPIRevokeJobChange",
            "opt_desc": "job change added" if is_added else "job change revoked",
            "opt_time": str(int(parse_timestamp(recorded_at).timestamp())),
            "opt_id": job_change.id,
            "employment_id": job_change.employment_id,
            "data": data,
        },
    )
