"""The long connection: who is let in, what is sent and acknowledged, and how a connection ends."""

import asyncio
import base64
import json
from collections.abc import Awaitable
from typing import Any
from urllib.parse import parse_qs

import pytest

from corehr.gateway import apps as app_rows
from corehr.gateway import long_connection
from corehr.gateway.apps import App, Apps
from corehr.gateway.frames import CONTROL, DATA, Frame, decode, encode
from corehr.gateway.long_connection import LIMIT, ClientConfig, LongConnections
from corehr.kernel import tenants
from corehr.kernel.outbox import Outcome
from tests.gateway.toys import new_app

SECRET = "a secret of any form 密"
HOST = "127.0.0.1:8321"
CONFIG = {"ReconnectCount": -1, "ReconnectInterval": 5, "ReconnectNonce": 5, "PingInterval": 30}
PING = Frame(CONTROL, {"type": "ping"}, service=1)
EVENT = b'{"schema":"2.0","event":{"name":"\xe5\xaf\x86"}}'
LOST = Outcome(False, "the connection was lost")


class Socket:
    """A websocket seen from its client, without a network in between."""

    def __init__(self, connections: LongConnections, query: str, path: str = "/ws/v2") -> None:
        self._inward: asyncio.Queue[Any] = asyncio.Queue()
        self._messages: asyncio.Queue[Any] = asyncio.Queue()
        self._gone = False
        self.reading = asyncio.Event()
        self.reading.set()
        self._inward.put_nowait({"type": "websocket.connect"})
        scope = {"type": "websocket", "path": path, "query_string": query.encode()}
        self.task = asyncio.create_task(connections.websocket(scope, self._inward.get, self._send))

    async def _send(self, message: Any) -> None:
        await self.reading.wait()
        if self._gone:
            raise OSError
        await self._messages.put(message)
        if message["type"] == "websocket.close":
            self.hang_up(message["code"])
        elif message["type"] == "websocket.http.response.body":
            self.hang_up()
            self.hang_up()  # the server says it twice: at once, and when the connection is gone

    async def message(self) -> Any:
        return await self._messages.get()

    async def frame(self) -> Frame:
        message = await self.message()
        assert message["type"] == "websocket.send"
        return decode(message["bytes"])

    def say(self, frame: Frame) -> None:
        self._inward.put_nowait({"type": "websocket.receive", "bytes": encode(frame)})

    def say_text(self, text: str) -> None:
        self._inward.put_nowait({"type": "websocket.receive", "text": text})

    async def ping(self) -> Frame:
        """What is answered."""
        self.say(PING)
        return await self.frame()

    def acknowledge(self, frame: Frame, reply: Any = None) -> None:
        payload = json.dumps(reply or {"code": 200, "headers": None, "data": None}).encode()
        self.say(Frame(frame.method, {**frame.headers, "biz_rt": "1"}, payload, frame.service))

    def hang_up(self, code: int = 1006) -> None:
        self._gone = True
        self._inward.put_nowait({"type": "websocket.disconnect", "code": code})

    def waiting(self) -> int:
        """How many messages came and were not looked at."""
        return self._messages.qsize()


class House:
    """The long connections of a toy company with one app."""

    def __init__(self, store: Any, **options: Any) -> None:
        self.store = store
        self.app = new_app(store, app_secret=SECRET)
        self.apps = Apps(store)
        self.up: asyncio.Queue[str] = asyncio.Queue()
        options = {"settle": 3600, "on_connected": self.up.put_nowait, **options}
        self.connections = LongConnections(self.apps, **options)

    async def asked(self, app: App | None = None, app_secret: str = SECRET, scheme: str = "http") -> Any:
        body = json.dumps({"AppID": (app or self.app).app_id, "AppSecret": app_secret}).encode()
        answer, _ = await self.connections.endpoint(body, HOST, scheme)
        return json.loads(answer.body)

    async def ticket(self) -> str:
        """The query of an address to connect to."""
        query: str = (await self.asked())["data"]["URL"].partition("?")[2]
        return query

    async def socket(self) -> Socket:
        """A connection that was let in; it has said nothing yet."""
        socket = Socket(self.connections, await self.ticket())
        assert await socket.message() == {"type": "websocket.accept"}
        return socket

    async def listener(self) -> Socket:
        """A connection that is sent events."""
        socket = await self.socket()
        await socket.ping()
        return socket

    def sends(self, body: bytes = EVENT, message_id: str = "m1") -> asyncio.Task[Outcome]:
        return asyncio.create_task(self.connections.send(self.app.app_id, message_id, "t1", body))

    def set_enabled(self, enabled: bool) -> None:
        self.store.command_sync(
            tenants.DEFAULT_TENANT_ID, lambda tx: app_rows.set_enabled(tx, self.app.app_id, enabled=enabled)
        )
        self.read_again()

    def read_again(self) -> None:
        """Without the second for which apps are remembered."""
        self.apps._read_at = float("-inf")


