"""The official SDKs as a store app, against a real server: it gets a ticket by webhook, and tokens for the ticket."""

import json
import queue
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lark_oapi as lark
import pytest
from lark_oapi.api.auth import v3 as auth
from lark_oapi.api.corehr import v1, v2
from lark_oapi.core.cache import LocalCache
from lark_oapi.core.exception import ObtainAccessTokenException
from lark_oapi.core.model import RawRequest
from lark_oapi.core.token import TokenManager

from tests.listener import Listener, ReceivedRequest
from tests.server_process import Server
from tests.stores import skip_or_fail
from tests.world import APP_SECRETS, APP_STORE

APPROVERS = "/open-apis/corehr/v2/approvers"
APP_TOKEN = "/open-apis/auth/v3/app_access_token"
TENANT_TOKEN = "/open-apis/auth/v3/tenant_access_token"
RESEND = "/open-apis/auth/v3/app_ticket/resend"
KEYS = {"encrypt_key": "a key of the store app", "verification_token": "a token of the store app"}


@pytest.fixture(autouse=True)
def _empty_token_cache(monkeypatch):
    """Replace the SDK's token cache, which it keeps by app id until the process ends."""
    monkeypatch.setattr(TokenManager, "cache", LocalCache())


@pytest.fixture
def names(server):
    return server.sandbox("GET", "world")


@pytest.fixture
def requested_paths(server):
    """Return a function that returns the paths which this test has requested, oldest first."""

    def logged():
        return server.sandbox("GET", "requests?limit=1000")["items"]

    before = {request["log_id"] for request in logged()}
    return lambda: [request["path"] for request in logged() if request["log_id"] not in before]


def subscribe(server: Server, port: int) -> None:
    """Subscribe the store app by a webhook at a port of this machine."""
    body = {"url": f"http://127.0.0.1:{port}/events", "events": [], **KEYS}
    server.sandbox("PUT", f"apps/{APP_STORE}/webhook", body)


# ------------------------------------------------------------------------------------------------------- Python's SDK


class Application:
    """A store app that receives events with the SDK's dispatcher; `tickets` are those not yet read."""

    def __init__(self) -> None:
        self.tickets: queue.Queue[str] = queue.Queue()
        builder = lark.EventDispatcherHandler.builder(KEYS["encrypt_key"], KEYS["verification_token"])
        self.handler = builder.register_p1_customized_event("app_ticket", self._on_ticket).build()
        self.listener = Listener(self._respond)

    def _respond(self, received: ReceivedRequest) -> tuple[int, bytes]:
        request = RawRequest()
        request.headers, request.body = {name.title(): value for name, value in received.headers.items()}, received.body
        response = self.handler.do(request)
        return response.status_code, response.content

    def _on_ticket(self, event: lark.CustomizedEvent) -> None:
        assert event.event["app_id"] == APP_STORE
        self.tickets.put(event.event["app_ticket"])

    def ticket(self) -> str:
        return self.tickets.get(timeout=30)


@pytest.fixture
def application() -> Iterator[Application]:
    application = Application()
    yield application
    application.listener.stop()


def client(server: Server) -> lark.Client:
    builder = lark.Client.builder().app_id(APP_STORE).app_secret(APP_SECRETS[APP_STORE]).app_type(lark.AppType.ISV)
    return builder.domain(server.url).build()


def request_option(names, **changed):
    """Return the SDK's option with the tenant and the ticket of a call."""
    app = names["apps"]["store"] | changed
    return lark.RequestOption.builder().tenant_key(app["tenant_key"]).app_ticket(app["app_ticket"]).build()


def approvers(sdk, names, option):
    builder = v2.ListApproverRequest.builder().page_size(10).user_id_type("people_corehr_id")
    return sdk.corehr.v2.approver.list(builder.user_id(names["employments"]["manager"]["id"]).build(), option)


def resend(sdk):
    body = auth.ResendAppTicketRequestBody.builder().app_id(APP_STORE).app_secret(APP_SECRETS[APP_STORE]).build()
    response = sdk.auth.v3.app_ticket.resend(auth.ResendAppTicketRequest.builder().request_body(body).build())
    assert response.success(), response.msg


