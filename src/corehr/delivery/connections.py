"""The long connection: an app opens a websocket, receives its events as frames and acknowledges each of them."""

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

from corehr.apps.registry import App, AppRegistry
from corehr.delivery import frames
from corehr.delivery.frames import METHOD_CONTROL, METHOD_DATA, Frame
from corehr.delivery.outbox import AttemptResult
from corehr.gateway.asgi_io import parse_query, printable_line
from corehr.gateway.responses import NOT_FOUND, Response, encode_json
from corehr.kernel.clock import epoch_millis, real_now
from corehr.kernel.db import decode_json
from corehr.kernel.ids import TimeOrderedIds, random_choice, random_hex

ENDPOINT_PATH: Final = "/callback/ws/endpoint"
"""Where a client requests, by POST, the address to connect to."""

WEBSOCKET_PATH: Final = "/ws/v2"
"""The path of the address to connect to."""

MAX_CONNECTIONS_PER_APP: Final = 50
"""Connections that an app may have at the same time."""

CONNECT_TOKEN_TTL_SECONDS: Final = 60.0
"""Seconds for which an issued address is valid, for one connection."""

FRAME_PAYLOAD_BYTES: Final = 256 * 1024
"""Bytes of an event that one frame carries; one SDK rejects frames of a mebibyte or more."""

ACK_TIMEOUT_SECONDS: Final = 3.0
"""Seconds within which an event must be acknowledged."""

HANDSHAKE_GRACE_SECONDS: Final = 0.5
"""Seconds after which events are sent over a connection from which no frame has been received.

The Node SDK starts to listen shortly after the handshake and loses what arrives together with its response; its first
ping shows that it listens. Other SDKs do not ping at once when they reconnect.
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
    """The settings by which a client keeps its connection: seconds, and a count where -1 means unlimited.

    A client pings every `ping_interval`. After a lost connection it waits for a random part of `reconnect_nonce`, and
    if that attempt fails it tries every `reconnect_interval`. The platform sends 120, 30 and 120. These defaults bring
    a client of a local server back within seconds without overloading a restarted server: 10,000 clients reconnect at
    2,000 a second, about as many as one process accepts, and a client that finds it busy tries again five seconds
    later. Their pings are 330 a second, 3 % of its time, and come before the minute after which proxies close idle
    connections.
    """

    reconnect_count: int = -1
    reconnect_interval: int = 5
    reconnect_nonce: int = 5
    ping_interval: int = 30

    def to_wire(self) -> dict[str, int]:
        """Return the JSON object with all four members: one SDK fails if any is missing."""
        return {
            "ReconnectCount": self.reconnect_count,
            "ReconnectInterval": self.reconnect_interval,
            "ReconnectNonce": self.reconnect_nonce,
            "PingInterval": self.ping_interval,
        }


class _ConnectRefused(Exception):
    """An error by its code on the wire; `refused_by` is the name of the rule."""

    def __init__(self, code: int, refused_by: str) -> None:
        super().__init__(f"{code} {refused_by}")
        self.code = code
        self.refused_by = refused_by
        self.msg = _ERROR_MESSAGES[code]


class _CloseConnection(Exception):
    """The server closes a connection: the websocket's close code, and the reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class _ConnectToken(NamedTuple):
    secret: str
    app_id: str
    connection_id: str


