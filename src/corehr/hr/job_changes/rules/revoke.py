"""Rules of POST /open-apis/corehr/v2/job_changes/:job_change_id/revoke: its table, then refusals without a code."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from corehr.apps.scopes import DataRange
from corehr.engines.rulebook import Rule, Rulebook
from corehr.hr.employees.employments import records as employments
from corehr.hr.job_changes import records
from corehr.hr.job_changes.row import JobChange
from corehr.hr.processes import records as processes
from corehr.hr.violations import employment_is_outside_data_range, is_employed_today
from corehr.kernel.db import Tx
from corehr.kernel.errors import SUCCESS, GatewayReason


@dataclass(frozen=True)
class RevokeCase:
    """A job change to be revoked; `record_or_none` and `employment_or_none` are None when the change does not exist.

    `managers_above` are the ids of all managers who would be above the employee again, locked.
    """

    tx: Tx
    record_or_none: JobChange | None
    employment_or_none: employments.Employment | None
    data_range: DataRange
    operator_id: Any
    managers_above: frozenset[str]

    @property
    def job_change(self) -> JobChange:
        assert self.record_or_none is not None, "an earlier rule checks that the job change exists"
        return self.record_or_none

    @cached_property
    def operator(self) -> employments.Employment | None:
        return employments.find(self.tx, self.operator_id)

    @property
    def employment(self) -> employments.Employment:
        assert self.employment_or_none is not None, "an earlier rule checks that the employment exists"
        return self.employment_or_none

    @property
    def employment_ids(self) -> Sequence[str]:
        return [self.job_change.employment_id]


def job_change_is_unknown(c: RevokeCase) -> bool:
    return c.record_or_none is None or c.employment_or_none is None


def operator_is_missing(c: RevokeCase) -> bool:
    return c.operator_id in (None, "")


def operator_is_unknown(c: RevokeCase) -> bool:
    return c.operator is None


def operator_is_not_employed(c: RevokeCase) -> bool:
    return c.operator is not None and not is_employed_today(c.tx, c.operator)


def is_already_final(c: RevokeCase) -> bool:
    return c.job_change.status not in records.ACTIVE_STATUSES


def operator_is_not_administrator(c: RevokeCase) -> bool:
    return c.job_change.process_id is not None and not processes.is_administrator(c.tx, str(c.operator_id))


def would_make_reporting_line_circular(c: RevokeCase) -> bool:
    """Managers whom the employee would report to again may report to the employee by now."""
    return c.employment_or_none is not None and c.employment_or_none.id in c.managers_above


REVOKE: Rulebook[RevokeCase] = Rulebook(
    "v2.job_change.revoke",
    [
        Rule(1160001, job_change_is_unknown, "no job change has this id", "doc"),
        Rule(1160001, employment_is_outside_data_range, "its employment is outside the app's data range"),
        Rule(1160001, operator_is_missing, "`operator_id`, which is required, is missing or empty", "doc"),
        Rule(1160001, operator_is_unknown, "`operator_id` names no employment"),
        Rule(1160001, operator_is_not_employed, "the operator has left, or has not begun yet"),
        Rule(1160001, GatewayReason.MALFORMED, "a parameter does not have the documented shape", "doc"),
        Rule(
            SUCCESS,
            is_already_final,
            "the job change is rejected or already revoked",
            message="异动已被拒绝或已撤销，不能再次撤销",
        ),
        Rule(
            SUCCESS,
            operator_is_not_administrator,
            "the job change has a process, and the operator is not a process administrator",
            message="异动关联了流程，操作人不是流程管理员",
        ),
        Rule(
            SUCCESS,
            would_make_reporting_line_circular,
            "the employee would report again to a manager who reports to the employee by now",
            message="撤销后汇报线成环，请先调整汇报线",
        ),
    ],
)
