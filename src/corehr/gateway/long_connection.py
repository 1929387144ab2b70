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
from corehr.gateway.apps import App, AppRegistry
from corehr.gateway.asgi_io import parse_query, printable_line
from corehr.gateway.frames import METHOD_CONTROL, METHOD_DATA, Frame
from corehr.gateway.responses import NOT_FOUND, Response, encode_json
from corehr.kernel.clock import epoch_millis, real_now
from corehr.kernel.db import decode_json
from corehr.kernel.ids import TimeOrderedIds, random_choice, random_hex
from corehr.kernel.outbox import AttemptResult

ENDPOINT_PATH: Final = "/callback/ws/endpoint"
"""Where a client asks, by POST, for the address to connect to."""

WEBSOCKET_PATH: Final = "/ws/v2"
"""The path of that address."""

MAX_CONNECTIONS_PER_APP: Final = 50
"""Connections that an app may have at a time."""

CONNECT_TOKEN_TTL_SECONDS: Final = 60.0
"""Seconds within which an address that was given is good, once."""

FRAME_PAYLOAD_BYTES: Final = 256 * 1024
"""Bytes of an event that one frame carries; one SDK takes no frame of a mebibyte or more."""

ACK_TIMEOUT_SECONDS: Final = 3.0
"""Seconds within which an event must be acknowledged."""

HANDSHAKE_GRACE_SECONDS: Final = 0.5
"""Seconds after which a connection that has said nothing yet is sent events.

The Node SDK starts to listen a moment after the handshake and loses what arrives together with its answer; its first
ping says that it listens. Others do not ping at once when they connect again.
"""

_FORBIDDEN = 403
_AUTH_FAILED = 514
_INTERNAL_ERROR = 1000040343
_NO_CREDENTIAL = 1000040344
_TOO_MANY_CONNECTIONS = 1000040350

_ERROR_MESSAGES = {
    _FORBIDDEN: "forbidden",
    _AUTH_FAILED: "auth failed",
    _INTERNAL_ERROR: "internal error",
    _NO_CREDENTIAL: "no credential",
    _TOO_MANY_CONNECTIONS: "the number of connections exceeded the limit",
}

_SERVICE_ID = 1
_MAX_MISSED_PINGS = 3
_CLOSE_TIMEOUT_SECONDS = 1.0

_GOING_AWAY = 1001
_UNSUPPORTED_DATA = 1003
_POLICY_VIOLATION = 1008
_SERVICE_RESTART = 1012

_NOT_CONNECTED = AttemptResult(False, "no connection is open")
_CONNECTION_LOST = AttemptResult(False, "the connection was lost")

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

    def to_wire(self) -> dict[str, int]:
        """All four members: one SDK fails without any of them."""
        return {
            "ReconnectCount": self.reconnect_count,
            "ReconnectInterval": self.reconnect_interval,
            "ReconnectNonce": self.reconnect_nonce,
            "PingInterval": self.ping_interval,
        }


class _ConnectRefused(Exception):
    """A refusal by its code on the wire; `rule` names what refused."""

    def __init__(self, code: int, refused_by: str) -> None:
        super().__init__(f"{code} {refused_by}")
        self.code = code
        self.refused_by = refused_by
        self.msg = _ERROR_MESSAGES[code]