def run(story: Awaitable[Any]) -> Any:
    async def within() -> Any:
        async with asyncio.timeout(20):
            return await story

    return asyncio.run(within())


@pytest.fixture
def house(store) -> House:
    return House(store)


# ----------------------------------------------------------------------------------------------- asking for an address


@pytest.mark.parametrize(("scheme", "socket_scheme"), [("http", "ws"), ("https", "wss")])
def test_an_app_is_told_where_to_connect_to(house, scheme, socket_scheme):
    answer = run(house.asked(scheme=scheme))
    assert (answer["code"], answer["msg"]) == (0, "")
    assert answer["data"]["ClientConfig"] == CONFIG
    address, _, query = answer["data"]["URL"].partition("?")
    assert address == f"{socket_scheme}://{HOST}/ws/v2"
    given = {name: value for name, (value,) in parse_qs(query).items()}
    assert list(given) == ["fpid", "aid", "device_id", "access_key", "service_id", "ticket"]
    assert len(given["device_id"]) == 19
    assert 0 <= int(given["service_id"]) < 2**31


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
def test_who_gives_no_credential(house, body):
    answer, rule = run(house.connections.endpoint(body, HOST, "http"))
    assert (answer.status, answer.code, rule) == (200, 1000040344, "credentials_are_malformed")
    assert json.loads(answer.body) == {"code": 1000040344, "msg": "no credential", "data": {}}


def test_an_app_is_known_by_its_secret(house):
    body = b'{"AppID":"cli_00000000000000ff","AppSecret":"s"}'
    answer, rule = run(house.connections.endpoint(body, HOST, "http"))
    assert (answer.status, answer.code, rule) == (200, 514, "app_is_unknown")
    assert run(house.asked(app_secret="wrong")) == {"code": 514, "msg": "auth failed", "data": {}}
    assert run(house.asked())["code"] == 0


def test_a_disabled_app_is_not_let_in(house):
    house.set_enabled(False)
    assert run(house.asked()) == {"code": 403, "msg": "forbidden", "data": {}}
    house.set_enabled(True)
    assert run(house.asked())["code"] == 0


def test_an_app_from_the_store_is_not_let_in(house):
    app = new_app(house.store, type="store", app_secret=SECRET)
    assert run(house.asked(app))["code"] == 403
    assert run(house.asked(app, "wrong"))["code"] == 514


def test_a_store_that_fails_is_an_error_after_which_clients_try_again(house, monkeypatch):
    monkeypatch.setattr(house.apps, "_store", None)
    assert run(house.asked()) == {"code": 1000040343, "msg": "internal error", "data": {}}


# ------------------------------------------------------------------------------------------------------- the handshake


async def refused(socket: Socket) -> dict[str, Any]:
    """Status and headers of the answer to a handshake."""
    start, body = await socket.message(), await socket.message()
    assert start["type"] == "websocket.http.response.start"
    assert (body["type"], body["body"]) == ("websocket.http.response.body", b"")
    await socket.task
    headers = {name.decode(): value.decode() for name, value in start["headers"]}
    return {"status": start["status"], **headers}


