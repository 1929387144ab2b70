"""What the official Python and Node SDKs make of the faults of the sandbox, their token caches above all."""

import shutil
from collections.abc import Iterator
from json import JSONDecodeError

import lark_oapi as lark
import pytest
import requests
from lark_oapi.api.corehr import v2
from lark_oapi.core.cache import LocalCache
from lark_oapi.core.exception import ObtainAccessTokenException
from lark_oapi.core.token import TokenManager

from tests.contract.test_node_sdk import SDK as NODE_SDK
from tests.contract.test_node_sdk import App, Node, Thrown
from tests.stores import skip_or_fail
from tests.world import TENANT_TOKEN_PATH

TASKS = "/open-apis/corehr/v2/approvers"
TOKEN_ENDPOINT = "auth.v3.tenant_access_token.internal"
OPERATION = "v2.approver.list"


@pytest.fixture
def app(server):
    """A new app, whose token no SDK has cached."""
    return server.sandbox("POST", "apps", {})


@pytest.fixture
def manager(server):
    return server.sandbox("GET", "world")["employments"]["manager"]["id"]


@pytest.fixture
def paths(server, app):
    """Return a function that lists the paths of the requests since the test began, oldest first."""

    def logged():
        return server.sandbox("GET", "requests?limit=1000")["items"]

    before = {item["log_id"] for item in logged()}
    return lambda: [item["path"] for item in logged() if item["log_id"] not in before]


def set_fault(server, **fault):
    server.sandbox("PUT", "faults", [{"times": 1, **fault}])


# ------------------------------------------------------------------------------------------------------------- Python


@pytest.fixture
def python(server, app, manager):
    """Return a function that lists approvals with the Python SDK."""
    builder = lark.Client.builder().app_id(app["app_id"]).app_secret(app["app_secret"]).domain(server.url)

    def call():
        request = v2.ListApproverRequest.builder().page_size(10).user_id_type("people_corehr_id").user_id(manager)
        return builder.build().corehr.v2.approver.list(request.build())

    return call


def test_the_python_sdk_keeps_a_token_that_is_refused(server, app, python, paths):
    """It repeats nothing and drops nothing: every call fails until the program empties the cache."""
    assert python().success()
    server.sandbox("POST", f"apps/{app['app_id']}/tokens/revoke")

    assert [python().code for _ in range(3)] == [99991663] * 3
    assert paths() == [TENANT_TOKEN_PATH, *[TASKS] * 4]

    TokenManager.cache = LocalCache()
    assert python().success()
    assert paths()[-2:] == [TENANT_TOKEN_PATH, TASKS]


def test_the_python_sdk_returns_the_errors_of_the_platform(server, python, paths):
    for code in (99991661, 99991663, 99991664, 99991672, 99991400, 9499, 99992402, 99992351):
        set_fault(server, operation="*", code=code)
        response = python()
        assert (response.code, response.raw.status_code) == (code, 429 if code == 99991400 else 400)
        assert response.get_log_id()
    assert python().success()
    assert paths().count(TASKS) == 9


@pytest.mark.parametrize("status", [500, 502, 504])
def test_the_python_sdk_raises_at_the_page_of_a_proxy(server, python, status):
    assert python().success()
    set_fault(server, operation=OPERATION, http_status=status)
    with pytest.raises(JSONDecodeError):
        python()
    assert python().success()


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("cut", requests.exceptions.ChunkedEncodingError),
        ("drop", requests.exceptions.ConnectionError),
        ("reset", requests.exceptions.ConnectionError),
    ],
)
def test_the_python_sdk_raises_when_a_response_is_interrupted(server, python, fault, error):
    assert python().success()
    set_fault(server, operation=OPERATION, **{fault: True})
    with pytest.raises(error):
        python()
    assert python().success()


