"""Processes, as records: flows, the approvals that run through them, the tasks of their approvers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from corehr.engines import approvals
from corehr.engines.approvals import Decision, ProcessStatus, Task, TaskStatus
from corehr.hr.processes import events
from corehr.kernel.db import Row, Tx, decode_json, encode_json
from corehr.kernel.statements import (
    bind,
    insert_into,
    integer_column,
    matches,
    of_tenant,
    select_by,
    statement,
    tenant_table,
    text_column,
    update_columns,
)

ADMINISTRATOR: Final = "process_administrator"
MANAGER: Final = "direct_manager"
"""In a flow's node: whoever is the subject person's direct manager when the process starts."""

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

_ADD_FLOW = insert_into(flow)
_FLOW = select_by(flow, "id")
_ADD = insert_into(process)
_FIND = select_by(process, "id")
_RUNNING_ABOUT = statement(
    sa.select(process.c.subject_kind)
    .where(*matches(process, "subject_id"), process.c.status == int(ProcessStatus.RUNNING))
    .distinct()
)
_SET_STATUS = update_columns(process, "status", "completed_at")
_ADD_TASK = insert_into(task)
_TASKS = statement(sa.select(task).where(*matches(task, "process_id")).order_by(task.c.node, task.c.id))
_SET_TASK = update_columns(task, "status")
_ANSWER = update_columns(task, "answered_at", "reason", "by_system")
_ADD_ROLE = insert_into(role)
_ROLE = select_by(role, "employment_id", "role")
_handed_out = (
    of_tenant(task),
    task.c.approver == bind("approver"),
    task.c.status != int(TaskStatus.WAITING),
)
_OF_APPROVER = statement(
    sa.select(task.c.id, task.c.process_id, task.c.status)
    .where(*_handed_out, sa.or_(bind("status", type_=sa.BigInteger).is_(None), task.c.status == bind("status")))
    .order_by(task.c.id)
    .limit(bind("limit"))
    .offset(bind("offset"))
)


@dataclass(frozen=True, slots=True)
class Node:
    """One step of a flow: its approvers are employment ids or MANAGER; `all_of` asks every one of them."""

    approvers: Sequence[str]
    all_of: bool


def add_flow(tx: Tx, id: str, name_zh: str, name_en: str, nodes: Sequence[Node], *, active: bool = True) -> None:
    """A flow that approvals can run through."""
    written = [{"approvers": list(n.approvers), "all_of": n.all_of} for n in nodes]
    tx.execute(
        _ADD_FLOW,
        id=id,
        name_zh=name_zh,
        name_en=name_en,
        active=int(active),
        nodes=encode_json(written).decode(),
    )


def flow_nodes(tx: Tx, flow_id: str) -> Sequence[Node] | None:
    """The steps of an active flow; None when it is unknown or disabled."""
    row = tx.fetch_one(_FLOW, id=flow_id)
    if row is None or not row["active"]:
        return None
    return [Node(n["approvers"], n["all_of"]) for n in decode_json(row["nodes"])]


def add_role(tx: Tx, employment_id: str, name: str) -> None:
    tx.execute(_ADD_ROLE, employment_id=employment_id, role=name)


def is_administrator(tx: Tx, employment_id: str) -> bool:
    return tx.fetch_one(_ROLE, employment_id=employment_id, role=ADMINISTRATOR) is not None


def start(
    tx: Tx,
    flow_id: str,
    nodes: Sequence[Node],
    subject: tuple[str, str],
    employment_id: str,
    manager_id: str | None,
    initiator_id: str | None,
    *,
    properties: int = NORMAL,
) -> tuple[str, ProcessStatus]:
    """An approval about `subject` (kind, id) begins; its id, and FINISHED at once when nobody has to be asked.

    `properties` is NORMAL, REVOCATION or CORRECTION.
    """
    row: Row = {
        "id": tx.new_id(),
        "flow_id": flow_id,
        "subject_kind": subject[0],
        "subject_id": subject[1],
        "employment_id": employment_id,
        "initiator_id": initiator_id,
        "properties": properties,
        "status": int(ProcessStatus.RUNNING),
        "created_at": tx.recorded_at,
        "completed_at": None,
    }
    tx.execute(_ADD, **row)
    tx.emit(events.status_changed(row))
    tasks = [
        Task(tx.new_id(), number, approver, node.all_of, TaskStatus.WAITING)
        for number, node in enumerate(nodes)
        for approver in _people(node, manager_id)
    ]
    verdict = approvals.start(tasks)
    tx.execute_many(
        _ADD_TASK,
        [
            {
                "id": t.id,
                "process_id": row["id"],
                "node": t.node,
                "approver": t.approver,
                "all_of": int(t.all_of),
                "status": int(t.status),
                "answered_at": None,
                "reason": None,
                "by_system": None,
            }
            for t in verdict.tasks
        ],
    )
    return row["id"], _conclude(tx, row, tasks, verdict)


def get(tx: Tx, id: str) -> Row | None:
    return tx.fetch_one(_FIND, id=id)


def running_about(tx: Tx, subject_id: str) -> frozenset[str]:
    """The kinds of approval that run about a subject."""
    return frozenset(row["subject_kind"] for row in tx.fetch_all(_RUNNING_ABOUT, subject_id=subject_id))


def tasks_of(tx: Tx, process_id: str) -> Sequence[Task]:
    """Every task of the process, in order of its nodes."""
    return [
        Task(r["id"], r["node"], r["approver"], bool(r["all_of"]), TaskStatus(r["status"]))
        for r in tx.fetch_all(_TASKS, process_id=process_id)
    ]


def tasks_for(tx: Tx, approver: str, status: int | None, limit: int, offset: int) -> Sequence[Row]:
    """The tasks handed out to one person: rows `{id, process_id, status}`, oldest first."""
    return tx.fetch_all(_OF_APPROVER, approver=approver, status=status, limit=limit, offset=offset)


def answer(
    tx: Tx, row: Row, tasks: Sequence[Task], task_id: str, *, approve: bool, reason: str, by_system: bool
) -> ProcessStatus:
    """One task is answered; the process as it stands then."""
    tx.execute(_ANSWER, id=task_id, answered_at=tx.recorded_at, reason=reason, by_system=int(by_system))
    return _become(tx, row, tasks, approvals.answer(tasks, task_id, approve=approve))


def end(tx: Tx, process_id: str) -> None:
    """What the process is about was taken back: a running process is recalled, a finished one revoked."""
    row = tx.fetch_one(_FIND, id=process_id)
    if row is None or row["status"] not in (ProcessStatus.RUNNING, ProcessStatus.FINISHED):
        return
    running = row["status"] == ProcessStatus.RUNNING
    tasks = tasks_of(tx, process_id)
    _become(tx, row, tasks, approvals.cancel(tasks, ProcessStatus.RECALLED if running else ProcessStatus.REVOKED))


def _people(node: Node, manager_id: str | None) -> list[str]:
    wanted = (manager_id if a == MANAGER else a for a in node.approvers)
    return list(dict.fromkeys(a for a in wanted if a))


def _become(tx: Tx, row: Row, before: Sequence[Task], verdict: Decision) -> ProcessStatus:
    was = {t.id: t.status for t in before}
    tx.execute_many(_SET_TASK, [{"id": t.id, "status": int(t.status)} for t in verdict.tasks if t.status != was[t.id]])
    return _conclude(tx, row, before, verdict)


def _conclude(tx: Tx, row: Row, before: Sequence[Task], verdict: Decision) -> ProcessStatus:
    """The process takes the status that its tasks give it, and says what moved."""
    if verdict.status != row["status"]:
        row = {**row, "status": int(verdict.status), "completed_at": tx.recorded_at}
        tx.execute(_SET_STATUS, id=row["id"], status=row["status"], completed_at=row["completed_at"])
        tx.emit(events.status_changed(row))
    _announce(tx, row, before, verdict)
    return verdict.status


def _announce(tx: Tx, row: Row, before: Sequence[Task], verdict: Decision) -> None:
    was: Mapping[str, TaskStatus] = {t.id: t.status for t in before}
    moved = [t for t in verdict.tasks if t.status != was[t.id]]
    for changed in moved:
        tx.emit(events.approver_updated(row, changed))
    for node in sorted({t.node for t in moved}):
        status = _node_status([t for t in verdict.tasks if t.node == node])
        if status is not _node_status([t for t in before if t.node == node]):
            tx.emit(events.node_updated(row, node, status))
    tx.emit(events.updated(row))


def _node_status(tasks: Sequence[Task]) -> TaskStatus:
    """A node is as its tasks are: rejected by one, open while one is open, else done or called off.

    Where one approver is enough, the others' tasks are called off when it is done; where all are asked, it is not done.
    """
    statuses = {t.status for t in tasks}
    first, second = TaskStatus.DONE, TaskStatus.CANCELLED
    if tasks[0].all_of:
        first, second = second, first
    ranked = (TaskStatus.REJECTED, TaskStatus.PENDING, TaskStatus.WAITING, first, second)
    return next(status for status in ranked if status in statuses)
