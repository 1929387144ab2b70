"""The webhook dispatchers of the official Python and Node SDKs, unmodified: they handle every event, typed."""

import json
import shutil
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, NamedTuple, get_args, get_origin

import lark_oapi as lark
import pytest
from lark_oapi.api.corehr import v1, v2
from lark_oapi.core.model import RawRequest

from corehr.apps.registry import App
from corehr.apps.scopes import ALL_SCOPES, DataRange
from corehr.delivery import subscribers as kernel_subscribers
from corehr.delivery.renderer import build_envelope
from corehr.delivery.webhooks import encrypt_body, sign
from corehr.hr.offboardings import records as offboardings
from corehr.hr.offboardings.records import Checklist
from corehr.reference import coverage
from corehr.spec import loader
from corehr.spec.fields import Field
from tests.hr.offboardings.offboarding_calls import fact_of, revoke_ok
from tests.listener import Listener, ReceivedRequest
from tests.server_process import Server, running_server
from tests.stores import skip_or_fail
from tests.world import APP_ALL, APP_SECRETS, World

KEYS: Final = {"encrypt_key": "密钥 of the subscriber", "verification_token": "a token of the subscriber"}
WRONG: Final = {name: f"not {value}" for name, value in KEYS.items()}
EVENTS: Final = loader.load().events
CAUSED: Final = frozenset(coverage.emitting_features())
"""The event types that a feature emits."""

CUSTOMIZED: Final = {"corehr.onboarding_qr_code.inactive_v2"}
"""The event types without a class in the Python SDK: a handler is registered by name and receives a mapping."""

DECLARED_OTHERWISE: Final = {"corehr.process_comment_info.updated_v2": {"process_id: int"}}
"""The fields that the Python SDK declares with another type than the page; it passes on what was sent."""

PROGRAM: Final = Path(__file__).parent / "node" / "subscriber.mjs"
NODE_SDK: Final = Path(__file__).parents[1] / "node" / "node_modules" / "@larksuiteoapi" / "node-sdk"
SDKS: Final = ("python", "node")
BEFORE_FIRST_EVENT: Final = "0" * 32


# ------------------------------------------------------------------------------------------------------- subscribers


class Handled(NamedTuple):
    """What the handler of an event type received: `typed` as the SDK's object, `plain` as JSON values."""

    type: str
    event_id: str
    typed: Any
    plain: Any


class Subscriber:
    """A program that receives events with one of the SDKs and has a handler for every type of the spec."""

    url: str

    def __init__(self) -> None:
        self._handled: list[Handled] = []
        self._ids: set[str] = set()
        self._changed = threading.Condition()

    def _handle(self, event: Handled) -> None:
        with self._changed:
            self._handled.append(event)
            self._ids.add(event.event_id)
            self._changed.notify_all()

    def handled(self, count: int) -> Sequence[Handled]:
        """Return all handled events once there are `count` different ones; fails after 30 seconds."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self._ids) >= count, 30), f"only {len(self._ids)} were handled"
            return list(self._handled)

    def expected(self, sent: Mapping[str, Any]) -> Any:
        """Return a sent event as the plain values that handlers receive."""
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError


class Python(Subscriber):
    """The Python SDK's dispatcher behind a `Listener`."""

    def __init__(self, encrypt_key: str, verification_token: str) -> None:
        super().__init__()
        builder = lark.EventDispatcherHandler.builder(encrypt_key, verification_token)
        for type, register in REGISTER.items():
            getattr(builder, register)(self._handler(type))
        for type in CUSTOMIZED:
            builder.register_p2_customized_event(type, self._handler(type))
        self._dispatcher = builder.build()
        self._listener = Listener(self._respond)
        self.url = self._listener.url

    def _handler(self, type: str) -> Callable[[Any], None]:
        def handle(event: Any) -> None:
            plain = {"header": vars(event.header), "event": json.loads(lark.JSON.marshal(event.event))}
            self._handle(Handled(type, event.header.event_id, event, plain))

        return handle

    def _respond(self, received: ReceivedRequest) -> tuple[int, bytes]:
        request = RawRequest()
        request.headers, request.body = {name.title(): value for name, value in received.headers.items()}, received.body
        response = self._dispatcher.do(request)
        return response.status_code, response.content

    def expected(self, sent: Mapping[str, Any]) -> Any:
        return {"header": sent["header"], "event": sent["event"]}

    def close(self) -> None:
        self._listener.stop()


