"""Records of job changes: the table, its queries, and the only functions that change its rows."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from hashlib import sha256
from typing import Any, Final

import sqlalchemy as sa
from msgspec.structs import replace

from corehr.engines.timeline import Cause
from corehr.hr.basic_data import custom_fields
from corehr.hr.contracts import records as contracts
from corehr.hr.employees.employments import records as employments
from corehr.hr.employees.job_datas import records as job_datas
from corehr.hr.job_changes import events
from corehr.hr.job_changes.row import JobChange
from corehr.hr.probation import records as probation
from corehr.kernel.clock import FOREVER, IsoDate
from corehr.kernel.db import Row, Tx, to_row
from corehr.kernel.statements import (
    bind,
    in_constants,
    in_tenant,
    insert_into,
    integer_column,
    json_column,
    matches,
    partial_index,
    select_by,
    statement,
    tenant_table,
    text_column,
    update_columns,
)


class Status(StrEnum):
    """The status of a job change, with the names of version 2 of the API."""

    APPROVING = "Approving"
    APPROVED = "Approved"
    TRANSFORMED = "Transformed"
    REJECTED = "Rejected"
    CANCELLED = "Cancelled"
    NO_NEED_APPROVAL = "NoNeedApproval"


READY_STATUSES: Final = (Status.APPROVED, Status.NO_NEED_APPROVAL)
"""Approved, or without approval, and waiting for the effective date."""

PENDING_STATUSES: Final = (Status.APPROVING, *READY_STATUSES)
ACTIVE_STATUSES: Final = (*PENDING_STATUSES, Status.TRANSFORMED)
MODE_DIRECT, MODE_APPROVAL = 1, 2

EMPLOYMENT_FIELDS: Final = frozenset({"regular_employee_start_date", "seniority_date", "employee_number"})
PROBATION_FIELDS: Final = frozenset({"probation_start_date", "probation_end_date"})
CONTRACT_FIELDS: Final = contracts.FIELDS
"""Targets outside these three sets are custom fields of the employment, or fields of job data."""

_FIELDS_BY_KIND: Final = {
    employments.KIND: EMPLOYMENT_FIELDS,
    probation.KIND: PROBATION_FIELDS,
    contracts.KIND: CONTRACT_FIELDS,
}

job_change = tenant_table(
    "job_change",
    text_column("id", key=True),
    text_column("employment_id"),
    text_column("status"),
    integer_column("mode"),
    text_column("transfer_type"),
    text_column("transfer_reason", optional=True),
    text_column("flow_id", optional=True),
    text_column("process_id", optional=True),
    text_column("effective_date"),
    text_column("zone"),
    text_column("app_id", optional=True),
    text_column("transfer_key", optional=True),
    text_column("transfer_key_hash", optional=True),
    text_column("initiator_id", optional=True),
    text_column("remark", optional=True),
    text_column("offer_info", optional=True),
    integer_column("dotted_manager_clean", optional=True),
    integer_column("probation_exist", optional=True),
    json_column("targets"),
    json_column("originals"),
    text_column("target_department_id", optional=True),
    text_column("created_at"),
    text_column("updated_at"),
    text_column("revoked_by", optional=True),
    text_column("revoked_at", optional=True),
    sa.Index("job_change_by_employment", "tenant", "employment_id", "id"),
    # a key may have any length, an index entry may not
    sa.Index("job_change_by_key", "tenant", "app_id", "transfer_key_hash", unique=True),
    partial_index(
        "job_change_ready", "tenant", "zone", "effective_date", where="status IN ('Approved', 'NoNeedApproval')"
    ),
    partial_index(
        "job_change_pending",
        "tenant",
        "target_department_id",
        where="status IN ('Approving', 'Approved', 'NoNeedApproval')",
    ),
)
_is_pending = in_constants(job_change.c.status, PENDING_STATUSES)
_is_ready = in_constants(job_change.c.status, READY_STATUSES)

_INSERT = insert_into(job_change)
_SELECT = select_by(job_change, "id")
_SELECT_BY_KEY = select_by(job_change, "app_id", "transfer_key_hash")
_SELECT_BY_EMPLOYMENT = statement(
    sa.select(job_change.c.id, job_change.c.employment_id, job_change.c.status, job_change.c.effective_date)
    .where(*matches(job_change, "employment_id"))
    .order_by(job_change.c.id)
)
_SELECT_AGREED = statement(
    sa.select(job_change)
    .where(*matches(job_change, "employment_id"), _is_ready)
    .order_by(job_change.c.effective_date, job_change.c.id)
)
_SELECT_DUE = statement(
    sa.select(job_change.c.id)
    .where(*matches(job_change, "zone"), _is_ready, job_change.c.effective_date <= bind("day"))
    .order_by(job_change.c.effective_date, job_change.c.id)
)
_assignment = job_datas.assignment
_waiting_into = sa.select(job_change.c.employment_id).where(_is_pending, *matches(job_change, "target_department_id"))
_waiting_within = sa.select(_assignment.c.employment_id).where(
    *matches(_assignment, "department_id"),
    _assignment.c.valid_from <= bind("day"),
    _assignment.c.valid_to > bind("day"),
)
_SELECT_WAITING_AROUND = statement(
    sa.select(
        job_change.c.id,
        job_change.c.employment_id,
        job_change.c.status,
        job_change.c.effective_date,
        job_change.c.targets,
    )
    .where(
        in_tenant(job_change),
        _is_pending,
        job_change.c.employment_id != bind("excluding"),
        job_change.c.employment_id.in_(sa.union_all(_waiting_into, _waiting_within)),
    )
    .order_by(job_change.c.effective_date, job_change.c.id)
)
_UPDATE_STATUS = update_columns(job_change, "status", "process_id", "updated_at")
_UPDATE_TARGETS = update_columns(job_change, "targets")
_UPDATE_ZONE = update_columns(job_change, "zone")
_UPDATE_REVOKED = update_columns(job_change, "status", "updated_at", "revoked_by", "revoked_at")


def cause_of(id: str) -> Cause:
    """Return the cause under which the entries of this job change are recorded."""
    return ("job_change", id)


def get(tx: Tx, id: str) -> JobChange | None:
    """Return the job change, or None."""
    row = tx.fetch_one(_SELECT, id=id)
    return JobChange(**row) if row else None


def get_existing(tx: Tx, id: str) -> JobChange:
    """Return the job change, which must exist."""
    job_change = get(tx, id)
    assert job_change is not None
    return job_change


def lock_and_find_by_key(tx: Tx, app_id: str, transfer_key: str) -> JobChange | None:
    """Lock a transfer key of an app until the command ends, and return the job change that has it, or None."""
    key_hash = hash_of_key(transfer_key)
    tx.lock_names([f"transfer_key/{app_id}/{key_hash}"])
    row = tx.fetch_one(_SELECT_BY_KEY, app_id=app_id, transfer_key_hash=key_hash)
    return JobChange(**row) if row else None


def hash_of_key(transfer_key: str) -> str:
    """Return a digest of fixed length."""
    return sha256(transfer_key.encode(errors="surrogatepass")).hexdigest()


def list_agreed_of(tx: Tx, rows: Sequence[Row]) -> Sequence[JobChange]:
    """Return the job changes of one employment that are agreed and wait for their day, in the order they take effect.

    `rows` are all that `list_by_employment` has returned; if none of them waits, nothing is read.
    """
    employment_id = next((row["employment_id"] for row in rows if row["status"] in READY_STATUSES), None)
    if employment_id is None:
        return ()
    return [JobChange(**row) for row in tx.fetch_all(_SELECT_AGREED, employment_id=employment_id)]


def list_by_employment(tx: Tx, employment_id: str) -> Sequence[Row]:
    """Return the employment's job changes, oldest first: rows `{id, employment_id, status, effective_date}`."""
    return tx.fetch_all(_SELECT_BY_EMPLOYMENT, employment_id=employment_id)


