"""Recipes of job data: requests that query it and get a documented error."""

from collections.abc import Mapping
from typing import Any, Final

from corehr.engines.recipes import RecipeCall, RecipeContext, Recipes


def query(context: RecipeContext, **body: Any) -> RecipeCall:
    """Return a request that queries the job data of `active`."""
    default_body = {"employment_ids": [context.fact("employments", "active", "open_id")], **body}
    path = "/open-apis/corehr/v2/employees/job_datas/query"
    return {"method": "POST", "path": path, "query": {"page_size": "10"}, "body": default_body}


def refused_queries(context: RecipeContext) -> dict[int, RecipeCall]:
    """Return by code the queries that are refused."""
    return {1160013: query(context, data_date="2026-13-01")}


RECIPES: Final[Mapping[str, Recipes]] = {"v2.employees-job_data.query": Recipes(query, refused_queries)}