def test_a_store_app_calls_with_its_ticket(server, names, requested_paths):
    sdk = client(server)
    for _ in range(2):
        response = approvers(sdk, names, request_option(names))
        assert response.success(), response.msg
    assert requested_paths() == [APP_TOKEN, TENANT_TOKEN, APPROVERS, APPROVERS]


def test_a_store_app_may_not_call_an_operation_for_custom_apps(server, names):
    body = v1.CreateJobChangeRequestBody.builder().transfer_mode(1).build()
    request = v1.CreateJobChangeRequest.builder().request_body(body).build()
    response = client(server).corehr.v1.job_change.create(request, request_option(names))
    assert (response.raw.status_code, response.code) == (400, 99991673)


@pytest.mark.parametrize(
    ("changed", "code"),
    [({"app_ticket": "x"}, 10012), ({"app_ticket": None}, 10003), ({"tenant_key": "0000000000000000"}, 10013)],
)
def test_without_the_right_ticket_and_tenant_the_sdk_gets_no_token(server, names, changed, code):
    sdk = client(server)
    with pytest.raises(ObtainAccessTokenException) as error:
        approvers(sdk, names, request_option(names, **changed))
    assert error.value.code == code
    assert approvers(sdk, names, request_option(names)).success()


def test_an_application_receives_its_ticket_and_calls_with_it(server, names, application):
    sdk = client(server)
    subscribe(server, application.listener.port)
    first = application.ticket()
    resend(sdk)
    again = application.ticket()
    for ticket in (first, again):
        TokenManager.cache = LocalCache()
        response = approvers(sdk, names, request_option(names, app_ticket=ticket))
        assert response.success(), response.msg


def test_a_restarted_server_pushes_tickets_by_itself(own_server, application):
    server, names = own_server, own_server.sandbox("GET", "world")
    subscribe(server, application.listener.port)
    first = application.ticket()
    assert server.stop() == 0
    server.start()
    application.ticket()
    response = approvers(client(server), names, request_option(names, app_ticket=first))
    assert response.success(), response.msg
    assert RESEND not in [request["path"] for request in server.sandbox("GET", "requests")["items"]]


# --------------------------------------------------------------------------------------------------------- Node's SDK

DRIVER = Path(__file__).parent / "node" / "store_app.mjs"
SDK = Path(__file__).parents[1] / "node" / "node_modules" / "@larksuiteoapi" / "node-sdk"


class Node:
    """One process of an application in Node; its SDK keeps tickets and tokens until the process ends."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(["node", DRIVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __call__(self, **command: Any) -> Any:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def listen(self, port: int = 0) -> int:
        return self(listen={"port": port, **KEYS})["port"]

    def open(self, server: Server) -> None:
        assert self(open={"domain": server.url, "app_id": APP_STORE, "app_secret": APP_SECRETS[APP_STORE]}) == {}

    def ticket(self) -> None:
        assert self(**{"await": "ticket"}) == {}

    def approvers(self, names: Any) -> Any:
        manager, tenant_key = names["employments"]["manager"]["id"], names["apps"]["store"]["tenant_key"]
        params = {"page_size": 10, "user_id": manager, "user_id_type": "people_corehr_id"}
        return self(call="corehr.v2.approver.list", tenant_key=tenant_key, payload={"params": params})


@contextmanager
def node() -> Iterator[Node]:
    if not shutil.which("node") or not SDK.exists():
        skip_or_fail("node", "Node.js or its SDK in tests/node was not found: run tools/ci-setup node")
    node = Node()
    try:
        yield node
    finally:
        node.process.communicate()


def test_the_dispatcher_keeps_the_ticket_that_the_client_calls_with(server, names, requested_paths):
    with node() as application:
        subscribe(server, application.listen())
        application.ticket()
        application.open(server)
        for _ in range(2):
            assert application.approvers(names)["answer"]["code"] == 0
    assert requested_paths() == [APP_TOKEN, TENANT_TOKEN, APPROVERS, APPROVERS]


def test_a_restarted_application_requests_its_ticket(server, names, requested_paths):
    with node() as application:
        port = application.listen()
        subscribe(server, port)
        application.ticket()
    with node() as application:
        application.listen(port)
        application.open(server)
        application.ticket()
        assert application.approvers(names)["answer"]["code"] == 0
    assert requested_paths() == [RESEND, APP_TOKEN, TENANT_TOKEN, APPROVERS]
