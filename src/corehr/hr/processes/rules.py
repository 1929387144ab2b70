"""PUT /open-apis/corehr/v2/processes/:process_id/approvers/:approver_id and GET /open-apis/corehr/v2/approvers:
their documented tables, row by row."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from corehr.engines.approvals import ProcessStatus, Task, TaskStatus
from corehr.engines.rulebook import Rule, Rulebook, Unreachable
from corehr.hr.employments import records as people
from corehr.hr.processes import records
from corehr.kernel.db import Row as StoredRow
from corehr.kernel.db import Tx
from corehr.kernel.errors import GatewayReason

REJECT, APPROVE = 2, 3


@dataclass(frozen=True)
class ApproverAnswer:
    """What an approver, or the system in their place, says to one task."""

    process_id: str
    task_id: str
    status: Any
    approver_id: str | None
    by_system: bool
    reason: str


@dataclass(frozen=True)
class AnswerCase:
    """One answer; `process` is None when there is no such process."""

    tx: Tx
    request: ApproverAnswer
    process: StoredRow | None

    @cached_property
    def tasks(self) -> Sequence[Task]:
        return records.list_tasks(self.tx, self.process["id"]) if self.process else ()

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
    over = c.process is not None and c.process["status"] != ProcessStatus.RUNNING
    return over or (c.task is not None and c.task.status is TaskStatus.CANCELLED)


ANSWER: Rulebook[AnswerCase] = Rulebook(
    "v2.process-approver.update",
    [
        Rule(1161002, status_is_not_approve_or_reject, "`status` is neither 2 nor 3", "doc"),
        Rule(1161002, task_is_unknown, "no such process, or no such task handed out in it"),
        Rule(1161002, approver_is_missing, "no `user_id` although the system does not answer", "doc"),
        Rule(1161002, rejection_has_no_reason, "a rejection needs a reason", "doc"),
        Rule(1161003, is_not_the_approver, "`user_id` is not the approver of this task", "doc"),
        Rule(1161001, task_is_answered, "the task was approved or rejected before"),
        Rule(1161005, process_is_over, "the process, or the task with it, has ended meanwhile"),
        Rule(
            1161004, Unreachable("job-change flows have no form that an approval submits"), "the form was not accepted"
        ),
    ],
)


@dataclass(frozen=True)
class TaskListCase:
    """Whose tasks are asked for; page and status as they came."""

    tx: Tx
    approver_id: Any
    page_token: Any
    status: Any

    @cached_property
    def employment(self) -> people.Employment | None:
        return people.get(self.tx, self.approver_id) if isinstance(self.approver_id, str) else None


APPROVER_STATUSES: Mapping[str, int] = {str(n): n for n in (-2, -1, 0, 1, 2, 3, 4, 5, 6, 12, 14, 16)}
"""Every `approver_status` the page lists; most name states that our tasks never have."""


def list_user_is_unknown(c: TaskListCase) -> bool:
    return c.employment is None


def page_token_is_not_a_page(c: TaskListCase) -> bool:
    text = str(c.page_token)
    return not (text.isascii() and text.isdecimal() and 1 <= int(text) <= 1_000_000)


def list_status_is_unknown(c: TaskListCase) -> bool:
    return c.status is not None and str(c.status) not in APPROVER_STATUSES


TASKS: Rulebook[TaskListCase] = Rulebook(
    "v2.approver.list",
    [
        Rule(1160001, list_user_is_unknown, "`user_id` names nobody"),
        Rule(1160101, page_token_is_not_a_page, "`page_token` is not a page that this operation gave"),
        Rule(1160121, list_status_is_unknown, "`approver_status` is none of the documented ones"),
        Rule(1160500, GatewayReason.INTERNAL_ERROR, "corehr itself failed", "doc"),
    ],
)
