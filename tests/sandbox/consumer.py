"""A consumer that builds its state from event bodies alone, and the same state as the read operations return it."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa

from corehr.hr.contracts.records import contract
from corehr.hr.employees.employments.records import employment
from corehr.hr.job_changes.records import job_change
from corehr.hr.offboardings.records import TYPE_DIRECT, offboarding
from corehr.hr.pre_hires.records import pre_hire
from corehr.hr.processes.events import BUSINESS_TYPE, node_id
from corehr.hr.processes.records import process
from corehr.kernel.statements import in_tenant, statement
from tests.world import COREHR_ID_TYPES, QUERY_JOB_DATA_PATH, World

TASKS: Final = "/open-apis/corehr/v2/approvers"

Body = Mapping[str, Any]
State = dict[str, dict[str, dict[str, Any]]]
"""Facts by kind and id."""

# ------------------------------------------------------------------------------------------------- state from bodies

_JOB_CHANGE_FIELDS: Final = (
    "employment_id",
    "transfer_mode",
    "transfer_type_unique_identifier",
    "transfer_reason_unique_identifier",
    "process_id",
    "effective_date",
    "status",
    "transfer_key",
)
_OFFBOARDING_FIELDS: Final = ("employment_id", "process_id", "status")
_CHECKLIST_FIELDS: Final = ("employment_id", "checklist_status", "checklist_process_id")
_PROCESS_FIELDS: Final = ("status", "biz_type", "flow_definition_id", "properties")

EVENT_KEYS: Final[Mapping[str, tuple[str, str, Sequence[str]]]] = {
    "corehr.contract.created_v1": ("contracts", "contract_id", ()),
    "corehr.contract.updated_v1": ("contracts", "contract_id", ()),
    "corehr.employee.domain_event_v2": ("employments", "employment_id", ()),
    "corehr.employment.updated_v1": ("employments", "employment_id", ()),
    "corehr.job_change.updated_v1": ("job_changes_v1", "job_change_id", _JOB_CHANGE_FIELDS),
    "corehr.job_change.status_updated_v2": ("job_changes", "job_change_id", _JOB_CHANGE_FIELDS),
    "corehr.job_data.changed_v1": ("effects", "job_change_id", ("job_data_id", "employment_id")),
    "corehr.job_data.created_v1": ("job_datas", "job_data_id", ()),
    "corehr.job_data.updated_v1": ("job_datas", "job_data_id", ()),
    "corehr.offboarding.checklist_updated_v2": ("checklists", "offboarding_id", _CHECKLIST_FIELDS),
    "corehr.offboarding.status_updated_v2": ("offboardings", "offboarding_id", _OFFBOARDING_FIELDS),
    "corehr.offboarding.updated_v1": ("offboardings_v1", "offboarding_id", _OFFBOARDING_FIELDS),
    "corehr.offboarding.updated_v2": ("checklists", "offboarding_info_id", _CHECKLIST_FIELDS),
    "corehr.pre_hire.updated_v1": ("pre_hires", "pre_hire_id", ()),
    "corehr.process.approver.updated_v2": ("tasks", "approver_id", ("process_id", "node_id_str", "status")),
    "corehr.process.node.updated_v2": ("nodes", "process_node_id", ("process_id", "node_status")),
    "corehr.process.status.update_v2": ("processes", "process_id", _PROCESS_FIELDS),
    "corehr.process.updated_v2": ("processes", "process_id", _PROCESS_FIELDS),
}
"""By event type: the kind of its record, the member with the record's id, and the members that become its facts."""


