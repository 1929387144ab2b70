"""Approvals, decided: which tasks a flow asks for, and what follows from one answer.

Pure: it knows tasks and nodes, never rows, people or what the approval is about.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple


class ProcessStatus(IntEnum):
    """A process, as the platform numbers it."""

    RUNNING = 1
    REJECTED = 2
    RECALLED = 4
    REVOKED = 8
    FINISHED = 9


class TaskStatus(IntEnum):
    """One approver's task, as the platform numbers it; WAITING ones have not been handed out."""

    WAITING = 0
    OPEN = 1
    REJECTED = 2
    DONE = 3
    CANCELLED = 4


class Task(NamedTuple):
    """One approver's part in node number `node`; `all_of` nodes need every approver, others any one."""

    id: str
    node: int
    approver: str
    all_of: bool
    status: TaskStatus


@dataclass(frozen=True, slots=True)
class Verdict:
    """The tasks as they stand after an answer, and the process because of it."""

    tasks: Sequence[Task]
    status: ProcessStatus


def begun(tasks: Sequence[Task]) -> Verdict:
    """The first node's tasks are handed out; a flow that asks nobody is finished at once."""
    return _next_node(list(tasks), 0)


def answered(tasks: Sequence[Task], task_id: str, *, approve: bool) -> Verdict:
    """One approver answered: a rejection ends the process, an approval may finish the node, or the process."""
    task = next(t for t in tasks if t.id == task_id)
    answer = TaskStatus.DONE if approve else TaskStatus.REJECTED
    after = [t._replace(status=answer) if t.id == task_id else t for t in tasks]
    if not approve:
        return Verdict(_cancelled(after), ProcessStatus.REJECTED)
    node = [t for t in after if t.node == task.node]
    if task.all_of and any(t.status is TaskStatus.OPEN for t in node):
        return Verdict(after, ProcessStatus.RUNNING)
    settled = [
        t._replace(status=TaskStatus.CANCELLED) if t.node == task.node and t.status is TaskStatus.OPEN else t
        for t in after
    ]
    return _next_node(settled, task.node + 1)


def ended(tasks: Sequence[Task], status: ProcessStatus) -> Verdict:
    """The process is ended from outside: recalled while it runs, revoked when it had finished."""
    return Verdict(_cancelled(tasks), status)


def _next_node(tasks: list[Task], node: int) -> Verdict:
    waiting = [t.node for t in tasks if t.status is TaskStatus.WAITING and t.node >= node]
    if not waiting:
        return Verdict(tasks, ProcessStatus.FINISHED)
    turn = min(waiting)
    return Verdict([t._replace(status=TaskStatus.OPEN) if t.node == turn else t for t in tasks], ProcessStatus.RUNNING)


def _cancelled(tasks: Sequence[Task]) -> list[Task]:
    """What was handed out is taken back; what waited for its turn never came to anybody."""
    return [t._replace(status=TaskStatus.CANCELLED) if t.status is TaskStatus.OPEN else t for t in tasks]
