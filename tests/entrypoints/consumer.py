"""A consumer of events, and what it ought to know: the first from bodies alone, the second from what can be read."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa

from corehr.hr.contracts.records import contract
from corehr.hr.employments.records import employment
from corehr.hr.job_changes.records import job_change
from corehr.hr.offboardings.records import TYPE_DIRECT, offboarding
from corehr.hr.pre_hires.records import pre_hire
from corehr.hr.processes.events import BUSINESS_TYPE, node_id
from corehr.hr.processes.records import process
from corehr.kernel.statements import of_tenant, statement
from tests.world import CORE_IDS, JOB_DATA, World

TASKS: Final = "/open-apis/corehr/v2/approvers"

Body = Mapping[str, Any]
Known = dict[str, dict[str, dict[str, Any]]]
"""By kind, by id: facts."""

# --------------------------------------------------------------------------------------------------- what bodies tell

_CHANGE: Final = (
    "employment_id",
    "transfer_mode",
    "transfer_type_unique_identifier",
    "transfer_reason_unique_identifier",
    "process_id",
    "effective_date",
    "status",
    "transfer_key",
)
_LEAVING: Final = ("employment_id", "process_id", "status")
_HAND_OVER: Final = ("employment_id", "checklist_status", "checklist_process_id")
_PROCESS: Final = ("status", "biz_type", "flow_definition_id", "properties")

TELLS: Final[Mapping[str, tuple[str, str, Sequence[str]]]] = {
    "corehr.contract.created_v1": ("contracts", "contract_id", ()),
    "corehr.contract.updated_v1": ("contracts", "contract_id", ()),
    "corehr.employee.domain_event_v2": ("employments", "employment_id", ()),
    "corehr.employment.updated_v1": ("employments", "employment_id", ()),
    "corehr.job_change.updated_v1": ("job_changes_v1", "job_change_id", _CHANGE),
    "corehr.job_change.status_updated_v2": ("job_changes", "job_change_id", _CHANGE),
    "corehr.job_data.changed_v1": ("effects", "job_change_id", ("job_data_id", "employment_id")),
    "corehr.job_data.created_v1": ("job_datas", "job_data_id", ()),
    "corehr.job_data.updated_v1": ("job_datas", "job_data_id", ()),
    "corehr.offboarding.checklist_updated_v2": ("hand_overs", "offboarding_id", _HAND_OVER),
    "corehr.offboarding.status_updated_v2": ("offboardings", "offboarding_id", _LEAVING),
    "corehr.offboarding.updated_v1": ("offboardings_v1", "offboarding_id", _LEAVING),
    "corehr.offboarding.updated_v2": ("hand_overs", "offboarding_info_id", _HAND_OVER),
    "corehr.pre_hire.updated_v1": ("pre_hires", "pre_hire_id", ()),
    "corehr.process.approver.updated_v2": ("tasks", "approver_id", ("process_id", "node_id_str", "status")),
    "corehr.process.node.updated_v2": ("nodes", "process_node_id", ("process_id", "node_status")),
    "corehr.process.status.update_v2": ("processes", "process_id", _PROCESS),
    "corehr.process.updated_v2": ("processes", "process_id", _PROCESS),
}
"""Of each event what it is about, the member that names it, and the members that hold of it until told otherwise."""


class Consumer:
    """What is known of somebody's events, whichever of them come again."""

    def __init__(self) -> None:
        self.known: Known = defaultdict(dict)

    def take(self, envelopes: Iterable[Body]) -> None:
        for envelope in envelopes:
            type, body = envelope["header"]["event_type"], envelope["event"]
            if type in TELLS:
                kind, named_by, facts = TELLS[type]
                self._note(kind, body[named_by], **{name: body[name] for name in facts})
            if special := self._SPECIAL.get(type):
                special(self, body)
            assert special or type in TELLS, type

    def _note(self, kind: str, id: str, **facts: Any) -> None:
        self.known[kind].setdefault(id, {}).update(facts)

    def _gone(self, body: Body) -> None:
        self.known["contracts"].pop(body["contract_id"], None)

    def _hired(self, body: Body) -> None:
        self._note("employments", body["employment_id"], resigned=False)

    def _amended(self, body: Body) -> None:
        if "employment_status" in body["field_changes"]:  # that somebody has left is told after it
            self._hired(body)

    def _resigned(self, body: Body) -> None:
        self._note("employments", body["employment_id"], resigned=True)

    def _moved_on(self, body: Body) -> None:
        it = self.known["pre_hires"].setdefault(body["pre_hire_id"], {"tasks": {}})
        it["flow_id"], it["flow_instance_id"] = body["flow_info"]["id"], body["onboarding_flow_id"]
        it["flow_status"] = body["onboarding_flow_change"]["after_status"]
        changes = {change["task_code"]: change["after_status"] for change in body["onboarding_task_changes"]}
        it["tasks"] = it.get("tasks", {}) | changes

    _SPECIAL: Final[Mapping[str, Callable[["Consumer", Body], None]]] = {
        "corehr.contract.deleted_v1": _gone,
        "corehr.employment.created_v1": _hired,
        "corehr.employment.updated_v1": _amended,
        "corehr.employment.resigned_v1": _resigned,
        "corehr.pre_hire.onboarding_task_changed_v2": _moved_on,
    }


# ---------------------------------------------------------------------------------------------------- what can be read

