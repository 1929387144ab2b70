"""Faults of the platform and of what lies between it and a client: what a client sees, and what was executed."""

import http.client
import json
from contextlib import closing

import pytest

from corehr.gateway.errors import GENERAL_ERRORS, PLATFORM_ERRORS
from corehr.gateway.token_endpoints import FAULT_ERRORS
from tests.server_process import running_server
from tests.world import (
    APP_ALL,
    APP_NO_FIELD_SCOPES,
    APP_SECRETS,
    COREHR_ID_TYPES,
    CREATE_JOB_CHANGE_PATH,
    QUERY_JOB_DATA_PATH,
    TENANT_TOKEN_PATH,
)

CREATE = "v1.job_change.create"
TENANT_TOKEN = "auth.v3.tenant_access_token.internal"
INVALID_TOKEN = "Invalid access token for authorization. Please make a request with token attached."


def set_faults(world, *faults):
    return world.sandbox("PUT", "faults", list(faults))


def move(world, name="active", **body):
    target = {"target_department": world.named["departments"]["other"]["id"]}
    return world.create_job_change(world.employment(name)["id"], target, **body)


def was_moved(world, name="active"):
    other = world.named["departments"]["other"]["id"]
    return world.job_data(world.employment(name)["id"], world.today())["department_id"] == other


def request_token(world, app=APP_ALL):
    body = {"app_id": app, "app_secret": APP_SECRETS[app]}
    return world.request("POST", TENANT_TOKEN_PATH, body)


# -- the platform's codes --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", sorted({**PLATFORM_ERRORS, **GENERAL_ERRORS}))
def test_every_code_of_the_platform_can_be_caused_once_and_changes_nothing(world, code):
    set_faults(world, {"operation": "*", "code": code, "times": 1})
    before = world.fingerprint()

    got = move(world)

    assert (got.status, got.code) == ({**PLATFORM_ERRORS, **GENERAL_ERRORS}[code][0], code)
    assert got.json["msg"]
    assert got.json["error"]["log_id"] == got.headers["X-Tt-Logid"]
    assert world.fingerprint() == before
    [*_, logged] = world.sandbox("GET", "requests", limit=1)["items"]
    assert (logged["rule"], logged["fault"], logged["app"]) == ("fault", "code", APP_ALL)
    assert world.sandbox("GET", "faults") == []
    move(world).assert_ok()


def test_the_details_of_an_error_are_those_of_the_field(world):
    def error(code, operation=CREATE):
        set_faults(world, {"operation": operation, "code": code})
        return move(world)

    assert error(99991663).error() == (400, 99991663, INVALID_TOKEN)
    limited = error(99991400)
    assert limited.error() == (429, 99991400, "request trigger frequency limit")
    assert (limited.headers["x-ogw-ratelimit-limit"], limited.headers["x-ogw-ratelimit-reset"]) == ("100", "1")
    set_faults(world, {"operation": "*", "code": 99991400, "ratelimit_reset": 7})
    assert move(world).headers["x-ogw-ratelimit-reset"] == "7"
    subjects = [violation["subject"] for violation in error(99991672).json["error"]["permission_violations"]]
    assert subjects == ["corehr:corehr", "corehr:job_change:write"]
    assert error(99992402).json["error"]["field_violations"] == [
        {"field": "transfer_mode", "description": "transfer_mode is required"}
    ]
    assert error(9499).json["msg"].startswith("Invalid parameter type in json: transfer_mode. ")
    for code in (99992351, 99992360, 99992352, 99992361):
        [violation] = error(code).json["error"]["field_violations"]
        assert violation["field"] == "employment_id"


def test_an_undocumented_code_is_refused_with_the_list(world):
    response = world.request("PUT", "/sandbox/faults", [{"operation": CREATE, "code": 99991669}])
    assert response.status == 400
    for code in ("1160201", "99991400", "99991663", "99992351", "9499"):
        assert code in response.json["error"]
    response = world.request("PUT", "/sandbox/faults", [{"operation": TENANT_TOKEN, "code": 1}])
    assert "10003, 10005, 10014, 10015, 99991400, 99991543" in response.json["error"]


# -- which requests are hit ------------------------------------------------------------------------------------------


def test_a_fault_of_one_app_does_not_hit_another(world):
    set_faults(world, {"operation": "*", "code": 99991663, "app_id": APP_NO_FIELD_SCOPES})

    assert move(world, app=APP_NO_FIELD_SCOPES).code == 99991663
    move(world).assert_ok()
    assert world.request("PUT", "/sandbox/faults", [{"operation": "*", "code": 99991663, "app_id": "x"}]).status == 404
    assert len(world.sandbox("GET", "faults")) == 1


def test_a_fault_of_every_operation_hits_no_token_endpoint(world):
    set_faults(world, {"operation": "*", "http_status": 502})

    assert request_token(world).code == 0
    assert move(world).status == 502
    query = {"page_size": 10, **COREHR_ID_TYPES}
    assert world.call("POST", QUERY_JOB_DATA_PATH, {"get_all_version": True}, **query).status == 502


