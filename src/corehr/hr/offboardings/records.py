"""The records of offboardings: their tables, their statuses and the functions that change them."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final

import sqlalchemy as sa
from msgspec.structs import replace

from corehr.engines.custom_fields import FieldDefinition, FieldType, Value
from corehr.engines.effective_dating import start_of_day
from corehr.engines.timeline import Cause
from corehr.hr.basic_data import custom_fields
from corehr.hr.employees.employments import records as employments
from corehr.hr.employees.job_datas import records as job_datas
from corehr.hr.offboardings import events
from corehr.hr.offboardings.row import Offboarding
from corehr.hr.organization import locations
from corehr.kernel.clock import IsoDate, local_date
from corehr.kernel.db import Tx, to_row
from corehr.kernel.statements import (
    bind,
    in_constants,
    in_tenant,
    insert_into,
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
DEPENDANTS_BY_FLAG: Final[Mapping[str, Sequence[str]]] = {
    "add_block_list": ("block_reason", "block_reason_explanation"),
    "enforce_noncompete_agreement": (
        "noncompete_agreement_company",
        "noncompete_agreement_start_date",
        "noncompete_agreement_end_date",
    ),
}
"""The fields that mean something only while a flag is true."""

_REASONS = (
    "voluntary",
    "involuntary",
    "other",
    *(
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
    ),
)
_BLOCK_REASONS = ("violation_of_company_regulations", "violation_of_laws", "dishonesty", "other")
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
        FieldDefinition(OFFBOARDING_DATE, FieldType.DATE, required=True),
        FieldDefinition("expected_offboarding_date", FieldType.DATE),
        FieldDefinition("last_attendance_date", FieldType.DATE),
        FieldDefinition("apply_initiating_time", FieldType.DATE, with_time=True),
        FieldDefinition("apply_finish_time", FieldType.DATE, with_time=True),
        FieldDefinition("reason", FieldType.OPTION, options=_REASONS, required=True),
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
    partial_index("offboarding_ready", "tenant", "offboarding_date", where="status IN ('Approved', 'NoNeedApproval')"),
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


def get(tx: Tx, id: str) -> Offboarding | None:
    """Return the offboarding, or None."""
    found = tx.fetch_one(_SELECT, id=id)
    return Offboarding(**found) if found else None


def get_existing(tx: Tx, id: str) -> Offboarding:
    """Return the offboarding, which must exist."""
    offboarding = get(tx, id)
    assert offboarding is not None
    return offboarding


def list_by_employment(tx: Tx, employment_id: str) -> Sequence[Offboarding]:
    """Return every offboarding of the employment, oldest first."""
    return [Offboarding(**found) for found in tx.fetch_all(_SELECT_BY_EMPLOYMENT, employment_id=employment_id)]


def get_definitions(tx: Tx) -> Mapping[str, FieldDefinition]:
    """Return the fields of the form by name: the built-in ones and the company's own."""
    return {**BUILT_IN_FIELDS, **custom_fields.get_definitions(tx, FORM)}


def time_zones(tx: Tx, last_days: Sequence[tuple[str, IsoDate]]) -> Sequence[str]:
    """Return the time zone in which each last day of an employment ends: that of the work location on that day."""
    days = [day for _, day in last_days]
    location_ids = job_datas.work_locations_as_of(tx, last_days)
    return locations.time_zones_as_of(tx, list(zip(location_ids, days, strict=True)))


def list_due(tx: Tx, in_time_zone: str, day: IsoDate) -> Sequence[str]:
    """Return the ids of approved offboardings whose last day is over when `day` begins in a time zone, by last day.

    The last day ends in the time zone of its work location, which is not stored: a job change, applied or revoked even
    after that day, or a new last day may move it. So one of another time zone is found if its own midnight is over.
    """
    rows = tx.fetch_all(_SELECT_DUE, day=day)
    zones = time_zones(tx, [(row["employment_id"], row["offboarding_date"]) for row in rows])
    instant = start_of_day(day, in_time_zone)
    return [
        row["id"] for row, zone in zip(rows, zones, strict=True) if row["offboarding_date"] < local_date(instant, zone)
    ]