def list_due(tx: Tx, zone: str, day: IsoDate) -> Sequence[str]:
    """Return the ids of ready changes in a time zone with this effective date or an earlier one.

    They are in order of effective date, then of creation.
    """
    return [row["id"] for row in tx.fetch_all(_SELECT_DUE, zone=zone, day=day)]


def list_waiting_around(tx: Tx, department_id: str, day: IsoDate, excluding: str) -> Sequence[Row]:
    """Return every pending change of employees who are in a department on `day`, or have a pending change into it.

    Rows `{id, employment_id, status, effective_date, targets}` in the order they take effect, without those of the
    employment `excluding`.
    """
    params = {"target_department_id": department_id, "department_id": department_id, "day": day}
    return tx.fetch_all(_SELECT_WAITING_AROUND, excluding=excluding, **params)


def insert(tx: Tx, job_change: JobChange) -> None:
    """Insert a job change. Its target reporting lines and employee number count from now on, as if it were approved."""
    tx.execute(_INSERT, **to_row(job_change))
    employments.insert_reporting_lines(
        tx,
        job_change.id,
        [
            {
                "line": line,
                "employment_id": job_change.employment_id,
                "manager_id": job_change.targets[line],
                "valid_from": job_change.effective_date,
                "valid_to": FOREVER,
            }
            for line in employments.REPORTING_LINES
            if job_change.targets.get(line)
        ],
    )
    if number := job_change.targets.get(employments.EMPLOYEE_NUMBER):
        employments.hold_numbers(tx, job_change.id, job_change.employment_id, [number])
    _emit_status_changed(tx, job_change, None)
    _emit_domain_event(tx, job_change, events.JOB_CHANGE_ADDED, job_change.initiator_id)


