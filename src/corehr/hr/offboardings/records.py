"""The records of offboardings: their tables, their statuses and the functions that change them."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Final

import sqlalchemy as sa

from corehr.engines.custom_fields import FieldDefinition, FieldType, Value
from corehr.engines.timeline import Cause
from corehr.hr.basic_data import custom_fields
from corehr.hr.employees.employments import records as employments
from corehr.hr.employees.job_datas import records as job_datas
from corehr.hr.offboardings import events
from corehr.hr.organization import locations
from corehr.kernel.clock import IsoDate
from corehr.kernel.db import Row, Tx
from corehr.kernel.statements import (
    bind,
    in_constants,
    in_tenant,
    insert_into,
    json_column,
    matches,
    select_by,
    statement,
    tenant_table,
    text_column,
    update_columns,
)


class Status(StrEnum):
    """The status of an offboarding; the values are those of the search operation."""

    APPROVING = "Approving"
    APPROVED = "Approved"
    OFFBOARDED = "Offboarded"
    REJECTED = "Rejected"
    WITHDRAWN = "Withdrawn"
    NO_NEED_APPROVAL = "NoNeedApproval"


class Checklist(StrEnum):
    """The status of the hand-over checklist; the values are those of the search operation."""

    NOT_STARTED = "AntiBegin"
    RUNNING = "Approving"
    FINISHED = "Finished"
    REJECTED = "Rejected"
    WITHDRAWN = "Withdrawn"


PENDING_STATUSES = frozenset({Status.APPROVING, Status.APPROVED, Status.NO_NEED_APPROVAL})
"""The statuses of an offboarding that was requested and has neither ended nor taken effect."""

READY_STATUSES: Final = (Status.APPROVED, Status.NO_NEED_APPROVAL)
"""The statuses of an approved offboarding that takes effect when the last day is over."""

APPROVED_STATUSES = frozenset({*READY_STATUSES, Status.OFFBOARDED})
"""The statuses in which the offboarding sets the end date of the employment."""

TYPE_BY_OTHERS, TYPE_DIRECT = "offboarding_initiated_by_others", "offboarding_directly"

APPROVAL_SUBJECT, CHECKLIST = "offboarding", "offboarding_checklist"
MODIFICATION, WITHDRAWAL = "offboarding_modification", "offboarding_withdrawal"
"""The subject kinds of approvals: the offboarding, its hand-over, a change of its fields, its withdrawal."""

FORM: Final = "offboarding_info"
OFFBOARDING_DATE: Final = "offboarding_date"
EXPLANATION_FIELDS: Final = ("reason_explanation", "employee_reason_explanation")
FIELD_ALIASES: Final[Mapping[str, str]] = {"reason_for_offboarding": "reason"}

_REASONS = frozenset({"voluntary", "involuntary", "other"}) | frozenset(
    f"{reason}_saas"
    for reason in (
        "accident",
        "death",
        "dismissal",
        "failed_probation_period",
        "unsatisfactory_performance",
        "low_productivity",
        "violation_of_company_regulations",
        "violation_of_laws",
        "unsatisfactory_compensation",
        "long_working_hours",
        "undesired_role",
        "disagreement_with_leaders_or_the_management",
        "limited_career_opportunities",
        "disagreement_with_company_culture",
        "organization_adjustment",
        "contract_expiration",
        "job_change",
        "career_change",
        "family_related_reason",
        "health_related_reason",
        "work_location_related_reason",
    )
)
_BLOCK_REASONS = frozenset({"violation_of_company_regulations", "violation_of_laws", "dishonesty", "other"})
_READ_ONLY_FIELDS = (
    "wk_id",
    "wk_tenant_id",
    "wk_created_at",
    "wk_created_by",
    "wk_updated_at",
    "wk_updated_by",
    "wk_deleted_at",
    "wk_is_deleted",
    "employment",
    "process_id",
    "flow_id",
    "node_id",
    "initiator_id",
    "status",
    "checklist_status",
    "checklist_process_id",
    "type",
    "hrbp_ids",
    "hrbp_list",
    "probation_id",
    "noncompete_agreement_id",
    "social_insurance_end_date",
    "provident_fund_end_date",
    "sign_type",
)
BUILT_IN_FIELDS: Final[Mapping[str, FieldDefinition]] = {
    definition.name: definition
    for definition in (
        FieldDefinition(OFFBOARDING_DATE, FieldType.DATE),
        FieldDefinition("expected_offboarding_date", FieldType.DATE),
        FieldDefinition("last_attendance_date", FieldType.DATE),
        FieldDefinition("apply_initiating_time", FieldType.DATE, with_time=True),
        FieldDefinition("apply_finish_time", FieldType.DATE, with_time=True),
        FieldDefinition("reason", FieldType.OPTION, options=_REASONS),
        FieldDefinition("employee_reason", FieldType.OPTION, options=_REASONS),
        *(FieldDefinition(name, FieldType.TEXT, multi_line=True) for name in EXPLANATION_FIELDS),
        FieldDefinition("add_block_list", FieldType.BOOL),
        FieldDefinition("block_reason", FieldType.OPTION, options=_BLOCK_REASONS),
        FieldDefinition("block_reason_explanation", FieldType.TEXT, multi_line=True),
        FieldDefinition("retain_account", FieldType.BOOL),
        FieldDefinition("is_transfer_with_workforce", FieldType.BOOL),
        FieldDefinition("enforce_noncompete_agreement", FieldType.BOOL),
        FieldDefinition("noncompete_agreement_company", FieldType.LOOKUP, target_kind="company"),
        FieldDefinition("noncompete_agreement_start_date", FieldType.DATE),
        FieldDefinition("noncompete_agreement_end_date", FieldType.DATE),
        FieldDefinition("signature_file", FieldType.ATTACHMENT),
        *(FieldDefinition(name, FieldType.TEXT, locked=True) for name in _READ_ONLY_FIELDS),
    )
}
"""The form fields that every company has, by name. A company's own definition of a field replaces the built-in one."""

