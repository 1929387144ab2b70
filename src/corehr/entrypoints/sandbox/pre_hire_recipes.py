"""How to be refused when an onboarding is withdrawn; what no state of app 001's pre-hires raises is left to a fault."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from corehr.entrypoints.sandbox.recipes import RecipeCall, RecipeContext


def withdraw(context: "RecipeContext", name: str = "preboarding", reason: str = "took another offer") -> "RecipeCall":
    """Somebody who is expected will not come."""
    path = "/open-apis/corehr/v2/pre_hires/withdraw_onboarding"
    body = {"pre_hire_id": context("pre_hires", name), "withdraw_reason": reason}
    return {"method": "POST", "path": path, "query": {}, "body": body}


def refused_withdrawals(context: "RecipeContext") -> "dict[int, RecipeCall]":
    return {
        1161001: withdraw(context, reason="x" * 501),
        1161094: withdraw(context, "stuck"),
        1161105: withdraw(context, "deleted"),
        1161129: withdraw(context, "completed"),
    }