_CHANGE_STATUS: Final = {
    "Approving": 1, "Cancelled": 2, "Rejected": 3, "Approved": 4, "Transformed": 5, "NoNeedApproval": 6,
}  # fmt: skip
_LEAVING_STATUS: Final = {
    "Approving": 1, "Approved": 2, "Offboarded": 3, "Rejected": 4, "Withdrawn": 5, "NoNeedApproval": 6,
}  # fmt: skip
_LEAVING_STATUS_V1: Final = {"Approving": 1, "Withdrawn": 2, "Rejected": 3, "Approved": 4, "Offboarded": 5}
_HAND_OVER_STATUS: Final = {"AntiBegin": 1, "Approving": 2, "Finished": 3, "Rejected": 4, "Withdrawn": 5}
"""What the API has words for, as the events number it."""

OPEN, REJECTED, DONE, CANCELLED = 1, 2, 3, 4
"""A task, or a node, as events and the list of tasks number it."""


def ids(world: World, table: sa.Table) -> list[str]:
    found = statement(sa.select(table.c.id).where(of_tenant(table)).order_by(table.c.id))
    return [row["id"] for row in world.tell(lambda tx: tx.fetch_all(found))]


def record(world: World, kind: str, id: str) -> Any:
    """A record that the API has no operation for yet; None when there is none, or none any more."""
    answer = world.request("GET", f"/sandbox/records/{kind}/{id}")
    return None if answer.status == 404 else answer.json


def job_datas(world: World, *people: str) -> dict[str, Any]:
    """Every version of everybody's job data, or of these people's, by the job data's id."""
    asked = {"get_all_version": True, **({"employment_ids": list(people)} if people else {})}
    found: dict[str, Any] = {}
    more: dict[str, str] = {}
    while True:
        answer = world.call("POST", JOB_DATA, asked, page_size=100, **CORE_IDS, **more).data
        found |= {item["job_datas"][0]["job_data_id"]: item["job_datas"] for item in answer["items"]}
        if not answer["has_more"]:
            return found
        more = {"page_token": answer["page_token"]}


def tasks_of(world: World, approver: str, status: int) -> Iterator[tuple[str, str, int]]:
    """The tasks in this status that one person was handed: task, process, status."""
    whose = {"user_id": approver, "user_id_type": "people_corehr_id"}
    answer = world.call("GET", TASKS, approver_status=status, page_size=100, **whose).data
    assert not answer["has_more"]
    for task in answer["approver_list"]:
        yield task["approver_id"], task["process_id"], task["approver_status"]


def readable(world: World) -> Known:
    """All that a consumer can know from bodies alone, as it is read."""
    changes = {id: _change(record(world, "job_changes", id)) for id in ids(world, job_change)}
    leavings = {id: record(world, "offboardings", id) for id in ids(world, offboarding)}
    running = {id: record(world, "processes", id) for id in ids(world, process)}
    return {
        "contracts": {id: {} for id in ids(world, contract) if record(world, "contracts", id)},
        "employments": {id: _employment(record(world, "employments", id)) for id in ids(world, employment)},
        "hand_overs": {id: _hand_over(row) for id, row in leavings.items()},
        "job_changes": changes,
        "job_changes_v1": changes,
        "job_datas": {id: {} for id in job_datas(world)},
        "nodes": dict(node for row in running.values() for node in _nodes(row)),
        "offboardings": {id: _leaving(row, _LEAVING_STATUS) for id, row in leavings.items()},
        "offboardings_v1": {
            id: _leaving(row, _LEAVING_STATUS_V1) for id, row in leavings.items() if row["type"] != TYPE_DIRECT
        },
        "pre_hires": {id: _pre_hire(record(world, "pre_hires", id)) for id in ids(world, pre_hire)},
        "processes": {id: _process(row) for id, row in running.items()},
        "tasks": dict(task for row in running.values() for task in _tasks(row)),
    }


def _change(row: Body) -> dict[str, Any]:
    return {
        "employment_id": row["employment_id"],
        "transfer_mode": row["mode"],
        "transfer_type_unique_identifier": row["transfer_type"],
        "transfer_reason_unique_identifier": row["transfer_reason"] or "",
        "process_id": row["process_id"] or "",
        "effective_date": row["effective_date"],
        "status": _CHANGE_STATUS[row["status"]],
        "transfer_key": row["transfer_key"] or "",
    }


def _employment(shown: Body) -> dict[str, Any]:
    facts = shown["version"]["body"] if shown["version"] else {}
    return {"resigned": facts.get("employment_status") == "terminated"}


def _leaving(row: Body, statuses: Mapping[str, int]) -> dict[str, Any]:
    process_id, status = row["process_id"] or "", statuses[row["status"]]
    return {"employment_id": row["employment_id"], "process_id": process_id, "status": status}


def _hand_over(row: Body) -> dict[str, Any]:
    return {
        "employment_id": row["employment_id"],
        "checklist_status": _HAND_OVER_STATUS[row["checklist_status"]],
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


def _begun(row: Body) -> Iterator[tuple[str, int, Sequence[Body]]]:
    """The nodes of a process that have begun: id, status and tasks. The next one begins when one is done."""
    for at in range(1 + max((task["node"] for task in row["tasks"]), default=-1)):
        tasks = [task for task in row["tasks"] if task["node"] == at]
        statuses = {task["status"] for task in tasks}
        status = next(it for it in (REJECTED, OPEN, DONE, CANCELLED) if it in statuses)
        yield node_id(row["id"], at), status, tasks
        if status != DONE:
            return


def _nodes(row: Body) -> Iterator[tuple[str, dict[str, Any]]]:
    for id, status, _ in _begun(row):
        yield id, {"process_id": row["id"], "node_status": status}


def _tasks(row: Body) -> Iterator[tuple[str, dict[str, Any]]]:
    for node, _, tasks in _begun(row):
        for it in tasks:
            yield it["approver_id"], {"process_id": row["id"], "node_id_str": node, "status": it["status"]}
