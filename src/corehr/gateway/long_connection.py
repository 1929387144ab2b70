"""The long connection: an app connects to us, events travel to it as frames, and it acknowledges each of them."""

import asyncio
import base64
import hmac
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

import msgspec
from starlette.types import Message, Receive, Scope, Send

from corehr.gateway import frames
from corehr.gateway.answers import NOT_FOUND, Answer, encode
from corehr.gateway.apps import App, Apps
from corehr.gateway.frames import CONTROL, DATA, Frame
from corehr.gateway.wire import one_line, pairs
from corehr.kernel.clock import epoch_millis, real_now
from corehr.kernel.db import decode_json
from corehr.kernel.ids import TimeOrderedIds, random_choice, random_hex
from corehr.kernel.outbox import Outcome

ENDPOINT: Final = "/callback/ws/endpoint"
"""Where a client asks, by POST, for the address to connect to."""

SOCKET: Final = "/ws/v2"
"""The path of that address."""

LIMIT: Final = 50
"""Connections that an app may have at a time."""

TICKET_LIFE: Final = 60.0
"""Seconds within which an address that was given is good, once."""

FRAGMENT: Final = 256 * 1024
"""Bytes of an event that one frame carries; one SDK takes no frame of a mebibyte or more."""

DEADLINE: Final = 3.0
"""Seconds within which an event must be acknowledged."""

SETTLE: Final = 0.5
"""Seconds after which a connection that has said nothing yet is sent events.

The Node SDK starts to listen a moment after the handshake and loses what arrives together with its answer; its first
ping says that it listens. Others do not ping at once when they connect again.
"""

_FORBIDDEN = 403
_AUTH_FAILED = 514
_INTERNAL_ERROR = 1000040343
_NO_CREDENTIAL = 1000040344
_TOO_MANY = 1000040350

_SENTENCES = {
    _FORBIDDEN: "forbidden",
    _AUTH_FAILED: "auth failed",
    _INTERNAL_ERROR: "internal error",
    _NO_CREDENTIAL: "no credential",
    _TOO_MANY: "the number of connections exceeded the limit",
}

_SERVICE = 1
_SILENT_PINGS = 3
_CLOSING = 1.0

_GOING_AWAY = 1001
_NO_FRAME = 1003
_NOT_ALLOWED = 1008
_RESTART = 1012

_NONE_OPEN = Outcome(False, "no connection is open")
_LOST = Outcome(False, "the connection was lost")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ClientConfig:
    """What a client is told of how to keep its connection; seconds, and a count where -1 is without end.

    It pings every `ping_interval`. Who lost the connection waits for a random part of `reconnect_nonce`, and if that
    attempt fails tries every `reconnect_interval`. The platform says 120, 30 and 120. These defaults bring a client
    of a local server back within seconds, and a restarted server is not run over: 10,000 clients come back at 2,000
    a second, about as many as one process lets in, and who finds it busy tries again five seconds later. Their pings
    are 330 a second, three hundredths of its time, and come before the minute after which proxies close what is idle.
    """

    reconnect_count: int = -1
    reconnect_interval: int = 5
    reconnect_nonce: int = 5
    ping_interval: int = 30

    def on_the_wire(self) -> dict[str, int]:
        """All four members: one SDK fails without any of them."""
        return {
            "ReconnectCount": self.reconnect_count,
            "ReconnectInterval": self.reconnect_interval,
            "ReconnectNonce": self.reconnect_nonce,
            "PingInterval": self.ping_interval,
        }


class _No(Exception):
    """A refusal by its code on the wire; `rule` names what refused."""

    def __init__(self, code: int, rule: str) -> None:
        super().__init__(f"{code} {rule}")
        self.code = code
        self.rule = rule
        self.msg = _SENTENCES[code]


class _Over(Exception):
    """A connection that we end: the code of a websocket's close, and why."""

    def __init__(self, code: int, why: str) -> None:
        super().__init__(why)
        self.code = code
        self.why = why


class _Ticket(NamedTuple):
    secret: str
    app_id: str
    connection_id: str


