"""Requests that withdraw an onboarding and get a documented error.

A code that no state of the pre-hires that app 001 sees raises is left to a fault.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from corehr.sandbox.recipes import RecipeCall, RecipeContext


def withdraw(context: "RecipeContext", name: str = "preboarding", reason: str = "took another offer") -> "RecipeCall":
    """Return a request that withdraws the onboarding of a pre-hire."""
    path = "/open-apis/corehr/v2/pre_hires/withdraw_onboarding"
    body = {"pre_hire_id": context.fact("pre_hires", name), "withdraw_reason": reason}
    return {"method": "POST", "path": path, "query": {}, "body": body}


def refused_withdrawals(context: "RecipeContext") -> "dict[int, RecipeCall]":
    """Return by code the withdrawals that the state of the demo company refuses."""
    return {
        1161001: withdraw(context, reason="x" * 501),
        1161094: withdraw(context, "stuck"),
        1161105: withdraw(context, "deleted"),
        1161129: withdraw(context, "completed"),
    }
