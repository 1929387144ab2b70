"""The records of approval: flows, processes, their tasks and roles, and the functions that change them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final

import sqlalchemy as sa
from msgspec.structs import replace

from corehr.engines import approvals
from corehr.engines.approvals import Decision, ProcessStatus, Task, TaskStatus
from corehr.hr.processes import events
from corehr.hr.processes.row import Process
from corehr.kernel.db import Row, Tx, decode_json, encode_json, to_row
from corehr.kernel.statements import (
    bind,
    in_tenant,
    insert_into,
    integer_column,
    matches,
    select_by,
    statement,
    tenant_table,
    text_column,
    update_columns,
)

PROCESS_ADMINISTRATOR: Final = "process_administrator"
DIRECT_MANAGER: Final = "direct_manager"
"""An approver of a node: the direct manager of the employment when the process starts."""

NORMAL, REVOCATION, CORRECTION = events.NORMAL, events.REVOCATION, events.CORRECTION

flow = tenant_table(
    "flow",
    text_column("id", key=True),
    text_column("name_zh"),
    text_column("name_en"),
    integer_column("active"),
    text_column("nodes"),
)
process = tenant_table(
    "process",
    text_column("id", key=True),
    text_column("flow_id"),
    text_column("subject_kind"),
    text_column("subject_id"),
    text_column("employment_id"),
    text_column("initiator_id", optional=True),
    integer_column("properties"),
    integer_column("status"),
    text_column("created_at"),
    text_column("completed_at", optional=True),
    sa.Index("process_by_subject", "tenant", "subject_id"),
)
task = tenant_table(
    "process_task",
    text_column("id", key=True),
    text_column("process_id"),
    integer_column("node"),
    text_column("approver"),
    integer_column("all_of"),
    integer_column("status"),
    text_column("answered_at", optional=True),
    text_column("reason", optional=True),
    integer_column("by_system", optional=True),
    sa.Index("process_task_by_process", "tenant", "process_id", "node"),
    sa.Index("process_task_by_approver", "tenant", "approver", "id"),
)
role = tenant_table("role", text_column("employment_id", key=True), text_column("role", key=True))

_INSERT_FLOW = insert_into(flow)
_SELECT_FLOW = select_by(flow, "id")
_INSERT = insert_into(process)
_SELECT = select_by(process, "id")
_SELECT_RUNNING_SUBJECT_KINDS = statement(
    sa.select(process.c.subject_kind)
    .where(*matches(process, "subject_id"), process.c.status == int(ProcessStatus.RUNNING))
    .distinct()
)
_UPDATE_STATUS = update_columns(process, "status", "completed_at")
_INSERT_TASK = insert_into(task)
_SELECT_TASKS = statement(sa.select(task).where(*matches(task, "process_id")).order_by(task.c.node, task.c.id))
_UPDATE_TASK_STATUS = update_columns(task, "status")
_UPDATE_TASK_ANSWER = update_columns(task, "answered_at", "reason", "by_system")
_INSERT_ROLE = insert_into(role)
_SELECT_ROLE = select_by(role, "employment_id", "role")
_assigned = (
    in_tenant(task),
    task.c.approver == bind("approver"),
    task.c.status != int(TaskStatus.WAITING),
    sa.or_(task.c.by_system.is_(None), task.c.by_system == 0),  # one answered by the system is out of their sight
)
_SELECT_TASKS_OF_APPROVER = statement(
    sa.select(task.c.id, task.c.process_id, task.c.status)
    .where(*_assigned, sa.or_(bind("status", type_=sa.BigInteger).is_(None), task.c.status == bind("status")))
    .order_by(task.c.id)
    .limit(bind("limit"))
    .offset(bind("offset"))
)


@dataclass(frozen=True, slots=True)
class Node:
    """One step of a flow. Approvers are employment ids or DIRECT_MANAGER; with `all_of` every one must approve."""

    approvers: Sequence[str]
    all_of: bool


def create_flow(tx: Tx, id: str, name_zh: str, name_en: str, nodes: Sequence[Node], *, active: bool = True) -> None:
    """Insert an approval flow; an inactive one cannot be started."""
    encoded_nodes = [{"approvers": list(n.approvers), "all_of": n.all_of} for n in nodes]
    tx.execute(
        _INSERT_FLOW,
        id=id,
        name_zh=name_zh,
        name_en=name_en,
        active=int(active),
        nodes=encode_json(encoded_nodes).decode(),
    )


def flow_nodes(tx: Tx, flow_id: str) -> Sequence[Node] | None:
    """Return the nodes of an active flow, or None when it is unknown or disabled."""
    row = tx.fetch_one(_SELECT_FLOW, id=flow_id)
    if row is None or not row["active"]:
        return None
    return [Node(n["approvers"], n["all_of"]) for n in decode_json(row["nodes"])]


def grant_role(tx: Tx, employment_id: str, name: str) -> None:
    tx.execute(_INSERT_ROLE, employment_id=employment_id, role=name)


def is_administrator(tx: Tx, employment_id: str) -> bool:
    return tx.fetch_one(_SELECT_ROLE, employment_id=employment_id, role=PROCESS_ADMINISTRATOR) is not None


def start(
    tx: Tx,
    flow_id: str,
    nodes: Sequence[Node],
    subject: tuple[str, str],
    employment_id: str,
    manager_id: str | None,
    initiator_id: str | None,
    *,
    id: str | None = None,
    properties: int = NORMAL,
) -> tuple[str, ProcessStatus]:
    """Start a process about `subject` (kind, id); return its id and status, FINISHED if there is no approver.

    A subject that has to be stored before its approval starts passes the `id` that it stored. `properties` is NORMAL,
    REVOCATION or CORRECTION.
    """
    process = Process(
        tenant=tx.tenant,
        id=id or tx.new_id(),
        flow_id=flow_id,
        subject_kind=subject[0],
        subject_id=subject[1],
        employment_id=employment_id,
        initiator_id=initiator_id,
        properties=properties,
        status=int(ProcessStatus.RUNNING),
        created_at=tx.recorded_at,
        completed_at=None,
    )
    tx.execute(_INSERT, **to_row(process))
    tx.emit(events.status_changed(process))
    tasks = [
        Task(tx.new_id(), number, approver, node.all_of, TaskStatus.WAITING)
        for number, node in enumerate(nodes)
        for approver in _approver_ids(node, manager_id)
    ]
    decision = approvals.start(tasks)
    tx.execute_many(
        _INSERT_TASK,
        [
            {
                "id": t.id,
                "process_id": process.id,
                "node": t.node,
                "approver": t.approver,
                "all_of": int(t.all_of),
                "status": int(t.status),
                "answered_at": None,
                "reason": None,
                "by_system": None,
            }
            for t in decision.tasks
        ],
    )
    return process.id, _set_status(tx, process, tasks, decision)


def get(tx: Tx, id: str) -> Process | None:
    found = tx.fetch_one(_SELECT, id=id)
    return Process(**found) if found else None


def running_subject_kinds(tx: Tx, subject_id: str) -> frozenset[str]:
    """Return the subject kinds of the running processes about a subject."""
    return frozenset(row["subject_kind"] for row in tx.fetch_all(_SELECT_RUNNING_SUBJECT_KINDS, subject_id=subject_id))


def list_tasks(tx: Tx, process_id: str) -> Sequence[Task]:
    """Return every task of the process, in order of its nodes."""
    return [
        Task(r["id"], r["node"], r["approver"], bool(r["all_of"]), TaskStatus(r["status"]))
        for r in tx.fetch_all(_SELECT_TASKS, process_id=process_id)
    ]


def list_tasks_of_approver(tx: Tx, approver: str, status: int | None, limit: int, offset: int) -> Sequence[Row]:
    """Return the assigned tasks of an approver, oldest first, as rows `{id, process_id, status}`."""
    return tx.fetch_all(_SELECT_TASKS_OF_APPROVER, approver=approver, status=status, limit=limit, offset=offset)


def answer_task(
    tx: Tx, process: Process, tasks: Sequence[Task], task_id: str, *, approve: bool, reason: str, by_system: bool
) -> ProcessStatus:
    """Answer one task and return the resulting status of the process."""
    tx.execute(_UPDATE_TASK_ANSWER, id=task_id, answered_at=tx.recorded_at, reason=reason, by_system=int(by_system))
    return _apply_decision(tx, process, tasks, approvals.answer(tasks, task_id, approve=approve), is_answer=True)


def cancel(tx: Tx, process_id: str) -> None:
    """Cancel the process of a withdrawn subject: recall a running one, revoke a finished one, leave any other."""
    process = get(tx, process_id)
    if process is None or process.status not in (ProcessStatus.RUNNING, ProcessStatus.FINISHED):
        return
    is_running = process.status == ProcessStatus.RUNNING
    tasks = list_tasks(tx, process_id)
    _apply_decision(
        tx, process, tasks, approvals.cancel(tasks, ProcessStatus.RECALLED if is_running else ProcessStatus.REVOKED)
    )


def _approver_ids(node: Node, manager_id: str | None) -> list[str]:
    approver_ids = (manager_id if a == DIRECT_MANAGER else a for a in node.approvers)
    return list(dict.fromkeys(a for a in approver_ids if a))


def _apply_decision(
    tx: Tx, process: Process, before: Sequence[Task], decision: Decision, *, is_answer: bool = False
) -> ProcessStatus:
    previous_statuses = {t.id: t.status for t in before}
    tx.execute_many(
        _UPDATE_TASK_STATUS,
        [{"id": t.id, "status": int(t.status)} for t in decision.tasks if t.status != previous_statuses[t.id]],
    )
    return _set_status(tx, process, before, decision, is_answer=is_answer)


def _set_status(
    tx: Tx, process: Process, before: Sequence[Task], decision: Decision, *, is_answer: bool = False
) -> ProcessStatus:
    """Set the decided status, emit every change since `before` and return the status.

    An answer is reported from its task up to the process, the end of a process from the process down to its tasks, and
    what starts from the node down.
    """
    status_events = []
    if decision.status != process.status:
        process = replace(process, status=int(decision.status), completed_at=tx.recorded_at)
        tx.execute(_UPDATE_STATUS, id=process.id, status=process.status, completed_at=process.completed_at)
        status_events.append(events.status_changed(process))
    tasks, nodes = _changes(before, decision)
    task_events = {task: events.approver_updated(process, task) for task in tasks}
    node_events = {(node, status): events.node_updated(process, node, status) for node, status in nodes}
    ends = [
        [event for task, event in task_events.items() if task.status is not TaskStatus.PENDING],
        [event for (_, status), event in node_events.items() if status is not TaskStatus.PENDING],
        status_events,
    ]
    starts = [
        [event for (_, status), event in node_events.items() if status is TaskStatus.PENDING],
        [event for task, event in task_events.items() if task.status is TaskStatus.PENDING],
    ]
    for event in chain(*(ends if is_answer else reversed(ends)), *starts, [events.updated(process)]):
        tx.emit(event)
    return decision.status


def _changes(before: Sequence[Task], decision: Decision) -> tuple[Sequence[Task], Sequence[tuple[int, TaskStatus]]]:
    """Return the tasks whose status changed, answered ones before cancelled ones, and the nodes with their status."""
    previous_statuses = {t.id: t.status for t in before}
    tasks = [t for t in decision.tasks if t.status != previous_statuses[t.id]]
    tasks.sort(key=lambda t: t.status is TaskStatus.CANCELLED)
    statuses = {
        node: tuple(_node_status([t for t in side if t.node == node]) for side in (before, decision.tasks))
        for node in sorted({t.node for t in tasks})
    }
    return tasks, [(node, after) for node, (earlier, after) in statuses.items() if after is not earlier]


def _node_status(tasks: Sequence[Task]) -> TaskStatus:
    """Return the status of a node: rejected if one task is, else pending or waiting if one is, else done or cancelled.

    If one approver is enough, one done task makes the node done; if all must approve, one cancelled task makes it
    cancelled.
    """
    statuses = {t.status for t in tasks}
    first, second = TaskStatus.DONE, TaskStatus.CANCELLED
    if tasks[0].all_of:
        first, second = second, first
    ranked = (TaskStatus.REJECTED, TaskStatus.PENDING, TaskStatus.WAITING, first, second)
    return next(status for status in ranked if status in statuses)


_PROCESS_EVENTS: Final = (
    "corehr.process.approver.updated_v2",
    "corehr.process.node.updated_v2",
    "corehr.process.status.update_v2",
    "corehr.process.updated_v2",
)

EVENTS_BY_PRIMITIVE: Final[Mapping[str, Sequence[str]]] = {
    "answer_task": _PROCESS_EVENTS,
    "cancel": _PROCESS_EVENTS,
    "start": _PROCESS_EVENTS,
}
"""The events that each function above emits when it changes rows; the other functions emit none."""