class _CloseConnection(Exception):
    """A connection that we end: the code of a websocket's close, and why."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class _ConnectToken(NamedTuple):
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
        apps: AppRegistry,
        *,
        on_connected: Callable[[str], None] = lambda app_id: None,
        config: ClientConfig = ClientConfig(),
        frame_payload_bytes: int = FRAME_PAYLOAD_BYTES,
        ack_timeout_seconds: float = ACK_TIMEOUT_SECONDS,
        handshake_grace_seconds: float = HANDSHAKE_GRACE_SECONDS,
        connect_token_ttl_seconds: float = CONNECT_TOKEN_TTL_SECONDS,
    ) -> None:
        self._apps = apps
        self._on_connected = on_connected
        self._config = config
        self._frame_payload_bytes = frame_payload_bytes
        self._ack_timeout_seconds = ack_timeout_seconds
        self._handshake_grace_seconds = handshake_grace_seconds
        self._connect_token_ttl_seconds = connect_token_ttl_seconds
        self._ids = TimeOrderedIds()
        self._connect_tokens: dict[str, _ConnectToken] = {}
        self._connections: dict[str, list[_Connection]] = {}

    # --------------------------------------------------------------------------------------------- how apps get in

    async def issue_address(self, body: bytes, host: str, scheme: str) -> tuple[Response, str | None]:
        """The address to connect to, HTTP 200 whether it is yes or no, and the rule that refused.

        `host` is what the client called us, with its port; `scheme` is that of its request.
        """
        code, msg, refused_by, data = 0, "", None, {}
        try:
            app = await self._authenticate(body)
            url = f"{'wss' if scheme == 'https' else 'ws'}://{host}{WEBSOCKET_PATH}?{self._connect_query(app)}"
            data = {"URL": url, "ClientConfig": self._config.to_wire()}
        except _ConnectRefused as error:
            code, msg, refused_by = error.code, error.msg, error.refused_by
        except Exception:  # noqa: BLE001 - whatever breaks, clients try again after this answer, and the log knows
            _log.exception("an app could not be let in")
            code, msg, refused_by = _INTERNAL_ERROR, _ERROR_MESSAGES[_INTERNAL_ERROR], "broken"
        # without `data` one SDK takes every refusal for a passing one
        return Response(200, code, encode_json({"code": code, "msg": msg, "data": data})), refused_by

    async def _authenticate(self, body: bytes) -> App:
        app_id, app_secret = _parse_credentials(body)
        app = await self._apps.get(app_id)
        if app is None:
            raise _ConnectRefused(_AUTH_FAILED, "app_is_unknown")
        if not app.has_secret(app_secret):
            raise _ConnectRefused(_AUTH_FAILED, "secret_is_wrong")
        self._check_may_connect(app)
        return app

    def _check_may_connect(self, app: App) -> None:
        if not app.enabled:
            raise _ConnectRefused(_FORBIDDEN, "app_is_disabled")
        if app.type != "custom":
            raise _ConnectRefused(_FORBIDDEN, "app_is_from_the_store")
        if len(self._connections.get(app.app_id, ())) >= MAX_CONNECTIONS_PER_APP:
            raise _ConnectRefused(_TOO_MANY_CONNECTIONS, "connections_are_too_many")

    def _connect_query(self, app: App) -> str:
        """The query of the address. One SDK reads the whole address as a query: what it looks for may not be first."""
        key, token = random_hex(), _ConnectToken(random_hex(), app.app_id, str(self._ids.next()))
        self._connect_tokens[key] = token
        asyncio.get_running_loop().call_later(self._connect_token_ttl_seconds, self._connect_tokens.pop, key, None)
        return (
            f"fpid=1&aid=1&device_id={token.connection_id}&access_key={key}"
            f"&service_id={_SERVICE_ID}&ticket={token.secret}"
        )

    async def websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A raw ASGI app for every websocket of the server; it needs the extension `websocket.http.response`."""
        await receive()
        if scope["path"] != WEBSOCKET_PATH:
            await _reject_handshake(receive, send, NOT_FOUND.status, {"Content-Type": "text/plain"}, NOT_FOUND.body)
            return
        try:
            connection = await self._accept(scope["query_string"], send)
        except _ConnectRefused as error:
            status = _FORBIDDEN if error.code == _FORBIDDEN else _AUTH_FAILED
            headers = {"Handshake-Status": status, "Handshake-Msg": error.msg, "Handshake-Autherrcode": error.code}
            _log.info("a connection was refused: %s", error.refused_by)
            await _reject_handshake(receive, send, 403, headers)
            return
        try:
            await send({"type": "websocket.accept"})
            await self._serve(connection, receive)
        finally:
            self._remove(connection)

    async def _accept(self, query: bytes, send: Send) -> "_Connection":
        params = dict(parse_query(query))
        token = self._connect_tokens.pop(params.get("access_key", ""), None)
        if token is None or not hmac.compare_digest(token.secret.encode(), params.get("ticket", "").encode()):
            raise _ConnectRefused(_AUTH_FAILED, "ticket_is_unknown")
        app = await self._apps.get(token.app_id)
        if app is None:
            raise _ConnectRefused(_FORBIDDEN, "app_is_unknown")
        self._check_may_connect(app)
        connection = _Connection(app.app_id, token.connection_id, send)
        self._connections.setdefault(app.app_id, []).append(connection)
        return connection

    # ------------------------------------------------------------------------------------------- while they are here

    async def _serve(self, connection: "_Connection", receive: Receive) -> None:
        grace = asyncio.get_running_loop().call_later(self._handshake_grace_seconds, self._mark_ready, connection)
        try:
            while True:
                async with asyncio.timeout(_MAX_MISSED_PINGS * self._config.ping_interval):
                    message = await receive()
                    if message["type"] == "websocket.disconnect":
                        return
                    if connection.state != "over":
                        await self._on_message(connection, message)
        except TimeoutError:
            await connection.close(_GOING_AWAY, "silent for too long")
        except _CloseConnection as error:
            await connection.close(error.code, error.reason)
        finally:
            grace.cancel()

    async def _on_message(self, connection: "_Connection", message: Message) -> None:
        try:
            frame = frames.decode(message.get("bytes") or b"")
        except ValueError:
            raise _CloseConnection(_UNSUPPORTED_DATA, "no frame") from None
        self._mark_ready(connection)
        if frame.method == METHOD_DATA:
            connection.on_acknowledgement(frame)
        elif frame.headers.get("type") == "ping":
            if not await self._is_still_enabled(connection.app_id):
                raise _CloseConnection(_POLICY_VIOLATION, "the app is disabled")
            await connection.send_frame(
                Frame(METHOD_CONTROL, {"type": "pong"}, encode_json(self._config.to_wire()), _SERVICE_ID)
            )

    def _mark_ready(self, connection: "_Connection") -> None:
        if connection.state == "new":
            connection.state = "ready"
            self._on_connected(connection.app_id)

    async def _is_still_enabled(self, app_id: str) -> bool:
        try:
            app = await self._apps.get(app_id)
        except Exception as error:  # noqa: BLE001 - a store that is away for a moment ends no connection
            _log.warning("whether %s is still enabled could not be read: %r", app_id, error)
            return True
        return app is not None and app.enabled

    def _remove(self, connection: "_Connection") -> None:
        connection.abandon_pending()
        remaining = self._connections[connection.app_id]
        remaining.remove(connection)
        if not remaining:
            del self._connections[connection.app_id]

    # ------------------------------------------------------------------------------------------------ what they get

    def is_connected(self, app_id: str) -> bool:
        """Whether an event could be sent to the app now."""
        return bool(self._ready_connections(app_id))

    async def send(self, app_id: str, message_id: str, trace_id: str, body: bytes) -> AttemptResult:
        """What came of sending an event, JSON in UTF-8, over one of the app's connections; raises nothing.

        `message_id` is another one for each attempt: a client that puts fragments together remembers it for a while.
        """
        connections = self._ready_connections(app_id)
        if not connections:
            return _NOT_CONNECTED
        return await random_choice(connections).deliver(
            message_id, trace_id, body, self._frame_payload_bytes, self._ack_timeout_seconds
        )

    def _ready_connections(self, app_id: str) -> "list[_Connection]":
        return [connection for connection in self._connections.get(app_id, ()) if connection.state == "ready"]

    async def close(self) -> None:
        """End every connection, because the server stops: its clients will look for it again."""
        open_connections = [
            connection
            for app_connections in self._connections.values()
            for connection in app_connections
            if connection.state != "over"
        ]
        for connection in open_connections:
            connection.abandon_pending()
        await asyncio.gather(
            *(connection.close(_SERVICE_RESTART, "the server stops") for connection in open_connections)
        )


