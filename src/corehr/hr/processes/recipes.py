"""Recipes of processes: requests that answer or list tasks and get a documented error."""

from collections.abc import Mapping
from typing import Any, Final

from corehr.engines.recipes import UNKNOWN_RECORD_ID, RecipeCall, RecipeContext, Recipes


def answer_task(context: RecipeContext, process: str = "waiting", **body: Any) -> RecipeCall:
    """Return a request in which the approver of the process's first pending task approves."""
    process_id, task_id = context.fact("processes", process), context.fact("processes", process, "approver_id")
    user = context.fact("processes", process, "approver_open_id")
    path = f"/open-apis/corehr/v2/processes/{process_id}/approvers/{task_id}"
    return {"method": "PUT", "path": path, "query": {}, "body": {"status": 3, "user_id": user, **body}}


def refused_answers(context: RecipeContext) -> dict[int, RecipeCall]:
    """Return by code the answers that the state of the demo company refuses."""
    return {
        1161001: answer_task(context, "approved"),
        1161002: answer_task(context, status=5),
        1161003: answer_task(context, user_id=context.fact("employments", "active", "open_id")),
        1161005: answer_task(context, "recalled"),
    }


def list_tasks(context: RecipeContext, query: Mapping[str, str] | None = None) -> RecipeCall:
    """Return a request that lists the tasks of `manager`."""
    default_query = {"user_id": context.fact("employments", "manager", "open_id"), "page_size": "20", **(query or {})}
    return {"method": "GET", "path": "/open-apis/corehr/v2/approvers", "query": default_query, "body": None}


def refused_lists(context: RecipeContext) -> dict[int, RecipeCall]:
    """Return by code the requests for lists that are refused."""
    return {
        1160001: list_tasks(context, {"user_id": UNKNOWN_RECORD_ID, "user_id_type": "people_corehr_id"}),
        1160101: list_tasks(context, {"page_token": "no page"}),
        1160121: list_tasks(context, {"approver_status": "99"}),
    }


RECIPES: Final[Mapping[str, Recipes]] = {
    "v2.process-approver.update": Recipes(answer_task, refused_answers),
    "v2.approver.list": Recipes(list_tasks, refused_lists),
}
