"""Every documented no of editing an offboarding, built from its state; and the neighbour that passes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from corehr.gateway import spec
from corehr.hr.offboardings import records
from corehr.hr.offboardings.records import Status
from tests.hr.offboardings import leavers
from tests.hr.offboardings.leavers import EDIT, day, leaving, named, pairs, shifted
from tests.world import ALL, PART, World

NOBODY = "7999999999999999999"
OPERATION = "v2.offboarding.edit"
PAGE = spec.load().operations[OPERATION].errors
Body = Mapping[str, Any]
Makes = Callable[[World], Body]

BETTER = {"reason_explanation": "has found something else"}


def asked(w: World, fields: Mapping[str, str] | None = None, name: str = "Approved", **body: Any) -> Body:
    return {"offboarding_id": named(w, name), "update_data": pairs(BETTER if fields is None else fields), **body}


def of(name: str, fields: Mapping[str, str] | None = None) -> Makes:
    """Edit the offboarding of this name."""
    return lambda w: asked(w, fields, name)


def on(name: str, by: int | None = None) -> Makes:
    """Another last day for the offboarding of this name: its `edit_date`, or days from today."""
    return lambda w: asked(w, {"offboarding_date": named(w, name, "edit_date") if by is None else day(w, by)}, name)


def built_in(**fields: str) -> Makes:
    return lambda w: asked(w, fields)


def custom(name: str, value: str | Callable[[World], str]) -> Makes:
    return lambda w: asked(w, {leavers.field(w, name): value if isinstance(value, str) else value(w)})


def raw(**body: Any) -> Makes:
    """The valid request, but for what is replaced; None leaves it out."""
    return lambda w: {name: value for name, value in {**asked(w), **body}.items() if value is not None}


def agreement(start: int, end: int, enforced: str = "true", **more: str) -> Makes:
    """A non-compete agreement from one day to another, counted from the last day."""

    def makes(w: World) -> Body:
        last = named(w, "Approved", "offboarding_date")
        fields = {
            "enforce_noncompete_agreement": enforced,
            "noncompete_agreement_company": w.names["companies"]["active"]["id"],
            "noncompete_agreement_start_date": shifted(last, start),
            "noncompete_agreement_end_date": shifted(last, end),
        }
        return asked(w, {**fields, **more})

    return makes


def bound_by(start: int) -> Callable[[World], None]:
    """A non-compete agreement is in force from a day counted from the last day on."""

    def arrange(w: World) -> None:
        assert w.call("POST", EDIT, agreement(start, 300)(w)).code == 0

    return arrange


def company(w: World) -> str:
    return str(w.names["companies"]["active"]["id"])


def someone(w: World) -> str:
    return str(w.person("active")["id"])


def of_nobody(w: World) -> None:
    """There is an offboarding, `w.id`, of an employment that does not exist."""
    w.names["offboardings"]["of_nobody"] = {"id": leaving(w, NOBODY, day(w, 10), Status.APPROVING)}


def of_somebody_outside(w: World) -> None:
    id = leaving(w, w.person("outside_range")["id"], day(w, 10))
    w.names["offboardings"]["outside"] = {"id": id}


def by_part(name: str) -> Makes:
    return lambda w: {**asked(w, name=name), "app": PART}


def concluded(name: str) -> Callable[[World], None]:
    def follow(w: World) -> None:
        w.approve(named(w, name, "approval_process_id"), approve=False)

    return follow


def take_back_the_change(w: World) -> None:
    assert w.revoke(w.names["job_changes"]["approving_change"]["id"]).data["result"] is True


def nothing(w: World) -> None:
    pass


@dataclass(frozen=True)
class Case:
    code: int
    called: str
    refused: Makes
    allowed: Makes
    arrange: Callable[[World], None] = field(default=nothing)
    between: Callable[[World], None] = field(default=nothing)


def onboarding(by: int) -> Makes:
    def makes(w: World) -> Body:
        return asked(w, {"offboarding_date": shifted(w.person("leaver")["onboarding_date"], by)})

    return makes


VALID = of("Approved")
LONG = "五" * 6000

CASES = [
    Case(1160102, "id_missing", raw(offboarding_id=None), VALID),
    Case(1160102, "id_empty", raw(offboarding_id=""), VALID),
    Case(1160102, "id_of_wrong_json_type", raw(offboarding_id=5), VALID),
    Case(1160102, "data_missing", raw(update_data=None), VALID),
    Case(1160102, "data_empty", raw(update_data=[]), VALID),
    Case(1160102, "data_no_list", raw(update_data={"field_name": "reason", "value": "other"}), VALID),
    Case(1160102, "data_too_long", raw(update_data=pairs({f"f{n}": "x" for n in range(10_001)})), VALID),
    Case(1160102, "item_no_object", raw(update_data=["reason"]), VALID),
    Case(1160102, "item_null", raw(update_data=[None]), VALID),
    Case(1160102, "name_missing", raw(update_data=[{"value": "other"}]), VALID),
    Case(1160102, "name_empty", raw(update_data=pairs({"": "other"})), VALID),
    Case(1160102, "name_unknown", built_in(shoe_size="43"), VALID),
    Case(1160102, "name_of_wrong_json_type", raw(update_data=[{"field_name": 5, "value": "other"}]), VALID),
    Case(1160102, "value_missing", raw(update_data=[{"field_name": "reason"}]), VALID),
    Case(1160102, "value_null", raw(update_data=[{"field_name": "reason", "value": None}]), VALID),
    Case(
        1160102, "value_of_wrong_json_type", raw(update_data=[{"field_name": "retain_account", "value": True}]), VALID
    ),
    Case(1160102, "name_twice", raw(update_data=[*pairs({"reason": "other"}), *pairs({"reason": "other"})]), VALID),
    Case(
        1160102,
        "name_and_its_alias",
        built_in(reason="other", reason_for_offboarding="voluntary"),
        built_in(reason_for_offboarding="voluntary"),
    ),
    Case(1160625, "id_unknown", raw(offboarding_id=NOBODY), VALID),
    Case(1160625, "id_no_number", raw(offboarding_id="nobody"), VALID),
    Case(1160610, "out_of_range", by_part("outside"), by_part("Approved"), of_somebody_outside),
    Case(1160631, "no_such_employment", of("of_nobody"), VALID, of_nobody),
    Case(1160631, "has_left", on("Offboarded", 3), of("Offboarded", {"last_attendance_date": "2025-11-28"})),
    Case(
        1161001,
        "under_modification",
        of("under_modification"),
        of("under_modification"),
        between=concluded("under_modification"),
    ),
    Case(
        1161002,
        "under_withdrawal",
        of("under_withdrawal"),
        of("under_withdrawal"),
        between=concluded("under_withdrawal"),
    ),
    *(
        Case(1160623, status, of(status), of("NoNeedApproval"))
        for status in (Status.APPROVING, Status.REJECTED, Status.WITHDRAWN)
    ),
    *(
        Case(1160623, name, built_in(**{name: "1"}), VALID)
        for name in ("wk_id", "type", "hrbp_ids", "status", "sign_type", "social_insurance_end_date")
    ),
    Case(1160623, "filled_in_by_the_system", custom("auto_number", "7"), custom("number", "7")),
    Case(1160624, "operator_unknown", raw(operator_id=NOBODY), lambda w: raw(operator_id=someone(w))(w)),
    Case(1160624, "operator_no_id", raw(operator_id="ou_nobody"), raw(operator_id="")),
    Case(1160624, "operator_of_wrong_json_type", raw(operator_id=5), VALID),
    Case(1160637, "attachment", custom("attachment", "file"), custom("text", "file")),
    Case(1160637, "signature", built_in(signature_file="file"), VALID),
    Case(1160638, "no_day", custom("date", "2026-02-30"), custom("date", "2028-02-29")),
    Case(1160638, "another_writing", custom("date", "2026/02/01"), custom("date", "2026-02-01")),
    Case(1160638, "empty", custom("date", ""), custom("date", "1900-01-01")),
    Case(1160638, "last_day_no_day", built_in(offboarding_date="soon"), on("Approved", 20)),
    Case(1160638, "no_time", custom("date_time", "2026-02-01 24:00:00"), custom("date_time", "2026-02-01 23:59:59")),
    Case(
        1160638,
        "time_of_asking",
        built_in(apply_initiating_time="1 February"),
        built_in(apply_initiating_time="2026-02-01 10:00:00", apply_finish_time="2026-02-02"),
    ),
    Case(1160639, "capital", custom("bool", "True"), custom("bool", "true")),
    Case(1160639, "number_for_bool", built_in(retain_account="1"), built_in(retain_account="false")),
    Case(1160630, "no_number", custom("number", "a few"), custom("number", "2334.00")),
    Case(1160630, "too_many_decimals", custom("number", "1.234"), custom("number", "-1.23")),
    Case(1160630, "too_many_digits", custom("number", "1234567"), custom("number", "123456.78")),
    Case(1160604, "reason", built_in(reason_explanation=LONG + "六"), built_in(reason_explanation=LONG)),
    Case(
        1160604,
        "reason_of_the_employee",
        built_in(employee_reason_explanation=LONG + "六"),
        built_in(employee_reason_explanation=LONG),
    ),
    Case(1160617, "no_scheme", custom("url", "www.example.com"), custom("url", "https://www.example.com/a?b=c#d")),
    Case(1160617, "another_scheme", custom("url", "ftp://example.com"), custom("url", "http://example.com")),
    Case(1160618, "one_line", custom("text", "x" * 256), custom("text", "x" * 255)),
    Case(1160618, "several_lines", custom("multi_line", LONG + "六"), custom("multi_line", LONG)),
    Case(1160618, "link", custom("url", f"https://a.example/{'x' * 240}"), custom("url", "https://a.example/")),
    Case(1160619, "unknown_option", custom("enum", "option_3"), custom("enum", "option_2")),
    Case(1160619, "list_for_one", custom("enum", '["option_1"]'), custom("enum", "option_1")),
    Case(1160619, "one_for_list", custom("multi_enum", "option_1"), custom("multi_enum", '["option_1"]')),
    Case(
        1160619,
        "one_of_them_unknown",
        custom("multi_enum", '["option_1","option_3"]'),
        custom("multi_enum", '["option_2", "option_1"]'),
    ),
    Case(1160619, "reason", built_in(reason="bored"), built_in(reason="involuntary")),
    Case(1160636, "nobody", custom("person", NOBODY), custom("person", someone)),
    Case(1160636, "no_employment_id", custom("person", "ou_nobody"), custom("person", someone)),
    Case(1160636, "empty", custom("person", ""), custom("person", someone)),
    Case(1160636, "one_for_several", custom("people", someone), custom("people", lambda w: f'["{someone(w)}"]')),
    Case(
        1160636,
        "one_of_several",
        custom("people", lambda w: f'["{someone(w)}", "{NOBODY}"]'),
        custom("people", lambda w: f'["{someone(w)}", "{w.person("top")["id"]}"]'),
    ),
    Case(1160304, "company", built_in(noncompete_agreement_company=NOBODY), agreement(1, 90)),
    Case(1160304, "company_in_a_field_of_ours", custom("company", NOBODY), custom("company", company)),
    Case(
        1160710,
        "blocked_without_reason",
        built_in(add_block_list="true"),
        built_in(add_block_list="true", block_reason="other"),
    ),
    Case(
        1160710,
        "reason_without_blocking",
        built_in(block_reason="other"),
        built_in(block_reason="other", add_block_list="true", block_reason_explanation="took the till"),
    ),
    Case(
        1160710,
        "explanation_without_blocking",
        built_in(block_reason_explanation="took the till", add_block_list="false"),
        built_in(add_block_list="false"),
    ),
    Case(1160700, "without_company", built_in(enforce_noncompete_agreement="true"), agreement(1, 90)),
    Case(1160700, "ends_before_it_starts", agreement(10, 9), agreement(10, 10)),
    Case(1160700, "starts_before_the_last_day", agreement(-1, 90), agreement(0, 90)),
    Case(1160700, "not_enforced", agreement(1, 90, "false"), built_in(enforce_noncompete_agreement="false")),
    Case(1160700, "last_day_moves_beyond", on("Approved", 36), on("Approved", 35), bound_by(5)),
    Case(
        1160200,
        "change_being_approved",
        on("approving_change"),
        on("approving_change"),
        between=take_back_the_change,
    ),
    Case(1160601, "before_onboarding", onboarding(-1), onboarding(0)),
    Case(1160602, "before_probation", on("probation_later", 49), on("probation_later", 50)),
    Case(1160603, "before_change", on("after_job_change", 44), on("after_job_change", 45)),
    Case(1160300, "department_closed", on("department_closing", 35), on("department_closing", 34)),
    Case(1160205, "really_ends_that_day", on("contract_ended", 100), of("contract_ended")),
    Case(1160204, "another_contract_follows", on("contract_future", 60), on("contract_future", 61)),
    Case(1160607, "before_the_first_contract", on("contract_starts_later", 49), on("contract_starts_later", 50)),
    Case(1160608, "after_the_agreed_end", on("fixed_term", 36), on("fixed_term", 35)),
    Case(1160203, "closed_before", on("contract_closed", 40), on("Approved", 40)),
    Case(1160203, "closed_the_day_before", on("contract_ended", 101), of("contract_ended")),
]


def ask(world: World, body: Body) -> Any:
    sent = dict(body)
    return world.call("POST", EDIT, sent, app=sent.pop("app", ALL))


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c.code}-{c.name}")
def test_refused_with_nothing_changed_and_its_neighbour_allowed(world, case):
    case.arrange(world)
    before = world.fingerprint()
    answer = ask(world, case.refused(world))
    status, message = PAGE[case.code]
    assert answer.says() == (status, case.code, message)
    assert answer.json["error"]["log_id"] == answer.headers["X-Tt-Logid"]
    assert world.fingerprint() == before
    case.between(world)
    body = case.allowed(world)
    assert ask(world, body).data == {"data": body["update_data"]}


@pytest.mark.parametrize("code", [1160103, 1161000])
def test_the_system_failing_is_told_as_documented(world, code):
    world.sandbox("PUT", "faults", [{"operation": OPERATION, "code": code, "times": 1}])
    before = world.fingerprint()
    assert ask(world, VALID(world)).says() == (400, code, PAGE[code][1])
    assert world.fingerprint() == before
    assert ask(world, VALID(world)).code == 0


def test_what_really_fails_is_a_general_internal_error_and_leaves_no_trace(world, monkeypatch):
    body = VALID(world)
    before = world.fingerprint()
    written = records.edit

    def fail(*args):
        written(*args)
        raise RuntimeError("the disk is full")

    monkeypatch.setattr(records, "edit", fail)
    assert ask(world, body).says() == (400, 1160103, PAGE[1160103][1])
    assert world.fingerprint() == before


def test_one_bad_field_spoils_all(world):
    id, before = named(world, "Approved"), world.fingerprint()
    fields = {"offboarding_date": day(world, 20), "reason": "voluntary", leavers.field(world, "bool"): "perhaps"}
    assert leavers.edit(world, id, fields).code == 1160639
    assert world.fingerprint() == before


@pytest.mark.parametrize(
    ("code", "body"),
    [
        (1160102, lambda w: asked(w, {"shoe_size": "43"}, offboarding_id=NOBODY)),
        (1160625, lambda w: asked(w, {"status": "x"}, offboarding_id=NOBODY)),
        (1160623, lambda w: asked(w, {"status": "x"}, operator_id=NOBODY)),
        (1160624, lambda w: asked(w, {"retain_account": "x"}, operator_id=NOBODY)),
        (1160637, lambda w: asked(w, {"retain_account": "x", "signature_file": "x"})),
        (1160638, lambda w: asked(w, {"retain_account": "x", "last_attendance_date": "x"})),
        (1160639, lambda w: asked(w, {"retain_account": "x", leavers.field(w, "number"): "x"})),
        (1160604, lambda w: asked(w, {"reason": "x", leavers.field(w, "text"): LONG, "reason_explanation": LONG * 2})),
        (1160617, lambda w: asked(w, {leavers.field(w, "url"): LONG, leavers.field(w, "text"): LONG})),
        (1160619, lambda w: asked(w, {"reason": "x", leavers.field(w, "person"): NOBODY})),
        (1160710, lambda w: asked(w, {"add_block_list": "true"}, "approving_change")),
        (1160200, lambda w: asked(w, {"offboarding_date": "2000-01-01"}, "approving_change")),
        (1160601, lambda w: asked(w, {"offboarding_date": "2000-01-01"}, "fixed_term")),
    ],
)
def test_the_first_in_order_answers(world, code, body):
    assert ask(world, body(world)).code == code


def test_every_code_of_the_page_has_a_case():
    assert {c.code for c in CASES} | {1160103, 1161000} == set(PAGE)
