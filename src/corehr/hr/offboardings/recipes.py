"""Recipes of offboardings: requests that edit or revoke one and get a documented error.

A code that no state of the people whom app 001 sees raises is left to a fault.
"""

from collections.abc import Mapping
from typing import Final

from corehr.engines.recipes import UNKNOWN_RECORD_ID, RecipeCall, RecipeContext, Recipes

_PATH: Final = "/open-apis/corehr/v2/offboardings"


def edit(
    context: RecipeContext, fields: dict[str, str] | None = None, name: str = "Approved", operator: str | None = None
) -> RecipeCall:
    """Return a request that edits an offboarding: its reason_explanation, or `fields` when given."""
    values = {"reason_explanation": "moves to another city"} if fields is None else fields
    updates = [{"field_name": field, "value": value} for field, value in values.items()]
    body = {"offboarding_id": context.fact("offboardings", name), "update_data": updates}
    body |= {"operator_id": operator} if operator else {}
    return {"method": "POST", "path": f"{_PATH}/edit", "query": {}, "body": body}


def refused_edits(context: RecipeContext) -> dict[int, RecipeCall]:
    """Return by code the edits that the state of the demo company refuses."""
    unknown = edit(context)
    unknown["body"] = {**unknown["body"], "offboarding_id": UNKNOWN_RECORD_ID}
    return {
        1160102: edit(context, {}),
        1160625: unknown,
        1160631: edit(context, {"offboarding_date": context.today}, "Offboarded"),
        1161001: edit(context, name="under_modification"),
        1161002: edit(context, name="under_withdrawal"),
        1160623: edit(context, {"status": "Approved"}),
        1160624: edit(context, operator=UNKNOWN_RECORD_ID),
        **_about_values(context),
        **_about_offboarding_date(context),
    }


def _about_values(context: RecipeContext) -> dict[int, RecipeCall]:
    def edit_field(name: str, value: str) -> RecipeCall:
        return edit(context, {context.fact("offboarding_fields", name): value})

    return {
        1160637: edit_field("attachment", "file"),
        1160638: edit_field("date", "2026-02-30"),
        1160639: edit_field("bool", "yes"),
        1160630: edit_field("number", "1.005"),
        1160604: edit(context, {"reason_explanation": "x" * 6001}),
        1160617: edit_field("url", "no address"),
        1160618: edit_field("text", "x" * 256),
        1160619: edit_field("enum", "option_9"),
        1160636: edit_field("person", UNKNOWN_RECORD_ID),
        1160304: edit(context, {"noncompete_agreement_company": UNKNOWN_RECORD_ID}),
        1160710: edit(context, {"add_block_list": "true"}),
        1160700: edit(context, {"enforce_noncompete_agreement": "true"}),
    }


def _about_offboarding_date(context: RecipeContext) -> dict[int, RecipeCall]:
    """Return by code the edits that move the offboarding date to a day that a rule refuses."""

    def move_date(name: str) -> RecipeCall:
        return edit(context, {"offboarding_date": context.fact("offboardings", name, "edit_date")}, name)

    return {
        1160200: move_date("approving_change"),
        1160601: edit(context, {"offboarding_date": "2000-01-01"}),
        1160602: move_date("probation_later"),
        1160603: move_date("after_job_change"),
        1160300: move_date("department_closing"),
        1160205: move_date("contract_ended"),
        1160204: move_date("contract_future"),
        1160607: move_date("contract_starts_later"),
        1160608: move_date("fixed_term"),
        1160203: move_date("contract_closed"),
    }


def revoke(context: RecipeContext, name: str = "Approved", id: str | None = None) -> RecipeCall:
    """Return a request that revokes an offboarding, given by its name or its id."""
    body = {"offboarding_id": context.fact("offboardings", name) if id is None else id}
    return {"method": "POST", "path": f"{_PATH}/revoke", "query": {}, "body": body}


def refused_revokes(context: RecipeContext) -> dict[int, RecipeCall]:
    """Return by code the revocations that the state of the demo company refuses."""
    return {
        1160102: revoke(context, id=""),
        1160201: revoke(context, id=UNKNOWN_RECORD_ID),
        1160202: revoke(context, "Withdrawn"),
        1160203: revoke(context, "department_disabled"),
        1160205: revoke(context, "under_modification"),
        1160206: revoke(context, "under_withdrawal"),
    }


RECIPES: Final[Mapping[str, Recipes]] = {
    "v2.offboarding.edit": Recipes(edit, refused_edits),
    "v2.offboarding.revoke": Recipes(revoke, refused_revokes),
}
