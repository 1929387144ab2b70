"""The rules of POST /open-apis/corehr/v2/offboardings/revoke, in the order in which they are checked."""

from corehr.engines.rulebook import Rule, Rulebook
from corehr.hr.offboardings.records import Status
from corehr.hr.offboardings.rules.case import (
    Case,
    is_department_in_force,
    is_under_modification,
    is_under_withdrawal,
    offboarding_is_unknown,
    operator_is_not_employed,
    operator_is_unknown,
)
from corehr.hr.violations import employment_is_missing, employment_is_outside_data_range, today_of
from corehr.kernel.errors import GatewayReason
from corehr.kernel.ids import is_digits


def offboarding_id_is_missing(c: Case) -> bool:
    return not c.offboarding_id


def offboarding_id_is_malformed(c: Case) -> bool:
    return not is_digits(c.offboarding_id)


def is_withdrawn(c: Case) -> bool:
    return Status(c.offboarding.status) is Status.WITHDRAWN


def was_rejected(c: Case) -> bool:
    return Status(c.offboarding.status) is Status.REJECTED


def department_is_not_in_force(c: Case) -> bool:
    """The department of the last day, to which the employee would return, is not in force today."""
    return not is_department_in_force(c, c.offboarding.offboarding_date, today_of(c.tx, c.offboarding.employment_id))


REVOKE: Rulebook[Case] = Rulebook(
    "v2.offboarding.revoke",
    [
        Rule(1160204, GatewayReason.CLAIMED, "another request is revoking this offboarding", "doc"),
        Rule(1160102, offboarding_id_is_missing, "`offboarding_id` is missing or empty", "doc"),
        Rule(1160102, offboarding_id_is_malformed, "`offboarding_id` is not a number; 1160201 would fit as well"),
        Rule(1160201, offboarding_is_unknown, "there is no offboarding with this id", "doc"),
        Rule(
            1160201,
            employment_is_outside_data_range,
            "the employment is outside the app's data range, which the page says restricts it, without a code",
        ),
        Rule(1160201, employment_is_missing, "the employment of the offboarding does not exist"),
        Rule(1160202, is_withdrawn, "the offboarding is Withdrawn", "doc"),
        Rule(1160102, was_rejected, "the offboarding is Rejected, for which the page has no other code"),
        Rule(1160205, is_under_modification, "an approval of a change of its fields is running", "doc"),
        Rule(1160206, is_under_withdrawal, "an approval of its withdrawal is running", "doc"),
        Rule(1160102, operator_is_unknown, "`operator_id` is given and is not an employment"),
        Rule(
            1160102,
            operator_is_not_employed,
            "the operator has left or has not begun, on today's day in the time zone where they work",
        ),
        Rule(
            1160203,
            department_is_not_in_force,
            "the department is not in force on today's day in the time zone where the employee works; that it is the "
            "department of the last day is ours",
        ),
        Rule(
            1160101,
            GatewayReason.INTERNAL_ERROR,
            "raised by a sandbox fault only; that a real failure is 1160103 instead is ours",
        ),
        Rule(1160103, GatewayReason.INTERNAL_ERROR, "corehr itself failed", "doc"),
    ],
)
