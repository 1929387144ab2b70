"""Every documented error of editing an offboarding, raised from real state, and its nearest allowed request."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from corehr.engines.custom_fields import FieldDefinition, FieldType
from corehr.hr.basic_data import custom_fields
from corehr.hr.offboardings import records
from corehr.hr.offboardings.records import Status
from corehr.hr.organization.companies import COMPANY
from corehr.spec import loader
from tests.hr.offboardings import offboarding_calls
from tests.hr.offboardings.offboarding_calls import (
    EDIT,
    add_days,
    create_offboarding,
    day_from_today,
    fact_of,
    update_data,
)
from tests.world import APP_ALL, APP_ONE_DEPARTMENT, World

UNKNOWN_ID = "7999999999999999999"
OPERATION = "v2.offboarding.edit"
PAGE = loader.load().operations[OPERATION].errors
Body = Mapping[str, Any]
BodyFactory = Callable[[World], Body]

VALID_FIELDS = {"reason_explanation": "has found something else"}


def edit_body(w: World, fields: Mapping[str, str] | None = None, name: str = "Approved", **body: Any) -> Body:
    return {
        "offboarding_id": fact_of(w, name),
        "update_data": update_data(VALID_FIELDS if fields is None else fields),
        **body,
    }


def edit_of(name: str, fields: Mapping[str, str] | None = None) -> BodyFactory:
    """Return a factory of bodies that edit the named offboarding."""
    return lambda w: edit_body(w, fields, name)


def new_date_of(name: str, days: int | None = None) -> BodyFactory:
    """Return a factory of bodies with a new last day for the named offboarding: its `edit_date`, or days from today."""
    return lambda w: edit_body(
        w, {"offboarding_date": fact_of(w, name, "edit_date") if days is None else day_from_today(w, days)}, name
    )


def built_in_field(**fields: str) -> BodyFactory:
    return lambda w: edit_body(w, fields)


def custom_field(name: str, value: str | Callable[[World], str]) -> BodyFactory:
    return lambda w: edit_body(w, {offboarding_calls.field(w, name): value if isinstance(value, str) else value(w)})


def valid_except(**body: Any) -> BodyFactory:
    """Return a factory of the valid body with these members replaced; None leaves a member out."""
    return lambda w: {name: value for name, value in {**edit_body(w), **body}.items() if value is not None}


def noncompete(start: int, end: int, enforced: str = "true", **more: str) -> BodyFactory:
    """Return a factory of bodies with a non-compete agreement; `start` and `end` are days after the last day."""

    def make_body(w: World) -> Body:
        last = fact_of(w, "Approved", "offboarding_date")
        fields = {
            "enforce_noncompete_agreement": enforced,
            "noncompete_agreement_company": w.named["companies"]["active"]["id"],
            "noncompete_agreement_start_date": add_days(last, start),
            "noncompete_agreement_end_date": add_days(last, end),
        }
        return edit_body(w, {**fields, **more})

    return make_body


def with_noncompete(start: int) -> Callable[[World], None]:
    """Return a setup step that stores a non-compete agreement; `start` is in days after the last day."""

    def arrange(w: World) -> None:
        assert w.call("POST", EDIT, noncompete(start, 300)(w)).code == 0

    return arrange


def company_id(w: World) -> str:
    return str(w.named["companies"]["active"]["id"])


def any_employment_id(w: World) -> str:
    return str(w.employment("active")["id"])


def add_offboarding_without_employment(w: World) -> None:
    """Add an offboarding, named `without_employment`, of an employment that does not exist."""
    w.named["offboardings"]["without_employment"] = {
        "id": create_offboarding(w, UNKNOWN_ID, day_from_today(w, 10), Status.APPROVING)
    }


def add_offboarding_outside_range(w: World) -> None:
    id = create_offboarding(w, w.employment("outside_range")["id"], day_from_today(w, 10))
    w.named["offboardings"]["outside"] = {"id": id}


def as_one_department_app(name: str) -> BodyFactory:
    return lambda w: {**edit_body(w, name=name), "app": APP_ONE_DEPARTMENT}


def reject_approval(name: str) -> Callable[[World], None]:
    def reject(w: World) -> None:
        w.approve(fact_of(w, name, "approval_process_id"), approve=False)

    return reject


def revoke_job_change(w: World) -> None:
    assert w.revoke(w.named["job_changes"]["approving_change"]["id"]).data["result"] is True


def operated_by(name: str) -> BodyFactory:
    """Return a factory of bodies with the named employment as operator."""
    return lambda w: edit_body(w, name="NoNeedApproval", operator_id=w.employment(name)["id"])


def pass_last_day(w: World) -> None:
    """Advance to the day after the last day of `leaver`."""
    w.advance(days=31)


def left_employment_id(w: World) -> str:
    return str(w.employment("left")["id"])


def disabled_company_id(w: World) -> str:
    return str(w.named["companies"]["disabled"]["id"])


def disable_company_10_days_after_last_day(w: World) -> None:
    day = add_days(fact_of(w, "Approved", "offboarding_date"), 11)
    w.in_transaction(lambda tx: COMPANY.amend(tx, company_id(w), day, {"active": False}))


def add_mandatory_text(w: World) -> None:
    """Add a text field that the company requires to the form, and fill it in."""
    field = FieldDefinition("custom_field_99__c", FieldType.TEXT, required=True)
    w.in_transaction(lambda tx: custom_fields.create(tx, records.FORM, field, "工号", "Badge"))
    assert send_edit(w, edit_body(w, {field.name: "5"})).code == 0


def add_offboarding_without_contract(w: World) -> None:
    id = create_offboarding(w, offboarding_calls.hire_without_contract(w), day_from_today(w, 30))
    w.named["offboardings"]["without_contract"] = {"id": id}


def block(w: World) -> None:
    """Put the person of `Approved` on the block list."""
    fields = {"add_block_list": "true", "block_reason": "other", "block_reason_explanation": "took the till"}
    assert send_edit(w, edit_body(w, fields)).code == 0


def do_nothing(w: World) -> None:
    pass


@dataclass(frozen=True)
class RuleCase:
    code: int
    name: str
    refused: BodyFactory
    allowed: BodyFactory
    arrange: Callable[[World], None] = field(default=do_nothing)
    between: Callable[[World], None] = field(default=do_nothing)


def date_from_onboarding(days: int) -> BodyFactory:
    def make_body(w: World) -> Body:
        return edit_body(w, {"offboarding_date": add_days(w.employment("leaver")["onboarding_date"], days)})

    return make_body


VALID = edit_of("Approved")
LONG = "五" * 6000

CASES = [
    RuleCase(1160102, "id_missing", valid_except(offboarding_id=None), VALID),
    RuleCase(1160102, "id_empty", valid_except(offboarding_id=""), VALID),
    RuleCase(1160102, "id_of_wrong_json_type", valid_except(offboarding_id=5), VALID),
    RuleCase(1160102, "data_missing", valid_except(update_data=None), VALID),
    RuleCase(1160102, "data_empty", valid_except(update_data=[]), VALID),
    RuleCase(1160102, "data_no_list", valid_except(update_data={"field_name": "reason", "value": "other"}), VALID),
    RuleCase(
        1160102, "data_too_long", valid_except(update_data=update_data({f"f{n}": "x" for n in range(10_001)})), VALID
    ),
    RuleCase(1160102, "item_no_object", valid_except(update_data=["reason"]), VALID),
    RuleCase(1160102, "item_null", valid_except(update_data=[None]), VALID),
    RuleCase(1160102, "name_missing", valid_except(update_data=[{"value": "other"}]), VALID),
    RuleCase(1160102, "name_empty", valid_except(update_data=update_data({"": "other"})), VALID),
    RuleCase(1160102, "name_unknown", built_in_field(shoe_size="43"), VALID),
    RuleCase(
        1160102, "name_of_wrong_json_type", valid_except(update_data=[{"field_name": 5, "value": "other"}]), VALID
    ),
    RuleCase(1160102, "value_missing", valid_except(update_data=[{"field_name": "reason"}]), VALID),
    RuleCase(1160102, "value_null", valid_except(update_data=[{"field_name": "reason", "value": None}]), VALID),
    RuleCase(
        1160102,
        "value_of_wrong_json_type",
        valid_except(update_data=[{"field_name": "retain_account", "value": True}]),
        VALID,
    ),
    RuleCase(
        1160102,
        "name_twice",
        valid_except(update_data=[*update_data({"reason": "other"}), *update_data({"reason": "other"})]),
        VALID,
    ),
    RuleCase(
        1160102,
        "name_and_its_alias",
        built_in_field(reason="other", reason_for_offboarding="voluntary"),
        built_in_field(reason_for_offboarding="voluntary"),
    ),
    RuleCase(1160625, "id_unknown", valid_except(offboarding_id=UNKNOWN_ID), VALID),
    RuleCase(1160625, "id_no_number", valid_except(offboarding_id="nobody"), VALID),
    RuleCase(
        1160610,
        "out_of_range",
        as_one_department_app("outside"),
        as_one_department_app("Approved"),
        add_offboarding_outside_range,
    ),
    RuleCase(1160631, "no_such_employment", edit_of("without_employment"), VALID, add_offboarding_without_employment),
    RuleCase(
        1160631, "has_left", new_date_of("Offboarded", 3), edit_of("Offboarded", {"last_attendance_date": "2025-11-28"})
    ),
    RuleCase(
        1161001,
        "under_modification",
        edit_of("under_modification"),
        edit_of("under_modification"),
        between=reject_approval("under_modification"),
    ),
    RuleCase(
        1161002,
        "under_withdrawal",
        edit_of("under_withdrawal"),
        edit_of("under_withdrawal"),
        between=reject_approval("under_withdrawal"),
    ),
    *(
        RuleCase(1160623, status, edit_of(status), edit_of("NoNeedApproval"))
        for status in (Status.APPROVING, Status.REJECTED, Status.WITHDRAWN)
    ),
    *(
        RuleCase(1160623, name, built_in_field(**{name: "1"}), VALID)
        for name in ("wk_id", "type", "hrbp_ids", "status", "sign_type", "social_insurance_end_date")
    ),
    RuleCase(1160623, "filled_in_by_the_system", custom_field("auto_number", "7"), custom_field("auto_number", "")),
    RuleCase(
        1160624,
        "operator_unknown",
        valid_except(operator_id=UNKNOWN_ID),
        lambda w: valid_except(operator_id=any_employment_id(w))(w),
    ),
    *(
        RuleCase(1160624, f"operator_{name}", operated_by(name), operated_by("process_admin"))
        for name in ("left", "future_hire", "fixed_end")
    ),
    RuleCase(1160624, "operator_who_will_have_left", operated_by("leaver"), operated_by("manager"), pass_last_day),
    RuleCase(1160624, "operator_no_id", valid_except(operator_id="ou_nobody"), valid_except(operator_id="")),
    RuleCase(1160624, "operator_of_wrong_json_type", valid_except(operator_id=5), VALID),
    RuleCase(1160637, "attachment", custom_field("attachment", "file"), custom_field("text", "file")),
    RuleCase(1160637, "signature", built_in_field(signature_file="file"), VALID),
    RuleCase(1160638, "not_a_date", custom_field("date", "2026-02-30"), custom_field("date", "2028-02-29")),
    RuleCase(1160638, "another_date_format", custom_field("date", "2026/02/01"), custom_field("date", "2026-02-01")),
    RuleCase(1160638, "day_before_1900", custom_field("date", "1899-12-31"), custom_field("date", "1900-01-01")),
    RuleCase(
        1160638,
        "last_day_emptied",
        built_in_field(offboarding_date=""),
        built_in_field(expected_offboarding_date="", last_attendance_date=""),
    ),
    RuleCase(1160638, "last_day_not_a_date", built_in_field(offboarding_date="soon"), new_date_of("Approved", 20)),
    RuleCase(
        1160638,
        "no_time",
        custom_field("date_time", "2026-02-01 24:00:00"),
        custom_field("date_time", "2026-02-01 23:59:59"),
    ),
    RuleCase(
        1160638,
        "request_time_malformed",
        built_in_field(apply_initiating_time="1 February"),
        built_in_field(apply_initiating_time="2026-02-01 10:00:00", apply_finish_time="2026-02-02"),
    ),
    RuleCase(1160639, "capital", custom_field("bool", "True"), custom_field("bool", "true")),
    RuleCase(1160639, "number_for_bool", built_in_field(retain_account="1"), built_in_field(retain_account="false")),
    RuleCase(1160630, "no_number", custom_field("number", "a few"), custom_field("number", "2334.00")),
    RuleCase(1160630, "too_many_decimals", custom_field("number", "1.234"), custom_field("number", "-1.23")),
    RuleCase(1160630, "too_many_digits", custom_field("number", "1234567"), custom_field("number", "123456.78")),
    RuleCase(
        1160604, "reason", built_in_field(reason_explanation=LONG + "六"), built_in_field(reason_explanation=LONG)
    ),
    RuleCase(
        1160604,
        "reason_of_the_employee",
        built_in_field(employee_reason_explanation=LONG + "六"),
        built_in_field(employee_reason_explanation=LONG),
    ),
    RuleCase(
        1160617,
        "no_scheme",
        custom_field("url", "www.example.com"),
        custom_field("url", "https://www.example.com/a?b=c#d"),
    ),
    RuleCase(
        1160617, "another_scheme", custom_field("url", "ftp://example.com"), custom_field("url", "http://example.com")
    ),
    RuleCase(1160618, "one_line", custom_field("text", "x" * 256), custom_field("text", "x" * 255)),
    RuleCase(1160618, "several_lines", custom_field("multi_line", LONG + "六"), custom_field("multi_line", LONG)),
    RuleCase(
        1160618,
        "link",
        custom_field("url", f"https://a.example/{'x' * 240}"),
        custom_field("url", "https://a.example/"),
    ),
    RuleCase(1160619, "unknown_option", custom_field("enum", "option_3"), custom_field("enum", "option_2")),
    RuleCase(1160619, "list_for_one", custom_field("enum", '["option_1"]'), custom_field("enum", "option_1")),
    RuleCase(
        1160619, "one_for_list", custom_field("multi_enum", "option_1"), custom_field("multi_enum", '["option_1"]')
    ),
    RuleCase(
        1160619,
        "one_of_them_unknown",
        custom_field("multi_enum", '["option_1","option_3"]'),
        custom_field("multi_enum", '["option_2", "option_1"]'),
    ),
    RuleCase(
        1160619,
        "reason_emptied",
        built_in_field(reason_for_offboarding=""),
        built_in_field(employee_reason="", reason_explanation=""),
    ),
    RuleCase(
        1160102,
        "mandatory_text_emptied",
        built_in_field(custom_field_99__c=""),
        built_in_field(custom_field_99__c="7"),
        add_mandatory_text,
    ),
    RuleCase(1160619, "reason", built_in_field(reason="bored"), built_in_field(reason="involuntary")),
    RuleCase(
        1160636, "unknown_employment", custom_field("person", UNKNOWN_ID), custom_field("person", any_employment_id)
    ),
    RuleCase(
        1160636, "no_employment_id", custom_field("person", "ou_nobody"), custom_field("person", any_employment_id)
    ),
    RuleCase(1160636, "one_is_empty", custom_field("people", '[""]'), custom_field("person", left_employment_id)),
    RuleCase(
        1160636,
        "one_for_several",
        custom_field("people", any_employment_id),
        custom_field("people", lambda w: f'["{any_employment_id(w)}"]'),
    ),
    RuleCase(
        1160636,
        "one_of_several",
        custom_field("people", lambda w: f'["{any_employment_id(w)}", "{UNKNOWN_ID}"]'),
        custom_field("people", lambda w: f'["{any_employment_id(w)}", "{w.employment("top")["id"]}"]'),
    ),
    RuleCase(1160304, "company", built_in_field(noncompete_agreement_company=UNKNOWN_ID), noncompete(1, 90)),
    RuleCase(1160304, "empty_company", custom_field("company", " "), custom_field("company", "")),
    RuleCase(
        1160304,
        "company_disabled_before_the_last_day",
        custom_field("company", disabled_company_id),
        custom_field("company", company_id),
    ),
    RuleCase(
        1160304,
        "company_disabled_when_the_agreement_starts",
        noncompete(11, 90),
        noncompete(10, 90),
        disable_company_10_days_after_last_day,
    ),
    RuleCase(
        1160304, "company_in_a_custom_field", custom_field("company", UNKNOWN_ID), custom_field("company", company_id)
    ),
    RuleCase(
        1160710,
        "blocked_without_reason",
        built_in_field(add_block_list="true"),
        built_in_field(add_block_list="true", block_reason="other"),
    ),
    RuleCase(
        1160710,
        "reason_without_blocking",
        built_in_field(block_reason="other"),
        built_in_field(block_reason="other", add_block_list="true", block_reason_explanation="took the till"),
    ),
    RuleCase(
        1160710,
        "explanation_without_blocking",
        built_in_field(block_reason_explanation="took the till", add_block_list="false"),
        built_in_field(add_block_list="false"),
    ),
    RuleCase(
        1160710,
        "off_the_list_with_its_reason",
        built_in_field(add_block_list="false", block_reason="other"),
        built_in_field(add_block_list="false", block_reason=""),
        block,
    ),
    RuleCase(
        1160710,
        "reason_emptied_while_blocked",
        built_in_field(block_reason=""),
        built_in_field(block_reason_explanation=""),
        block,
    ),
    RuleCase(
        1160700,
        "no_longer_enforced_with_its_period",
        noncompete(5, 300, "false"),
        built_in_field(enforce_noncompete_agreement="false"),
        with_noncompete(5),
    ),
    RuleCase(
        1160700,
        "end_emptied_while_enforced",
        built_in_field(noncompete_agreement_end_date=""),
        built_in_field(noncompete_agreement_end_date="2030-01-01"),
        with_noncompete(5),
    ),
    RuleCase(1160700, "without_company", built_in_field(enforce_noncompete_agreement="true"), noncompete(1, 90)),
    RuleCase(1160700, "ends_before_it_starts", noncompete(10, 9), noncompete(10, 10)),
    RuleCase(1160700, "starts_before_the_last_day", noncompete(-1, 90), noncompete(0, 90)),
    RuleCase(1160700, "not_enforced", noncompete(1, 90, "false"), built_in_field(enforce_noncompete_agreement="false")),
    RuleCase(
        1160700, "last_day_moves_beyond", new_date_of("Approved", 36), new_date_of("Approved", 35), with_noncompete(5)
    ),
    RuleCase(
        1160200,
        "change_being_approved",
        new_date_of("approving_change"),
        new_date_of("approving_change"),
        between=revoke_job_change,
    ),
    RuleCase(1160601, "before_onboarding", date_from_onboarding(-1), date_from_onboarding(0)),
    RuleCase(1160602, "before_probation", new_date_of("probation_later", 49), new_date_of("probation_later", 50)),
    RuleCase(1160603, "before_change", new_date_of("after_job_change", 44), new_date_of("after_job_change", 45)),
    RuleCase(
        1160300, "department_closed", new_date_of("department_closing", 35), new_date_of("department_closing", 34)
    ),
    RuleCase(1160205, "actually_ends_that_day", new_date_of("contract_ended", 100), edit_of("contract_ended")),
    RuleCase(
        1160203,
        "without_any_contract",
        new_date_of("without_contract", 40),
        new_date_of("without_contract", 30),
        add_offboarding_without_contract,
    ),
    RuleCase(
        1160204, "another_contract_follows", new_date_of("contract_future", 60), new_date_of("contract_future", 61)
    ),
    RuleCase(
        1160607,
        "before_the_first_contract",
        new_date_of("contract_starts_later", 49),
        new_date_of("contract_starts_later", 50),
    ),
    RuleCase(1160608, "after_the_agreed_end", new_date_of("fixed_term", 36), new_date_of("fixed_term", 35)),
    RuleCase(1160203, "closed_before", new_date_of("contract_closed", 40), new_date_of("Approved", 40)),
    RuleCase(1160203, "closed_the_day_before", new_date_of("contract_ended", 101), edit_of("contract_ended")),
]


def send_edit(world: World, body: Body) -> Any:
    request_body = dict(body)
    return world.call("POST", EDIT, request_body, app=request_body.pop("app", APP_ALL))


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c.code}-{c.name}")
def test_refused_with_nothing_changed_and_its_neighbour_allowed(world, case):
    case.arrange(world)
    before = world.fingerprint()
    response = send_edit(world, case.refused(world))
    status, message = PAGE[case.code]
    assert response.error() == (status, case.code, message)
    assert response.json["error"]["log_id"] == response.headers["X-Tt-Logid"]
    assert world.fingerprint() == before
    case.between(world)
    body = case.allowed(world)
    returned = send_edit(world, body).data["data"]
    assert [update["field_name"] for update in returned] == [update["field_name"] for update in body["update_data"]]


@pytest.mark.parametrize("code", [1160103, 1161000])
def test_a_system_failure_is_answered_as_documented(world, code):
    world.sandbox("PUT", "faults", [{"operation": OPERATION, "code": code, "times": 1}])
    before = world.fingerprint()
    assert send_edit(world, VALID(world)).error() == (400, code, PAGE[code][1])
    assert world.fingerprint() == before
    assert send_edit(world, VALID(world)).code == 0


def test_a_real_failure_is_a_general_internal_error_and_changes_nothing(world, monkeypatch):
    body = VALID(world)
    before = world.fingerprint()
    original_edit = records.edit

    def fail(*args):
        original_edit(*args)
        raise RuntimeError("the disk is full")

    monkeypatch.setattr(records, "edit", fail)
    assert send_edit(world, body).error() == (400, 1160103, PAGE[1160103][1])
    assert world.fingerprint() == before


def test_one_invalid_field_refuses_the_whole_edit(world):
    id, before = fact_of(world, "Approved"), world.fingerprint()
    fields = {
        "offboarding_date": day_from_today(world, 20),
        "reason": "voluntary",
        offboarding_calls.field(world, "bool"): "perhaps",
    }
    assert offboarding_calls.edit(world, id, fields).code == 1160639
    assert world.fingerprint() == before


@pytest.mark.parametrize(
    ("code", "body"),
    [
        (1160102, lambda w: edit_body(w, {"shoe_size": "43"}, offboarding_id=UNKNOWN_ID)),
        (1160625, lambda w: edit_body(w, {"status": "x"}, offboarding_id=UNKNOWN_ID)),
        (1160623, lambda w: edit_body(w, {"status": "x"}, operator_id=UNKNOWN_ID)),
        (1160624, lambda w: edit_body(w, {"retain_account": "x"}, operator_id=UNKNOWN_ID)),
        (1160637, lambda w: edit_body(w, {"retain_account": "x", "signature_file": "x"})),
        (1160638, lambda w: edit_body(w, {"retain_account": "x", "last_attendance_date": "x"})),
        (1160639, lambda w: edit_body(w, {"retain_account": "x", offboarding_calls.field(w, "number"): "x"})),
        (
            1160604,
            lambda w: edit_body(
                w, {"reason": "x", offboarding_calls.field(w, "text"): LONG, "reason_explanation": LONG * 2}
            ),
        ),
        (
            1160617,
            lambda w: edit_body(w, {offboarding_calls.field(w, "url"): LONG, offboarding_calls.field(w, "text"): LONG}),
        ),
        (1160619, lambda w: edit_body(w, {"reason": "x", offboarding_calls.field(w, "person"): UNKNOWN_ID})),
        (1160710, lambda w: edit_body(w, {"add_block_list": "true"}, "approving_change")),
        (1160200, lambda w: edit_body(w, {"offboarding_date": "2000-01-01"}, "approving_change")),
        (1160601, lambda w: edit_body(w, {"offboarding_date": "2000-01-01"}, "fixed_term")),
    ],
)
def test_the_first_rule_in_order_answers(world, code, body):
    assert send_edit(world, body(world)).code == code


def test_every_code_of_the_page_has_a_case():
    assert {c.code for c in CASES} | {1160103, 1161000} == set(PAGE)
