"""How to be refused when an onboarding is withdrawn; what no state of app 001's pre-hires raises is left to a fault."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from corehr.entrypoints.sandbox.recipes import Facts, Request


def withdraw(facts: "Facts", name: str = "preboarding", reason: str = "took another offer") -> "Request":
    """Somebody who is expected will not come."""
    path = "/open-apis/corehr/v2/pre_hires/withdraw_onboarding"
    body = {"pre_hire_id": facts("pre_hires", name), "withdraw_reason": reason}
    return {"method": "POST", "path": path, "query": {}, "body": body}


def withdraws(facts: "Facts") -> "dict[int, Request]":
    return {
        1161001: withdraw(facts, reason="x" * 501),
        1161094: withdraw(facts, "stuck"),
        1161105: withdraw(facts, "deleted"),
        1161129: withdraw(facts, "completed"),
    }
