"""The operation on pre-hires, and how the sandbox shows their records."""

from corehr.apps.handlers import Call, JsonObject
from corehr.engines.feature import Feature
from corehr.engines.record_views import view_row
from corehr.hr.pre_hires import commands, recipes, records
from corehr.hr.pre_hires.rules import WITHDRAW, WithdrawOnboarding
from corehr.kernel.clock import IsoDate
from corehr.kernel.db import Tx, to_row


def withdraw_v2(tx: Tx, call: Call) -> JsonObject:
    """Handle POST v2/pre_hires/withdraw_onboarding."""
    body = call.body
    request = WithdrawOnboarding(body.get("pre_hire_id"), body.get("withdraw_reason"), call.app_id, call.pre_hires)
    commands.withdraw(tx, request)
    return {"success": True}


def view_record(tx: Tx, id: str, as_of: IsoDate, known_at: str) -> JsonObject | None:
    """Return the pre-hire with its tasks, or None."""
    pre_hire = records.get(tx, id)
    if pre_hire is None:
        return None
    tasks = [{name: task[name] for name in ("code", "name", "status")} for task in records.list_tasks(tx, id)]
    return {**to_row(pre_hire), "tasks": tasks}


FEATURE = Feature(
    "pre_hires",
    commands={"v2.pre_hire.withdraw_onboarding": withdraw_v2},
    rulebooks=(WITHDRAW,),
    record_views={"pre_hires": view_record, "onboarding_flows": view_row(records.onboarding_flow)},
    recipes=recipes.RECIPES,
    events=records.EVENTS_BY_PRIMITIVE,
)
