"""The rules of PUT /open-apis/corehr/v2/processes/:process_id/approvers/:approver_id and of GET
/open-apis/corehr/v2/approvers, in the order in which they are checked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from corehr.apps.scopes import DataRange
from corehr.engines.approvals import ProcessStatus, Task, TaskStatus
from corehr.engines.rulebook import Rule, Rulebook, Unreachable
from corehr.hr.employees.employments import records as employments
from corehr.hr.processes import records
from corehr.hr.processes.row import Process
from corehr.hr.violations import employment_is_outside_data_range
from corehr.kernel.db import Tx
from corehr.kernel.errors import GatewayReason

REJECT, APPROVE = 2, 3


@dataclass(frozen=True)
class ApproverAnswer:
    """The answer of an approver, or of the system in their place, to one task; `status` is unchecked."""

    process_id: str
    task_id: str
    status: Any
    approver_id: str | None
    by_system: bool
    reason: str


@dataclass(frozen=True)
class AnswerCase:
    """One request to answer a task; `process` is None when there is no such process."""

    tx: Tx
    request: ApproverAnswer
    process: Process | None
    data_range: DataRange

    @property
    def employment_ids(self) -> Sequence[str]:
        return [self.process.employment_id] if self.process else []

    @cached_property
    def tasks(self) -> Sequence[Task]:
        return records.list_tasks(self.tx, self.process.id) if self.process else ()

    @cached_property
    def task(self) -> Task | None:
        assigned_tasks = (t for t in self.tasks if t.status is not TaskStatus.WAITING)
        return next((t for t in assigned_tasks if t.id == self.request.task_id), None)


def status_is_not_approve_or_reject(c: AnswerCase) -> bool:
    return type(c.request.status) is not int or c.request.status not in (REJECT, APPROVE)


def task_is_unknown(c: AnswerCase) -> bool:
    return c.task is None


def rejection_has_no_reason(c: AnswerCase) -> bool:
    return c.request.status == REJECT and not c.request.reason.strip()


def approver_is_missing(c: AnswerCase) -> bool:
    return not c.request.by_system and not c.request.approver_id


def is_not_the_approver(c: AnswerCase) -> bool:
    return not c.request.by_system and c.task is not None and c.task.approver != c.request.approver_id


def task_is_answered(c: AnswerCase) -> bool:
    return c.task is not None and c.task.status in (TaskStatus.DONE, TaskStatus.REJECTED)


def process_is_over(c: AnswerCase) -> bool:
    over = c.process is not None and c.process.status != ProcessStatus.RUNNING
    return over or (c.task is not None and c.task.status is TaskStatus.CANCELLED)


ANSWER: Rulebook[AnswerCase] = Rulebook(
    "v2.process-approver.update",
    [
        Rule(1161002, status_is_not_approve_or_reject, "`status` is neither 2 nor 3", "doc"),
        Rule(1161002, task_is_unknown, "there is no such process, or it has no such assigned task"),
        Rule(
            1161003,
            employment_is_outside_data_range,
            "the employment that the process is about is outside the app's data range; the page does not exempt this "
            "operation from the range, as it does the reads and the events of processes, and who decides must see the "
            "subject",
        ),
        Rule(1161002, approver_is_missing, "`user_id` is missing and `system_approval` is not set", "doc"),
        Rule(1161002, rejection_has_no_reason, "a rejection needs a reason", "doc"),
        Rule(1161003, is_not_the_approver, "`user_id` is not the approver of this task", "doc"),
        Rule(1161001, task_is_answered, "the task is already approved or rejected"),
        Rule(1161005, process_is_over, "the process has ended, or the task is cancelled"),
        Rule(
            1161004, Unreachable("job-change flows have no form that an approval submits"), "the form was not accepted"
        ),
    ],
)


@dataclass(frozen=True)
class TaskListCase:
    """A request to list an approver's tasks; every field is unchecked."""

    tx: Tx
    approver_id: Any
    page_token: Any
    status: Any

    @cached_property
    def employment(self) -> employments.Employment | None:
        return employments.get(self.tx, self.approver_id) if isinstance(self.approver_id, str) else None


APPROVER_STATUSES: Mapping[str, int] = {str(n): n for n in (-2, -1, 0, 1, 2, 3, 4, 5, 6, 12, 14, 16)}
"""Every `approver_status` that the page lists; corehr's tasks have only some of them."""


def task_list_user_is_unknown(c: TaskListCase) -> bool:
    return c.employment is None


def page_token_is_not_a_page(c: TaskListCase) -> bool:
    text = str(c.page_token)
    return not (text.isascii() and text.isdecimal() and 1 <= int(text) <= 1_000_000)


def task_list_status_is_unknown(c: TaskListCase) -> bool:
    return c.status is not None and str(c.status) not in APPROVER_STATUSES


TASKS: Rulebook[TaskListCase] = Rulebook(
    "v2.approver.list",
    [
        Rule(
            1160001,
            task_list_user_is_unknown,
            "`user_id` is not an employment; one outside the app's data range is listed like any other, since the page "
            "says that the range does not apply",
        ),
        Rule(1160101, page_token_is_not_a_page, "`page_token` is not a page number"),
        Rule(1160121, task_list_status_is_unknown, "`approver_status` is not a documented one"),
        Rule(1160500, GatewayReason.INTERNAL_ERROR, "corehr itself failed", "doc"),
    ],
)