class Node(Subscriber):
    """The Node SDK's dispatcher behind its adapter to Node's own HTTP server."""

    def __init__(self, encrypt_key: str, verification_token: str) -> None:
        if not (shutil.which("node") and NODE_SDK.exists()):
            skip_or_fail("node", "Node.js or its SDK in tests/node was not found: run tools/ci-setup node")
        super().__init__()
        options = {"encrypt_key": encrypt_key, "verification_token": verification_token, "types": list(EVENTS)}
        self._process = subprocess.Popen(["node", PROGRAM, json.dumps(options)], stdout=subprocess.PIPE, text=True)
        assert self._process.stdout
        self.url = f"http://127.0.0.1:{json.loads(self._process.stdout.readline())['port']}/events"
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        for line in self._process.stdout or ():
            output = json.loads(line)
            self._handle(Handled(output["type"], output["handed"]["event_id"], output["handed"], output["handed"]))

    def expected(self, sent: Mapping[str, Any]) -> Any:
        return {"schema": sent["schema"], **sent["header"], **sent["event"]}

    def close(self) -> None:
        self._process.kill()
        self._reader.join()
        self._process.communicate()


def list_registrations() -> Iterator[tuple[str, str]]:
    """Yield the CoreHR event types of the Python SDK, each with the name of the method that registers a handler."""
    for name in dir(lark.EventDispatcherHandler.builder("", "")):
        if name.startswith(("register_p2_corehr_", "register_p2_compensation_")):
            builder = lark.EventDispatcherHandler.builder("", "")
            getattr(builder, name)(id)
            yield next(iter(builder._processorMap)).removeprefix("p2."), name


REGISTER: Final = dict(list_registrations())


@pytest.fixture(params=SDKS)
def subscriber(request: pytest.FixtureRequest) -> Iterator[Subscriber]:
    subscriber = {"python": Python, "node": Node}[request.param](**KEYS)
    yield subscriber
    subscriber.close()


def unexpected_fields(typed: Any) -> Iterator[str]:
    """Yield the members of a typed object whose type its class does not declare, at any depth."""
    for name, value in vars(typed).items():
        declared = type(typed)._types[name]
        [type_, values] = [get_args(declared)[0], value] if get_origin(declared) is list else [declared, [value]]
        for item in values or ():
            if item is not None and not isinstance(item, type_):
                yield f"{name}: {type_.__name__}"
            elif hasattr(item, "_types"):
                yield from unexpected_fields(item)


def assert_typed(event: Handled) -> None:
    """Assert that the Python SDK created its own types at every depth; those of the Node SDK are for compilers only."""
    if not isinstance(event.typed, lark.EventContext):
        return
    if event.type in CUSTOMIZED:
        assert type(event.typed) is lark.CustomizedEvent
        return
    assert (
        type(event.typed).__name__ == f"P2{''.join(part.title() for part in event.type.replace('.', '_').split('_'))}"
    )
    assert set(unexpected_fields(event.typed.event)) <= DECLARED_OTHERWISE.get(event.type, set()), event.type


# -------------------------------------------------------------------------------------------------- events with a cause


def emit_rare_events(db: str) -> None:
    """Emit the events that neither the demo company's seed nor `run_operations` emits."""
    world = World(db)
    try:
        active, start = world.employment("active")["id"], {"target_contract_start_date": world.today()}
        world.revoke(world.create_job_change(active, start).data["job_change_id"]).assert_ok()
        id = fact_of(world, "NoNeedApproval")
        world.in_transaction(
            lambda tx: offboardings.set_checklist_status(tx, offboardings.get_existing(tx, id), Checklist.RUNNING)
        )
        revoke_ok(world, id)
    finally:
        world.close()