class _Connection:
    """One open websocket of an app: "new" until it can be sent events, then "ready", at last "over"."""

    def __init__(self, app_id: str, id: str, send: Send) -> None:
        self.app_id = app_id
        self.id = id
        self.state: Literal["new", "ready", "over"] = "new"
        self._send = send
        self._pending: dict[str, asyncio.Future[AttemptResult]] = {}

    async def send_frame(self, frame: Frame) -> None:
        await self._send({"type": "websocket.send", "bytes": frames.encode(frame)})

    async def deliver(
        self, message_id: str, trace_id: str, body: bytes, frame_payload_bytes: int, ack_timeout_seconds: float
    ) -> AttemptResult:
        future: asyncio.Future[AttemptResult] = asyncio.get_running_loop().create_future()
        self._pending[message_id] = future
        try:
            async with asyncio.timeout(ack_timeout_seconds):
                for frame in _data_frames(message_id, trace_id, body, frame_payload_bytes):
                    await self.send_frame(frame)
                return await future
        except TimeoutError:
            return AttemptResult(False, f"no acknowledgement within {ack_timeout_seconds:g} s")
        except (OSError, RuntimeError):  # servers say so that a client is gone
            return _CONNECTION_LOST
        finally:
            self._pending.pop(message_id, None)

    def on_acknowledgement(self, frame: Frame) -> None:
        """A client sends the frame back, with its reply in place of the event."""
        future = self._pending.get(frame.headers.get("message_id", ""))
        if future is not None and not future.done():
            future.set_result(_attempt_result(frame.payload))

    def abandon_pending(self) -> None:
        """Whatever is still awaited of it does not come any more."""
        self.state = "over"
        for future in self._pending.values():
            if not future.done():
                future.set_result(_CONNECTION_LOST)

    async def close(self, code: int, reason: str) -> None:
        """Ends it in a second at most; a client that reads nothing is not waited for."""
        self.abandon_pending()
        _log.info("connection %s of %s is ended: %s", self.id, self.app_id, reason)
        with suppress(OSError, RuntimeError):
            async with asyncio.timeout(_CLOSE_TIMEOUT_SECONDS):
                await self._send({"type": "websocket.close", "code": code, "reason": reason})