class LongConnections:
    """The long connections of an installation's apps, in this process's memory, on one event loop.

    `on_connected(app_id)` is called when events can be sent over a connection; it must neither wait nor raise.
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

    # ------------------------------------------------------------------------------------------------------- connecting

    async def issue_address(self, body: bytes, host: str, scheme: str) -> tuple[Response, str | None]:
        """Return the response with the address to connect to, and the rule that refused it, or None.

        The status is HTTP 200 in both cases. `host` and `scheme` are those of the client's request, `host` with its
        port.
        """
        code, msg, refused_by, data = 0, "", None, {}
        try:
            app = await self._authenticate(body)
            url = f"{'wss' if scheme == 'https' else 'ws'}://{host}{WEBSOCKET_PATH}?{self._connect_query(app)}"
            data = {"URL": url, "ClientConfig": self._config.to_wire()}
        except _ConnectRefused as error:
            code, msg, refused_by = error.code, error.msg, error.refused_by
        except Exception:  # noqa: BLE001 - clients retry after this response, and the log has the error
            _log.exception("an address to connect to could not be issued")
            code, msg, refused_by = _INTERNAL_ERROR, _ERROR_MESSAGES[_INTERNAL_ERROR], "internal_error"
        # without `data` one SDK treats every error as temporary
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
        """Return the query of an address, with a new connect token.

        One SDK parses the whole address as a query, so the parameters that it reads must not be the first one.
        """
        key, token = random_hex(), _ConnectToken(random_hex(), app.app_id, str(self._ids.next()))
        self._connect_tokens[key] = token
        asyncio.get_running_loop().call_later(self._connect_token_ttl_seconds, self._connect_tokens.pop, key, None)
        return (
            f"fpid=1&aid=1&device_id={token.connection_id}&access_key={key}"
            f"&service_id={_SERVICE_ID}&ticket={token.secret}"
        )

    async def websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve any websocket of the server, as a raw ASGI app; needs the extension `websocket.http.response`."""
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
            raise _ConnectRefused(_AUTH_FAILED, "connect_token_is_unknown")
        app = await self._apps.get(token.app_id)
        if app is None:
            raise _ConnectRefused(_FORBIDDEN, "app_is_unknown")
        self._check_may_connect(app)
        connection = _Connection(app.app_id, token.connection_id, send)
        self._connections.setdefault(app.app_id, []).append(connection)
        return connection

    # ------------------------------------------------------------------------------------------------- open connections

    async def _serve(self, connection: "_Connection", receive: Receive) -> None:
        grace = asyncio.get_running_loop().call_later(self._handshake_grace_seconds, self._mark_ready, connection)
        try:
            while True:
                async with asyncio.timeout(_MAX_MISSED_PINGS * self._config.ping_interval):
                    message = await receive()
                    if message["type"] == "websocket.disconnect":
                        return
                    if connection.state != "closed":
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
            raise _CloseConnection(_UNSUPPORTED_DATA, "not a frame") from None
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
        except Exception as error:  # noqa: BLE001 - a temporary failure of the store must not close a connection
            _log.warning("it could not be read whether %s is still enabled: %r", app_id, error)
            return True
        return app is not None and app.enabled

    def _remove(self, connection: "_Connection") -> None:
        connection.abandon_pending()
        remaining = self._connections[connection.app_id]
        remaining.remove(connection)
        if not remaining:
            del self._connections[connection.app_id]

    # ---------------------------------------------------------------------------------------------------------- sending

    def is_connected(self, app_id: str) -> bool:
        """Return whether an event can be sent to the app now."""
        return bool(self._ready_connections(app_id))

    async def send(self, app_id: str, message_id: str, trace_id: str, body: bytes) -> AttemptResult:
        """Send an event, JSON in UTF-8, over one of the app's connections and return the result; never raises.

        `message_id` must be new for each attempt: a client that joins fragments remembers it for a while.
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
        """Close every connection because the server stops; the clients will reconnect."""
        open_connections = [
            connection
            for app_connections in self._connections.values()
            for connection in app_connections
            if connection.state != "closed"
        ]
        for connection in open_connections:
            connection.abandon_pending()
        await asyncio.gather(
            *(connection.close(_SERVICE_RESTART, "the server stops") for connection in open_connections)
        )


class _Connection:
    """One websocket of an app; its state is "new" until events can be sent over it, then "ready", at last "closed"."""

    def __init__(self, app_id: str, id: str, send: Send) -> None:
        self.app_id = app_id
        self.id = id
        self.state: Literal["new", "ready", "closed"] = "new"
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
        except (OSError, RuntimeError):  # raised by the server when the client is gone
            return _CONNECTION_LOST
        finally:
            self._pending.pop(message_id, None)

    def on_acknowledgement(self, frame: Frame) -> None:
        """Set the result of a pending event: the client returns its frame, with the reply in place of the event."""
        future = self._pending.get(frame.headers.get("message_id", ""))
        if future is not None and not future.done():
            future.set_result(_attempt_result(frame.payload))

    def abandon_pending(self) -> None:
        """Mark the connection as closed, and its pending events as failed attempts."""
        self.state = "closed"
        for future in self._pending.values():
            if not future.done():
                future.set_result(_CONNECTION_LOST)

    async def close(self, code: int, reason: str) -> None:
        """Close the websocket within a second; a client that reads nothing is not waited for."""
        self.abandon_pending()
        _log.info("connection %s of %s is closed: %s", self.id, self.app_id, reason)
        with suppress(OSError, RuntimeError):
            async with asyncio.timeout(_CLOSE_TIMEOUT_SECONDS):
                await self._send({"type": "websocket.close", "code": code, "reason": reason})


class _Reply(msgspec.Struct):
    code: int
    data: Any = None


_decode_reply = msgspec.json.Decoder(_Reply).decode


def _attempt_result(payload: bytes) -> AttemptResult:
    """Return the result of an acknowledgement: accepted with code 200, whatever else the client's handler returned."""
    try:
        reply = _decode_reply(payload)
    except (msgspec.DecodeError, RecursionError):
        return AttemptResult(False, "answered with an unreadable reply")
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
    """Return app id and secret; raises _ConnectRefused unless the body has both."""
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
    """Respond to a handshake with an HTTP status instead of accepting it."""
    raw_headers = [(name.encode(), str(value).encode()) for name, value in headers.items()]
    await send({"type": "websocket.http.response.start", "status": status, "headers": raw_headers})
    await send({"type": "websocket.http.response.body", "body": body})
    # uvicorn logs an error if the app returns before the connection is closed, which a second message announces
    with suppress(TimeoutError):
        async with asyncio.timeout(_CLOSE_TIMEOUT_SECONDS):
            for _ in range(2):
                await receive()
