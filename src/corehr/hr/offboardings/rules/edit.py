"""The rules of POST /open-apis/corehr/v2/offboardings/edit, in the order in which they are checked."""

from collections.abc import Callable, Sequence
from typing import Final

from corehr.engines import versions
from corehr.engines.custom_fields import FieldType, InvalidValue, referenced_ids
from corehr.engines.rulebook import Rule, Rulebook, with_name
from corehr.hr.contracts import records as contracts
from corehr.hr.employees.employments import records as employments
from corehr.hr.job_changes import records as job_changes
from corehr.hr.offboardings import records
from corehr.hr.offboardings.records import Status
from corehr.hr.offboardings.rules.case import (
    EditCase,
    is_department_in_force,
    is_under_modification,
    is_under_withdrawal,
    offboarding_is_unknown,
    operator_is_unknown,
    start_date,
)
from corehr.hr.organization.companies import COMPANY
from corehr.hr.violations import employment_is_missing, employment_is_outside_data_range
from corehr.kernel.clock import FOREVER, IsoDate
from corehr.kernel.errors import GatewayReason

NOT_EDITABLE_STATUSES: Final = (Status.APPROVING, Status.REJECTED, Status.WITHDRAWN)
"""The statuses in which no field may be edited."""

BLOCK_LIST_FIELDS: Final = ("add_block_list", "block_reason", "block_reason_explanation")
NONCOMPETE_FIELDS: Final = (
    "enforce_noncompete_agreement",
    "noncompete_agreement_company",
    "noncompete_agreement_start_date",
    "noncompete_agreement_end_date",
)


# -- parameters --------------------------------------------------------------------------------------------------


def offboarding_id_is_missing(c: EditCase) -> bool:
    return not isinstance(c.offboarding_id, str) or not c.offboarding_id


def update_data_is_malformed(c: EditCase) -> bool:
    return c.updates is None


def field_is_repeated(c: EditCase) -> bool:
    return c.updates is not None and len(c.text_by_field) < len(c.updates)


def field_is_unknown(c: EditCase) -> bool:
    return any(name not in c.definitions for name in c.text_by_field)


# -- the employment, the offboarding, the operator ---------------------------------------------------------------


def employee_has_left(c: EditCase) -> bool:
    return c.changes_offboarding_date and c.offboarding.status == Status.OFFBOARDED


def status_forbids_editing(c: EditCase) -> bool:
    return c.offboarding.status in NOT_EDITABLE_STATUSES


def field_is_locked(c: EditCase) -> bool:
    return any(not c.definitions[name].editable for name in c.text_by_field)


# -- each value --------------------------------------------------------------------------------------------------


def _fields_with(c: EditCase, invalid_value: InvalidValue) -> Sequence[str]:
    """Return the fields whose text is invalid for this reason."""
    return [name for name, value in c.value_by_field.items() if value is invalid_value]


def value_is(invalid_value: InvalidValue, name: str) -> Callable[[EditCase], bool]:
    """Return a violation of this name that holds when a text is invalid for this reason."""
    return with_name(lambda c: bool(_fields_with(c, invalid_value)), name)


def explanation_is_too_long(c: EditCase) -> bool:
    return any(name in records.EXPLANATION_FIELDS for name in _fields_with(c, InvalidValue.TOO_LONG))


def _referenced_ids(c: EditCase, target_kind: str) -> Sequence[str] | None:
    """Return the ids in the lookup fields of this kind; None when one of them is malformed."""
    values = [
        value
        for name, value in c.value_by_field.items()
        if c.definitions[name].type is FieldType.LOOKUP and c.definitions[name].target_kind == target_kind
    ]
    if InvalidValue.NOT_A_REFERENCE in values:
        return None
    return [id for value in values for id in referenced_ids(value)]


def referenced_employment_is_unknown(c: EditCase) -> bool:
    ids = _referenced_ids(c, employments.KIND)
    return ids is None or bool(ids and set(ids) - employments.get_many(c.tx, ids).keys())


