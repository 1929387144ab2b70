"""The long connection: which apps may connect, what is sent and acknowledged, and how a connection ends."""

import asyncio
import base64
import json
from collections.abc import Awaitable
from typing import Any
from urllib.parse import parse_qs

import pytest

from corehr.apps import registry as app_rows
from corehr.apps.registry import App, AppRegistry
from corehr.delivery import connection
from corehr.delivery.connect_endpoint import MAX_CONNECTIONS_PER_APP, ClientConfig
from corehr.delivery.connections import LongConnections
from corehr.delivery.frames import METHOD_CONTROL, METHOD_DATA, Frame, decode, encode
from corehr.delivery.outbox import AttemptResult
from corehr.kernel import tenants
from tests.gateway.fake_api import new_app

SECRET = "a secret of any form 密"
HOST = "127.0.0.1:8321"
CONFIG = {"ReconnectCount": -1, "ReconnectInterval": 5, "ReconnectNonce": 5, "PingInterval": 30}
PING = Frame(METHOD_CONTROL, {"type": "ping"}, service=1)
EVENT = b'{"schema":"2.0","event":{"name":"\xe5\xaf\x86"}}'
CONNECTION_LOST = AttemptResult(False, "the connection was lost")


class Socket:
    """A websocket seen from its client, without a network in between."""

    def __init__(self, connections: LongConnections, query: str, path: str = "/ws/v2") -> None:
        self._incoming: asyncio.Queue[Any] = asyncio.Queue()
        self._outgoing: asyncio.Queue[Any] = asyncio.Queue()
        self._gone = False
        self.readable = asyncio.Event()
        self.readable.set()
        self._incoming.put_nowait({"type": "websocket.connect"})
        scope = {"type": "websocket", "path": path, "query_string": query.encode()}
        self.task = asyncio.create_task(connections.websocket(scope, self._incoming.get, self._send))

    async def _send(self, message: Any) -> None:
        await self.readable.wait()
        if self._gone:
            raise OSError
        await self._outgoing.put(message)
        if message["type"] == "websocket.close":
            self.disconnect(message["code"])
        elif message["type"] == "websocket.http.response.body":
            self.disconnect()
            self.disconnect()  # the server sends it twice: at once, and when the connection is closed

    async def message(self) -> Any:
        return await self._outgoing.get()

    async def frame(self) -> Frame:
        message = await self.message()
        assert message["type"] == "websocket.send"
        return decode(message["bytes"])

    def send_frame(self, frame: Frame) -> None:
        self._incoming.put_nowait({"type": "websocket.receive", "bytes": encode(frame)})

    def send_text(self, text: str) -> None:
        self._incoming.put_nowait({"type": "websocket.receive", "text": text})

    async def ping(self) -> Frame:
        """Send a ping and return the reply."""
        self.send_frame(PING)
        return await self.frame()

    def acknowledge(self, frame: Frame, reply: Any = None) -> None:
        payload = json.dumps(reply or {"code": 200, "headers": None, "data": None}).encode()
        self.send_frame(Frame(frame.method, {**frame.headers, "biz_rt": "1"}, payload, frame.service))

    def disconnect(self, code: int = 1006) -> None:
        self._gone = True
        self._incoming.put_nowait({"type": "websocket.disconnect", "code": code})

    def unread_count(self) -> int:
        """Return how many messages were received and not read."""
        return self._outgoing.qsize()


class Harness:
    """The long connections of a toy company with one app."""

    def __init__(self, store: Any, **options: Any) -> None:
        self.store = store
        self.app = new_app(store, app_secret=SECRET)
        self.apps = AppRegistry(store)
        self.connected: asyncio.Queue[str] = asyncio.Queue()
        options = {"handshake_grace_seconds": 3600, "on_connected": self.connected.put_nowait, **options}
        self.connections = LongConnections(self.apps, **options)

    async def request_address(self, app: App | None = None, app_secret: str = SECRET, scheme: str = "http") -> Any:
        body = json.dumps({"AppID": (app or self.app).app_id, "AppSecret": app_secret}).encode()
        response = await self.connections.connect_endpoint.issue_address(body, HOST, scheme)
        return json.loads(response.body)

    async def connect_query(self) -> str:
        """Return the query of an address to connect to."""
        query: str = (await self.request_address())["data"]["URL"].partition("?")[2]
        return query

    async def open_socket(self) -> Socket:
        """Return a connection that was accepted and has sent nothing yet."""
        socket = Socket(self.connections, await self.connect_query())
        assert await socket.message() == {"type": "websocket.accept"}
        return socket

    async def listener(self) -> Socket:
        """Return a connection over which events are sent."""
        socket = await self.open_socket()
        await socket.ping()
        return socket

    def start_send(self, body: bytes = EVENT, message_id: str = "m1") -> asyncio.Task[AttemptResult]:
        return asyncio.create_task(self.connections.send(self.app.app_id, message_id, "t1", body))

    def set_enabled(self, enabled: bool) -> None:
        self.store.command_sync(
            tenants.DEFAULT_TENANT_ID, lambda tx: app_rows.set_enabled(tx, self.app.app_id, enabled=enabled)
        )
        self.expire_app_cache()

    def expire_app_cache(self) -> None:
        """Make the next read of an app query the store, as after the second for which apps are cached."""
        self.apps._refreshed_at = float("-inf")