def no(status: int, msg: str, code: int) -> dict[str, Any]:
    told = {"Handshake-Status": str(status), "Handshake-Msg": msg, "Handshake-Autherrcode": str(code)}
    return {"status": 403, **told}


AUTH_FAILED = no(514, "auth failed", 514)
FORBIDDEN = no(403, "forbidden", 403)


def test_a_ticket_is_good_once(house):
    async def story():
        query = await house.ticket()
        first = Socket(house.connections, query)
        assert await first.message() == {"type": "websocket.accept"}
        assert await refused(Socket(house.connections, query)) == AUTH_FAILED

    run(story())


@pytest.mark.parametrize("query", ["", "ticket=1", "access_key=1&ticket=1", "access_key=%FF&ticket=%ED%A0%80"])
def test_without_a_ticket_nobody_is_let_in(house, query):
    async def story():
        assert await refused(Socket(house.connections, query)) == AUTH_FAILED

    run(story())


def test_a_key_with_another_ticket_is_none(house):
    async def story():
        query = await house.ticket()
        assert await refused(Socket(house.connections, query[:-1] + ("1" if query[-1] == "0" else "0"))) == AUTH_FAILED
        assert await refused(Socket(house.connections, query)) == AUTH_FAILED  # there is no second guess

    run(story())


def test_a_ticket_is_good_for_a_while(store):
    house = House(store, ticket_life=0)

    async def story():
        query = await house.ticket()
        await asyncio.sleep(0.001)  # timers come in order
        assert not house.connections._tickets
        assert await refused(Socket(house.connections, query)) == AUTH_FAILED

    run(story())


def test_an_app_that_was_disabled_since_is_not_let_in(house):
    async def story():
        query = await house.ticket()
        house.set_enabled(False)
        assert await refused(Socket(house.connections, query)) == FORBIDDEN

    run(story())


def test_an_app_has_at_most_fifty_connections(house):
    async def story():
        early = await house.ticket()
        sockets = [await house.socket() for _ in range(LIMIT)]
        assert (await house.asked())["code"] == 1000040350
        sentence = "the number of connections exceeded the limit"
        assert await refused(Socket(house.connections, early)) == no(514, sentence, 1000040350)
        sockets[7].hang_up()
        await sockets[7].task
        await house.socket()

    run(story())


def test_another_path_is_unknown(house):
    async def story():
        socket = Socket(house.connections, await house.ticket(), "/ws/v1")
        start, body = await socket.message(), await socket.message()
        assert (start["status"], body["body"]) == (404, b"404 page not found")

    run(story())


# -------------------------------------------------------------------------------------------------- pings, and silence


def test_a_ping_is_answered_with_how_to_go_on(house):
    async def story():
        pong = await (await house.socket()).ping()
        assert (pong.method, pong.headers) == (CONTROL, {"type": "pong"})
        assert json.loads(pong.payload) == CONFIG

    run(story())


def test_a_connection_is_up_with_its_first_ping(house):
    async def story():
        socket = await house.socket()
        assert not house.connections.connected(house.app.app_id)
        assert await house.connections.send(house.app.app_id, "m", "t", EVENT) == Outcome(
            False, "no connection is open"
        )
        await socket.ping()
        assert house.connections.connected(house.app.app_id)
        await socket.ping()
        assert house.up.get_nowait() == house.app.app_id
        assert house.up.empty()

    run(story())


def test_a_connection_is_up_without_a_ping_after_a_moment(store):
    house = House(store, settle=0)

    async def story():
        await house.socket()
        assert await house.up.get() == house.app.app_id
        assert house.connections.connected(house.app.app_id)

    run(story())


def test_who_is_silent_for_too_long_is_hung_up_on(store):
    house = House(store, config=ClientConfig(ping_interval=0))

    async def story():
        socket = await house.socket()
        assert (await socket.message())["code"] == 1001
        await socket.task

    run(story())


def test_the_app_being_disabled_ends_its_connections_with_their_next_ping(house):
    async def story():
        socket = await house.listener()
        house.set_enabled(False)
        socket.say(PING)
        assert await socket.message() == {"type": "websocket.close", "code": 1008, "reason": "the app is disabled"}
        await socket.task
        assert not house.connections.connected(house.app.app_id)

    run(story())