def insert(
    tx: Tx,
    id: str,
    employment_id: str,
    date: IsoDate,
    info: Mapping[str, Value],
    *,
    process_id: str | None = None,
    is_direct: bool = False,
) -> Offboarding:
    """Insert an offboarding in status Approving; a direct one needs no approval and becomes NoNeedApproval at once."""
    employment = employments.get(tx, employment_id)
    offboarding = Offboarding(
        tenant=tx.tenant,
        id=id,
        employment_id=employment_id,
        status=Status.APPROVING.value,
        type=TYPE_DIRECT if is_direct else TYPE_BY_OTHERS,
        offboarding_date=date,
        previous_end_date=employment.end_date if employment else None,
        info=dict(info),
        proposal=None,
        process_id=process_id,
        checklist_status=Checklist.NOT_STARTED.value,
        checklist_process_id=None,
        created_at=tx.recorded_at,
        updated_at=tx.recorded_at,
        updated_by=None,
        revoked_at=None,
        revoked_by=None,
    )
    tx.execute(_INSERT, **to_row(offboarding))
    _emit_status_changed(tx, offboarding)
    tx.emit(events.updated(offboarding, sorted({OFFBOARDING_DATE, *info})))
    return set_decision(tx, offboarding, Status.NO_NEED_APPROVAL) if is_direct else offboarding


def set_decision(tx: Tx, offboarding: Offboarding, status: Status) -> Offboarding:
    """Set the status that the approval led to; an approved one sets the end date of the employment."""
    offboarding = _update(tx, replace(offboarding, status=status.value), None)
    _emit_status_changed(tx, offboarding)
    if status in APPROVED_STATUSES:
        tx.emit(events.employee_domain_event(offboarding, events.OFFBOARDING_APPROVED))
        employments.set_end_date(tx, offboarding.employment_id, offboarding.offboarding_date)
    return offboarding


def value_of(offboarding: Offboarding, name: str) -> Value | None:
    """Return the value of a form field, or None when it is empty."""
    value: Value | None = offboarding.offboarding_date if name == OFFBOARDING_DATE else offboarding.info.get(name)
    return value


def with_emptied_dependants(values: Mapping[str, Value | None]) -> Mapping[str, Value | None]:
    """Return the values together with what they empty: the dependants of a flag that is switched off, if not given."""
    emptied = {
        name: None
        for flag, names in DEPENDANTS_BY_FLAG.items()
        if flag in values and values[flag] is not True
        for name in names
    }
    return {**emptied, **values}


def edit(tx: Tx, offboarding: Offboarding, values: Mapping[str, Value | None], operator_id: str | None) -> Offboarding:
    """Set the fields in `values`, or remove those that are None; a new last day becomes the employment's end date.

    The event lists the fields that changed; without a change there is none, and the offboarding stays as it is.
    """
    fields = sorted(name for name, value in values.items() if value != value_of(offboarding, name))
    if not fields:
        return offboarding
    form = {**offboarding.info, OFFBOARDING_DATE: offboarding.offboarding_date, **values}
    date = str(form.pop(OFFBOARDING_DATE))
    info = {name: value for name, value in form.items() if value is not None}
    offboarding = _update(tx, replace(offboarding, offboarding_date=date, info=info), operator_id)
    tx.emit(events.updated(offboarding, fields))
    if OFFBOARDING_DATE in fields:
        employments.set_end_date(tx, offboarding.employment_id, date)
    return offboarding


def propose(tx: Tx, offboarding: Offboarding, values: Mapping[str, Value | None]) -> Offboarding:
    """Store the values that the MODIFICATION approval now starting proposes."""
    return _update(tx, replace(offboarding, proposal=dict(values)), None)