def run_operations(server: Server, names: Mapping[str, Any]) -> None:
    """Create a job change for tomorrow, edit an offboarding and withdraw a pre-hire, with the SDK."""
    sdk = lark.Client.builder().app_id(APP_ALL).app_secret(APP_SECRETS[APP_ALL]).domain(server.url).build()
    info = v1.TransferInfo.builder().target_department(names["departments"]["other"]["id"]).build()
    move = (
        v1.CreateJobChangeRequestBody.builder()
        .transfer_mode(1).transfer_type_unique_identifier("internal_transfer").effective_date("2026-01-06")
        .employment_id(names["employments"]["active_2"]["open_id"]).transfer_info(info)
    )  # fmt: skip
    create_request = v1.CreateJobChangeRequest.builder().request_body(move.build()).build()
    assert sdk.corehr.v1.job_change.create(create_request).success()
    date = v2.ObjectFieldData.builder().field_name("offboarding_date").value("2026-01-05").build()
    edit_body = v2.EditOffboardingRequestBody.builder().offboarding_id(names["offboardings"]["Approved"]["id"])
    edit = v2.EditOffboardingRequest.builder().request_body(edit_body.update_data([date]).build()).build()
    assert sdk.corehr.v2.offboarding.edit(edit).success()
    withdraw_body = v2.WithdrawOnboardingPreHireRequestBody.builder().pre_hire_id(
        names["pre_hires"]["preboarding"]["id"]
    )
    withdraw_request = (
        v2.WithdrawOnboardingPreHireRequest.builder()
        .request_body(withdraw_body.withdraw_reason("另谋高就").build())
        .build()
    )
    assert sdk.corehr.v2.pre_hire.withdraw_onboarding(withdraw_request).success()


def expected_envelopes(server: Server, names: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the envelopes of all recorded events, built from the sandbox's events."""
    return [
        {
            "schema": "2.0",
            "header": {
                "event_id": item["event_id"],
                "token": KEYS["verification_token"],
                "create_time": item["create_time"],
                "event_type": item["event_type"],
                "tenant_key": names["apps"]["store"]["tenant_key"],
                "app_id": APP_ALL,
            },
            "event": item["event"],
        }
        for item in server.sandbox("GET", f"events?since={BEFORE_FIRST_EVENT}&limit=10000")["items"]
    ]


def test_every_event_that_has_a_cause_is_handled(db, subscriber):
    """A replay of all past events of a company, and then the events of one day."""
    emit_rare_events(db)
    with running_server(db) as server:
        names = server.sandbox("GET", "world")
        server.sandbox("PUT", f"apps/{APP_ALL}/webhook", {"url": subscriber.url, **KEYS})
        past = server.sandbox("POST", f"apps/{APP_ALL}/replay")["count"]
        server.sandbox("POST", "clock/advance", {"minutes": 1})
        run_operations(server, names)
        server.sandbox("POST", "clock/advance", {"days": 1})
        envelopes = expected_envelopes(server, names)
        assert len(envelopes) > past
        handled = subscriber.handled(len(envelopes))
        assert {event.event_id: event.plain for event in handled} == {
            envelope["header"]["event_id"]: subscriber.expected(envelope) for envelope in envelopes
        }
        assert {(event.event_id, event.type) for event in handled} == {
            (envelope["header"]["event_id"], envelope["header"]["event_type"]) for envelope in envelopes
        }
        for event in handled:
            assert_typed(event)
        assert {event.type for event in handled} == CAUSED
        for state in ("waiting", "dead"):
            assert server.sandbox("GET", f"events?delivery={state}")["items"] == []


# ------------------------------------------------------------------------------------------------------- every type


def sample(field: Field) -> Any:
    """Return a value that the page allows."""
    if field.enum:
        return field.enum[-1]
    match field.type:
        case "list":
            assert field.item
            return [sample(field.item), sample(field.item)]
        case "object":
            return {member.name: sample(member) for member in field.fields}
        case "int":
            return 7
        case "string":
            return f"{field.name} “样例”\n\\ \u2028 </é> \N{WAVING HAND SIGN}"
    raise AssertionError(field.type)


APP: Final = App(
    tenant="1",
    tenant_key="0123456789abcdef",
    app_id=APP_ALL,
    name="subscriber",
    type="custom",
    scopes=ALL_SCOPES,
    data_range=DataRange(everyone=True),
    pre_hires="all",
    enabled=True,
    created_at="",
    secret_hash="",
    server_key="",
)


def body(seq: int, type: str, token: str = KEYS["verification_token"]) -> bytes:
    """Return the body of an event of this type, before encryption."""
    target = kernel_subscribers.Subscriber("1", APP_ALL, "webhook", "", "", token)
    row = {"seq": seq, "type": type, "recorded_at": "2026-01-05T01:00:00.000000Z"}
    return build_envelope(APP, target, row, {field.name: sample(field) for field in EVENTS[type].body})


def post(url: str, body: bytes, key: str = KEYS["encrypt_key"], signed_with: str | None = None) -> int:
    """Post a body, encrypted and signed like a webhook's, and return the HTTP status of the response."""
    raw = encrypt_body(body, key)
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "X-Lark-Request-Timestamp": "1767574800",
        "X-Lark-Request-Nonce": "nonce",
        "X-Lark-Signature": sign("1767574800", "nonce", signed_with or key, raw),
    }
    try:
        with urllib.request.urlopen(urllib.request.Request(url, raw, headers), timeout=30) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_the_python_sdk_knows_every_event_but_one():
    assert REGISTER.keys() == EVENTS.keys() - CUSTOMIZED
    assert len(EVENTS) == 75