def run(scenario: Awaitable[Any]) -> Any:
    async def within() -> Any:
        async with asyncio.timeout(20):
            return await scenario

    return asyncio.run(within())


@pytest.fixture
def harness(store) -> Harness:
    return Harness(store)


# ------------------------------------------------------------------------------------------------ requesting an address


@pytest.mark.parametrize(("scheme", "socket_scheme"), [("http", "ws"), ("https", "wss")])
def test_an_app_receives_the_address_to_connect_to(harness, scheme, socket_scheme):
    response = run(harness.request_address(scheme=scheme))
    assert (response["code"], response["msg"]) == (0, "")
    assert response["data"]["ClientConfig"] == CONFIG
    address, _, query = response["data"]["URL"].partition("?")
    assert address == f"{socket_scheme}://{HOST}/ws/v2"
    params = {name: value for name, (value,) in parse_qs(query).items()}
    assert list(params) == ["fpid", "aid", "device_id", "access_key", "service_id", "ticket"]
    assert len(params["device_id"]) == 19
    assert 0 <= int(params["service_id"]) < 2**31


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b"[" * 5000,
        b"{}",
        b'{"AppID":"cli_0000000000000001"}',
        b'{"AppSecret":"s"}',
        b'{"AppID":"cli_0000000000000001","AppSecret":""}',
        b'{"AppID":"","AppSecret":"s"}',
        b'{"AppID":1,"AppSecret":"s"}',
        b'{"AppID":"cli_0000000000000001","AppSecret":"","ClientAssertion":"a"}',
    ],
)
def test_a_request_without_credentials(harness, body):
    response = run(harness.connections.connect_endpoint.issue_address(body, HOST, "http"))
    assert (response.code, response.refused_by) == (1000040344, "credentials_are_malformed")
    assert json.loads(response.body) == {"code": 1000040344, "msg": "no credential", "data": {}}


def test_an_app_authenticates_with_its_secret(harness):
    body = b'{"AppID":"cli_00000000000000ff","AppSecret":"s"}'
    response = run(harness.connections.connect_endpoint.issue_address(body, HOST, "http"))
    assert (response.code, response.refused_by) == (514, "app_is_unknown")
    assert run(harness.request_address(app_secret="wrong")) == {"code": 514, "msg": "auth failed", "data": {}}
    assert run(harness.request_address())["code"] == 0


def test_a_disabled_app_may_not_connect(harness):
    harness.set_enabled(False)
    assert run(harness.request_address()) == {"code": 403, "msg": "forbidden", "data": {}}
    harness.set_enabled(True)
    assert run(harness.request_address())["code"] == 0


def test_a_store_app_may_not_connect(harness):
    app = new_app(harness.store, type="store", app_secret=SECRET)
    assert run(harness.request_address(app))["code"] == 403
    assert run(harness.request_address(app, "wrong"))["code"] == 514


def test_a_store_that_fails_is_an_error_after_which_clients_try_again(harness, monkeypatch):
    monkeypatch.setattr(harness.apps, "_store", None)
    assert run(harness.request_address()) == {"code": 1000040343, "msg": "internal error", "data": {}}


# ------------------------------------------------------------------------------------------------------- the handshake


async def handshake_denial(socket: Socket) -> dict[str, Any]:
    """Return the status and headers of the response to a handshake."""
    start, body = await socket.message(), await socket.message()
    assert start["type"] == "websocket.http.response.start"
    assert (body["type"], body["body"]) == ("websocket.http.response.body", b"")
    await socket.task
    headers = {name.decode(): value.decode() for name, value in start["headers"]}
    return {"status": start["status"], **headers}