offboarding = tenant_table(
    "offboarding",
    text_column("id", key=True),
    text_column("employment_id"),
    text_column("status"),
    text_column("type"),
    text_column("offboarding_date"),
    text_column("previous_end_date", optional=True),
    json_column("info"),
    json_column("proposal", optional=True),
    text_column("process_id", optional=True),
    text_column("checklist_status"),
    text_column("checklist_process_id", optional=True),
    text_column("created_at"),
    text_column("updated_at"),
    text_column("updated_by", optional=True),
    text_column("revoked_at", optional=True),
    text_column("revoked_by", optional=True),
    sa.Index("offboarding_by_employment", "tenant", "employment_id", "id"),
    sa.Index(
        "offboarding_ready",
        "tenant",
        "offboarding_date",
        sqlite_where=sa.text("status IN ('Approved', 'NoNeedApproval')"),
        postgresql_where=sa.text("status IN ('Approved', 'NoNeedApproval')"),
    ),
)

_INSERT = insert_into(offboarding)
_SELECT = select_by(offboarding, "id")
_SELECT_BY_EMPLOYMENT = statement(
    sa.select(offboarding).where(*matches(offboarding, "employment_id")).order_by(offboarding.c.id)
)
_SELECT_DUE = statement(
    sa.select(offboarding.c.id, offboarding.c.employment_id, offboarding.c.offboarding_date)
    .where(
        in_tenant(offboarding),
        in_constants(offboarding.c.status, READY_STATUSES),
        offboarding.c.offboarding_date < bind("day"),
    )
    .order_by(offboarding.c.offboarding_date, offboarding.c.id)
)
_UPDATE = update_columns(offboarding, *(c.name for c in offboarding.c if c.name not in ("tenant", "id")))