def test_every_documented_event_would_be_handled(subscriber):
    """Event types that no feature emits as well, with bodies generated from their pages."""
    bodies = [body(seq, type) for seq, type in enumerate(EVENTS)]
    assert {post(subscriber.url, raw) for raw in bodies} == {200}
    handled = subscriber.handled(len(bodies))
    assert [event.type for event in handled] == list(EVENTS)
    assert [event.plain for event in handled] == [subscriber.expected(json.loads(raw)) for raw in bodies]
    for event in handled:
        assert_typed(event)
        if event.type in DECLARED_OTHERWISE and isinstance(event.typed, lark.EventContext):
            assert set(unexpected_fields(event.typed.event)) == DECLARED_OTHERWISE[event.type]


# ----------------------------------------------------------------------------------------------------- refused requests

UPDATED: Final = "corehr.job_change.updated_v1"
WRONG_TOKEN: Final = body(1, UPDATED, token=WRONG["verification_token"])


@pytest.mark.parametrize(
    ("sending", "python", "node"),
    [
        pytest.param({"body": body(1, UPDATED), "signed_with": WRONG["encrypt_key"]}, 500, 200, id="signature"),
        pytest.param({"body": body(1, UPDATED), "key": WRONG["encrypt_key"]}, 500, 500, id="key"),
        pytest.param({"body": WRONG_TOKEN}, 500, None, id="token"),
    ],
)
def test_an_event_with_a_wrong_signature_key_or_token_is_not_handled(subscriber, sending, python, node):
    """The Node SDK drops a wrong signature with a 200, throws at a wrong key, and checks no event's token (None)."""
    expected_status = python if isinstance(subscriber, Python) else node
    assert post(subscriber.url, **sending) == (expected_status or 200)
    assert post(subscriber.url, body(2, UPDATED)) == 200
    handled = [int(event.event_id[:16], 16) for event in subscriber.handled(1 if expected_status else 2)]
    assert handled == ([2] if expected_status else [1, 2])


@pytest.mark.parametrize(("key", "only_python"), [("encrypt_key", False), ("verification_token", True)])
def test_a_subscriber_with_other_keys_fails_the_challenge(server, subscriber, key, only_python):
    """The Node SDK does not check the token here either."""
    if only_python and isinstance(subscriber, Node):
        server.sandbox("PUT", f"apps/{APP_ALL}/webhook", {"url": subscriber.url, **KEYS, key: WRONG[key]})
        return
    with pytest.raises(urllib.error.HTTPError) as error:
        server.sandbox("PUT", f"apps/{APP_ALL}/webhook", {"url": subscriber.url, **KEYS, key: WRONG[key]})
    assert error.value.code == HTTPStatus.BAD_REQUEST
    assert "HTTP 500" in json.load(error.value)["error"]
    assert server.sandbox("PUT", f"apps/{APP_ALL}/webhook", {"url": subscriber.url, **KEYS})["url"] == subscriber.url