def denial(status: int, msg: str, code: int) -> dict[str, Any]:
    headers = {"Handshake-Status": str(status), "Handshake-Msg": msg, "Handshake-Autherrcode": str(code)}
    return {"status": 403, **headers}


AUTH_FAILED = denial(514, "auth failed", 514)
FORBIDDEN = denial(403, "forbidden", 403)


def test_a_connect_token_is_valid_once(harness):
    async def scenario():
        query = await harness.connect_query()
        first = Socket(harness.connections, query)
        assert await first.message() == {"type": "websocket.accept"}
        assert await handshake_denial(Socket(harness.connections, query)) == AUTH_FAILED

    run(scenario())


@pytest.mark.parametrize("query", ["", "ticket=1", "access_key=1&ticket=1", "access_key=%FF&ticket=%ED%A0%80"])
def test_without_a_token_no_one_connects(harness, query):
    async def scenario():
        assert await handshake_denial(Socket(harness.connections, query)) == AUTH_FAILED

    run(scenario())


def test_a_key_with_another_token_is_refused(harness):
    async def scenario():
        query = await harness.connect_query()
        assert (
            await handshake_denial(Socket(harness.connections, query[:-1] + ("1" if query[-1] == "0" else "0")))
            == AUTH_FAILED
        )
        assert await handshake_denial(Socket(harness.connections, query)) == AUTH_FAILED  # there is no second guess

    run(scenario())


def test_a_connect_token_expires(store):
    harness = Harness(store, connect_token_ttl_seconds=0)

    async def scenario():
        query = await harness.connect_query()
        await asyncio.sleep(0.001)  # timers run in order
        assert not harness.connections.connect_endpoint._tokens
        assert await handshake_denial(Socket(harness.connections, query)) == AUTH_FAILED

    run(scenario())


def test_an_app_that_was_disabled_since_may_not_connect(harness):
    async def scenario():
        query = await harness.connect_query()
        harness.set_enabled(False)
        assert await handshake_denial(Socket(harness.connections, query)) == FORBIDDEN

    run(scenario())


def test_an_app_has_at_most_fifty_connections(harness):
    async def scenario():
        early = await harness.connect_query()
        sockets = [await harness.open_socket() for _ in range(MAX_CONNECTIONS_PER_APP)]
        assert (await harness.request_address())["code"] == 1000040350
        message = "the number of connections exceeded the limit"
        assert await handshake_denial(Socket(harness.connections, early)) == denial(514, message, 1000040350)
        sockets[7].disconnect()
        await sockets[7].task
        await harness.open_socket()

    run(scenario())


def test_another_path_is_unknown(harness):
    async def scenario():
        socket = Socket(harness.connections, await harness.connect_query(), "/ws/v1")
        start, body = await socket.message(), await socket.message()
        assert (start["status"], body["body"]) == (404, b"404 page not found")

    run(scenario())


# -------------------------------------------------------------------------------------------------- pings, and silence


def test_a_ping_is_answered_with_the_client_config(harness):
    async def scenario():
        pong = await (await harness.open_socket()).ping()
        assert (pong.method, pong.headers) == (METHOD_CONTROL, {"type": "pong"})
        assert json.loads(pong.payload) == CONFIG

    run(scenario())


def test_a_connection_is_ready_with_its_first_ping(harness):
    async def scenario():
        socket = await harness.open_socket()
        assert not harness.connections.is_connected(harness.app.app_id)
        assert await harness.connections.send(harness.app.app_id, "m", "t", EVENT) == AttemptResult(
            False, "no connection is open"
        )
        await socket.ping()
        assert harness.connections.is_connected(harness.app.app_id)
        await socket.ping()
        assert harness.connected.get_nowait() == harness.app.app_id
        assert harness.connected.empty()

    run(scenario())


def test_a_connection_is_ready_without_a_ping_after_a_moment(store):
    harness = Harness(store, handshake_grace_seconds=0)

    async def scenario():
        await harness.open_socket()
        assert await harness.connected.get() == harness.app.app_id
        assert harness.connections.is_connected(harness.app.app_id)

    run(scenario())


def test_a_silent_client_is_disconnected(store):
    harness = Harness(store, config=ClientConfig(ping_interval=0))

    async def scenario():
        socket = await harness.open_socket()
        assert (await socket.message())["code"] == 1001
        await socket.task

    run(scenario())


