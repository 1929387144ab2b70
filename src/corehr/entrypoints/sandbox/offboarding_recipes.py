"""How to be refused when an offboarding is edited or revoked; what no state of app 001's people raises is a fault."""

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from corehr.entrypoints.sandbox.recipes import Facts, Request

_PATH: Final = "/open-apis/corehr/v2/offboardings"
_NOBODY: Final = "1"


def edit(
    facts: "Facts", fields: dict[str, str] | None = None, name: str = "Approved", operator: str | None = None
) -> "Request":
    """The reason of somebody who is leaving is told at length; `fields` is what is edited instead."""
    told = {"reason_explanation": "moves to another city"} if fields is None else fields
    pairs = [{"field_name": field, "value": value} for field, value in told.items()]
    body = {"offboarding_id": facts("offboardings", name), "update_data": pairs}
    body |= {"operator_id": operator} if operator else {}
    return {"method": "POST", "path": f"{_PATH}/edit", "query": {}, "body": body}


def edits(facts: "Facts") -> "dict[int, Request]":
    unknown = edit(facts)
    unknown["body"] = {**unknown["body"], "offboarding_id": _NOBODY}
    return {
        1160102: edit(facts, {}),
        1160625: unknown,
        1160631: edit(facts, {"offboarding_date": facts.today}, "Offboarded"),
        1161001: edit(facts, name="under_modification"),
        1161002: edit(facts, name="under_withdrawal"),
        1160623: edit(facts, {"status": "Approved"}),
        1160624: edit(facts, operator=_NOBODY),
        **_of_values(facts),
        **_of_states(facts),
    }


def _of_values(facts: "Facts") -> "dict[int, Request]":
    def of(name: str, value: str) -> "Request":
        return edit(facts, {facts("offboarding_fields", name): value})

    return {
        1160637: of("attachment", "file"),
        1160638: of("date", "2026-02-30"),
        1160639: of("bool", "yes"),
        1160630: of("number", "1.005"),
        1160604: edit(facts, {"reason_explanation": "x" * 6001}),
        1160617: of("url", "no address"),
        1160618: of("text", "x" * 256),
        1160619: of("enum", "option_9"),
        1160636: of("person", _NOBODY),
        1160304: edit(facts, {"noncompete_agreement_company": _NOBODY}),
        1160710: edit(facts, {"add_block_list": "true"}),
        1160700: edit(facts, {"enforce_noncompete_agreement": "true"}),
    }


def _of_states(facts: "Facts") -> "dict[int, Request]":
    """Another last day, on which something stands in its way."""

    def on(name: str) -> "Request":
        return edit(facts, {"offboarding_date": facts("offboardings", name, "edit_date")}, name)

    return {
        1160200: on("approving_change"),
        1160601: edit(facts, {"offboarding_date": "2000-01-01"}),
        1160602: on("probation_later"),
        1160603: on("after_job_change"),
        1160300: on("department_closing"),
        1160205: on("contract_ended"),
        1160204: on("contract_future"),
        1160607: on("contract_starts_later"),
        1160608: on("fixed_term"),
        1160203: on("contract_closed"),
    }


def revoke(facts: "Facts", name: str = "Approved", id: str | None = None) -> "Request":
    """Somebody stays after all."""
    body = {"offboarding_id": facts("offboardings", name) if id is None else id}
    return {"method": "POST", "path": f"{_PATH}/revoke", "query": {}, "body": body}


def revokes(facts: "Facts") -> "dict[int, Request]":
    return {
        1160102: revoke(facts, id=""),
        1160201: revoke(facts, id=_NOBODY),
        1160202: revoke(facts, "Withdrawn"),
        1160203: revoke(facts, "department_disabled"),
        1160205: revoke(facts, "under_modification"),
        1160206: revoke(facts, "under_withdrawal"),
    }
