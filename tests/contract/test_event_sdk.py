"""The webhook dispatchers of the official Python and Node SDKs, unmodified: they handle every event we send, typed."""

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

from corehr.entrypoints import coverage
from corehr.gateway import spec
from corehr.gateway.apps import EVERYTHING, App
from corehr.gateway.envelopes import envelope
from corehr.gateway.fields import Field
from corehr.gateway.webhooks import seal, signature
from corehr.hr.offboardings import records as offboardings
from corehr.hr.offboardings.records import Checklist
from corehr.kernel import subscribers as kernel_subscribers
from corehr.kernel.feature import DataRange
from tests.hr.offboardings.leavers import named, revoked
from tests.listener import Heard, Listener
from tests.server import Server, serving
from tests.stores import missing
from tests.world import ALL, SECRETS, World

KEYS: Final = {"encrypt_key": "密钥 of the subscriber", "verification_token": "a token of the subscriber"}
WRONG: Final = {name: f"not {value}" for name, value in KEYS.items()}
EVENTS: Final = spec.load().events
CAUSED: Final = frozenset(coverage._causes(EVENTS))
"""The event types that something causes."""

CUSTOMIZED: Final = {"corehr.onboarding_qr_code.inactive_v2"}
"""What the Python SDK has no type for: a subscriber registers it by name, and is handed a mapping."""

OTHERWISE: Final = {"corehr.process_comment_info.updated_v2": {"process_id: int"}}
"""What the Python SDK declares otherwise than the page; it hands over what was sent."""

PROGRAM: Final = Path(__file__).parent / "node" / "subscriber.mjs"
NODE_SDK: Final = Path(__file__).parents[1] / "node" / "node_modules" / "@larksuiteoapi" / "node-sdk"
SDKS: Final = ("python", "node")
SINCE_EVER: Final = "0" * 32


# ------------------------------------------------------------------------------------------------------- subscribers


class Handled(NamedTuple):
    """What the handler registered for an event type was handed: `typed` by the SDK, and as plain values."""

    type: str
    event_id: str
    typed: Any
    plain: Any