class LongConnections:
    """The connections of an installation's apps, in this process's memory, on one event loop.

    `on_connected(app_id)` is called when a connection can be sent events; it may not wait or raise. `fragment` is in
    bytes, `deadline`, `settle` and `ticket_life` are in seconds.
    """

    def __init__(
        self,
        apps: Apps,
        *,
        on_connected: Callable[[str], None] = lambda app_id: None,
        config: ClientConfig = ClientConfig(),
        fragment: int = FRAGMENT,
        deadline: float = DEADLINE,
        settle: float = SETTLE,
        ticket_life: float = TICKET_LIFE,
    ) -> None:
        self._apps = apps
        self._on_connected = on_connected
        self._config = config
        self._fragment = fragment
        self._deadline = deadline
        self._settle = settle
        self._ticket_life = ticket_life
        self._ids = TimeOrderedIds()
        self._tickets: dict[str, _Ticket] = {}
        self._connections: dict[str, list[_Connection]] = {}

    # --------------------------------------------------------------------------------------------- how apps get in

    async def endpoint(self, body: bytes, host: str, scheme: str) -> tuple[Answer, str | None]:
        """The address to connect to, HTTP 200 whether it is yes or no, and the rule that refused.

        `host` is what the client called us, with its port; `scheme` is that of its request.
        """
        code, msg, rule, data = 0, "", None, {}
        try:
            app = await self._who(body)
            url = f"{'wss' if scheme == 'https' else 'ws'}://{host}{SOCKET}?{self._admission(app)}"
            data = {"URL": url, "ClientConfig": self._config.on_the_wire()}
        except _No as no:
            code, msg, rule = no.code, no.msg, no.rule
        except Exception:  # noqa: BLE001 - whatever breaks, clients try again after this answer, and the log knows
            _log.exception("an app could not be let in")
            code, msg, rule = _INTERNAL_ERROR, _SENTENCES[_INTERNAL_ERROR], "broken"
        # without `data` one SDK takes every refusal for a passing one
        return Answer(200, code, encode({"code": code, "msg": msg, "data": data})), rule

    async def _who(self, body: bytes) -> App:
        app_id, app_secret = _credentials(body)
        app = await self._apps.find(app_id)
        if app is None:
            raise _No(_AUTH_FAILED, "app_is_unknown")
        if not app.has_secret(app_secret):
            raise _No(_AUTH_FAILED, "secret_is_wrong")
        self._check(app)
        return app

    def _check(self, app: App) -> None:
        if not app.enabled:
            raise _No(_FORBIDDEN, "app_is_disabled")
        if app.type != "custom":
            raise _No(_FORBIDDEN, "app_is_from_the_store")
        if len(self._connections.get(app.app_id, ())) >= LIMIT:
            raise _No(_TOO_MANY, "connections_are_too_many")

    def _admission(self, app: App) -> str:
        """The query of the address. One SDK reads the whole address as a query: what it looks for may not be first."""
        key, ticket = random_hex(), _Ticket(random_hex(), app.app_id, str(self._ids.next()))
        self._tickets[key] = ticket
        asyncio.get_running_loop().call_later(self._ticket_life, self._tickets.pop, key, None)
        return (
            f"fpid=1&aid=1&device_id={ticket.connection_id}&access_key={key}"
            f"&service_id={_SERVICE}&ticket={ticket.secret}"
        )

    async def websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A raw ASGI app for every websocket of the server; it needs the extension `websocket.http.response`."""
        await receive()
        if scope["path"] != SOCKET:
            await _answer(receive, send, NOT_FOUND.status, {"Content-Type": "text/plain"}, NOT_FOUND.body)
            return
        try:
            connection = await self._admit(scope["query_string"], send)
        except _No as no:
            status = _FORBIDDEN if no.code == _FORBIDDEN else _AUTH_FAILED
            told = {"Handshake-Status": status, "Handshake-Msg": no.msg, "Handshake-Autherrcode": no.code}
            _log.info("a connection was refused: %s", no.rule)
            await _answer(receive, send, 403, told)
            return
        try:
            await send({"type": "websocket.accept"})
            await self._hold(connection, receive)
        finally:
            self._forget(connection)

    async def _admit(self, query: bytes, send: Send) -> "_Connection":
        given = dict(pairs(query))
        ticket = self._tickets.pop(given.get("access_key", ""), None)
        if ticket is None or not hmac.compare_digest(ticket.secret.encode(), given.get("ticket", "").encode()):
            raise _No(_AUTH_FAILED, "ticket_is_unknown")
        app = await self._apps.find(ticket.app_id)
        if app is None:
            raise _No(_FORBIDDEN, "app_is_unknown")
        self._check(app)
        connection = _Connection(app.app_id, ticket.connection_id, send)
        self._connections.setdefault(app.app_id, []).append(connection)
        return connection

    # ------------------------------------------------------------------------------------------- while they are here

    async def _hold(self, connection: "_Connection", receive: Receive) -> None:
        settled = asyncio.get_running_loop().call_later(self._settle, self._ready, connection)
        try:
            while True:
                async with asyncio.timeout(_SILENT_PINGS * self._config.ping_interval):
                    message = await receive()
                    if message["type"] == "websocket.disconnect":
                        return
                    if connection.state != "over":
                        await self._heard(connection, message)
        except TimeoutError:
            await connection.close(_GOING_AWAY, "silent for too long")
        except _Over as over:
            await connection.close(over.code, over.why)
        finally:
            settled.cancel()

    async def _heard(self, connection: "_Connection", message: Message) -> None:
        try:
            frame = frames.decode(message.get("bytes") or b"")
        except ValueError:
            raise _Over(_NO_FRAME, "no frame") from None
        self._ready(connection)
        if frame.method == DATA:
            connection.answered(frame)
        elif frame.headers.get("type") == "ping":
            if not await self._is_still_let_in(connection.app_id):
                raise _Over(_NOT_ALLOWED, "the app is disabled")
            await connection.say(Frame(CONTROL, {"type": "pong"}, encode(self._config.on_the_wire()), _SERVICE))

    def _ready(self, connection: "_Connection") -> None:
        if connection.state == "new":
            connection.state = "ready"
            self._on_connected(connection.app_id)

    async def _is_still_let_in(self, app_id: str) -> bool:
        try:
            app = await self._apps.find(app_id)
        except Exception as why:  # noqa: BLE001 - a store that is away for a moment ends no connection
            _log.warning("whether %s is still enabled could not be read: %r", app_id, why)
            return True
        return app is not None and app.enabled

    def _forget(self, connection: "_Connection") -> None:
        connection.lose()
        left = self._connections[connection.app_id]
        left.remove(connection)
        if not left:
            del self._connections[connection.app_id]

    # ------------------------------------------------------------------------------------------------ what they get

    def connected(self, app_id: str) -> bool:
        """Whether an event could be sent to the app now."""
        return bool(self._open(app_id))

    async def send(self, app_id: str, message_id: str, trace_id: str, body: bytes) -> Outcome:
        """What came of sending an event, JSON in UTF-8, over one of the app's connections; raises nothing.

        `message_id` is another one for each attempt: a client that puts fragments together remembers it for a while.
        """
        connections = self._open(app_id)
        if not connections:
            return _NONE_OPEN
        return await random_choice(connections).deliver(message_id, trace_id, body, self._fragment, self._deadline)

    def _open(self, app_id: str) -> "list[_Connection]":
        return [connection for connection in self._connections.get(app_id, ()) if connection.state == "ready"]

    async def close(self) -> None:
        """End every connection, because the server stops: its clients will look for it again."""
        every = [connection for some in self._connections.values() for connection in some if connection.state != "over"]
        for connection in every:
            connection.lose()
        await asyncio.gather(*(connection.close(_RESTART, "the server stops") for connection in every))


class _Connection:
    """One open websocket of an app: "new" until it can be sent events, then "ready", at last "over"."""

    def __init__(self, app_id: str, id: str, send: Send) -> None:
        self.app_id = app_id
        self.id = id
        self.state: Literal["new", "ready", "over"] = "new"
        self._send = send
        self._awaited: dict[str, asyncio.Future[Outcome]] = {}

    async def say(self, frame: Frame) -> None:
        await self._send({"type": "websocket.send", "bytes": frames.encode(frame)})

    async def deliver(self, message_id: str, trace_id: str, body: bytes, fragment: int, deadline: float) -> Outcome:
        answer: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._awaited[message_id] = answer
        try:
            async with asyncio.timeout(deadline):
                for frame in _data_frames(message_id, trace_id, body, fragment):
                    await self.say(frame)
                return await answer
        except TimeoutError:
            return Outcome(False, f"no acknowledgement within {deadline:g} s")
        except (OSError, RuntimeError):  # servers say so that a client is gone
            return _LOST
        finally:
            self._awaited.pop(message_id, None)

    def answered(self, frame: Frame) -> None:
        """A client sends the frame back, with its reply in place of the event."""
        answer = self._awaited.get(frame.headers.get("message_id", ""))
        if answer is not None and not answer.done():
            answer.set_result(_outcome(frame.payload))

    def lose(self) -> None:
        """Whatever is still awaited of it does not come any more."""
        self.state = "over"
        for answer in self._awaited.values():
            if not answer.done():
                answer.set_result(_LOST)

    async def close(self, code: int, why: str) -> None:
        """Ends it in a second at most; a client that reads nothing is not waited for."""
        self.lose()
        _log.info("connection %s of %s is ended: %s", self.id, self.app_id, why)
        with suppress(OSError, RuntimeError):
            async with asyncio.timeout(_CLOSING):
                await self._send({"type": "websocket.close", "code": code, "reason": why})


class _Reply(msgspec.Struct):
    code: int
    data: Any = None


_read_reply = msgspec.json.Decoder(_Reply).decode


def _outcome(payload: bytes) -> Outcome:
    """Of an acknowledgement: taken with the code 200, whatever the client's handler answered beside it."""
    try:
        reply = _read_reply(payload)
    except (msgspec.DecodeError, RecursionError):
        return Outcome(False, "answered what cannot be read")
    said = f"answered {reply.code}"
    if isinstance(reply.data, str) and reply.data:
        with suppress(ValueError):
            said += f": {base64.b64decode(reply.data, validate=True).decode(errors='replace')}"
    return Outcome(reply.code == 200, one_line(said))