def clear_proposal(tx: Tx, offboarding: Offboarding) -> Offboarding:
    """Remove the proposal, which was approved or rejected."""
    return _update(tx, replace(offboarding, proposal=None), None)


def mark_offboarded(tx: Tx, offboarding: Offboarding) -> Offboarding:
    """Set the status Offboarded: the last day is over."""
    offboarding = _update(tx, replace(offboarding, status=Status.OFFBOARDED.value), None)
    _emit_status_changed(tx, offboarding)
    return offboarding


def set_checklist_status(
    tx: Tx, offboarding: Offboarding, checklist: Checklist, process_id: str | None = None
) -> Offboarding:
    """Set the status of the hand-over, and its process when `process_id` is given."""
    process_id = process_id or offboarding.checklist_process_id
    changed = replace(offboarding, checklist_status=checklist.value, checklist_process_id=process_id)
    offboarding = _update(tx, changed, None)
    tx.emit(events.checklist_updated(offboarding))
    return offboarding


def mark_withdrawn(tx: Tx, offboarding: Offboarding, operator_id: str | None) -> Offboarding:
    """Set the status Withdrawn with operator and time; give the employment back the end date it had before.

    A hand-over that is running is withdrawn too.
    """
    was_approved = offboarding.status in APPROVED_STATUSES
    ends_checklist = offboarding.checklist_status == Checklist.RUNNING
    checklist_status = Checklist.WITHDRAWN.value if ends_checklist else offboarding.checklist_status
    changed = replace(
        offboarding,
        status=Status.WITHDRAWN.value,
        checklist_status=checklist_status,
        revoked_at=tx.recorded_at,
        revoked_by=operator_id,
    )
    offboarding = _update(tx, changed, operator_id)
    tx.emit(events.updated(offboarding, ["checklist_status", "status"] if ends_checklist else ["status"]))
    _emit_status_changed(tx, offboarding)
    tx.emit(events.employee_domain_event(offboarding, events.OFFBOARDING_REVOKED))
    if ends_checklist:
        tx.emit(events.checklist_updated(offboarding))
    if was_approved:
        employments.set_end_date(tx, offboarding.employment_id, offboarding.previous_end_date)
    return offboarding


def _update(tx: Tx, changed: Offboarding, operator_id: str | None) -> Offboarding:
    """Store a changed offboarding, with the operator and the time of the change, and return it."""
    offboarding = replace(changed, updated_at=tx.recorded_at, updated_by=operator_id)
    tx.execute(_UPDATE, **to_row(offboarding))
    return offboarding


def _emit_status_changed(tx: Tx, offboarding: Offboarding) -> None:
    """Emit the status events; a direct offboarding has no event of version 1."""
    tx.emit(events.status_updated(offboarding))
    if offboarding.type != TYPE_DIRECT:
        tx.emit(events.status_updated_v1(offboarding))


_APPROVAL_EVENTS: Final = ("corehr.employee.domain_event_v2", "corehr.employment.updated_v1")
_STATUS_EVENTS: Final = ("corehr.offboarding.status_updated_v2", "corehr.offboarding.updated_v1")

EVENTS_BY_PRIMITIVE: Final[Mapping[str, Sequence[str]]] = {
    "insert": (*_APPROVAL_EVENTS, *_STATUS_EVENTS, "corehr.offboarding.updated_v2"),
    "set_decision": (*_APPROVAL_EVENTS, *_STATUS_EVENTS),
    "edit": ("corehr.employment.updated_v1", "corehr.offboarding.updated_v2"),
    "set_checklist_status": ("corehr.offboarding.checklist_updated_v2",),
    "mark_offboarded": _STATUS_EVENTS,
    "mark_withdrawn": (
        *_APPROVAL_EVENTS,
        *_STATUS_EVENTS,
        "corehr.offboarding.checklist_updated_v2",
        "corehr.offboarding.updated_v2",
    ),
}
"""The events that each function above emits when it changes rows; the other functions emit none."""