class Subscriber:
    """A program that takes events with one of the SDKs; every type of the spec has a handler."""

    url: str

    def __init__(self) -> None:
        self._handled: list[Handled] = []
        self._ids: set[str] = set()
        self._changed = threading.Condition()

    def _handle(self, it: Handled) -> None:
        with self._changed:
            self._handled.append(it)
            self._ids.add(it.event_id)
            self._changed.notify_all()

    def handled(self, count: int) -> Sequence[Handled]:
        """All there are, as soon as they are so many; one that was sent again counts once."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self._ids) >= count, 30), f"only {len(self._ids)} came"
            return list(self._handled)

    def expected(self, sent: Mapping[str, Any]) -> Any:
        """An event that was sent, as plain values in the form in which handlers get it."""
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError


class Python(Subscriber):
    """The Python SDK's dispatcher, behind a server of the test's own."""

    def __init__(self, encrypt_key: str, verification_token: str) -> None:
        super().__init__()
        builder = lark.EventDispatcherHandler.builder(encrypt_key, verification_token)
        for type, register in REGISTER.items():
            getattr(builder, register)(self._handler(type))
        for type in CUSTOMIZED:
            builder.register_p2_customized_event(type, self._handler(type))
        self._dispatcher = builder.build()
        self._listener = Listener(self._answer)
        self.url = self._listener.url

    def _handler(self, type: str) -> Callable[[Any], None]:
        def handle(event: Any) -> None:
            plain = {"header": vars(event.header), "event": json.loads(lark.JSON.marshal(event.event))}
            self._handle(Handled(type, event.header.event_id, event, plain))

        return handle

    def _answer(self, heard: Heard) -> tuple[int, bytes]:
        asked = RawRequest()
        asked.headers, asked.body = {name.title(): value for name, value in heard.headers.items()}, heard.body
        answer = self._dispatcher.do(asked)
        return answer.status_code, answer.content

    def expected(self, sent: Mapping[str, Any]) -> Any:
        return {"header": sent["header"], "event": sent["event"]}

    def close(self) -> None:
        self._listener.down()


class Node(Subscriber):
    """The Node SDK's dispatcher behind its adapter to Node's own HTTP server."""

    def __init__(self, encrypt_key: str, verification_token: str) -> None:
        if not (shutil.which("node") and NODE_SDK.exists()):
            missing("node", "Node.js or its SDK in tests/node was not found: run tools/ci-setup node")
        super().__init__()
        asked = {"encrypt_key": encrypt_key, "verification_token": verification_token, "types": list(EVENTS)}
        self._process = subprocess.Popen(["node", PROGRAM, json.dumps(asked)], stdout=subprocess.PIPE, text=True)
        assert self._process.stdout
        self.url = f"http://127.0.0.1:{json.loads(self._process.stdout.readline())['port']}/events"
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        for line in self._process.stdout or ():
            said = json.loads(line)
            self._handle(Handled(said["type"], said["handed"]["event_id"], said["handed"], said["handed"]))

    def expected(self, sent: Mapping[str, Any]) -> Any:
        return {"schema": sent["schema"], **sent["header"], **sent["event"]}

    def close(self) -> None:
        self._process.kill()
        self._reader.join()
        self._process.communicate()


def known() -> Iterator[tuple[str, str]]:
    """The event types that the Python SDK knows of CoreHR, and the methods that register handlers for them."""
    for name in dir(lark.EventDispatcherHandler.builder("", "")):
        if name.startswith(("register_p2_corehr_", "register_p2_compensation_")):
            builder = lark.EventDispatcherHandler.builder("", "")
            getattr(builder, name)(id)
            yield next(iter(builder._processorMap)).removeprefix("p2."), name


REGISTER: Final = dict(known())


@pytest.fixture(params=SDKS)
def subscriber(request: pytest.FixtureRequest) -> Iterator[Subscriber]:
    subscriber = {"python": Python, "node": Node}[request.param](**KEYS)
    yield subscriber
    subscriber.close()


def strays(thing: Any) -> Iterator[str]:
    """The members of a typed object that are not what its class declares, at any depth."""
    for name, value in vars(thing).items():
        declared = type(thing)._types[name]
        [type_, values] = [get_args(declared)[0], value] if get_origin(declared) is list else [declared, [value]]
        for each in values or ():
            if each is not None and not isinstance(each, type_):
                yield f"{name}: {type_.__name__}"
            elif hasattr(each, "_types"):
                yield from strays(each)


def assert_typed(it: Handled) -> None:
    """The Python SDK handed over its own types, all the way down; those of the Node SDK are for compilers only."""
    if not isinstance(it.typed, lark.EventContext):
        return
    if it.type in CUSTOMIZED:
        assert type(it.typed) is lark.CustomizedEvent
        return
    assert type(it.typed).__name__ == f"P2{''.join(part.title() for part in it.type.replace('.', '_').split('_'))}"
    assert set(strays(it.typed.event)) <= OTHERWISE.get(it.type, set()), it.type


# --------------------------------------------------------------------------------------------------------- the stories


def told(db: str) -> None:
    """What a company tells of itself that its first day does not hold yet, nor any operation makes it tell."""
    world = World(db)
    try:
        active, start = world.person("active")["id"], {"target_contract_start_date": world.today()}
        world.revoke(world.change(active, start).data["job_change_id"]).passes()
        id = named(world, "NoNeedApproval")
        world.tell(lambda tx: offboardings.hand_over(tx, offboardings.known(tx, id), Checklist.RUNNING))
        revoked(world, id)
    finally:
        world.close()


def live(server: Server, names: Mapping[str, Any]) -> None:
    """A day of a company, with the SDK: she is to move tomorrow, somebody leaves sooner, somebody does not come."""
    sdk = lark.Client.builder().app_id(ALL).app_secret(SECRETS[ALL]).domain(server.url).build()
    info = v1.TransferInfo.builder().target_department(names["departments"]["other"]["id"]).build()
    move = (
        v1.CreateJobChangeRequestBody.builder()
        .transfer_mode(1).transfer_type_unique_identifier("internal_transfer").effective_date("2026-01-06")
        .employment_id(names["employments"]["active_2"]["open_id"]).transfer_info(info)
    )  # fmt: skip
    asked = v1.CreateJobChangeRequest.builder().request_body(move.build()).build()
    assert sdk.corehr.v1.job_change.create(asked).success()
    date = v2.ObjectFieldData.builder().field_name("offboarding_date").value("2026-01-05").build()
    sooner = v2.EditOffboardingRequestBody.builder().offboarding_id(names["offboardings"]["Approved"]["id"])
    edit = v2.EditOffboardingRequest.builder().request_body(sooner.update_data([date]).build()).build()
    assert sdk.corehr.v2.offboarding.edit(edit).success()
    away = v2.WithdrawOnboardingPreHireRequestBody.builder().pre_hire_id(names["pre_hires"]["preboarding"]["id"])
    gone = v2.WithdrawOnboardingPreHireRequest.builder().request_body(away.withdraw_reason("另谋高就").build()).build()
    assert sdk.corehr.v2.pre_hire.withdraw_onboarding(gone).success()


def sent(server: Server, names: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every event there ever was, as we say that it is sent."""
    return [
        {
            "schema": "2.0",
            "header": {
                "event_id": it["event_id"],
                "token": KEYS["verification_token"],
                "create_time": it["create_time"],
                "event_type": it["event_type"],
                "tenant_key": names["apps"]["store"]["tenant_key"],
                "app_id": ALL,
            },
            "event": it["event"],
        }
        for it in server.sandbox("GET", f"events?since={SINCE_EVER}&limit=10000")["items"]
    ]