def test_a_request_that_is_wrong_by_itself_does_not_use_up_a_fault(world):
    fault = {"operation": CREATE, "http_status": 502, "times": 1}
    set_faults(world, fault)

    assert move(world, transfer_mode="one").status == 400
    assert world.request("POST", CREATE_JOB_CHANGE_PATH, {}, headers={"authorization": "Bearer t-x"}).status == 400
    assert world.sandbox("GET", "faults") == [fault]
    assert move(world).status == 502


# -- token endpoints -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", sorted(FAULT_ERRORS[TENANT_TOKEN]))
def test_a_token_is_refused_once(world, code):
    set_faults(world, {"operation": TENANT_TOKEN, "code": code, "times": 1, "app_id": APP_ALL})

    assert request_token(world, APP_NO_FIELD_SCOPES).code == 0
    status, message = FAULT_ERRORS[TENANT_TOKEN][code]
    got = request_token(world)
    assert got.error() == (status, code, message)
    assert ("x-ogw-ratelimit-reset" in got.headers) == (code == 99991400)
    assert request_token(world).code == 0
    logged = world.sandbox("GET", "requests", limit=2)["items"][0]
    assert (logged["operation"], logged["app"], logged["rule"]) == (TENANT_TOKEN, APP_ALL, "fault")


def test_all_token_endpoints_can_be_down(world):
    set_faults(world, {"operation": "auth.*", "http_status": 504})
    for path in (TENANT_TOKEN_PATH, TENANT_TOKEN_PATH.replace("tenant_access", "app_access")):
        got = world.request("POST", path, {"app_id": APP_ALL, "app_secret": APP_SECRETS[APP_ALL]})
        assert (got.status, got.headers["Content-Type"]) == (504, "text/html")
    assert request_token(world).status == 504
    set_faults(world, {"operation": "auth.*", "code": 99991400})
    assert request_token(world).status == 429


def test_a_token_that_comes_late_is_a_token(world):
    set_faults(world, {"operation": "auth.*", "latency_ms": 20})
    assert request_token(world).code == 0


# -- proxies and connections -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "executed"),
    [
        ({"http_status": 500}, False),
        ({"http_status": 502}, False),
        ({"http_status": 503}, False),
        ({"http_status": 504}, True),
        ({"http_status": 502, "executed": True}, True),
        ({"http_status": 504, "executed": False}, False),
    ],
)
def test_a_proxy_answers_with_a_page_and_the_request_may_have_been_executed(world, fault, executed):
    set_faults(world, {"operation": CREATE, "times": 1, **fault})

    got = move(world)

    status = fault["http_status"]
    assert (got.status, got.headers["Content-Type"]) == (status, "text/html")
    assert got.body.startswith(f"<html>\r\n<head><title>{status} ".encode())
    assert got.headers.keys() == {"Content-Type", "content-length"}
    assert was_moved(world) == executed
    logged = [item for item in world.sandbox("GET", "requests")["items"] if item["operation"] == CREATE]
    assert (logged[-1]["status"], logged[-1]["fault"]) == (status, f"http_status {status}")


def test_a_request_that_was_executed_unseen_is_not_executed_again(world):
    """What a client does that repeats a request after a 504 with the same transfer_key."""
    set_faults(world, {"operation": CREATE, "http_status": 504, "times": 1})

    assert move(world, transfer_key="key-1").status == 504
    repeated = move(world, transfer_key="key-1")

    assert repeated.data["job_change_id"]
    assert was_moved(world)


@pytest.mark.parametrize(("fault", "executed"), [({}, False), ({"executed": True}, True)])
def test_a_reset_connection_may_have_been_executed(world, fault, executed):
    set_faults(world, {"operation": CREATE, "reset": True, "times": 1, **fault})

    with pytest.raises(ConnectionResetError):
        move(world)

    assert was_moved(world) == executed


def test_a_body_is_cut_short_and_its_command_is_committed(world):
    set_faults(world, {"operation": CREATE, "cut": True, "times": 1})

    got = move(world)

    assert (got.status, len(got.body)) == (200, int(got.headers["content-length"]) // 2)
    assert was_moved(world)


def test_an_error_can_be_cut_short(world):
    set_faults(world, {"operation": CREATE, "cut": True, "code": 1163012, "times": 1})
    got = move(world)
    assert got.status == 400
    with pytest.raises(ValueError, match="truncated"):
        assert got.json


def test_what_is_seen_on_the_socket(db):
    """A cut body ends before its length, a dropped response is no response, a reset is one of TCP; then all is well."""
    with running_server(db) as server:
        token_body = json.dumps({"app_id": APP_ALL, "app_secret": APP_SECRETS[APP_ALL]})

        def request():
            with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)) as connection:
                connection.request("POST", TENANT_TOKEN_PATH, token_body)
                response = connection.getresponse()
                return response.status, response.read()

        outcomes = {"cut": http.client.IncompleteRead, "drop": http.client.RemoteDisconnected}
        for name, error in {**outcomes, "reset": ConnectionResetError}.items():
            server.sandbox("PUT", "faults", [{"operation": "auth.*", name: True, "times": 1}])
            with pytest.raises(error) as caught:
                request()
            assert type(caught.value) is error
            assert request()[0] == 200
            if name == "reset":
                assert "without starting" not in server.output()