def test_a_store_that_fails_ends_no_connection(house, monkeypatch):
    async def story():
        socket = await house.socket()
        house.read_again()
        monkeypatch.setattr(house.apps, "_store", None)
        assert (await socket.ping()).headers == {"type": "pong"}

    run(story())


def test_who_says_what_is_no_frame_is_hung_up_on(house):
    async def story():
        socket = await house.socket()
        socket.say_text("hello")
        assert (await socket.message())["code"] == 1003
        await socket.task

    run(story())


@pytest.mark.parametrize("frame", [Frame(CONTROL, {"type": "pong"}), Frame(CONTROL, {}), Frame(7, {}), Frame(DATA, {})])
def test_a_frame_that_asks_nothing_is_not_answered(house, frame):
    async def story():
        socket = await house.listener()
        socket.say(frame)
        assert (await socket.ping()).headers == {"type": "pong"}
        assert socket.waiting() == 0

    run(story())


# ---------------------------------------------------------------------------------------------------------- the events


def test_an_event_is_sent_and_acknowledged(house):
    async def story():
        socket = await house.listener()
        sent = house.sends()
        frame = await socket.frame()
        timestamp = frame.headers["timestamp"]
        assert len(timestamp) == 13
        about = {"type": "event", "message_id": "m1", "trace_id": "t1", "sum": "1", "seq": "0"}
        assert frame == Frame(DATA, {**about, "timestamp": timestamp}, EVENT, 1)
        socket.acknowledge(frame)
        assert await sent == Outcome(True, "answered 200")

    run(story())


def text(data: bytes) -> str:
    return base64.b64encode(data).decode()


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        ({"code": 200}, Outcome(True, "answered 200")),
        ({"code": 200, "data": text(b'"no handle"')}, Outcome(True, 'answered 200: "no handle"')),
        ({"code": 500, "headers": None, "data": None}, Outcome(False, "answered 500")),
        ({"code": 500, "data": text(b"\xff" * 300)}, Outcome(False, f"answered 500: {'�' * 186}")),
        ({"code": 500, "data": text(b"\x1b[31mno\n\tway")}, Outcome(False, "answered 500: [31mno way")),
        ({"code": 500, "data": "no base64!"}, Outcome(False, "answered 500")),
        ({"code": "200"}, Outcome(False, "answered what cannot be read")),
        ([], Outcome(False, "answered what cannot be read")),
        ("200", Outcome(False, "answered what cannot be read")),
    ],
)
def test_what_an_acknowledgement_says(house, reply, outcome):
    async def story():
        socket = await house.listener()
        sent = house.sends()
        frame = await socket.frame()
        socket.say(Frame(DATA, frame.headers, json.dumps(reply).encode()))
        socket.acknowledge(frame)  # what is said twice is heard once
        assert await sent == outcome

    run(story())


def test_a_long_event_goes_in_fragments(store):
    house = House(store, fragment=100)
    event = b'{"text":"%s"}' % ("密".encode() * 100)

    async def story():
        socket = await house.listener()
        sent = house.sends(event)
        parts = [await socket.frame() for _ in range(4)]
        assert [len(part.payload) for part in parts] == [100, 100, 100, 11]
        assert b"".join(part.payload for part in parts) == event
        assert {(part.headers["sum"], part.headers["message_id"]) for part in parts} == {("4", "m1")}
        assert [part.headers["seq"] for part in parts] == ["0", "1", "2", "3"]
        socket.acknowledge(parts[-1])
        assert (await sent).taken

    run(story())


def test_no_frame_is_as_long_as_a_mebibyte(house):
    async def story():
        socket = await house.listener()
        sent = house.sends(b"x" * 3 * 2**20)
        for _ in range(12):
            assert len((await socket.message())["bytes"]) < 2**20
        sent.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sent

    run(story())


