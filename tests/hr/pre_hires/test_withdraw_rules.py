"""Each row of the error table of withdraw_onboarding: refused with nothing changed, and its nearest allowed request."""

import pytest

from corehr.hr.pre_hires import events
from corehr.hr.pre_hires.records import FlowStatus, Status, TaskStatus
from tests.hr.pre_hires.pre_hire_calls import (
    OPERATION,
    WITHDRAW,
    create_app,
    create_pre_hire,
    id_of,
    withdraw,
    withdraw_ok,
)
from tests.world import APP_ALL, APP_NO_FIELD_SCOPES, APP_NO_SCOPES

INVALID = (400, 1161001, "param is invalid")
PERMISSION_DENIED = (400, 1161097, "Permission denied, please contact the administrator.")
NOT_VISIBLE = (400, 1161105, "You don't have the permission to view the prehire, or the prehire does not exist")
INVALID_WORKFLOW = (400, 1161094, "Invalid workflow operation.")
UNKNOWN_ID = "7999999999999999999"
ASTRAL_CHARACTER = "\N{WAVING HAND SIGN}"
"""A character outside the Basic Multilingual Plane: one code point, two UTF-16 units, four UTF-8 bytes."""


def already_final(stage):
    return 400, 1161129, f'Unable to submit this task as pre-hire is in the "{stage}" stage.'


def error_of(world, send):
    before = world.fingerprint()
    response = send()
    assert world.fingerprint() == before
    return response.error()


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
        {"withdraw_reason": ASTRAL_CHARACTER * 501},
    ],
)
def test_a_parameter_is_missing_empty_ill_typed_or_too_long(world, body):
    valid_body = {"pre_hire_id": id_of(world, "preboarding"), "withdraw_reason": "why"}
    request_body = {k: v for k, v in (valid_body | body).items() if v is not None} if body else body
    assert error_of(world, lambda: world.call("POST", WITHDRAW, request_body)) == INVALID


@pytest.mark.parametrize("reason", ["x", "x" * 500, "理" * 500, ASTRAL_CHARACTER * 500, f"  {ASTRAL_CHARACTER}\n"])
def test_a_reason_of_up_to_500_code_points_is_stored_unchanged(world, reason):
    id = id_of(world, "preboarding")
    assert withdraw_ok(world, id, reason)["withdrawn_reason"] == reason


@pytest.mark.parametrize("raw", [b"{", b"[]", b'"7"', b"\xff", b'{"pre_hire_id": "7", "withdraw_reason": "\\ud83d"}'])
def test_what_is_no_json_object_is_the_platforms_own_code(world, raw):
    assert error_of(world, lambda: world.request("POST", WITHDRAW, raw, app=APP_ALL))[:2] == (400, 9499)


@pytest.mark.parametrize("id", [UNKNOWN_ID, "7", "0" * 400])
def test_there_is_no_such_pre_hire(world, id):
    assert error_of(world, lambda: withdraw(world, id)) == NOT_VISIBLE


def test_a_deleted_pre_hire_does_not_exist(world):
    assert error_of(world, lambda: withdraw(world, id_of(world, "deleted"))) == NOT_VISIBLE


def test_an_employee_is_no_pre_hire(world):
    assert error_of(world, lambda: withdraw(world, world.employment("active")["id"])) == NOT_VISIBLE


def test_an_app_may_change_read_or_not_access_pre_hires(world, monkeypatch):
    id = id_of(world, "preboarding")
    no_access, read_only, full_access = (
        create_app(world, monkeypatch, pre_hires=access) for access in ("none", "read", "all")
    )
    assert error_of(world, lambda: withdraw(world, id, app=no_access)) == NOT_VISIBLE
    assert error_of(world, lambda: withdraw(world, id, app=APP_NO_FIELD_SCOPES)) == NOT_VISIBLE
    assert error_of(world, lambda: withdraw(world, id, app=read_only)) == PERMISSION_DENIED
    withdraw_ok(world, id, app=full_access)


def test_a_read_only_app_learns_what_does_not_exist(world, monkeypatch):
    read_only = create_app(world, monkeypatch, pre_hires="read")
    assert error_of(world, lambda: withdraw(world, UNKNOWN_ID, app=read_only)) == NOT_VISIBLE
    assert error_of(world, lambda: withdraw(world, id_of(world, "deleted"), app=read_only)) == NOT_VISIBLE
    assert error_of(world, lambda: withdraw(world, id_of(world, "completed"), app=read_only)) == PERMISSION_DENIED


