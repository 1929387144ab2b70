"""The operations on processes and their tasks, and how the sandbox shows their records."""

from collections.abc import Mapping
from typing import Any

from corehr.apps.handlers import Call, JsonObject
from corehr.engines.feature import ApprovalCallback, Feature
from corehr.engines.record_views import view_row
from corehr.hr.processes import commands, recipes, records, rules
from corehr.kernel.clock import IsoDate
from corehr.kernel.db import Tx, to_row


def answer_task(callbacks: Mapping[str, ApprovalCallback], tx: Tx, call: Call) -> JsonObject:
    """Handle PUT v2/processes/:process_id/approvers/:approver_id."""
    body = call.body
    reason = body.get("reason")
    request = rules.ApproverAnswer(
        process_id=call.path["process_id"],
        task_id=call.path["approver_id"],
        status=body.get("status"),
        approver_id=body.get("user_id"),
        by_system=bool(body.get("system_approval")),
        reason=reason if isinstance(reason, str) else "",
    )
    commands.answer_task(tx, request, call.data_range, callbacks)
    return {"code": 0, "msg": "success"}


def list_tasks(tx: Tx, call: Call) -> JsonObject:
    """Handle GET v2/approvers: the tasks of one approver; `page_token` is a page number, from 1."""
    query = call.query
    case = rules.TaskListCase(tx, query.get("user_id"), query.get("page_token", "1"), query.get("approver_status"))
    rules.TASKS.check(case)
    assert case.employment is not None
    page, size = int(case.page_token), int(query["page_size"])
    status = None if case.status is None else rules.APPROVER_STATUSES[str(case.status)]
    rows = records.list_tasks_of_approver(tx, case.employment.id, status, size + 1, (page - 1) * size)
    data: dict[str, Any] = {
        "has_more": len(rows) > size,
        "approver_list": [
            {"approver_id": r["id"], "process_id": r["process_id"], "approver_status": r["status"]} for r in rows[:size]
        ],
    }
    if data["has_more"]:
        data["page_token"] = str(page + 1)
    return data


def view_record(tx: Tx, id: str, as_of: IsoDate, known_at: str) -> JsonObject | None:
    """Return the process with its tasks, or None."""
    process = records.get(tx, id)
    if process is None:
        return None
    tasks = [
        {"approver_id": t.id, "node": t.node, "approver": t.approver, "status": int(t.status)}
        for t in records.list_tasks(tx, id)
    ]
    return {**to_row(process), "tasks": tasks}


FEATURE = Feature(
    "processes",
    queries={"v2.approver.list": list_tasks},
    rulebooks=(rules.ANSWER, rules.TASKS),
    record_views={"processes": view_record, "flows": view_row(records.flow)},
    recipes=recipes.RECIPES,
    events=records.EVENTS_BY_PRIMITIVE,
)
"""The feature without its command `answer_task`, which needs the callbacks of all other features."""