class Consumer:
    """Keeps the state that follows from event bodies; an event that comes again does not change it."""

    def __init__(self) -> None:
        self.state: State = defaultdict(dict)

    def consume(self, envelopes: Iterable[Body]) -> None:
        """Update the state from these events, in their order."""
        for envelope in envelopes:
            type, body = envelope["header"]["event_type"], envelope["event"]
            if type in EVENT_KEYS:
                kind, id_member, facts = EVENT_KEYS[type]
                self._upsert(kind, body[id_member], **{name: body[name] for name in facts})
            if handler := self._HANDLERS.get(type):
                handler(self, body)
            assert handler or type in EVENT_KEYS, type

    def _upsert(self, kind: str, id: str, **facts: Any) -> None:
        self.state[kind].setdefault(id, {}).update(facts)

    def _delete_contract(self, body: Body) -> None:
        self.state["contracts"].pop(body["contract_id"], None)

    def _mark_employed(self, body: Body) -> None:
        self._upsert("employments", body["employment_id"], resigned=False)

    def _update_employment(self, body: Body) -> None:
        if "employment_status" in body["field_changes"]:  # the event of a resignation comes after it
            self._mark_employed(body)

    def _mark_resigned(self, body: Body) -> None:
        self._upsert("employments", body["employment_id"], resigned=True)

    def _advance_onboarding(self, body: Body) -> None:
        pre_hire_state = self.state["pre_hires"].setdefault(body["pre_hire_id"], {"tasks": {}})
        pre_hire_state["flow_id"], pre_hire_state["flow_instance_id"] = (
            body["flow_info"]["id"],
            body["onboarding_flow_id"],
        )
        pre_hire_state["flow_status"] = body["onboarding_flow_change"]["after_status"]
        changes = {change["task_code"]: change["after_status"] for change in body["onboarding_task_changes"]}
        pre_hire_state["tasks"] = pre_hire_state.get("tasks", {}) | changes

    _HANDLERS: Final[Mapping[str, Callable[["Consumer", Body], None]]] = {
        "corehr.contract.deleted_v1": _delete_contract,
        "corehr.employment.created_v1": _mark_employed,
        "corehr.employment.updated_v1": _update_employment,
        "corehr.employment.resigned_v1": _mark_resigned,
        "corehr.pre_hire.onboarding_task_changed_v2": _advance_onboarding,
    }


# -------------------------------------------------------------------------------------------------- state as it is read

_JOB_CHANGE_STATUS: Final = {
    "Approving": 1, "Cancelled": 2, "Rejected": 3, "Approved": 4, "Transformed": 5, "NoNeedApproval": 6,
}  # fmt: skip
_OFFBOARDING_STATUS: Final = {
    "Approving": 1, "Approved": 2, "Offboarded": 3, "Rejected": 4, "Withdrawn": 5, "NoNeedApproval": 6,
}  # fmt: skip
_OFFBOARDING_STATUS_V1: Final = {"Approving": 1, "Withdrawn": 2, "Rejected": 3, "Approved": 4, "Offboarded": 5}
_CHECKLIST_STATUS: Final = {"AntiBegin": 1, "Approving": 2, "Finished": 3, "Rejected": 4, "Withdrawn": 5}
"""Statuses of the API, as events number them."""

PENDING, REJECTED, DONE, CANCELLED = 1, 2, 3, 4
"""Statuses of tasks and nodes, as events and the list of tasks number them."""


def list_ids(world: World, table: sa.Table) -> list[str]:
    """Return the ids of all rows of a table, in order."""
    select_ids = statement(sa.select(table.c.id).where(in_tenant(table)).order_by(table.c.id))
    return [row["id"] for row in world.in_transaction(lambda tx: tx.fetch_all(select_ids))]


def get_record(world: World, kind: str, id: str) -> Any:
    """Return a record as the sandbox shows it, for which the API has no operation yet, or None."""
    response = world.request("GET", f"/sandbox/records/{kind}/{id}")
    return None if response.status == 404 else response.json


def get_job_datas(world: World, *employment_ids: str) -> dict[str, Any]:
    """Return all versions of the job data of all employments, or of these, by the id of the job data."""
    body = {"get_all_version": True, **({"employment_ids": list(employment_ids)} if employment_ids else {})}
    found: dict[str, Any] = {}
    next_page: dict[str, str] = {}
    while True:
        page = world.call("POST", QUERY_JOB_DATA_PATH, body, page_size=100, **COREHR_ID_TYPES, **next_page).data
        found |= {item["job_datas"][0]["job_data_id"]: item["job_datas"] for item in page["items"]}
        if not page["has_more"]:
            return found
        next_page = {"page_token": page["page_token"]}


def list_tasks_of_approver(world: World, approver: str, status: int) -> Iterator[tuple[str, str, int]]:
    """Yield the tasks of an approver in this status: ids of task and process, and status."""
    user = {"user_id": approver, "user_id_type": "people_corehr_id"}
    page = world.call("GET", TASKS, approver_status=status, page_size=100, **user).data
    assert not page["has_more"]
    for task in page["approver_list"]:
        yield task["approver_id"], task["process_id"], task["approver_status"]


