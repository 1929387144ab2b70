"""The events of processes, their nodes and their tasks."""

from typing import Any, Final

from corehr.engines.approvals import Task, TaskStatus
from corehr.hr.processes.row import Process
from corehr.kernel.event_log import Event

NORMAL, REVOCATION, CORRECTION = 1, 2, 3
"""The `properties` of a process: it approves something new, its revocation, or its correction."""

BUSINESS_TYPE: Final = {
    "job_change": "job_change",
    "offboarding": "offboarding_info",
    "offboarding_modification": "offboarding_info",
    "offboarding_withdrawal": "offboarding_info",
    "offboarding_checklist": "offboarding_transfer",
}
"""The platform's `biz_type` of an approval, by subject kind."""

NODE_TYPE_APPROVAL = 1
EVENT_NODE_STATUS_CODES = {TaskStatus.PENDING: 1, TaskStatus.REJECTED: 2, TaskStatus.DONE: 3, TaskStatus.CANCELLED: 4}


def status_changed(process: Process) -> Event:
    return Event("corehr.process.status.update_v2", process.id, _process_payload(process))


def updated(process: Process) -> Event:
    return Event("corehr.process.updated_v2", process.id, _process_payload(process))


def node_updated(process: Process, node: int, status: TaskStatus) -> Event:
    return Event(
        "corehr.process.node.updated_v2",
        process.id,
        {
            "flow_definition_id": process.flow_id,
            "node_definition_id": node_definition_id(process.flow_id, node),
            "process_id": process.id,
            "process_node_id": node_id(process.id, node),
            "node_type": NODE_TYPE_APPROVAL,
            "node_status": EVENT_NODE_STATUS_CODES[status],
            "biz_type": BUSINESS_TYPE[process.subject_kind],
        },
    )


def approver_updated(process: Process, task: Task) -> Event:
    node = node_id(process.id, task.node)
    return Event(
        "corehr.process.approver.updated_v2",
        process.id,
        {
            "process_id": process.id,
            "approver_id": task.id,
            "type": NODE_TYPE_APPROVAL,
            "status": int(task.status),
            "biz_type": BUSINESS_TYPE[process.subject_kind],
            "flow_definition_id": process.flow_id,
            "node_definition_id": node_definition_id(process.flow_id, task.node),
            "node_id": node,
            "node_id_str": node,
        },
    )


def node_definition_id(flow_id: str, node: int) -> str:
    return f"{flow_id}_node_{node + 1}"


def node_id(process_id: str, node: int) -> str:
    return f"{process_id}_{node + 1}"


def _process_payload(process: Process) -> dict[str, Any]:
    return {
        "process_id": process.id,
        "status": process.status,
        "biz_type": BUSINESS_TYPE[process.subject_kind],
        "flow_definition_id": process.flow_id,
        "properties": process.properties,
    }
