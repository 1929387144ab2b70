"""Recipes of pre-hires: requests that withdraw an onboarding and get a documented error.

A code that no state of the pre-hires that app 001 sees raises is left to a fault.
"""

from collections.abc import Mapping
from typing import Final

from corehr.engines.recipes import RecipeCall, RecipeContext, Recipes


def withdraw(context: RecipeContext, name: str = "preboarding", reason: str = "took another offer") -> RecipeCall:
    """Return a request that withdraws the onboarding of a pre-hire."""
    path = "/open-apis/corehr/v2/pre_hires/withdraw_onboarding"
    body = {"pre_hire_id": context.fact("pre_hires", name), "withdraw_reason": reason}
    return {"method": "POST", "path": path, "query": {}, "body": body}


def refused_withdrawals(context: RecipeContext) -> dict[int, RecipeCall]:
    """Return by code the withdrawals that the state of the demo company refuses."""
    return {
        1161001: withdraw(context, reason="x" * 501),
        1161094: withdraw(context, "stuck"),
        1161105: withdraw(context, "deleted"),
        1161129: withdraw(context, "completed"),
    }


RECIPES: Final[Mapping[str, Recipes]] = {
    "v2.pre_hire.withdraw_onboarding": Recipes(withdraw, refused_withdrawals),
}