def referenced_company_is_unknown(c: EditCase) -> bool:
    ids = _referenced_ids(c, COMPANY.kind)
    if not ids:
        return ids is None
    timelines = versions.timelines(c.tx, ids)
    return any((COMPANY.kind, id) not in timelines for id in ids)


# -- combinations of values --------------------------------------------------------------------------------------


def block_list_is_contradictory(c: EditCase) -> bool:
    if c.text_by_field.keys().isdisjoint(BLOCK_LIST_FIELDS):
        return False
    blocked, reason, explanation = (c.value_after(name) for name in BLOCK_LIST_FIELDS)
    return not reason if blocked is True else bool(reason or explanation)


def noncompete_agreement_is_contradictory(c: EditCase) -> bool:
    if not c.changes_offboarding_date and c.text_by_field.keys().isdisjoint(NONCOMPETE_FIELDS):
        return False
    enforced, company, start, end = (c.value_after(name) for name in NONCOMPETE_FIELDS)
    if enforced is True:
        return not (company and start and end) or not c.last_day <= str(start) <= str(end)
    return enforced is False and bool(company or start or end)


# -- other records, and the last day -----------------------------------------------------------------------------


def job_change_is_being_approved(c: EditCase) -> bool:
    return any(row["status"] == job_changes.Status.APPROVING for row in c.job_changes)


def is_before_onboarding(c: EditCase) -> bool:
    return c.changes_offboarding_date and c.last_day < c.employment.onboarding_date


def is_before_probation(c: EditCase) -> bool:
    return c.changes_offboarding_date and c.last_day < (c.probation_start or "")


def is_before_job_change(c: EditCase) -> bool:
    approved_statuses = (*job_changes.READY_STATUSES, job_changes.Status.TRANSFORMED)
    return c.changes_offboarding_date and any(
        c.last_day < r["effective_date"] for r in c.job_changes if r["status"] in approved_statuses
    )


def department_is_not_in_force(c: EditCase) -> bool:
    return c.changes_offboarding_date and not is_department_in_force(c, c.last_day, c.last_day)


def _actual_end_date(c: EditCase) -> IsoDate | None:
    """Return the actual end of the latest contract that starts by the last day, where it is known."""
    end = c.contract.get(contracts.ACTUAL_END_DATE) if c.contract else None
    return None if end == FOREVER else end


def contract_ended_on_or_after_last_day(c: EditCase) -> bool:
    return c.changes_offboarding_date and (_actual_end_date(c) or "") >= c.last_day


def _has_later_contract(c: EditCase) -> bool:
    return any(start_date(body) > c.last_day for body in c.contracts)


def later_contract_exists(c: EditCase) -> bool:
    return c.changes_offboarding_date and c.contract is not None and _has_later_contract(c)


def is_before_every_contract(c: EditCase) -> bool:
    return c.changes_offboarding_date and c.contract is None and _has_later_contract(c)


def is_after_contract_end(c: EditCase) -> bool:
    if not c.changes_offboarding_date or c.contract is None or _actual_end_date(c):
        return False
    return (c.contract.get("contract_end_date") or FOREVER) < c.last_day


def contract_ended_before_last_day(c: EditCase) -> bool:
    return c.changes_offboarding_date and (_actual_end_date(c) or FOREVER) < c.last_day