def test_the_data_range_does_not_limit_pre_hires(world, monkeypatch):
    app = create_app(world, monkeypatch, data_range="none", pre_hires="all")
    withdraw_ok(world, id_of(world, "day_one"), app=app)


@pytest.mark.parametrize("access", ["none", "read"])
def test_a_store_app_may_always_change_pre_hires(world, monkeypatch, access):
    app_id = create_app(world, monkeypatch, type="store", pre_hires=access)
    app = world.await_(world.installation.apps.get(app_id))
    world._tokens[app_id] = world.installation.gateway.tokens.issue(app).text
    withdraw_ok(world, id_of(world, "preboarding"), app=app_id)


def test_the_scope_is_checked_before_everything(world):
    response = world.call("POST", WITHDRAW, {}, app=APP_NO_SCOPES)
    assert response.code == 99991672
    assert [v["subject"] for v in response.json["error"]["permission_violations"]] == [
        "corehr:pre_hire:withdraw_onboarding"
    ]


@pytest.mark.parametrize(("name", "stage"), [("completed", "Completed"), ("withdrawn", "Withdrawn")])
def test_a_completed_or_withdrawn_onboarding_cannot_be_withdrawn(world, name, stage):
    assert error_of(world, lambda: withdraw(world, id_of(world, name))) == already_final(stage)


@pytest.mark.parametrize("name", ["preboarding", "day_one"])
def test_an_open_onboarding_can_be_withdrawn_once(world, name):
    id = id_of(world, name)
    withdraw_ok(world, id)
    assert error_of(world, lambda: withdraw(world, id)) == already_final("Withdrawn")


def test_a_broken_flow_cannot_be_withdrawn(world):
    assert error_of(world, lambda: withdraw(world, id_of(world, "stuck"))) == INVALID_WORKFLOW


@pytest.mark.parametrize("flow", FlowStatus)
def test_only_a_flow_that_runs_or_ran_through_can_be_withdrawn(world, flow):
    id = create_pre_hire(world, flow=flow)
    if flow in (FlowStatus.IN_PROGRESS, FlowStatus.COMPLETED):
        withdraw_ok(world, id)
    else:
        assert error_of(world, lambda: withdraw(world, id)) == INVALID_WORKFLOW


@pytest.mark.parametrize("task", TaskStatus)
def test_open_tasks_end_with_the_flow_unless_one_is_being_initiated(world, task):
    id = create_pre_hire(world, tasks=[("1", TaskStatus.COMPLETED), ("2", task)])
    if task is TaskStatus.INITIATING:
        assert error_of(world, lambda: withdraw(world, id)) == INVALID_WORKFLOW
        return
    final = ("failed", "skipped", "completed", "terminated", "manual_skipped")
    first, second = withdraw_ok(world, id)["tasks"]
    assert first["status"] == "completed"
    assert second["status"] == (task.value if task in final else "terminated")


def test_parameters_are_checked_first_and_the_stage_before_the_flow(world, monkeypatch):
    no_access = create_app(world, monkeypatch, pre_hires="none")
    assert error_of(world, lambda: withdraw(world, UNKNOWN_ID, "x" * 501, app=no_access)) == INVALID
    id = create_pre_hire(world, status=Status.COMPLETED, flow=FlowStatus.OTHERS)
    assert error_of(world, lambda: withdraw(world, id)) == already_final("Completed")


@pytest.mark.parametrize(
    "expected",
    [
        (500, 1161000, "Server system error"),
        (503, 1161204, "Requset timeout"),
        (429, 1161604, "QPS over limit"),
        (400, 1161116, None),
        (400, 1161094, None),
    ],
)
def test_a_fault_makes_any_documented_error_once(world, expected):
    status, code, msg = expected
    world.sandbox("PUT", "faults", [{"operation": OPERATION, "code": code, "times": 1}])
    id = id_of(world, "preboarding")
    error = error_of(world, lambda: withdraw(world, id))
    assert error[:2] == (status, code)
    assert error[2] == msg or msg is None
    withdraw_ok(world, id)


def test_a_failure_half_way_is_a_system_error_and_changes_nothing(world, monkeypatch):
    id = id_of(world, "preboarding")
    with monkeypatch.context() as patch:
        patch.setattr(events, "onboarding_flow_changed", None)
        assert error_of(world, lambda: withdraw(world, id)) == (500, 1161000, "Server system error")
    withdraw_ok(world, id)
