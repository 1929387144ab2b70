"""Each row of the error table of withdraw_onboarding: refused with nothing changed, and its allowed neighbour."""

import pytest

from corehr.hr.pre_hires import events
from corehr.hr.pre_hires.records import FlowStatus, Status, TaskStatus
from tests.hr.pre_hires.newcomers import OPERATION, WITHDRAW, app_with, expect, named, withdraw, withdrawn
from tests.world import ALL, NARROW, NONE

INVALID = (400, 1161001, "param is invalid")
DENIED = (400, 1161097, "Permission denied, please contact the administrator.")
UNSEEN = (400, 1161105, "You don't have the permission to view the prehire, or the prehire does not exist")
STUCK = (400, 1161094, "Invalid workflow operation.")
NOBODY = "7999999999999999999"
BEYOND = "\N{WAVING HAND SIGN}"
"""A character outside the basic plane: one code point, two UTF-16 units, four bytes."""


def over(stage):
    return 400, 1161129, f'Unable to submit this task as pre-hire is in the "{stage}" stage.'


def refused(world, ask):
    before = world.fingerprint()
    answer = ask()
    assert world.fingerprint() == before
    return answer.says()


@pytest.mark.parametrize(
    "body",
    [
        {},
        None,
        {"pre_hire_id": None},
        {"withdraw_reason": None},
        {"pre_hire_id": ""},
        {"pre_hire_id": " "},
        {"pre_hire_id": "preboarding"},
        {"pre_hire_id": "-7"},
        {"pre_hire_id": "１２３"},
        {"pre_hire_id": 7},
        {"pre_hire_id": ["7"]},
        {"pre_hire_id": "7\0"},
        {"withdraw_reason": ""},
        {"withdraw_reason": " \n"},
        {"withdraw_reason": 7},
        {"withdraw_reason": {"text": "why"}},
        {"withdraw_reason": "why\0"},
        {"withdraw_reason": "x" * 501},
        {"withdraw_reason": "理" * 501},
        {"withdraw_reason": BEYOND * 501},
    ],
)
def test_a_parameter_is_missing_empty_ill_typed_or_too_long(world, body):
    whole = {"pre_hire_id": named(world, "preboarding"), "withdraw_reason": "why"}
    sent = {k: v for k, v in (whole | body).items() if v is not None} if body else body
    assert refused(world, lambda: world.call("POST", WITHDRAW, sent)) == INVALID


@pytest.mark.parametrize("reason", ["x", "x" * 500, "理" * 500, BEYOND * 500, f"  {BEYOND}\n"])
def test_a_reason_of_up_to_500_code_points_is_kept_as_it_is(world, reason):
    id = named(world, "preboarding")
    assert withdrawn(world, id, reason)["withdrawn_reason"] == reason


@pytest.mark.parametrize("raw", [b"{", b"[]", b'"7"', b"\xff", b'{"pre_hire_id": "7", "withdraw_reason": "\\ud83d"}'])
def test_what_is_no_json_object_is_the_platforms_own_code(world, raw):
    assert refused(world, lambda: world.request("POST", WITHDRAW, raw, app=ALL))[:2] == (400, 9499)


@pytest.mark.parametrize("id", [NOBODY, "7", "0" * 400])
def test_there_is_no_such_pre_hire(world, id):
    assert refused(world, lambda: withdraw(world, id)) == UNSEEN


def test_a_deleted_pre_hire_does_not_exist(world):
    assert refused(world, lambda: withdraw(world, named(world, "deleted"))) == UNSEEN


def test_an_employee_is_no_pre_hire(world):
    assert refused(world, lambda: withdraw(world, world.person("active")["id"])) == UNSEEN


def test_an_app_may_see_pre_hires_or_change_them_too_or_neither(world, monkeypatch):
    id = named(world, "preboarding")
    neither, sees, changes = (app_with(world, monkeypatch, pre_hires=may) for may in ("none", "read", "all"))
    assert refused(world, lambda: withdraw(world, id, app=neither)) == UNSEEN
    assert refused(world, lambda: withdraw(world, id, app=NARROW)) == UNSEEN
    assert refused(world, lambda: withdraw(world, id, app=sees)) == DENIED
    withdrawn(world, id, app=changes)