def test_the_app_being_disabled_ends_its_connections_with_their_next_ping(harness):
    async def scenario():
        socket = await harness.listener()
        harness.set_enabled(False)
        socket.send_frame(PING)
        assert await socket.message() == {"type": "websocket.close", "code": 1008, "reason": "the app is disabled"}
        await socket.task
        assert not harness.connections.is_connected(harness.app.app_id)

    run(scenario())


def test_a_store_that_fails_ends_no_connection(harness, monkeypatch):
    async def scenario():
        socket = await harness.open_socket()
        harness.expire_app_cache()
        monkeypatch.setattr(harness.apps, "_store", None)
        assert (await socket.ping()).headers == {"type": "pong"}

    run(scenario())


def test_a_client_that_sends_no_frame_is_disconnected(harness):
    async def scenario():
        socket = await harness.open_socket()
        socket.send_text("hello")
        assert (await socket.message())["code"] == 1003
        await socket.task

    run(scenario())


@pytest.mark.parametrize(
    "frame", [Frame(METHOD_CONTROL, {"type": "pong"}), Frame(METHOD_CONTROL, {}), Frame(7, {}), Frame(METHOD_DATA, {})]
)
def test_a_frame_that_requests_nothing_has_no_reply(harness, frame):
    async def scenario():
        socket = await harness.listener()
        socket.send_frame(frame)
        assert (await socket.ping()).headers == {"type": "pong"}
        assert socket.unread_count() == 0

    run(scenario())


# ---------------------------------------------------------------------------------------------------------- the events


def test_an_event_is_sent_and_acknowledged(harness):
    async def scenario():
        socket = await harness.listener()
        sent = harness.start_send()
        frame = await socket.frame()
        timestamp = frame.headers["timestamp"]
        assert len(timestamp) == 13
        headers = {"type": "event", "message_id": "m1", "trace_id": "t1", "sum": "1", "seq": "0"}
        assert frame == Frame(METHOD_DATA, {**headers, "timestamp": timestamp}, EVENT, 1)
        socket.acknowledge(frame)
        assert await sent == AttemptResult(True, "answered 200")

    run(scenario())


def text(data: bytes) -> str:
    return base64.b64encode(data).decode()


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        ({"code": 200}, AttemptResult(True, "answered 200")),
        ({"code": 200, "data": text(b'"no handle"')}, AttemptResult(True, 'answered 200: "no handle"')),
        ({"code": 500, "headers": None, "data": None}, AttemptResult(False, "answered 500")),
        ({"code": 500, "data": text(b"\xff" * 300)}, AttemptResult(False, f"answered 500: {'�' * 186}")),
        ({"code": 500, "data": text(b"\x1b[31mno\n\tway")}, AttemptResult(False, "answered 500: [31mno way")),
        ({"code": 500, "data": "no base64!"}, AttemptResult(False, "answered 500")),
        ({"code": "200"}, AttemptResult(False, "answered with an unreadable reply")),
        ([], AttemptResult(False, "answered with an unreadable reply")),
        ("200", AttemptResult(False, "answered with an unreadable reply")),
    ],
)
def test_the_result_of_an_acknowledgement(harness, reply, outcome):
    async def scenario():
        socket = await harness.listener()
        sent = harness.start_send()
        frame = await socket.frame()
        socket.send_frame(Frame(METHOD_DATA, frame.headers, json.dumps(reply).encode()))
        socket.acknowledge(frame)  # the second acknowledgement is ignored
        assert await sent == outcome

    run(scenario())


def test_a_long_event_goes_in_fragments(store):
    harness = Harness(store, frame_payload_bytes=100)
    event = b'{"text":"%s"}' % ("密".encode() * 100)

    async def scenario():
        socket = await harness.listener()
        sent = harness.start_send(event)
        parts = [await socket.frame() for _ in range(4)]
        assert [len(part.payload) for part in parts] == [100, 100, 100, 11]
        assert b"".join(part.payload for part in parts) == event
        assert {(part.headers["sum"], part.headers["message_id"]) for part in parts} == {("4", "m1")}
        assert [part.headers["seq"] for part in parts] == ["0", "1", "2", "3"]
        socket.acknowledge(parts[-1])
        assert (await sent).accepted

    run(scenario())


def test_every_frame_is_shorter_than_a_mebibyte(harness):
    async def scenario():
        socket = await harness.listener()
        sent = harness.start_send(b"x" * 3 * 2**20)
        for _ in range(12):
            assert len((await socket.message())["bytes"]) < 2**20
        sent.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sent

    run(scenario())