def test_what_is_not_acknowledged_in_time(store):
    house = House(store, deadline=0.01)

    async def story():
        socket = await house.listener()
        sent = house.sends()
        frame = await socket.frame()
        socket.acknowledge(Frame(DATA, {**frame.headers, "message_id": "m2"}))
        assert await sent == Outcome(False, "no acknowledgement within 0.01 s")
        socket.acknowledge(frame)  # too late
        assert (await socket.ping()).headers == {"type": "pong"}

    run(story())


def test_who_does_not_read_is_not_waited_for(store, monkeypatch):
    monkeypatch.setattr(long_connection, "_CLOSING", 0.01)
    house = House(store, deadline=0.01)

    async def story():
        socket = await house.listener()
        socket.reading.clear()
        assert await house.sends() == Outcome(False, "no acknowledgement within 0.01 s")
        await house.connections.close()
        assert not house.connections.connected(house.app.app_id)

    run(story())


def test_many_events_are_under_way_over_one_connection(house):
    async def story():
        socket = await house.listener()
        sent = [house.sends(b"%d" % n, f"m{n}") for n in range(20)]
        came = [await socket.frame() for _ in sent]
        for frame in reversed(came):
            socket.acknowledge(frame, {"code": 200 if int(frame.payload) % 2 else 500})
        assert [outcome.taken for outcome in await asyncio.gather(*sent)] == [False, True] * 10

    run(story())


def test_each_event_goes_to_one_connection_and_all_have_their_share(house):
    async def story():
        sockets = [await house.listener() for _ in range(2)]

        async def listen(socket: Socket) -> None:
            while True:
                frame = await socket.frame()
                heard[socket].append(frame.headers["message_id"])
                socket.acknowledge(frame)

        heard: dict[Socket, list[str]] = {socket: [] for socket in sockets}
        listening = [asyncio.create_task(listen(socket)) for socket in sockets]
        outcomes = await asyncio.gather(*(house.sends(message_id=f"m{n}") for n in range(64)))
        assert all(outcome.taken for outcome in outcomes)
        assert all(heard.values())
        assert sorted(id for ids in heard.values() for id in ids) == sorted(f"m{n}" for n in range(64))
        for task in listening:
            task.cancel()

    run(story())


def test_an_event_is_for_the_connections_of_its_own_app(house):
    async def story():
        socket = await house.listener()
        other = new_app(house.store)
        outcome = await house.connections.send(other.app_id, "m1", "t1", EVENT)
        assert outcome == Outcome(False, "no connection is open")
        assert socket.waiting() == 0

    run(story())


def test_a_connection_that_is_lost_takes_nothing(house):
    async def story():
        socket = await house.listener()
        sent = house.sends()
        await socket.frame()
        socket.hang_up()
        assert await sent == LOST
        await socket.task
        assert await house.sends() == Outcome(False, "no connection is open")

    run(story())


def test_a_connection_that_is_lost_without_a_word(house):
    async def story():
        socket = await house.listener()
        socket._gone = True
        assert await house.sends() == LOST

    run(story())


# ----------------------------------------------------------------------------------------------------- the server stops


def test_all_connections_end_when_the_server_stops(house):
    async def story():
        sockets = [await house.listener(), await house.listener(), await house.socket()]
        sent = house.sends()
        await asyncio.sleep(0)  # it is under way
        await house.connections.close()
        assert await sent == LOST
        heard = []
        for socket in sockets:
            await socket.task
            heard += [await socket.message() for _ in range(socket.waiting())]
        assert sorted(message["type"] for message in heard) == ["websocket.close"] * 3 + ["websocket.send"]
        assert {message.get("code") for message in heard} == {1012, None}
        assert not house.connections.connected(house.app.app_id)

    run(story())


def test_what_is_said_to_a_connection_that_ends_is_not_heard(house):
    async def story():
        socket = await house.socket()
        socket.reading.clear()
        closing = asyncio.create_task(house.connections.close())
        await asyncio.sleep(0)  # it is under way
        socket.say(PING)
        await house.connections.close()  # a second time is none
        socket.reading.set()
        await closing
        await socket.task
        assert (await socket.message())["code"] == 1012
        assert socket.waiting() == 0
        assert house.up.empty()

    run(story())