def test_the_python_sdk_raises_without_a_token_and_requests_one_again(server, python, paths):
    set_fault(server, operation=TOKEN_ENDPOINT, code=10014)
    with pytest.raises(ObtainAccessTokenException) as refused:
        python()
    assert refused.value.code == 10014
    set_fault(server, operation=TOKEN_ENDPOINT, http_status=502)
    with pytest.raises(JSONDecodeError):
        python()
    assert python().success()
    assert paths() == [*[TENANT_TOKEN_PATH] * 3, TASKS]


# --------------------------------------------------------------------------------------------------------------- Node


@pytest.fixture
def node() -> Iterator[Node]:
    if not shutil.which("node") or not NODE_SDK.exists():
        skip_or_fail("node", "Node.js or its SDK in tests/node was not found: run tools/ci-setup node")
    process = Node()
    yield process
    process.close()


@pytest.fixture
def call_node(node, server, app, manager):
    """Return a function that lists approvals with the Node SDK."""
    client = App(node, server, app["app_id"], app["app_secret"])
    params = {"page_size": 10, "user_id": manager, "user_id_type": "people_corehr_id"}
    return lambda: client("corehr.v2.approver.list", params=params)


def thrown_by(call):
    with pytest.raises(Thrown) as error:
        call()
    return error.value


def test_the_node_sdk_keeps_a_token_that_is_refused(server, app, call_node, paths):
    """It throws at each call, and requests no new token until the process ends."""
    assert call_node()["code"] == 0
    server.sandbox("POST", f"apps/{app['app_id']}/tokens/revoke")

    assert [thrown_by(call_node).data["code"] for _ in range(3)] == [99991663] * 3
    assert paths() == [TENANT_TOKEN_PATH, *[TASKS] * 4]


def test_a_restarted_node_process_gets_a_new_token(server, app, manager, call_node):
    assert call_node()["code"] == 0
    server.sandbox("POST", f"apps/{app['app_id']}/tokens/revoke")
    assert thrown_by(call_node).data["code"] == 99991663
    restarted = Node()
    try:
        params = {"page_size": 10, "user_id": manager, "user_id_type": "people_corehr_id"}
        client = App(restarted, server, app["app_id"], app["app_secret"])
        assert client("corehr.v2.approver.list", params=params)["code"] == 0
    finally:
        restarted.close()


def test_the_node_sdk_throws_the_errors_of_the_platform(server, call_node, paths):
    for code in (99991661, 99991663, 99991664, 99991672, 99991400, 9499, 99992402, 99992351):
        set_fault(server, operation="*", code=code)
        error = thrown_by(call_node)
        assert (error.data["code"], error.status) == (code, 429 if code == 99991400 else 400)
        assert error.headers.get("x-ogw-ratelimit-reset") == ("1" if code == 99991400 else None)
    assert call_node()["code"] == 0
    assert paths().count(TASKS) == 9


@pytest.mark.parametrize("status", [500, 502, 504])
def test_the_node_sdk_throws_the_page_of_a_proxy(server, call_node, status):
    set_fault(server, operation=OPERATION, http_status=status)
    error = thrown_by(call_node)
    assert (error.status, error.data[:6]) == (status, "<html>")
    assert call_node()["code"] == 0


@pytest.mark.parametrize(
    ("fault", "message"), [("cut", "stream has been aborted"), ("drop", "socket hang up"), ("reset", "read ECONNRESET")]
)
def test_the_node_sdk_throws_when_a_response_is_interrupted(server, call_node, fault, message):
    assert call_node()["code"] == 0
    set_fault(server, operation=OPERATION, **{fault: True})
    error = thrown_by(call_node)
    assert (error.message, error.status) == (message, 200 if fault == "cut" else None)
    assert call_node()["code"] == 0


def test_the_node_sdk_throws_without_a_token_and_requests_one_again(server, call_node, paths):
    set_fault(server, operation=TOKEN_ENDPOINT, code=10014)
    assert thrown_by(call_node).message.startswith("failed to get tenant_access_token, code: 10014")
    set_fault(server, operation=TOKEN_ENDPOINT, http_status=502)
    assert thrown_by(call_node).status == 502
    assert call_node()["code"] == 0
    assert paths() == [*[TENANT_TOKEN_PATH] * 3, TASKS]
