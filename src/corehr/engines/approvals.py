"""The approval engine: which tasks of a process are pending, and what follows from an approver's answer.

Pure: tasks and nodes only, without SQL and without the subject of the approval.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple


class ProcessStatus(IntEnum):
    """The status of a process, with the platform's numbers."""

    RUNNING = 1
    REJECTED = 2
    RECALLED = 4
    REVOKED = 8
    FINISHED = 9


class TaskStatus(IntEnum):
    """The status of an approver's task, with the platform's numbers; a WAITING task has not been handed out yet."""

    WAITING = 0
    PENDING = 1
    REJECTED = 2
    DONE = 3
    CANCELLED = 4


class Task(NamedTuple):
    """An approver's task in node number `node`; an `all_of` node needs every approver, other nodes any one."""

    id: str
    node: int
    approver: str
    all_of: bool
    status: TaskStatus


@dataclass(frozen=True, slots=True)
class Decision:
    """The tasks after a change, and the status of the process that results."""

    tasks: Sequence[Task]
    status: ProcessStatus


def start(tasks: Sequence[Task]) -> Decision:
    """Hand out the tasks of the first node; a process without tasks is finished at once."""
    return _start_next_node(list(tasks), 0)


def answer(tasks: Sequence[Task], task_id: str, *, approve: bool) -> Decision:
    """Apply an approver's answer: a rejection ends the process, an approval may finish the node or the process."""
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
    """End the process with `status`: RECALLED while it runs, REVOKED once it has finished."""
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
    """Cancel the pending tasks; waiting ones stay waiting, since they were never handed out."""
    return [t._replace(status=TaskStatus.CANCELLED) if t.status is TaskStatus.PENDING else t for t in tasks]