EDIT: Rulebook[EditCase] = Rulebook(
    "v2.offboarding.edit",
    [
        Rule(1160102, offboarding_id_is_missing, "`offboarding_id` is missing, empty or not text", "doc"),
        Rule(
            1160102,
            update_data_is_malformed,
            "`update_data` is not a list of 1 to 10000 names and texts, or a name is empty",
            "doc",
        ),
        Rule(1160102, field_is_repeated, "`update_data` names a field twice"),
        Rule(1160102, field_is_unknown, "the offboarding form has no field of this name"),
        Rule(1160625, offboarding_is_unknown, "there is no offboarding with this id", "doc"),
        Rule(1160610, employment_is_outside_data_range, "the employment is outside the app's data range", "doc"),
        Rule(1160631, employment_is_missing, "the employment of the offboarding does not exist", "doc"),
        Rule(1160631, employee_has_left, "a new last day, for an employee who has left"),
        Rule(1161001, is_under_modification, "an approval of a change of its fields is running", "doc"),
        Rule(1161002, is_under_withdrawal, "an approval of its withdrawal is running", "doc"),
        Rule(1160623, status_forbids_editing, "the offboarding is Approving, Rejected or Withdrawn", "doc"),
        Rule(1160623, field_is_locked, "a field that the page lists as not editable, or that the system sets", "doc"),
        Rule(1160624, operator_is_unknown, "`operator_id` is given and is not an employment", "doc"),
        Rule(1160637, value_is(InvalidValue.IS_ATTACHMENT, "field_is_an_attachment"), "an attachment is given", "doc"),
        Rule(
            1160638,
            value_is(InvalidValue.NOT_A_DATE, "date_is_malformed"),
            "not a `YYYY-MM-DD` date",
            "doc",
        ),
        Rule(1160639, value_is(InvalidValue.NOT_A_BOOLEAN, "bool_is_malformed"), "neither `true` nor `false`", "doc"),
        Rule(
            1160630,
            value_is(InvalidValue.NOT_A_NUMBER, "number_is_malformed"),
            "not a number, or too many digits",
            "doc",
        ),
        Rule(1160604, explanation_is_too_long, "the explanation of a reason has more than 6000 characters", "doc"),
        Rule(1160617, value_is(InvalidValue.NOT_A_URL, "link_is_malformed"), "not an absolute http or https URL"),
        Rule(
            1160618,
            value_is(InvalidValue.TOO_LONG, "text_is_too_long"),
            "over 255 characters on one line, 6000 on several",
            "doc",
        ),
        Rule(
            1160619, value_is(InvalidValue.NOT_AN_OPTION, "option_is_unknown"), "not one of the active options", "doc"
        ),
        Rule(1160636, referenced_employment_is_unknown, "a lookup of employments names one that does not exist", "doc"),
        Rule(1160304, referenced_company_is_unknown, "a lookup of companies names one that does not exist", "doc"),
        Rule(
            1160710, block_list_is_contradictory, "blocked without a reason, or a reason without being blocked", "doc"
        ),
        Rule(
            1160700,
            noncompete_agreement_is_contradictory,
            "enforced without company, or without a period from the last day on",
        ),
        Rule(1160200, job_change_is_being_approved, "a job change of the employment is Approving", "doc"),
        Rule(1160601, is_before_onboarding, "the new last day is before the onboarding date", "doc"),
        Rule(1160602, is_before_probation, "the new last day is before the probation starts", "doc"),
        Rule(1160603, is_before_job_change, "the new last day is before an approved job change takes effect", "doc"),
        Rule(
            1160300,
            department_is_not_in_force,
            "the department of the employment is not in force on the new last day",
            "doc",
        ),
        Rule(
            1160205,
            contract_ended_on_or_after_last_day,
            "the contract of the new last day has an actual end on or after it",
            "doc",
        ),
        Rule(
            1160204,
            later_contract_exists,
            "one contract has started by the new last day, another starts after it",
            "doc",
        ),
        Rule(1160607, is_before_every_contract, "the new last day is before the first contract starts", "doc"),
        Rule(
            1160608,
            is_after_contract_end,
            "the last contract is not closed and its agreed end is before the new last day",
            "doc",
        ),
        Rule(1160203, contract_ended_before_last_day, "the last contract was closed before the new last day", "doc"),
        Rule(
            1161000,
            GatewayReason.INTERNAL_ERROR,
            "corehr failed; raised by a sandbox fault only, a real failure is 1160103",
            "doc",
        ),
        Rule(1160103, GatewayReason.INTERNAL_ERROR, "corehr itself failed", "doc"),
    ],
)
