"""Offboardings, as records: who leaves, when, and how far that has been decided."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Final

import sqlalchemy as sa

from corehr.engines.custom_fields import FieldDefinition, FieldType, Value
from corehr.engines.timeline import Cause
from corehr.hr.custom_fields import records as custom_fields
from corehr.hr.employments import records as people
from corehr.hr.job_datas import records as job_datas
from corehr.hr.locations import records as locations
from corehr.hr.offboardings import events
from corehr.kernel.clock import IsoDate
from corehr.kernel.db import Row, Tx, decode_json, encode_json
from corehr.kernel.statements import (
    bind,
    in_constants,
    insert_into,
    matches,
    of_tenant,
    select_by,
    statement,
    tenant_table,
    text_column,
    update_columns,
)


class Status(StrEnum):
    """How far an offboarding is, in the words of the search operation."""

    APPROVING = "Approving"
    APPROVED = "Approved"
    OFFBOARDED = "Offboarded"
    REJECTED = "Rejected"
    WITHDRAWN = "Withdrawn"
    NO_NEED_APPROVAL = "NoNeedApproval"


class Checklist(StrEnum):
    """How far the hand-over is, in the same words."""

    NOT_STARTED = "AntiBegin"
    RUNNING = "Approving"
    FINISHED = "Finished"
    REJECTED = "Rejected"
    WITHDRAWN = "Withdrawn"


PENDING = frozenset({Status.APPROVING, Status.APPROVED, Status.NO_NEED_APPROVAL})
"""Asked for and neither ended nor taken effect."""

WAITING: Final = (Status.APPROVED, Status.NO_NEED_APPROVAL)
"""Agreed, and waiting for the last day to be over."""

AGREED = frozenset({*WAITING, Status.OFFBOARDED})
"""The employment has an end because of it."""

BY_OTHERS, DIRECTLY = "offboarding_initiated_by_others", "offboarding_directly"

SUBJECT, CHECKLIST = "offboarding", "offboarding_checklist"
MODIFICATION, WITHDRAWAL = "offboarding_modification", "offboarding_withdrawal"
"""What approvals about an offboarding are for: leaving at all, the hand-over, other facts, not leaving after all."""

FORM: Final = "offboarding_info"
LAST_DAY: Final = "offboarding_date"
EXPLANATIONS: Final = ("reason_explanation", "employee_reason_explanation")
ALIASES: Final[Mapping[str, str]] = {"reason_for_offboarding": "reason"}

_REASONS = frozenset({"voluntary", "involuntary", "other"}) | frozenset(
    f"{why}_saas"
    for why in (
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
_LOCKED = (
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
BUILT_IN: Final[Mapping[str, FieldDefinition]] = {
    it.name: it
    for it in (
        FieldDefinition(LAST_DAY, FieldType.DATE),
        FieldDefinition("expected_offboarding_date", FieldType.DATE),
        FieldDefinition("last_attendance_date", FieldType.DATE),
        FieldDefinition("apply_initiating_time", FieldType.DATE, with_time=True),
        FieldDefinition("apply_finish_time", FieldType.DATE, with_time=True),
        FieldDefinition("reason", FieldType.OPTION, options=_REASONS),
        FieldDefinition("employee_reason", FieldType.OPTION, options=_REASONS),
        *(FieldDefinition(name, FieldType.TEXT, multi_line=True) for name in EXPLANATIONS),
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
        *(FieldDefinition(name, FieldType.TEXT, locked=True) for name in _LOCKED),
    )
}
"""The form's fields that every company has; its own definition of one, as of its block reasons, stands in its place."""

offboarding = tenant_table(
    "offboarding",
    text_column("id", key=True),
    text_column("employment_id"),
    text_column("status"),
    text_column("type"),
    text_column("offboarding_date"),
    text_column("end_before", optional=True),
    text_column("info"),
    text_column("proposal", optional=True),
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
        "offboarding_waiting",
        "tenant",
        "offboarding_date",
        sqlite_where=sa.text("status IN ('Approved', 'NoNeedApproval')"),
        postgresql_where=sa.text("status IN ('Approved', 'NoNeedApproval')"),
    ),
)

_ADD = insert_into(offboarding)
_FIND = select_by(offboarding, "id")
_OF = statement(sa.select(offboarding).where(*matches(offboarding, "employment_id")).order_by(offboarding.c.id))
_DUE = statement(
    sa.select(offboarding.c.id, offboarding.c.employment_id, offboarding.c.offboarding_date)
    .where(
        of_tenant(offboarding),
        in_constants(offboarding.c.status, WAITING),
        offboarding.c.offboarding_date < bind("day"),
    )
    .order_by(offboarding.c.offboarding_date, offboarding.c.id)
)
_WRITE = update_columns(offboarding, *(c.name for c in offboarding.c if c.name not in ("tenant", "id")))


def cause(id: str) -> Cause:
    """How versions name the offboarding that made them."""
    return ("offboarding", id)


def get(tx: Tx, id: str) -> Row | None:
    """The row, with `info` and `proposal`, both values by field, as mappings; `proposal` may be None."""
    row = tx.fetch_one(_FIND, id=id)
    return _read(row) if row else None


def known(tx: Tx, id: str) -> Row:
    """The row of an offboarding that is known to exist."""
    row = get(tx, id)
    assert row is not None
    return row