def cause_of(id: str) -> Cause:
    """Return the cause that the versions made by this offboarding carry."""
    return ("offboarding", id)


def get(tx: Tx, id: str) -> Row | None:
    """Return the row, or None. `info` and `proposal` are mappings of values by field; `proposal` may be None."""
    return tx.fetch_one(_SELECT, id=id)


def get_existing(tx: Tx, id: str) -> Row:
    """Return the row as `get` does; the offboarding must exist."""
    row = get(tx, id)
    assert row is not None
    return row


def list_by_employment(tx: Tx, employment_id: str) -> Sequence[Row]:
    """Return every offboarding of the employment, oldest first, as rows of `get`."""
    return tx.fetch_all(_SELECT_BY_EMPLOYMENT, employment_id=employment_id)


def get_definitions(tx: Tx) -> Mapping[str, FieldDefinition]:
    """Return the fields of the form by name: the built-in ones and the company's own."""
    return {**BUILT_IN_FIELDS, **custom_fields.get_definitions(tx, FORM)}


def time_zones(tx: Tx, rows: Sequence[Row]) -> Sequence[str]:
    """Return the time zone in which the last day of each row ends: that of the work location on the last day."""
    days = [row["offboarding_date"] for row in rows]
    employment_ids = [row["employment_id"] for row in rows]
    location_ids = job_datas.work_locations_as_of(tx, list(zip(employment_ids, days, strict=True)))
    return locations.time_zones_as_of(tx, list(zip(location_ids, days, strict=True)))


def list_due(tx: Tx, in_time_zone: str, day: IsoDate) -> Sequence[str]:
    """Return the ids of approved offboardings in a time zone whose last day is before `day`, in order of last day.

    The time zone is not stored: until the last day, a job change or a new last day may move it.
    """
    rows = tx.fetch_all(_SELECT_DUE, day=day)
    return [row["id"] for row, zone in zip(rows, time_zones(tx, rows), strict=True) if zone == in_time_zone]


def insert(
    tx: Tx,
    id: str,
    employment_id: str,
    date: IsoDate,
    info: Mapping[str, Value],
    *,
    process_id: str | None = None,
    is_direct: bool = False,
) -> Row:
    """Insert an offboarding in status Approving; a direct one needs no approval and becomes NoNeedApproval at once."""
    employment = employments.get(tx, employment_id)
    row: Row = {
        "tenant": tx.tenant,
        "id": id,
        "employment_id": employment_id,
        "status": Status.APPROVING.value,
        "type": TYPE_DIRECT if is_direct else TYPE_BY_OTHERS,
        "offboarding_date": date,
        "previous_end_date": employment.end_date if employment else None,
        "info": dict(info),
        "proposal": None,
        "process_id": process_id,
        "checklist_status": Checklist.NOT_STARTED.value,
        "checklist_process_id": None,
        "created_at": tx.recorded_at,
        "updated_at": tx.recorded_at,
        "updated_by": None,
        "revoked_at": None,
        "revoked_by": None,
    }
    tx.execute(_INSERT, **row)
    _emit_status_changed(tx, row)
    tx.emit(events.updated(row, sorted({OFFBOARDING_DATE, *info})))
    return set_decision(tx, row, Status.NO_NEED_APPROVAL) if is_direct else row


def set_decision(tx: Tx, row: Row, status: Status) -> Row:
    """Set the status that the approval led to; an approved one sets the end date of the employment."""
    row = _update(tx, row, None, status=status.value)
    if status in APPROVED_STATUSES:
        employments.set_end_date(tx, row["employment_id"], row["offboarding_date"])
        tx.emit(events.employee_domain_event(row, events.OFFBOARDING_APPROVED))
    _emit_status_changed(tx, row)
    return row


