"""Rules of POST /open-apis/corehr/v2/job_changes/:job_change_id/revoke: its table, and refusals without a code."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from corehr.apps.scopes import DataRange
from corehr.engines.rulebook import Rule, Rulebook
from corehr.hr.employees.employments import records as employments
from corehr.hr.employees.job_datas import records as job_datas
from corehr.hr.job_changes import records
from corehr.hr.job_changes.row import JobChange
from corehr.hr.organization import departments
from corehr.hr.processes import records as processes
from corehr.kernel import tenants
from corehr.kernel.db import Tx
from corehr.kernel.errors import GatewayReason
from corehr.kernel.ids import UNKNOWN_ID


@dataclass(frozen=True)
class RevokeCase:
    """A job change to be revoked; `row_or_none` and `employment_or_none` are None when the change does not exist.

    `managers_above` are the ids of all managers who would be above the employee again, locked.
    """

    tx: Tx
    row_or_none: JobChange | None
    employment_or_none: employments.Employment | None
    data_range: DataRange
    operator_id: Any
    managers_above: frozenset[str]

    @cached_property
    def operator(self) -> employments.Employment | None:
        may_exist = isinstance(self.operator_id, str) and self.operator_id not in ("", UNKNOWN_ID)
        return employments.get(self.tx, self.operator_id) if may_exist else None

    @property
    def job_change(self) -> JobChange:
        assert self.row_or_none is not None, "an earlier rule checks that the job change exists"
        return self.row_or_none


def job_change_is_unknown(c: RevokeCase) -> bool:
    return c.row_or_none is None or c.employment_or_none is None


def employment_is_outside_data_range(c: RevokeCase) -> bool:
    if c.data_range.everyone:
        return False
    today = tenants.today(c.tx)
    department = job_datas.department_as_of(c.tx, c.job_change.employment_id, today)
    return not departments.is_in_data_range(c.tx, c.data_range, department, today)


def operator_is_unknown(c: RevokeCase) -> bool:
    return c.operator is None


REVOKE: Rulebook[RevokeCase] = Rulebook(
    "v2.job_change.revoke",
    [
        Rule(1160001, job_change_is_unknown, "no job change has this id", "doc"),
        Rule(1160001, employment_is_outside_data_range, "its employment is outside the app's data range"),
        Rule(1160001, operator_is_unknown, "`operator_id` is missing, empty or names no employment", "doc"),
        Rule(1160001, GatewayReason.MALFORMED, "a parameter does not have the documented shape", "doc"),
    ],
)


def is_already_final(c: RevokeCase) -> bool:
    return c.job_change.status not in records.ACTIVE_STATUSES


def operator_is_not_administrator(c: RevokeCase) -> bool:
    return c.job_change.process_id is not None and not processes.is_administrator(c.tx, str(c.operator_id))


def would_make_reporting_line_circular(c: RevokeCase) -> bool:
    """Managers whom the employee would report to again may report to the employee by now."""
    return c.employment_or_none is not None and c.employment_or_none.id in c.managers_above


MESSAGE_RULES: Final[Sequence[tuple[str, Callable[[RevokeCase], bool]]]] = (
    ("异动已被拒绝或已撤销，不能再次撤销", is_already_final),
    ("异动关联了流程，操作人不是流程管理员", operator_is_not_administrator),
    ("撤销后汇报线成环，请先调整汇报线", would_make_reporting_line_circular),
)
"""Refusals that the page has no code for, in order: the response has `code` 0, `result` false and the message."""
