"""Expected bodies of events, complete but for the members that change within one test."""

from collections.abc import Sequence
from typing import Any

from tests.world import World

Body = dict[str, Any]


def user_ids(employment: Any) -> Body:
    """The ids of an employee as the receiving app gets them."""
    return {name: employment[name] for name in ("union_id", "user_id", "open_id")}


def job_change(
    id: str,
    employment: Any,
    day: str,
    *,
    mode: int = 1,
    type: str = "internal_transfer",
    process: str = "",
    key: str = "",
    fields: Sequence[str] = (),
) -> Body:
    """job_change.status_updated_v2, without `status` and `original_status`."""
    return {
        "employment_id": employment["id"],
        "job_change_id": id,
        "transfer_mode": mode,
        "transfer_type_unique_identifier": type,
        "transfer_reason_unique_identifier": "",
        "process_id": process,
        "effective_date": day,
        "transfer_key": key,
        "details_of_job_status_change": list(fields),
        "target_user_id": user_ids(employment),
    }


def job_change_statuses(change: Body, original_status: int, status: int) -> list[tuple[str, Body]]:
    """Return the two events of a job change that got a status; version 1 has two fields less."""
    version_1 = {name: value for name, value in change.items() if name != "details_of_job_status_change"}
    return [
        ("job_change.updated_v1", version_1 | {"status": status}),
        ("job_change.status_updated_v2", change | {"status": status, "original_status": original_status}),
    ]


def job_data_changed(id: str, employment: Any) -> Body:
    """job_data.changed_v1."""
    return {
        "job_data_id": employment["job_data_id"],
        "employment_id": employment["id"],
        "job_change_id": id,
        "target_user_id": user_ids(employment),
    }


def job_change_added(id: str, employment: Any, at: str, fields: Sequence[str], by: str = "") -> Body:
    """employee.domain_event_v2 of a new job change."""
    header = {
        "event_type": 5,
        "sub_event_type": 5001,
        "opt_scene": "OpenAPIAddJobChange",
        "opt_desc": "添加异动",
    }
    return header | _employee_domain_event(id, employment, at, by, "job_change", 1, fields)


def job_change_revoked(id: str, employment: Any, at: str, fields: Sequence[str], by: str) -> Body:
    """employee.domain_event_v2 of a revoked job change."""
    header = {
        "event_type": 5,
        "sub_event_type": 5003,
        "opt_scene": "OpenAPIRevokeJobChange",
        "opt_desc": "撤销异动",
    }
    return header | _employee_domain_event(id, employment, at, by, "job_change", 3, fields)


def offboarding_approved(id: str, employment: Any, at: str) -> Body:
    """employee.domain_event_v2 of an approved offboarding."""
    header = {
        "event_type": 7,
        "sub_event_type": 7001,
        "opt_scene": "OpenAPIAddOffboarding",
        "opt_desc": "离职通过",
    }
    return header | _employee_domain_event(id, employment, at, "", "offboarding_info", 1, ["status"])


def offboarding_revoked(id: str, employment: Any, at: str, by: str = "") -> Body:
    """employee.domain_event_v2 of a revoked offboarding."""
    header = {
        "event_type": 7,
        "sub_event_type": 7002,
        "opt_scene": "OpenAPIRevokeOffboarding",
        "opt_desc": "撤销离职",
    }
    return header | _employee_domain_event(id, employment, at, by, "offboarding_info", 3, ["status"])


def _employee_domain_event(
    id: str, employment: Any, at: str, by: str, entity: str, opt_type: int, fields: Sequence[str]
) -> Body:
    change = {
        "id": id,
        "entity": entity,
        "agg_entity": "employment",
        "agg_entity_id": employment["id"],
        "opt_type": opt_type,
        "fields": list(fields),
    }
    return {
        "operator_user_id": by,
        "opt_time": at,
        "opt_id": id,
        "employment_id": employment["id"],
        "data": [change],
    }


def employment_updated(employment: Any, *fields: str) -> Body:
    """employment.updated_v1."""
    return {"employment_id": employment["id"], "field_changes": list(fields), "target_user_id": user_ids(employment)}


def offboarding_status(id: str, employment: Any, process: str = "") -> Body:
    """offboarding.status_updated_v2 and .updated_v1, without `status`."""
    return {
        "employment_id": employment["id"],
        "offboarding_id": id,
        "process_id": process,
        "target_user_id": user_ids(employment),
    }


def offboarding_updated(
    id: str, employment: Any, at: str, *, process: str = "", by: str = "", hand_over: str = ""
) -> Body:
    """offboarding.updated_v2, without `status`, `checklist_status` and `updated_fields`."""
    return {
        "tenant_id": "1",
        "offboarding_info_id": id,
        "process_id": process,
        "checklist_process_id": hand_over,
        "employment_id": employment["id"],
        "operator": by,
        "updated_time": f"{at}000",
        "target_user_id": user_ids(employment),
    }


def checklist(id: str, employment: Any, process: str) -> Body:
    """offboarding.checklist_updated_v2, without `checklist_status`."""
    return {
        "employment_id": employment["id"],
        "offboarding_id": id,
        "checklist_process_id": process,
        "target_user_id": user_ids(employment),
    }


def approval(
    world: World, id: str, flow: str, business: str, properties: int = 1
) -> tuple[Body, tuple[Body, Body], tuple[Body, Body]]:
    """The process, its two nodes, and the one task of each, without `status` and, for nodes, `node_status`."""
    process = {
        "process_id": id,
        "biz_type": business,
        "flow_definition_id": flow,
        "properties": properties,
    }
    task_1, task_2 = world.sandbox("GET", f"records/processes/{id}")["tasks"]
    return process, (_node(process, 1), _node(process, 2)), (_task(process, 1, task_1), _task(process, 2, task_2))


def _node(process: Body, number: int) -> Body:
    return {
        "flow_definition_id": process["flow_definition_id"],
        "node_definition_id": f"{process['flow_definition_id']}_node_{number}",
        "process_id": process["process_id"],
        "process_node_id": f"{process['process_id']}_{number}",
        "node_type": 1,
        "biz_type": process["biz_type"],
    }


def _task(process: Body, number: int, task: Any) -> Body:
    return {
        "process_id": process["process_id"],
        "approver_id": task["approver_id"],
        "type": 1,
        "biz_type": process["biz_type"],
        "flow_definition_id": process["flow_definition_id"],
        "node_definition_id": f"{process['flow_definition_id']}_node_{number}",
        "node_id": f"{process['process_id']}_{number}",
        "node_id_str": f"{process['process_id']}_{number}",
    }