def of(tx: Tx, employment_id: str) -> Sequence[Row]:
    """Every offboarding of the employment, oldest first; rows as of `get`."""
    return [_read(row) for row in tx.fetch_all(_OF, employment_id=employment_id)]


def definitions(tx: Tx) -> Mapping[str, FieldDefinition]:
    """The fields of the form by name: the built-in ones and the company's own."""
    return {**BUILT_IN, **custom_fields.get_definitions(tx, FORM)}


def zone(tx: Tx, row: Row) -> str:
    """The last day ends for a person where they work on it."""
    day = row["offboarding_date"]
    return locations.time_zone_as_of(tx, job_datas.work_location_on(tx, row["employment_id"], day), day)


def due(tx: Tx, zone_begun: str, day: IsoDate) -> Sequence[str]:
    """The agreed offboardings whose last day, in this zone, was over when this day began; in order of day."""
    return [row["id"] for row in tx.fetch_all(_DUE, day=day) if zone(tx, row) == zone_begun]


def ask(
    tx: Tx,
    id: str,
    employment_id: str,
    date: IsoDate,
    info: Mapping[str, Value],
    *,
    process_id: str | None = None,
    directly: bool = False,
) -> Row:
    """Somebody is to leave: an approval about it begins, or it is agreed to at once where none is needed."""
    person = people.get(tx, employment_id)
    row: Row = {
        "tenant": tx.tenant,
        "id": id,
        "employment_id": employment_id,
        "status": Status.APPROVING.value,
        "type": DIRECTLY if directly else BY_OTHERS,
        "offboarding_date": date,
        "end_before": person.end_date if person else None,
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
    tx.execute(_ADD, **_written(row))
    _announce(tx, row)
    tx.emit(events.updated(row, sorted({LAST_DAY, *info})))
    return decide(tx, row, Status.NO_NEED_APPROVAL) if directly else row


def decide(tx: Tx, row: Row, status: Status) -> Row:
    """It is agreed to, and the employment has an end; or it is rejected."""
    row = _become(tx, row, None, status=status.value)
    if status in AGREED:
        people.set_end_date(tx, row["employment_id"], row["offboarding_date"])
        tx.emit(events.in_the_domain(row, events.APPROVED))
    _announce(tx, row)
    return row


def edit(tx: Tx, row: Row, values: Mapping[str, Value], operator_id: str | None) -> Row:
    """Other facts hold; another last day is the employment's end as well. What is as it was is not told."""
    date = str(values.get(LAST_DAY, row["offboarding_date"]))
    info = {**row["info"], **{name: value for name, value in values.items() if name != LAST_DAY}}
    moved = date != row["offboarding_date"]
    fields = sorted([LAST_DAY] * moved + [name for name in info if info[name] != row["info"].get(name)])
    if not fields:
        return row
    row = _become(tx, row, operator_id, offboarding_date=date, info=info)
    if moved:
        people.set_end_date(tx, row["employment_id"], date)
    tx.emit(events.updated(row, fields))
    return row


def propose(tx: Tx, row: Row, values: Mapping[str, Value]) -> Row:
    """These values are what a MODIFICATION that begins is about."""
    return _become(tx, row, None, proposal=dict(values))


def conclude(tx: Tx, row: Row) -> Row:
    """What was proposed has been decided on, one way or the other."""
    return _become(tx, row, None, proposal=None)


def take_effect(tx: Tx, row: Row) -> Row:
    """The last day is over."""
    row = _become(tx, row, None, status=Status.OFFBOARDED.value)
    _announce(tx, row)
    return row


def hand_over(tx: Tx, row: Row, checklist: Checklist, process_id: str | None = None) -> Row:
    """The hand-over gets on; `process_id` when it begins."""
    process_id = process_id or row["checklist_process_id"]
    row = _become(tx, row, None, checklist_status=checklist.value, checklist_process_id=process_id)
    tx.emit(events.checklist_updated(row))
    return row


def withdraw(tx: Tx, row: Row, operator_id: str | None) -> Row:
    """The person stays; the employment ends when it would have without, the row keeps who did it and when."""
    if row["status"] in AGREED:
        people.set_end_date(tx, row["employment_id"], row["end_before"])
    row = _become(
        tx, row, operator_id, status=Status.WITHDRAWN.value, revoked_at=tx.recorded_at, revoked_by=operator_id
    )
    tx.emit(events.updated(row, ["status"]))
    _announce(tx, row)
    tx.emit(events.in_the_domain(row, events.REVOKED))
    return row


def _become(tx: Tx, row: Row, operator_id: str | None, **facts: Any) -> Row:
    row = {**row, **facts, "updated_at": tx.recorded_at, "updated_by": operator_id}
    tx.execute(_WRITE, **_written(row))
    return row


def _announce(tx: Tx, row: Row) -> None:
    """The status has changed; a direct offboarding is not told in version 1."""
    tx.emit(events.status_updated(row))
    if row["type"] != DIRECTLY:
        tx.emit(events.status_updated_v1(row))


def _read(row: Row) -> Row:
    proposal = decode_json(row["proposal"]) if row["proposal"] else None
    return {**row, "info": decode_json(row["info"]), "proposal": proposal}


def _written(row: Row) -> Row:
    proposal = encode_json(row["proposal"]).decode() if row["proposal"] else None
    return {**row, "info": encode_json(row["info"]).decode(), "proposal": proposal}
