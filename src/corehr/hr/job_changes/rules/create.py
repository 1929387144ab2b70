"""Rules of POST /open-apis/corehr/v1/job_changes: its documented error table, row by row."""

from collections.abc import Mapping
from typing import Final

from corehr.engines.rulebook import Rule, Rulebook
from corehr.engines.timeline import has_version_after
from corehr.hr.employees.employments import records as employments
from corehr.hr.job_changes import records
from corehr.hr.job_changes.rules.case import Case, is_same_value, parse_hours
from corehr.hr.job_changes.rules.cost_shares import (
    cost_center_has_children,
    cost_center_is_disabled_later,
    cost_center_is_not_in_force,
    cost_center_is_unknown,
    cost_centers_are_malformed,
    rate_is_below_1,
    rate_is_not_an_integer_up_to_100,
    share_is_incomplete,
    shares_repeat,
    total_is_not_100,
)
from corehr.hr.job_changes.rules.fit import (
    contract_ends_before_it_starts,
    family_and_level_have_no_common_pathway,
    job_does_not_allow,
    level_is_not_of_the_pathway,
    subtype_does_not_belong_to_type,
)
from corehr.hr.job_changes.rules.flags import dotted_manager_is_cleared_and_set, probation_flag_is_contradictory
from corehr.hr.job_changes.rules.headcount import headcount_is_exhausted
from corehr.hr.job_changes.rules.targets import (
    job_family_is_not_selectable,
    location_lacks_usage,
    manager_has_left,
    manager_is_not_onboarded,
    manager_is_unknown,
    reference_is_inactive,
    reference_is_invalid_field,
    reference_is_missing,
    reference_is_not_active,
    reporting_line_is_circular,
)
from corehr.hr.job_changes.rules.values import (
    custom_field_is_given_twice,
    custom_field_is_not_settable,
    custom_field_is_unknown,
    custom_value_is_invalid,
    option_is_unknown,
)
from corehr.hr.offboardings import records as offboardings
from corehr.hr.organization import locations
from corehr.hr.violations import employment_is_missing, employment_is_outside_data_range, is_employed_today
from corehr.kernel.errors import INVALID_FIELD, GatewayReason

FIELDS_NOT_CHANGED_ALONE: Final = frozenset(
    {
        "probation_start_date",
        "probation_end_date",
        "contract_type",
        "signing_type",
        "duration_type",
        "contract_end_date",
    }
)
"""Fields that may change only together with another field."""

# -- required fields ---------------------------------------------------------------------------------------------


def transfer_type_is_missing(c: Case) -> bool:
    return c.request.transfer_type in (None, "")


def transfer_type_is_unknown(c: Case) -> bool:
    return c.transfer_type is None


def transfer_type_is_system_only(c: Case) -> bool:
    return c.transfer_type is not None and bool(c.transfer_type.system_only)


def flow_is_missing(c: Case) -> Mapping[str, str] | None:
    if c.request.mode == records.MODE_APPROVAL and not c.request.flow_id:
        return {"field": "flow_id", "description": "flow_id is required"}
    return None


def flow_is_not_of_the_type(c: Case) -> Mapping[str, str] | None:
    if c.request.mode != records.MODE_APPROVAL or c.flow is None or c.transfer_type is None:
        return None
    if c.request.flow_id == c.transfer_type.flow_id:
        return None
    return {"field": "flow_id", "description": "flow_id is not the flow of transfer_type_unique_identifier"}


# -- employment --------------------------------------------------------------------------------------------------


def employment_id_is_missing(c: Case) -> bool:
    return c.request.employment_id in (None, "")


def transfer_key_is_of_another_employee(c: Case) -> Mapping[str, str] | None:
    if c.key_holder is None:
        return None
    return {"field": "transfer_key", "description": "transfer_key is that of a job change of another employee"}


def initiator_is_not_employed(c: Case) -> Mapping[str, str] | None:
    id = c.request.initiator_id
    initiator = employments.find(c.tx, id)
    if not id or (initiator is not None and is_employed_today(c.tx, initiator)):
        return None
    return {"field": "initiator_id", "description": "initiator_id is not the id of an employee who is employed now"}


# -- state and effective date ------------------------------------------------------------------------------------


def has_pending_offboarding(c: Case) -> bool:
    return any(r.status in offboardings.PENDING_STATUSES for r in c.offboardings)


