"""Every documented no of revoking an offboarding, built from its state; and the neighbour that passes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from corehr.gateway import spec
from corehr.hr.offboardings.records import Status
from corehr.hr.offboardings.rules.revoke import REVOKE as RULES
from tests.hr.offboardings.leavers import REVOKE, day, leaving, named
from tests.world import ALL, PART, World

NOBODY = "7999999999999999999"
OPERATION = "v2.offboarding.revoke"
PAGE = spec.load().operations[OPERATION].errors
Body = Mapping[str, Any]
Makes = Callable[[World], Body]


def of(name: str, **more: Any) -> Makes:
    return lambda w: {"offboarding_id": named(w, name), **more}


def raw(**body: Any) -> Makes:
    return lambda w: {name: value for name, value in {**VALID(w), **body}.items() if value is not None}


def by_operator(w: World) -> Body:
    return {**VALID(w), "operator_id": w.person("no_admin")["id"]}


def of_nobody(w: World) -> None:
    w.names["offboardings"]["of_nobody"] = {"id": leaving(w, NOBODY, day(w, 10), Status.APPROVING)}


def of_somebody_outside(w: World) -> None:
    w.names["offboardings"]["outside"] = {"id": leaving(w, w.person("outside_range")["id"], day(w, 10))}


def concluded(name: str) -> Callable[[World], None]:
    return lambda w: w.approve(named(w, name, "approval_process_id"), approve=False)


def closed(w: World) -> None:
    """The department of `department_closing` is disabled since yesterday; they have left before."""
    w.travel(days=36)


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


VALID = of("Approved")

CASES = [
    Case(1160102, "id_missing", raw(offboarding_id=None), VALID),
    Case(1160102, "id_empty", raw(offboarding_id=""), VALID),
    Case(1160102, "id_no_number", raw(offboarding_id="nobody"), VALID),
    Case(1160102, "id_no_number_in_ascii", raw(offboarding_id="７"), VALID),
    Case(1160102, "id_of_wrong_json_type", raw(offboarding_id=5), VALID),
    Case(1160102, "operator_unknown", raw(operator_id=NOBODY), by_operator),
    Case(1160102, "operator_of_wrong_json_type", raw(operator_id=5), raw(operator_id="")),
    Case(1160102, "rejected", of("Rejected"), of("NoNeedApproval")),
    Case(1160201, "id_unknown", raw(offboarding_id=NOBODY), VALID),
    Case(1160201, "out_of_range", of("outside", app=PART), of("Approved", app=PART), of_somebody_outside),
    Case(1160201, "no_such_employment", of("of_nobody"), of("Approving"), of_nobody),
    Case(1160202, "withdrawn", of("Withdrawn"), of("Offboarded")),
    Case(
        1160205,
        "under_modification",
        of("under_modification"),
        of("under_modification"),
        between=concluded("under_modification"),
    ),
    Case(
        1160206,
        "under_withdrawal",
        of("under_withdrawal"),
        of("under_withdrawal"),
        between=concluded("under_withdrawal"),
    ),
    Case(1160203, "department_disabled", of("department_disabled"), of("department_closing")),
    Case(1160203, "department_disabled_since", of("department_closing"), of("fixed_term"), closed),
]


def ask(world: World, body: Body) -> Any:
    sent = dict(body)
    return world.call("POST", REVOKE, sent, app=sent.pop("app", ALL))


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c.code}-{c.name}")
def test_refused_with_nothing_changed_and_its_neighbour_allowed(world, case):
    case.arrange(world)
    before = world.fingerprint()
    answer = ask(world, case.refused(world))
    status, message = PAGE[case.code]
    assert answer.says() == (status, case.code, message)
    assert answer.json["error"]["log_id"] == answer.headers["X-Tt-Logid"]
    assert world.refused_by() in {row.name for row in RULES.rules if row.code == case.code and callable(row.raised_by)}
    assert world.fingerprint() == before
    case.between(world)
    assert ask(world, case.allowed(world)).json == {"code": 0, "msg": "success", "data": {}}


@pytest.mark.parametrize("code", [1160101, 1160103, 1160204])
def test_what_no_state_raises_is_shown_by_a_fault(world, code):
    world.sandbox("PUT", "faults", [{"operation": OPERATION, "code": code, "times": 1}])
    before = world.fingerprint()
    assert ask(world, VALID(world)).says() == (400, code, PAGE[code][1])
    assert world.fingerprint() == before
    assert ask(world, VALID(world)).code == 0


def test_every_code_of_the_page_has_a_case():
    assert {c.code for c in CASES} | {1160101, 1160103, 1160204} == set(PAGE)


def test_one_that_is_not_there_is_refused_for_that_and_not_for_its_range(world):
    assert ask(world, {"offboarding_id": "7999999999999999999"}).code == 1160201
    assert world.refused_by() == "offboarding_is_unknown"
