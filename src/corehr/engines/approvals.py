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
    PENDING = 1
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
class Decision:
    """The tasks as they stand after an answer, and the process because of it."""

    tasks: Sequence[Task]
    status: ProcessStatus


def start(tasks: Sequence[Task]) -> Decision:
    """The first node's tasks are handed out; a flow that asks nobody is finished at once."""
    return _start_next_node(list(tasks), 0)


def answer(tasks: Sequence[Task], task_id: str, *, approve: bool) -> Decision:
    """One approver answered: a rejection ends the process, an approval may finish the node, or the process."""
    task = next(t for t in tasks if t.id == task_id)
    new_status = TaskStatus.DONE if approve else TaskStatus.REJECTED
    after = [t._replace(status=new_status) if t.id == task_id else t for t in tasks]
    if not approve:
        return Decision(_cancel_pending(after), ProcessStatus.REJECTED)
    node_tasks = [t for t in after if t.node == task.node]
    if task.all_of and any(t.status is TaskStatus.PENDING for t in node_tasks):
        return Decision(after, ProcessStatus.RUNNING)
    closed = [
        t._replace(status=TaskStatus.CANCELLED) if t.node == task.node and t.status is TaskStatus.PENDING else t
        for t in after
    ]
    return _start_next_node(closed, task.node + 1)


def cancel(tasks: Sequence[Task], status: ProcessStatus) -> Decision:
    """The process is ended from outside: recalled while it runs, revoked when it had finished."""
    return Decision(_cancel_pending(tasks), status)


def _start_next_node(tasks: list[Task], node: int) -> Decision:
    waiting = [t.node for t in tasks if t.status is TaskStatus.WAITING and t.node >= node]
    if not waiting:
        return Decision(tasks, ProcessStatus.FINISHED)
    next_node = min(waiting)
    return Decision(
        [t._replace(status=TaskStatus.PENDING) if t.node == next_node else t for t in tasks], ProcessStatus.RUNNING
    )


def _cancel_pending(tasks: Sequence[Task]) -> list[Task]:
    """What was handed out is taken back; what waited for its turn never came to anybody."""
    return [t._replace(status=TaskStatus.CANCELLED) if t.status is TaskStatus.PENDING else t for t in tasks]