def test_an_app_that_may_only_see_is_told_what_does_not_exist(world, monkeypatch):
    sees = app_with(world, monkeypatch, pre_hires="read")
    assert refused(world, lambda: withdraw(world, NOBODY, app=sees)) == UNSEEN
    assert refused(world, lambda: withdraw(world, named(world, "deleted"), app=sees)) == UNSEEN
    assert refused(world, lambda: withdraw(world, named(world, "completed"), app=sees)) == DENIED


def test_the_range_of_employees_says_nothing_about_pre_hires(world, monkeypatch):
    app = app_with(world, monkeypatch, data_range="none", pre_hires="all")
    withdrawn(world, named(world, "day_one"), app=app)


@pytest.mark.parametrize("own", ["none", "read"])
def test_a_store_app_sees_everyone(world, monkeypatch, own):
    app_id = app_with(world, monkeypatch, type="store", pre_hires=own)
    app = world.run(world.house.apps.get(app_id))
    world._tokens[app_id] = world.house.gateway.tokens.issue(app).text
    withdrawn(world, named(world, "preboarding"), app=app_id)


def test_the_scope_comes_before_everything(world):
    answer = world.call("POST", WITHDRAW, {}, app=NONE)
    assert answer.code == 99991672
    assert [v["subject"] for v in answer.json["error"]["permission_violations"]] == [
        "corehr:pre_hire:withdraw_onboarding"
    ]


@pytest.mark.parametrize(("name", "stage"), [("completed", "Completed"), ("withdrawn", "Withdrawn")])
def test_nobody_is_expected_any_more(world, name, stage):
    assert refused(world, lambda: withdraw(world, named(world, name))) == over(stage)


@pytest.mark.parametrize("name", ["preboarding", "day_one"])
def test_whoever_is_still_expected_can_be_withdrawn(world, name):
    id = named(world, name)
    withdrawn(world, id)
    assert refused(world, lambda: withdraw(world, id)) == over("Withdrawn")


def test_a_broken_flow_cannot_be_withdrawn(world):
    assert refused(world, lambda: withdraw(world, named(world, "stuck"))) == STUCK


@pytest.mark.parametrize("flow", FlowStatus)
def test_only_a_flow_that_runs_or_ran_through_can_be_withdrawn(world, flow):
    id = expect(world, flow=flow)
    if flow in (FlowStatus.IN_PROGRESS, FlowStatus.COMPLETED):
        withdrawn(world, id)
    else:
        assert refused(world, lambda: withdraw(world, id)) == STUCK


@pytest.mark.parametrize("task", TaskStatus)
def test_open_tasks_end_with_the_flow_unless_one_is_being_initiated(world, task):
    id = expect(world, tasks=[("1", TaskStatus.COMPLETED), ("2", task)])
    if task is TaskStatus.INITIATING:
        assert refused(world, lambda: withdraw(world, id)) == STUCK
        return
    stays = ("failed", "skipped", "completed", "terminated", "manual_skipped")
    first, second = withdrawn(world, id)["tasks"]
    assert first["status"] == "completed"
    assert second["status"] == (task.value if task in stays else "terminated")


def test_parameters_are_looked_at_first_and_the_stage_before_the_flow(world, monkeypatch):
    neither = app_with(world, monkeypatch, pre_hires="none")
    assert refused(world, lambda: withdraw(world, NOBODY, "x" * 501, app=neither)) == INVALID
    id = expect(world, status=Status.COMPLETED, flow=FlowStatus.OTHERS)
    assert refused(world, lambda: withdraw(world, id)) == over("Completed")


@pytest.mark.parametrize(
    "says",
    [
        (500, 1161000, "Server system error"),
        (503, 1161204, "Requset timeout"),
        (429, 1161604, "QPS over limit"),
        (400, 1161116, None),
        (400, 1161094, None),
    ],
)
def test_a_fault_makes_any_documented_error_once(world, says):
    status, code, msg = says
    world.sandbox("PUT", "faults", [{"operation": OPERATION, "code": code, "times": 1}])
    id = named(world, "preboarding")
    answered = refused(world, lambda: withdraw(world, id))
    assert answered[:2] == (status, code)
    assert answered[2] == msg or msg is None
    withdrawn(world, id)


def test_what_breaks_half_way_is_a_system_error_and_leaves_nothing(world, monkeypatch):
    id = named(world, "preboarding")
    with monkeypatch.context() as broken:
        broken.setattr(events, "flow_moved", None)
        assert refused(world, lambda: withdraw(world, id)) == (500, 1161000, "Server system error")
    withdrawn(world, id)