class _Reply(msgspec.Struct):
    code: int
    data: Any = None


_decode_reply = msgspec.json.Decoder(_Reply).decode


def _attempt_result(payload: bytes) -> AttemptResult:
    """Of an acknowledgement: taken with the code 200, whatever the client's handler answered beside it."""
    try:
        reply = _decode_reply(payload)
    except (msgspec.DecodeError, RecursionError):
        return AttemptResult(False, "answered what cannot be read")
    detail = f"answered {reply.code}"
    if isinstance(reply.data, str) and reply.data:
        with suppress(ValueError):
            detail += f": {base64.b64decode(reply.data, validate=True).decode(errors='replace')}"
    return AttemptResult(reply.code == 200, printable_line(detail))


def _data_frames(message_id: str, trace_id: str, body: bytes, frame_payload_bytes: int) -> Iterator[Frame]:
    parts = [body[start : start + frame_payload_bytes] for start in range(0, len(body), frame_payload_bytes)] or [b""]
    for seq, part in enumerate(parts):
        headers = {
            "type": "event",
            "message_id": message_id,
            "trace_id": trace_id,
            "sum": str(len(parts)),
            "seq": str(seq),
            "timestamp": epoch_millis(real_now()),
        }
        yield Frame(METHOD_DATA, headers, part, _SERVICE_ID)


def _parse_credentials(body: bytes) -> tuple[str, str]:
    """App id and secret; a body that does not have both has no credential."""
    try:
        decoded = decode_json(body)
    except (msgspec.DecodeError, RecursionError):
        decoded = None
    if isinstance(decoded, dict):
        app_id, app_secret = decoded.get("AppID"), decoded.get("AppSecret")
        if isinstance(app_id, str) and isinstance(app_secret, str) and app_id and app_secret:
            return app_id, app_secret
    raise _ConnectRefused(_NO_CREDENTIAL, "credentials_are_malformed")


async def _reject_handshake(
    receive: Receive, send: Send, status: int, headers: Mapping[str, Any], body: bytes = b""
) -> None:
    """Instead of accepting a handshake."""
    raw_headers = [(name.encode(), str(value).encode()) for name, value in headers.items()]
    await send({"type": "websocket.http.response.start", "status": status, "headers": raw_headers})
    await send({"type": "websocket.http.response.body", "body": body})
    # uvicorn complains of an app that returns before the connection is gone: it says so a second time then
    with suppress(TimeoutError):
        async with asyncio.timeout(_CLOSE_TIMEOUT_SECONDS):
            for _ in range(2):
                await receive()