def read_state(world: World) -> State:
    """Return all that a consumer can know from bodies alone, as the read operations return it."""
    job_changes = {id: _job_change(get_record(world, "job_changes", id)) for id in list_ids(world, job_change)}
    offboardings = {id: get_record(world, "offboardings", id) for id in list_ids(world, offboarding)}
    processes = {id: get_record(world, "processes", id) for id in list_ids(world, process)}
    return {
        "contracts": {id: {} for id in list_ids(world, contract) if get_record(world, "contracts", id)},
        "employments": {id: _employment(get_record(world, "employments", id)) for id in list_ids(world, employment)},
        "checklists": {id: _checklist(row) for id, row in offboardings.items()},
        "job_changes": job_changes,
        "job_changes_v1": job_changes,
        "job_datas": {id: {} for id in get_job_datas(world)},
        "nodes": dict(node for row in processes.values() for node in _nodes(row)),
        "offboardings": {id: _offboarding(row, _OFFBOARDING_STATUS) for id, row in offboardings.items()},
        "offboardings_v1": {
            id: _offboarding(row, _OFFBOARDING_STATUS_V1)
            for id, row in offboardings.items()
            if row["type"] != TYPE_DIRECT
        },
        "pre_hires": {id: _pre_hire(get_record(world, "pre_hires", id)) for id in list_ids(world, pre_hire)},
        "processes": {id: _process(row) for id, row in processes.items()},
        "tasks": dict(task for row in processes.values() for task in _tasks(row)),
    }


def _job_change(row: Body) -> dict[str, Any]:
    return {
        "employment_id": row["employment_id"],
        "transfer_mode": row["mode"],
        "transfer_type_unique_identifier": row["transfer_type"],
        "transfer_reason_unique_identifier": row["transfer_reason"] or "",
        "process_id": row["process_id"] or "",
        "effective_date": row["effective_date"],
        "status": _JOB_CHANGE_STATUS[row["status"]],
        "transfer_key": row["transfer_key"] or "",
    }


def _employment(record: Body) -> dict[str, Any]:
    facts = record["version"]["body"] if record["version"] else {}
    return {"resigned": facts.get("employment_status") == "terminated"}


def _offboarding(row: Body, statuses: Mapping[str, int]) -> dict[str, Any]:
    process_id, status = row["process_id"] or "", statuses[row["status"]]
    return {"employment_id": row["employment_id"], "process_id": process_id, "status": status}


def _checklist(row: Body) -> dict[str, Any]:
    return {
        "employment_id": row["employment_id"],
        "checklist_status": _CHECKLIST_STATUS[row["checklist_status"]],
        "checklist_process_id": row["checklist_process_id"] or "",
    }


def _pre_hire(row: Body) -> dict[str, Any]:
    tasks = {task["code"]: task["status"] for task in row["tasks"]}
    return {**{name: row[name] for name in ("flow_id", "flow_instance_id", "flow_status")}, "tasks": tasks}


def _process(row: Body) -> dict[str, Any]:
    return {
        "status": row["status"],
        "biz_type": BUSINESS_TYPE[row["subject_kind"]],
        "flow_definition_id": row["flow_id"],
        "properties": row["properties"],
    }


def _started_nodes(row: Body) -> Iterator[tuple[str, int, Sequence[Body]]]:
    """Yield the started nodes of a process: id, status and tasks. A node starts when the one before it is done."""
    for index in range(1 + max((task["node"] for task in row["tasks"]), default=-1)):
        tasks = [task for task in row["tasks"] if task["node"] == index]
        statuses = {task["status"] for task in tasks}
        status = next(candidate for candidate in (REJECTED, PENDING, DONE, CANCELLED) if candidate in statuses)
        yield node_id(row["id"], index), status, tasks
        if status != DONE:
            return


def _nodes(row: Body) -> Iterator[tuple[str, dict[str, Any]]]:
    for id, status, _ in _started_nodes(row):
        yield id, {"process_id": row["id"], "node_status": status}


def _tasks(row: Body) -> Iterator[tuple[str, dict[str, Any]]]:
    for node, _, tasks in _started_nodes(row):
        for task in tasks:
            yield task["approver_id"], {"process_id": row["id"], "node_id_str": node, "status": task["status"]}