def test_what_is_not_acknowledged_in_time(store):
    harness = Harness(store, ack_timeout_seconds=0.01)

    async def scenario():
        socket = await harness.listener()
        sent = harness.start_send()
        frame = await socket.frame()
        socket.acknowledge(Frame(METHOD_DATA, {**frame.headers, "message_id": "m2"}))
        assert await sent == AttemptResult(False, "no acknowledgement within 0.01 s")
        socket.acknowledge(frame)  # too late
        assert (await socket.ping()).headers == {"type": "pong"}

    run(scenario())


def test_a_client_that_does_not_read_is_not_waited_for(store, monkeypatch):
    monkeypatch.setattr(connection, "CLOSE_TIMEOUT_SECONDS", 0.01)
    harness = Harness(store, ack_timeout_seconds=0.01)

    async def scenario():
        socket = await harness.listener()
        socket.readable.clear()
        assert await harness.start_send() == AttemptResult(False, "no acknowledgement within 0.01 s")
        await harness.connections.close()
        assert not harness.connections.is_connected(harness.app.app_id)

    run(scenario())


def test_many_events_are_under_way_over_one_connection(harness):
    async def scenario():
        socket = await harness.listener()
        sent = [harness.start_send(b"%d" % n, f"m{n}") for n in range(20)]
        frames = [await socket.frame() for _ in sent]
        for frame in reversed(frames):
            socket.acknowledge(frame, {"code": 200 if int(frame.payload) % 2 else 500})
        assert [outcome.accepted for outcome in await asyncio.gather(*sent)] == [False, True] * 10

    run(scenario())


def test_each_event_goes_to_one_connection_and_all_have_their_share(harness):
    async def scenario():
        sockets = [await harness.listener() for _ in range(2)]

        async def listen(socket: Socket) -> None:
            while True:
                frame = await socket.frame()
                received[socket].append(frame.headers["message_id"])
                socket.acknowledge(frame)

        received: dict[Socket, list[str]] = {socket: [] for socket in sockets}
        listening = [asyncio.create_task(listen(socket)) for socket in sockets]
        outcomes = await asyncio.gather(*(harness.start_send(message_id=f"m{n}") for n in range(64)))
        assert all(outcome.accepted for outcome in outcomes)
        assert all(received.values())
        assert sorted(id for ids in received.values() for id in ids) == sorted(f"m{n}" for n in range(64))
        for task in listening:
            task.cancel()

    run(scenario())


def test_an_event_is_for_the_connections_of_its_own_app(harness):
    async def scenario():
        socket = await harness.listener()
        other = new_app(harness.store)
        outcome = await harness.connections.send(other.app_id, "m1", "t1", EVENT)
        assert outcome == AttemptResult(False, "no connection is open")
        assert socket.unread_count() == 0

    run(scenario())


def test_a_connection_that_is_lost_accepts_nothing(harness):
    async def scenario():
        socket = await harness.listener()
        sent = harness.start_send()
        await socket.frame()
        socket.disconnect()
        assert await sent == CONNECTION_LOST
        await socket.task
        assert await harness.start_send() == AttemptResult(False, "no connection is open")

    run(scenario())


def test_a_connection_that_is_lost_silently(harness):
    async def scenario():
        socket = await harness.listener()
        socket._gone = True
        assert await harness.start_send() == CONNECTION_LOST

    run(scenario())


# ----------------------------------------------------------------------------------------------------- the server stops


def test_all_connections_end_when_the_server_stops(harness):
    async def scenario():
        sockets = [await harness.listener(), await harness.listener(), await harness.open_socket()]
        sent = harness.start_send()
        await asyncio.sleep(0)  # it is under way
        await harness.connections.close()
        assert await sent == CONNECTION_LOST
        received = []
        for socket in sockets:
            await socket.task
            received += [await socket.message() for _ in range(socket.unread_count())]
        assert sorted(message["type"] for message in received) == ["websocket.close"] * 3 + ["websocket.send"]
        assert {message.get("code") for message in received} == {1012, None}
        assert not harness.connections.is_connected(harness.app.app_id)

    run(scenario())


def test_what_is_sent_to_a_closing_connection_is_ignored(harness):
    async def scenario():
        socket = await harness.open_socket()
        socket.readable.clear()
        closing = asyncio.create_task(harness.connections.close())
        await asyncio.sleep(0)  # it is under way
        socket.send_frame(PING)
        await harness.connections.close()  # closing twice has no further effect
        socket.readable.set()
        await closing
        await socket.task
        assert (await socket.message())["code"] == 1012
        assert socket.unread_count() == 0
        assert harness.connected.empty()

    run(scenario())
