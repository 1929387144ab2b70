"""Every documented error of revoking an offboarding, raised from real state, and its nearest allowed request."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from corehr.hr.offboardings.records import Status
from corehr.hr.offboardings.rules.revoke import REVOKE as RULES
from corehr.spec import loader
from tests.hr.offboardings.offboarding_calls import REVOKE, create_offboarding, day_from_today, fact_of
from tests.world import APP_ALL, APP_ONE_DEPARTMENT, World

UNKNOWN_ID = "7999999999999999999"
OPERATION = "v2.offboarding.revoke"
PAGE = loader.load().operations[OPERATION].errors
Body = Mapping[str, Any]
BodyFactory = Callable[[World], Body]


def revoke_of(name: str, **more: Any) -> BodyFactory:
    return lambda w: {"offboarding_id": fact_of(w, name), **more}


def valid_except(**body: Any) -> BodyFactory:
    return lambda w: {name: value for name, value in {**VALID(w), **body}.items() if value is not None}


def with_operator(w: World) -> Body:
    return {**VALID(w), "operator_id": w.employment("no_admin")["id"]}


def operated_by(name: str) -> BodyFactory:
    return lambda w: {**VALID(w), "operator_id": w.employment(name)["id"]}


def add_offboarding_without_employment(w: World) -> None:
    w.named["offboardings"]["without_employment"] = {
        "id": create_offboarding(w, UNKNOWN_ID, day_from_today(w, 10), Status.APPROVING)
    }


def add_offboarding_outside_range(w: World) -> None:
    w.named["offboardings"]["outside"] = {
        "id": create_offboarding(w, w.employment("outside_range")["id"], day_from_today(w, 10))
    }


def reject_approval(name: str) -> Callable[[World], None]:
    return lambda w: w.approve(fact_of(w, name, "approval_process_id"), approve=False)


def disable_department(w: World) -> None:
    """Advance to the day after the department of `department_closing` is disabled; the employee has already left."""
    w.advance(days=36)


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


VALID = revoke_of("Approved")

CASES = [
    RuleCase(1160102, "id_missing", valid_except(offboarding_id=None), VALID),
    RuleCase(1160102, "id_empty", valid_except(offboarding_id=""), VALID),
    RuleCase(1160102, "id_no_number", valid_except(offboarding_id="nobody"), VALID),
    RuleCase(1160102, "id_no_number_in_ascii", valid_except(offboarding_id="７"), VALID),
    RuleCase(1160102, "id_of_wrong_json_type", valid_except(offboarding_id=5), VALID),
    RuleCase(1160102, "operator_unknown", valid_except(operator_id=UNKNOWN_ID), with_operator),
    *(
        RuleCase(1160102, f"operator_{name}", operated_by(name), operated_by("leaver"))
        for name in ("left", "future_hire", "fixed_end")
    ),
    RuleCase(1160102, "operator_of_wrong_json_type", valid_except(operator_id=5), valid_except(operator_id="")),
    RuleCase(1160102, "rejected", revoke_of("Rejected"), revoke_of("NoNeedApproval")),
    RuleCase(1160201, "id_unknown", valid_except(offboarding_id=UNKNOWN_ID), VALID),
    RuleCase(
        1160201,
        "out_of_range",
        revoke_of("outside", app=APP_ONE_DEPARTMENT),
        revoke_of("Approved", app=APP_ONE_DEPARTMENT),
        add_offboarding_outside_range,
    ),
    RuleCase(
        1160201,
        "no_such_employment",
        revoke_of("without_employment"),
        revoke_of("Approving"),
        add_offboarding_without_employment,
    ),
    RuleCase(1160202, "withdrawn", revoke_of("Withdrawn"), revoke_of("Offboarded")),
    RuleCase(
        1160205,
        "under_modification",
        revoke_of("under_modification"),
        revoke_of("under_modification"),
        between=reject_approval("under_modification"),
    ),
    RuleCase(
        1160206,
        "under_withdrawal",
        revoke_of("under_withdrawal"),
        revoke_of("under_withdrawal"),
        between=reject_approval("under_withdrawal"),
    ),
    RuleCase(1160203, "department_disabled", revoke_of("department_disabled"), revoke_of("department_closing")),
    RuleCase(
        1160203,
        "department_disabled_since",
        revoke_of("department_closing"),
        revoke_of("fixed_term"),
        disable_department,
    ),
]


def send_revoke(world: World, body: Body) -> Any:
    request_body = dict(body)
    return world.call("POST", REVOKE, request_body, app=request_body.pop("app", APP_ALL))


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c.code}-{c.name}")
def test_refused_with_nothing_changed_and_its_neighbour_allowed(world, case):
    case.arrange(world)
    before = world.fingerprint()
    response = send_revoke(world, case.refused(world))
    status, message = PAGE[case.code]
    assert response.error() == (status, case.code, message)
    assert response.json["error"]["log_id"] == response.headers["X-Tt-Logid"]
    assert world.refused_by() in {
        rule.name for rule in RULES.rules if rule.code == case.code and callable(rule.raised_by)
    }
    assert world.fingerprint() == before
    case.between(world)
    assert send_revoke(world, case.allowed(world)).json == {"code": 0, "msg": "success", "data": {}}


@pytest.mark.parametrize("code", [1160101, 1160103, 1160204])
def test_an_error_that_no_state_raises_comes_from_a_fault(world, code):
    world.sandbox("PUT", "faults", [{"operation": OPERATION, "code": code, "times": 1}])
    before = world.fingerprint()
    assert send_revoke(world, VALID(world)).error() == (400, code, PAGE[code][1])
    assert world.fingerprint() == before
    assert send_revoke(world, VALID(world)).code == 0


def test_every_code_of_the_page_has_a_case():
    assert {c.code for c in CASES} | {1160101, 1160103, 1160204} == set(PAGE)


def test_an_unknown_offboarding_is_refused_before_its_data_range(world):
    assert send_revoke(world, {"offboarding_id": "7999999999999999999"}).code == 1160201
    assert world.refused_by() == "offboarding_is_unknown"
