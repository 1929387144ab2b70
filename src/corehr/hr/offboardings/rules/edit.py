"""The rules of POST /open-apis/corehr/v2/offboardings/edit, in the order in which they are checked."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from corehr.engines import versions
from corehr.engines.custom_fields import FieldType, InvalidValue, referenced_ids
from corehr.engines.entity import EntityStatus, status_as_of
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
    operator_is_not_employed,
    operator_is_unknown,
    start_date,
)
from corehr.hr.organization.companies import COMPANY
from corehr.hr.violations import employment_is_missing, employment_is_outside_data_range
from corehr.kernel.clock import FOREVER, IsoDate
from corehr.kernel.errors import GatewayReason

BLOCK_LIST, NONCOMPETE_AGREEMENT = "add_block_list", "enforce_noncompete_agreement"
BLOCK_LIST_FIELDS: Final = (BLOCK_LIST, *records.DEPENDANTS_BY_FLAG[BLOCK_LIST])
NONCOMPETE_FIELDS: Final = (NONCOMPETE_AGREEMENT, *records.DEPENDANTS_BY_FLAG[NONCOMPETE_AGREEMENT])
NONCOMPETE_COMPANY, NONCOMPETE_START = "noncompete_agreement_company", "noncompete_agreement_start_date"


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


def is_not_approved(c: EditCase) -> bool:
    return c.offboarding.status in (Status.APPROVING, Status.REJECTED)


def is_withdrawn(c: EditCase) -> bool:
    return c.offboarding.status == Status.WITHDRAWN


def field_is_locked(c: EditCase) -> bool:
    return any(c.definitions[name].locked for name in c.text_by_field)


# -- each value --------------------------------------------------------------------------------------------------


def _fields_with(c: EditCase, invalid_value: InvalidValue) -> Sequence[str]:
    """Return the fields whose text is invalid for this reason."""
    return [name for name, value in c.value_by_field.items() if value is invalid_value]


def value_is(invalid_value: InvalidValue, name: str) -> Callable[[EditCase], bool]:
    """Return a violation of this name that holds when a text is invalid for this reason."""
    return with_name(lambda c: bool(_fields_with(c, invalid_value)), name)


def explanation_is_too_long(c: EditCase) -> bool:
    return any(name in records.EXPLANATION_FIELDS for name in _fields_with(c, InvalidValue.TOO_LONG))


def mandatory_field_is_emptied(*types: FieldType) -> Callable[[EditCase], bool]:
    """Return a violation that holds when a text empties a mandatory field of one of these types."""
    return with_name(
        lambda c: any(c.definitions[name].type in types for name in _fields_with(c, InvalidValue.IS_EMPTY)),
        f"mandatory_{types[0].name.lower()}_is_emptied",
    )


def _added_ids(c: EditCase, target_kind: str) -> Mapping[str, Sequence[str]] | None:
    """Return by field the ids that lookups of this kind would refer to and do not yet; None when one is malformed."""
    values = {
        name: value
        for name, value in c.changes.items()
        if c.definitions[name].type is FieldType.LOOKUP and c.definitions[name].target_kind == target_kind
    }
    if InvalidValue.NOT_A_REFERENCE in values.values():
        return None
    present_ids = {name: referenced_ids(records.value_of(c.offboarding, name)) for name in values}
    return {name: [id for id in referenced_ids(value) if id not in present_ids[name]] for name, value in values.items()}


def referenced_employment_is_unknown(c: EditCase) -> bool:
    ids_by_field = _added_ids(c, employments.KIND)
    if ids_by_field is None:
        return True
    ids = {id for ids in ids_by_field.values() for id in ids}
    return bool(ids) and bool(ids - employments.get_many(c.tx, sorted(ids)).keys())


def _company_statuses(c: EditCase) -> Sequence[EntityStatus] | None:
    """Return the status of each added company on the day it is named for; None when a lookup is malformed."""
    ids_by_field = _added_ids(c, COMPANY.kind)
    if ids_by_field is None:
        return None
    timelines = versions.timelines(c.tx, [id for ids in ids_by_field.values() for id in ids])
    return [
        status_as_of(timelines.get((COMPANY.kind, id)), _day_of_company(c, name))
        for name, ids in ids_by_field.items()
        for id in ids
    ]


def _day_of_company(c: EditCase, name: str) -> IsoDate:
    """Return the day on which the company in this field must be in force."""
    agreement_start = c.value_after(NONCOMPETE_START) if name == NONCOMPETE_COMPANY else None
    return str(agreement_start or c.last_day)


def referenced_company_is_unknown(c: EditCase) -> bool:
    statuses = _company_statuses(c)
    return statuses is None or EntityStatus.MISSING in statuses


def referenced_company_is_not_in_force(c: EditCase) -> bool:
    return EntityStatus.INACTIVE in (_company_statuses(c) or ())


# -- combinations of values --------------------------------------------------------------------------------------


def block_list_is_contradictory(c: EditCase) -> bool:
    if c.changes.keys().isdisjoint(BLOCK_LIST_FIELDS):
        return False
    blocked, reason, explanation = (c.value_after(name) for name in BLOCK_LIST_FIELDS)
    return not reason if blocked is True else bool(reason or explanation)


def noncompete_agreement_is_contradictory(c: EditCase) -> bool:
    if not c.changes_offboarding_date and c.changes.keys().isdisjoint(NONCOMPETE_FIELDS):
        return False
    enforced, company, start, end = (c.value_after(name) for name in NONCOMPETE_FIELDS)
    if enforced is True:
        return not (company and start and end) or not c.last_day <= str(start) <= str(end)
    return enforced is False and bool(company or start or end)


# -- other records, and the last day -----------------------------------------------------------------------------


def job_change_is_being_approved(c: EditCase) -> bool:
    return bool(c.changes) and any(row["status"] == job_changes.Status.APPROVING for row in c.job_changes)


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
    return c.contract.get(contracts.ACTUAL_END_DATE) if c.contract else None


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


def no_contract_is_in_force(c: EditCase) -> bool:
    return c.changes_offboarding_date and (c.contract is None or (_actual_end_date(c) or FOREVER) < c.last_day)


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
        Rule(
            1160631,
            employee_has_left,
            "another last day, for an employee who has left. The sentence alone would refuse every edit after leaving; "
            "that the other fields may still be edited is ours: the page of the event of changed fields lists the "
            "status of those who have left, and the block list is about them",
        ),
        Rule(1161001, is_under_modification, "an approval of a change of its fields is running", "doc"),
        Rule(1161002, is_under_withdrawal, "an approval of its withdrawal is running", "doc"),
        Rule(1160623, is_not_approved, "the offboarding is Approving or Rejected", "doc"),
        Rule(1160623, is_withdrawn, "the offboarding is Withdrawn, whether or not it had been approved"),
        Rule(1160623, field_is_locked, "a field that the page lists as not editable is named, with any value", "doc"),
        Rule(
            1160623,
            value_is(InvalidValue.READ_ONLY, "field_is_filled_in_by_the_system"),
            "another value for an automatic number, an image, a calculated field or a reverse lookup",
        ),
        Rule(1160624, operator_is_unknown, "`operator_id` is given and is not an employment", "doc"),
        Rule(
            1160624,
            operator_is_not_employed,
            "the operator has left or has not begun, on today's day in the time zone where they work; the sentence is "
            "about existence only",
        ),
        Rule(1160637, value_is(InvalidValue.IS_ATTACHMENT, "field_is_an_attachment"), "an attachment is given", "doc"),
        Rule(
            1160638,
            value_is(InvalidValue.NOT_A_DATE, "date_is_malformed"),
            "not a day `YYYY-MM-DD`, nor `YYYY-MM-DD HH:MM:SS` for a field with a time",
            "doc",
        ),
        Rule(
            1160638,
            mandatory_field_is_emptied(FieldType.DATE),
            "the empty text for `offboarding_date`, or for a mandatory date of the company's own",
        ),
        Rule(1160639, value_is(InvalidValue.NOT_A_BOOLEAN, "bool_is_malformed"), "neither `true` nor `false`", "doc"),
        Rule(
            1160630,
            value_is(InvalidValue.NOT_A_NUMBER, "number_is_malformed"),
            "not a decimal number, or more decimals than the field takes, which the page of submit_v2 says; that too "
            "many digits count as well is ours",
        ),
        Rule(1160604, explanation_is_too_long, "the explanation of a reason has more than 6000 characters", "doc"),
        Rule(
            1160617,
            value_is(InvalidValue.NOT_A_URL, "link_is_malformed"),
            "not an absolute http or https URL; the page does not say which format is legal",
        ),
        Rule(
            1160618,
            value_is(InvalidValue.TOO_LONG, "text_is_too_long"),
            "over 255 characters on one line, 6000 on several",
            "doc",
        ),
        Rule(
            1160619,
            value_is(InvalidValue.NOT_AN_OPTION, "option_is_unknown"),
            "not an option of the field; for a field of several, not a JSON list of them",
            "doc",
        ),
        Rule(
            1160619,
            mandatory_field_is_emptied(FieldType.OPTION),
            "the empty text for `reason`, which submit_v2 requires, or for a mandatory option of the company's own",
        ),
        Rule(
            1160102,
            mandatory_field_is_emptied(FieldType.TEXT, FieldType.BOOL, FieldType.NUMBER, FieldType.LOOKUP),
            "the empty text for another mandatory field, of the company's own",
        ),
        Rule(
            1160636,
            referenced_employment_is_unknown,
            "a lookup of employments is given one that does not exist; one that has ended may be named",
            "doc",
        ),
        Rule(1160304, referenced_company_is_unknown, "a lookup of companies is given one that does not exist", "doc"),
        Rule(
            1160304,
            referenced_company_is_not_in_force,
            "a company is given that is not in force on the day the non-compete agreement starts, in other lookups on "
            "the last day; the sentence is about existence only",
        ),
        Rule(
            1160710,
            block_list_is_contradictory,
            "after the edit: blocked without a reason, or a reason or explanation without being blocked, as the page "
            "of submit_v2 says; that switching it off empties those that are not sent along is ours",
        ),
        Rule(
            1160700,
            noncompete_agreement_is_contradictory,
            "after the edit: enforced without company and period, or with a period that starts before the last day or "
            "ends before it starts; or not enforced, and one of them is sent along. The page says only that they are "
            "illegal",
        ),
        Rule(
            1160200,
            job_change_is_being_approved,
            "a field changes while a job change of the employment is Approving",
            "doc",
        ),
        Rule(1160601, is_before_onboarding, "another last day, before the onboarding date", "doc"),
        Rule(1160602, is_before_probation, "another last day, before the probation starts", "doc"),
        Rule(
            1160603,
            is_before_job_change,
            "another last day, before the last job change takes effect; that those rejected, cancelled or still being "
            "approved do not count is ours",
        ),
        Rule(
            1160300,
            department_is_not_in_force,
            "another last day, on which the employee's department of that day is not in force",
            "doc",
        ),
        Rule(
            1160205,
            contract_ended_on_or_after_last_day,
            "another last day, and the contract of that day has an actual end, as the page of submit_v2 says",
            "doc",
        ),
        Rule(
            1160204,
            later_contract_exists,
            "another last day, and a contract starts after it, as the page of submit_v2 says; that one must have "
            "started by then, which divides it from 1160607, is ours",
        ),
        Rule(
            1160607,
            is_before_every_contract,
            "another last day, before a contract starts; that it is the first one is ours, see 1160204",
        ),
        Rule(
            1160608,
            is_after_contract_end,
            "another last day, after the agreed end of a contract; that it is the last one, and has no actual end, is "
            "ours",
        ),
        Rule(
            1160203,
            no_contract_is_in_force,
            "another last day, on which no contract is in force: the employee has none at all, or the last one has "
            "actually ended before",
            "doc",
        ),
        Rule(
            1161000,
            GatewayReason.INTERNAL_ERROR,
            "raised by a sandbox fault only; that a real failure is 1160103 instead is ours",
        ),
        Rule(1160103, GatewayReason.INTERNAL_ERROR, "corehr itself failed", "doc"),
    ],
)