def has_unfinished_approval(c: Case) -> bool:
    return any(r["status"] == records.Status.APPROVING for r in c.job_changes)


def has_later_job_change(c: Case) -> bool:
    return any(r["effective_date"] > c.request.effective_date for r in c.job_changes)


def has_later_job_data(c: Case) -> bool:
    return has_version_after(c.job_data, c.request.effective_date)


def is_before_onboarding(c: Case) -> bool:
    return c.request.effective_date < c.employment.onboarding_date


def _is_after_last_day(c: Case) -> bool:
    return c.employment.end_date is not None and c.request.effective_date > c.employment.end_date


def _has_left(c: Case) -> bool:
    return any(r.status == offboardings.Status.OFFBOARDED for r in c.offboardings)


def is_after_offboarding(c: Case) -> bool:
    return _is_after_last_day(c) and _has_left(c)


def is_after_end_date(c: Case) -> bool:
    return _is_after_last_day(c) and not _has_left(c)


# -- whether anything changes ------------------------------------------------------------------------------------


def originals_are_stale(c: Case) -> bool:
    return any(not is_same_value(f, v, c.current.get(f)) for f, v in c.request.originals.items())


def has_no_target(c: Case) -> bool:
    request = c.request
    return not request.targets and request.dotted_manager_clean is not True and request.probation_exist is None


def changes_no_value(c: Case) -> bool:
    return c.new_values.keys() <= FIELDS_NOT_CHANGED_ALONE


# -- hours -------------------------------------------------------------------------------------------------------


def hours_are_out_of_range(c: Case) -> bool:
    if "weekly_working_hours" not in c.new_values:
        return False
    value = parse_hours(c.new_values["weekly_working_hours"])
    return value is None or not 0 < value <= 168


# -- contract and probation --------------------------------------------------------------------------------------


def contract_starts_after_current_one_ends(c: Case) -> bool:
    start = c.new_values.get("contract_start_date")
    end = c.current.get("contract_end_date")
    return bool(start and end and start > end)


def probation_ends_before_effect(c: Case) -> bool:
    end = c.new_values.get("probation_end_date")
    return bool(end and end < c.request.effective_date)


def contract_ends_before_effect(c: Case) -> bool:
    end = c.new_values.get("contract_end_date")
    return bool(end and end < c.request.effective_date)


# -- the employee number -----------------------------------------------------------------------------------------


def employee_number_is_taken(c: Case) -> Mapping[str, str] | None:
    number = c.new_values.get(employments.EMPLOYEE_NUMBER)
    if not number or not employments.is_number_of_another(c.tx, number, c.employment.id):
        return None
    return {
        "field": "transfer_info.target_employment_change.employee_number",
        "description": "employee_number is held by another employee, or by a job change of one",
    }


# -- approval ----------------------------------------------------------------------------------------------------


def flow_cannot_be_started(c: Case) -> bool:
    return c.request.mode == records.MODE_APPROVAL and c.flow is None