def _data_frames(message_id: str, trace_id: str, body: bytes, fragment: int) -> Iterator[Frame]:
    parts = [body[start : start + fragment] for start in range(0, len(body), fragment)] or [b""]
    for seq, part in enumerate(parts):
        headers = {
            "type": "event",
            "message_id": message_id,
            "trace_id": trace_id,
            "sum": str(len(parts)),
            "seq": str(seq),
            "timestamp": epoch_millis(real_now()),
        }
        yield Frame(DATA, headers, part, _SERVICE)


def _credentials(body: bytes) -> tuple[str, str]:
    """App id and secret; a body that does not have both has no credential."""
    try:
        given = decode_json(body)
    except (msgspec.DecodeError, RecursionError):
        given = None
    if isinstance(given, dict):
        app_id, app_secret = given.get("AppID"), given.get("AppSecret")
        if isinstance(app_id, str) and isinstance(app_secret, str) and app_id and app_secret:
            return app_id, app_secret
    raise _No(_NO_CREDENTIAL, "credentials_are_malformed")


async def _answer(receive: Receive, send: Send, status: int, headers: Mapping[str, Any], body: bytes = b"") -> None:
    """Instead of accepting a handshake."""
    written = [(name.encode(), str(value).encode()) for name, value in headers.items()]
    await send({"type": "websocket.http.response.start", "status": status, "headers": written})
    await send({"type": "websocket.http.response.body", "body": body})
    # uvicorn complains of an app that returns before the connection is gone: it says so a second time then
    with suppress(TimeoutError):
        async with asyncio.timeout(_CLOSING):
            for _ in range(2):
                await receive()