def edit(tx: Tx, row: Row, values: Mapping[str, Value], operator_id: str | None) -> Row:
    """Set the fields in `values`; a new last day also becomes the end date of the employment.

    The event lists the fields that changed; without a change there is none, and the row stays as it is.
    """
    date = str(values.get(OFFBOARDING_DATE, row["offboarding_date"]))
    info = {**row["info"], **{name: value for name, value in values.items() if name != OFFBOARDING_DATE}}
    date_changed = date != row["offboarding_date"]
    fields = sorted([OFFBOARDING_DATE] * date_changed + [name for name in info if info[name] != row["info"].get(name)])
    if not fields:
        return row
    row = _update(tx, row, operator_id, offboarding_date=date, info=info)
    if date_changed:
        employments.set_end_date(tx, row["employment_id"], date)
    tx.emit(events.updated(row, fields))
    return row


def propose(tx: Tx, row: Row, values: Mapping[str, Value]) -> Row:
    """Store the values that the MODIFICATION approval now starting proposes."""
    return _update(tx, row, None, proposal=dict(values))


def clear_proposal(tx: Tx, row: Row) -> Row:
    """Remove the proposal, which was approved or rejected."""
    return _update(tx, row, None, proposal=None)


def mark_offboarded(tx: Tx, row: Row) -> Row:
    """Set the status Offboarded: the last day is over."""
    row = _update(tx, row, None, status=Status.OFFBOARDED.value)
    _emit_status_changed(tx, row)
    return row


def set_checklist_status(tx: Tx, row: Row, checklist: Checklist, process_id: str | None = None) -> Row:
    """Set the status of the hand-over, and its process when `process_id` is given."""
    process_id = process_id or row["checklist_process_id"]
    row = _update(tx, row, None, checklist_status=checklist.value, checklist_process_id=process_id)
    tx.emit(events.checklist_updated(row))
    return row


def mark_withdrawn(tx: Tx, row: Row, operator_id: str | None) -> Row:
    """Set the status Withdrawn with operator and time; give the employment back the end date it had before."""
    if row["status"] in APPROVED_STATUSES:
        employments.set_end_date(tx, row["employment_id"], row["previous_end_date"])
    row = _update(
        tx, row, operator_id, status=Status.WITHDRAWN.value, revoked_at=tx.recorded_at, revoked_by=operator_id
    )
    tx.emit(events.updated(row, ["status"]))
    _emit_status_changed(tx, row)
    tx.emit(events.employee_domain_event(row, events.OFFBOARDING_REVOKED))
    return row


def _update(tx: Tx, row: Row, operator_id: str | None, **changes: Any) -> Row:
    row = {**row, **changes, "updated_at": tx.recorded_at, "updated_by": operator_id}
    tx.execute(_UPDATE, **row)
    return row


def _emit_status_changed(tx: Tx, row: Row) -> None:
    """Emit the status events; a direct offboarding has no event of version 1."""
    tx.emit(events.status_updated(row))
    if row["type"] != TYPE_DIRECT:
        tx.emit(events.status_updated_v1(row))


_APPROVAL_EVENTS: Final = ("corehr.employee.domain_event_v2", "corehr.employment.updated_v1")
_STATUS_EVENTS: Final = ("corehr.offboarding.status_updated_v2", "corehr.offboarding.updated_v1")

EVENTS_BY_PRIMITIVE: Final[Mapping[str, Sequence[str]]] = {
    "insert": (*_APPROVAL_EVENTS, *_STATUS_EVENTS, "corehr.offboarding.updated_v2"),
    "set_decision": (*_APPROVAL_EVENTS, *_STATUS_EVENTS),
    "edit": ("corehr.employment.updated_v1", "corehr.offboarding.updated_v2"),
    "set_checklist_status": ("corehr.offboarding.checklist_updated_v2",),
    "mark_offboarded": _STATUS_EVENTS,
    "mark_withdrawn": (*_APPROVAL_EVENTS, *_STATUS_EVENTS, "corehr.offboarding.updated_v2"),
}
"""The events that each function above emits when it changes rows; the other functions emit none."""