def set_status(tx: Tx, job_change: JobChange, status: Status) -> JobChange:
    """Set the status; a change that will not take effect loses its target reporting lines and employee number."""
    original_status = job_change.status
    job_change = replace(job_change, status=status.value, updated_at=tx.recorded_at)
    tx.execute(
        _UPDATE_STATUS,
        id=job_change.id,
        status=job_change.status,
        process_id=job_change.process_id,
        updated_at=tx.recorded_at,
    )
    if status not in ACTIVE_STATUSES:
        _release_targets(tx, job_change)
    _emit_status_changed(tx, job_change, original_status)
    return job_change


def set_targets(tx: Tx, job_change: JobChange, targets: Mapping[str, Any]) -> JobChange:
    """Add to the targets what follows from them by now; targets that the change has already keep their values."""
    if targets.keys() == job_change.targets.keys():
        return job_change
    tx.execute(_UPDATE_TARGETS, id=job_change.id, targets=dict(targets))
    return replace(job_change, targets=dict(targets))


def set_zone(tx: Tx, job_change: JobChange, zone: str) -> JobChange:
    """Set the time zone in which the effective date begins."""
    tx.execute(_UPDATE_ZONE, id=job_change.id, zone=zone)
    return replace(job_change, zone=zone)


def complete(tx: Tx, job_change: JobChange, job_data_id: str) -> None:
    """End the effect of a job change: its values, reporting lines and number among them, are those of the employee."""
    _release_targets(tx, job_change)
    tx.emit(events.job_data_changed(job_change, job_data_id))


def mark_revoked(tx: Tx, job_change: JobChange, operator_id: str | None) -> JobChange:
    """Mark the job change as revoked, with the time and the operator, None if it was the system."""
    original_status = job_change.status
    job_change = replace(
        job_change,
        status=Status.CANCELLED.value,
        updated_at=tx.recorded_at,
        revoked_by=operator_id,
        revoked_at=tx.recorded_at,
    )
    tx.execute(
        _UPDATE_REVOKED,
        id=job_change.id,
        status=job_change.status,
        updated_at=job_change.updated_at,
        revoked_by=job_change.revoked_by,
        revoked_at=job_change.revoked_at,
    )
    _release_targets(tx, job_change)
    _emit_status_changed(tx, job_change, original_status)
    _emit_domain_event(tx, job_change, events.JOB_CHANGE_REVOKED, operator_id)
    return job_change


def patches_by_kind(job_change: JobChange) -> Mapping[str, Mapping[str, Any]]:
    """Return what the change sets, by the kind of entity that it belongs to; kinds without a target are absent."""
    patches: dict[str, dict[str, Any]] = {}
    for field, value in job_change.targets.items():
        patches.setdefault(_kind_of(field), {})[field] = value
    return patches


def _kind_of(field: str) -> str:
    """Return the kind of entity that a target belongs to."""
    if custom_fields.is_key(field):
        return employments.KIND
    return next((kind for kind, fields in _FIELDS_BY_KIND.items() if field in fields), job_datas.KIND)


def _release_targets(tx: Tx, job_change: JobChange) -> None:
    """Release what a pending change holds: its target reporting lines and employee number."""
    employments.delete_reporting_lines(tx, job_change.id)
    if job_change.targets.get(employments.EMPLOYEE_NUMBER):
        employments.release_numbers(tx, job_change.id)


def _emit_status_changed(tx: Tx, job_change: JobChange, original_status: str | None) -> None:
    fields = events.field_names(job_change.targets)
    for event in events.status_changed(job_change, original_status, fields):
        tx.emit(event)


def _emit_domain_event(tx: Tx, job_change: JobChange, sub_event_type: int, operator_id: str | None) -> None:
    fields = events.field_names(job_change.targets)
    tx.emit(events.employee_domain_event(job_change, sub_event_type, operator_id, tx.recorded_at, fields))


_STATUS_EVENTS: Final = ("corehr.job_change.status_updated_v2", "corehr.job_change.updated_v1")

EVENTS_BY_PRIMITIVE: Final[Mapping[str, Sequence[str]]] = {
    "insert": ("corehr.employee.domain_event_v2", *_STATUS_EVENTS),
    "set_status": _STATUS_EVENTS,
    "mark_revoked": ("corehr.employee.domain_event_v2", *_STATUS_EVENTS),
    "complete": ("corehr.job_data.changed_v1",),
}
"""The events that each function above emits when it changes rows; the other functions emit none."""