def test_every_event_that_has_a_cause_is_handled(db, subscriber):
    """The whole past of a company, and then a day of it as it is lived."""
    told(db)
    with serving(db) as server:
        names = server.sandbox("GET", "world")
        server.sandbox("PUT", f"apps/{ALL}/webhook", {"url": subscriber.url, **KEYS})
        past = server.sandbox("POST", f"apps/{ALL}/replay")["count"]
        server.sandbox("POST", "clock/advance", {"minutes": 1})
        live(server, names)
        server.sandbox("POST", "clock/advance", {"days": 1})
        everything = sent(server, names)
        assert len(everything) > past
        handled = subscriber.handled(len(everything))
        assert {it.event_id: it.plain for it in handled} == {
            it["header"]["event_id"]: subscriber.expected(it) for it in everything
        }
        assert {(it.event_id, it.type) for it in handled} == {
            (it["header"]["event_id"], it["header"]["event_type"]) for it in everything
        }
        for it in handled:
            assert_typed(it)
        assert {it.type for it in handled} == CAUSED
        for state in ("waiting", "given_up"):
            assert server.sandbox("GET", f"events?delivery={state}")["items"] == []


# ------------------------------------------------------------------------------------------------------- every type


def sample(field: Field) -> Any:
    """Any value that the page allows."""
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
    app_id=ALL,
    name="subscriber",
    type="custom",
    scopes=EVERYTHING,
    data_range=DataRange(everyone=True),
    pre_hires="all",
    enabled=True,
    created_at="",
    secret_hash="",
    server_key="",
)


def body(seq: int, type: str, token: str = KEYS["verification_token"]) -> bytes:
    """An event of this type as we send it, before it is sealed."""
    it = kernel_subscribers.Subscriber("1", ALL, "webhook", "", "", token)
    row = {"seq": seq, "type": type, "at": "2026-01-05T01:00:00.000000Z"}
    return envelope(APP, it, row, {field.name: sample(field) for field in EVENTS[type].body})


def post(url: str, body: bytes, key: str = KEYS["encrypt_key"], signed_with: str | None = None) -> int:
    """Send it as webhooks do; the HTTP status of the answer."""
    raw = seal(body, key)
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "X-Lark-Request-Timestamp": "1767574800",
        "X-Lark-Request-Nonce": "nonce",
        "X-Lark-Signature": signature("1767574800", "nonce", signed_with or key, raw),
    }
    try:
        with urllib.request.urlopen(urllib.request.Request(url, raw, headers), timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        return refused.code


def test_the_python_sdk_knows_every_event_but_one():
    assert REGISTER.keys() == EVENTS.keys() - CUSTOMIZED
    assert len(EVENTS) == 75


def test_every_event_there_is_would_be_handled(subscriber):
    """Those without a cause, too: with bodies made up from their pages."""
    bodies = [body(seq, type) for seq, type in enumerate(EVENTS)]
    assert {post(subscriber.url, each) for each in bodies} == {200}
    handled = subscriber.handled(len(bodies))
    assert [it.type for it in handled] == list(EVENTS)
    assert [it.plain for it in handled] == [subscriber.expected(json.loads(each)) for each in bodies]
    for it in handled:
        assert_typed(it)
        if it.type in OTHERWISE and isinstance(it.typed, lark.EventContext):
            assert set(strays(it.typed.event)) == OTHERWISE[it.type]


# ---------------------------------------------------------------------------------------------------- what is refused

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
def test_what_is_not_from_us_is_not_handled(subscriber, sending, python, node):
    """The Node SDK drops a wrong signature with a 200, throws at a wrong key, and looks at no event's token (None)."""
    refused = python if isinstance(subscriber, Python) else node
    assert post(subscriber.url, **sending) == (refused or 200)
    assert post(subscriber.url, body(2, UPDATED)) == 200
    handled = [int(it.event_id[:16], 16) for it in subscriber.handled(1 if refused else 2)]
    assert handled == ([2] if refused else [1, 2])


@pytest.mark.parametrize(("key", "only_python"), [("encrypt_key", False), ("verification_token", True)])
def test_who_has_other_keys_does_not_answer_the_challenge(server, subscriber, key, only_python):
    """The Node SDK looks at no token here either."""
    if only_python and isinstance(subscriber, Node):
        server.sandbox("PUT", f"apps/{ALL}/webhook", {"url": subscriber.url, **KEYS, key: WRONG[key]})
        return
    with pytest.raises(urllib.error.HTTPError) as no:
        server.sandbox("PUT", f"apps/{ALL}/webhook", {"url": subscriber.url, **KEYS, key: WRONG[key]})
    assert no.value.code == HTTPStatus.BAD_REQUEST
    assert "HTTP 500" in json.load(no.value)["error"]
    assert server.sandbox("PUT", f"apps/{ALL}/webhook", {"url": subscriber.url, **KEYS})["url"] == subscriber.url