CREATE: Rulebook[Case] = Rulebook(
    "v1.job_change.create",
    [
        Rule(1160100, transfer_type_is_missing, "`transfer_type_unique_identifier` is missing or empty", "doc"),
        Rule(1160100, transfer_type_is_unknown, "there is no such transfer type; the page has no other code for it"),
        Rule(
            1160100, transfer_type_is_system_only, "the type is reorganisation, handover or probation conversion", "doc"
        ),
        Rule(INVALID_FIELD, flow_is_missing, "`flow_id` is missing although mode 2 needs it", "doc"),
        Rule(INVALID_FIELD, flow_is_not_of_the_type, "the flow belongs to another transfer type, or to none"),
        Rule(1160200, employment_id_is_missing, "`employment_id` is missing or empty", "doc"),
        Rule(1160200, employment_is_missing, "`employment_id` names no employment; the page has no other code for it"),
        Rule(1160200, employment_is_outside_data_range, "the employment is outside the app's data range"),
        Rule(INVALID_FIELD, transfer_key_is_of_another_employee, "the app gave this key to another employee's change"),
        Rule(INVALID_FIELD, initiator_is_not_employed, "`initiator_id` names nobody who is employed today"),
        Rule(1160201, has_pending_offboarding, "an offboarding is Approving, Approved or NoNeedApproval", "doc"),
        Rule(
            1160202,
            has_unfinished_approval,
            "a job change is being approved, and must be decided first, as the checks of version 2 say",
        ),
        Rule(1160202, has_later_job_change, "a job change, not rejected nor cancelled, takes effect later", "doc"),
        Rule(1160501, is_before_onboarding, "it takes effect before the day of onboarding", "doc"),
        Rule(1160502, is_after_offboarding, "it takes effect after the last day of an offboarded employee", "doc"),
        Rule(1164003, is_after_end_date, "it takes effect after an end date that no offboarding set"),
        Rule(1162002, has_later_job_data, "a version of the job data begins later", "doc"),
        Rule(INVALID_FIELD, dotted_manager_is_cleared_and_set, "the flag empties it, a target sets it", "doc"),
        Rule(INVALID_FIELD, probation_flag_is_contradictory, "true without an end date, or false with one", "doc"),
        Rule(INVALID_FIELD, custom_field_is_unknown, "employments have no custom field of this name"),
        Rule(INVALID_FIELD, custom_field_is_given_twice, "one custom field twice among the targets or the originals"),
        Rule(
            INVALID_FIELD,
            custom_field_is_not_settable,
            "of a type for which the guide has no value in a job change, such as a lookup, or read-only",
            "doc",
        ),
        Rule(
            INVALID_FIELD,
            custom_value_is_invalid,
            "no value of the field: text length, link, number, option, date; an empty text empties the field",
        ),
        Rule(1160600, has_no_target, "no target field and no flag is given", "doc"),
        Rule(1160700, originals_are_stale, "a given original is not the value in force on the effective date", "doc"),
        Rule(
            1160601,
            changes_no_value,
            "every target has its value already, as agreed for that day, or may not change alone: the list of checks",
            "doc",
        ),
        Rule(1160300, reference_is_missing("department_id", "department"), "the target department does not exist"),
        Rule(
            1160301,
            reference_is_missing("work_location_id", "work_location"),
            "the target work location does not exist",
        ),
        Rule(1160302, reference_is_missing("job_id", "job"), "the target job does not exist"),
        Rule(1160303, reference_is_missing("job_family_id", "job_family"), "the target job family does not exist"),
        Rule(1160306, reference_is_missing("working_hours_type_id", "working_hours_type"), "it does not exist", "doc"),
        Rule(
            1160306,
            reference_is_inactive("working_hours_type_id", "working_hours_type"),
            "not in force on that day",
            "doc",
        ),
        Rule(1160307, reference_is_missing("job_level_id", "job_level"), "it does not exist", "doc"),
        Rule(
            1160307,
            reference_is_inactive("job_level_id", "job_level"),
            "not in force on that day",
            "doc",
        ),
        Rule(1160308, reference_is_missing("employee_type_id", "employee_type"), "it does not exist", "doc"),
        Rule(
            1160308,
            reference_is_inactive("employee_type_id", "employee_type"),
            "not in force on that day",
            "doc",
        ),
        Rule(1160308, subtype_does_not_belong_to_type, "the subtype does not belong to the resulting employee type"),
        Rule(
            INVALID_FIELD,
            reference_is_invalid_field("company_id", "target_company"),
            "it does not exist or is disabled",
        ),
        Rule(
            INVALID_FIELD,
            reference_is_invalid_field("service_company_id", "target_service_company", disabled_later=True),
            "it does not exist, or is disabled on that day or later, as the checks of version 2 say",
        ),
        Rule(
            INVALID_FIELD,
            reference_is_invalid_field("job_grade_id", "target_job_grade"),
            "it does not exist or is disabled",
        ),
        Rule(
            INVALID_FIELD,
            reference_is_invalid_field("position_id", "target_position"),
            "it does not exist or is disabled",
        ),
        Rule(
            INVALID_FIELD,
            reference_is_invalid_field("working_calendar_id", "target_working_calendar"),
            "it does not exist or is disabled",
        ),
        Rule(INVALID_FIELD, option_is_unknown("work_shift"), "not an option of `work_shift` of job data"),
        Rule(INVALID_FIELD, option_is_unknown("compensation_type"), "not an option of `compensation_type` of job data"),
        Rule(1163000, reference_is_not_active("department_id", "department"), "it is disabled on that day or later"),
        Rule(
            1163001, reference_is_not_active("work_location_id", "work_location"), "it is disabled on that day or later"
        ),
        Rule(1163002, reference_is_not_active("job_id", "job"), "it is disabled on that day or later"),
        Rule(1163003, reference_is_not_active("job_family_id", "job_family"), "it is disabled on that day or later"),
        Rule(1163003, job_family_is_not_selectable, "the family is not selectable"),
        Rule(1163015, hours_are_out_of_range, "not a number of at most two decimals above 0, up to 168", "doc"),
        Rule(
            1163016,
            location_lacks_usage("work_location_id", locations.WORK_CITY, "work_city"),
            "not a work city",
            "doc",
        ),
        Rule(
            1163017,
            location_lacks_usage("social_security_city_id", locations.SOCIAL_SECURITY_CITY, "social_security_city"),
            "not a social-security city; the field is not on the page, the code is",
        ),
        Rule(1164000, manager_is_not_onboarded(employments.DIRECT_MANAGER), "the manager's first day is later", "doc"),
        Rule(1164001, manager_has_left(employments.DIRECT_MANAGER), "the manager's last day is earlier", "doc"),
        Rule(
            1164001,
            manager_is_unknown(employments.DIRECT_MANAGER),
            "no such manager; there is no other code",
        ),
        Rule(
            1160400,
            reporting_line_is_circular(employments.DIRECT_MANAGER),
            "the manager is the employee, or reports to the employee; that any day counts is ours",
            "doc",
        ),
        Rule(
            1164002,
            manager_is_not_onboarded(employments.DOTTED_MANAGER),
            "the dotted-line manager's first day is later",
            "doc",
        ),
        Rule(1165000, manager_has_left(employments.DOTTED_MANAGER), "the manager's last day is earlier", "doc"),
        Rule(
            1165000,
            manager_is_unknown(employments.DOTTED_MANAGER),
            "no such manager; there is no other code",
        ),
        Rule(
            1160401, reporting_line_is_circular(employments.DOTTED_MANAGER), "as 1160400, along the dotted line", "doc"
        ),
        Rule(
            1163024,
            cost_centers_are_malformed,
            "not a list of objects with an id of digits and a number as rate",
            "doc",
        ),
        Rule(1163022, share_is_incomplete, "only the cost centre or only the rate is given", "doc"),
        Rule(1163021, rate_is_not_an_integer_up_to_100, "above 100, or not an integer; as 1163018"),
        Rule(1163018, rate_is_below_1, "below 1; 1163021 has the same sentence"),
        Rule(1163019, shares_repeat, "a cost centre twice, as the sentence says", "doc"),
        Rule(1163019, total_is_not_100, "rates that do not add up to 100, as the advice says", "doc"),
        Rule(1163025, cost_center_is_unknown, "it does not exist", "doc"),
        Rule(1163023, cost_center_has_children, "it has active children on that day", "doc"),
        Rule(1163020, cost_center_is_not_in_force, "it is not in force on that day", "doc"),
        Rule(1163026, cost_center_is_disabled_later, "it is in force on that day and disabled later", "doc"),
        Rule(
            1165001, contract_starts_after_current_one_ends, "it starts after the last day of the one in force", "doc"
        ),
        Rule(1165002, probation_ends_before_effect, "a given end before the effective date", "doc"),
        Rule(1165005, contract_ends_before_effect, "a given end before the effective date", "doc"),
        Rule(1165006, contract_ends_before_it_starts, "a given end before the resulting start", "doc"),
        Rule(
            INVALID_FIELD,
            employee_number_is_taken,
            "another employment has, had or will have it, as the checks of version 2 say",
        ),
        Rule(1163004, job_does_not_allow("job_family_id", "family"), "the job lists families without this one"),
        Rule(1163005, job_does_not_allow("job_level_id", "level"), "the job lists levels without this one"),
        Rule(1163010, family_and_level_have_no_common_pathway, "both name pathways and share none"),
        Rule(INVALID_FIELD, level_is_not_of_the_pathway, "the level lists pathways without the given one"),
        Rule(
            1163012,
            headcount_is_exhausted,
            "a workforce plan that would count one more employee has no place left on that day, or today if it is past",
        ),
        Rule(1160500, flow_cannot_be_started, "the flow is unknown or disabled"),
        Rule(1160500, GatewayReason.INTERNAL_ERROR, "corehr itself failed", "doc"),
    ],
)
