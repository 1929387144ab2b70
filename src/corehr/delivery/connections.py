"""The long connections: an app opens a websocket, receives its events as frames and acknowledges each of them."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, Final

from starlette.types import Receive, Scope, Send

from corehr.apps.registry import AppRegistry
from corehr.delivery.connect_endpoint import (
    AUTH_FAILED,
    CONNECT_TOKEN_TTL_SECONDS,
    DEFAULT_CLIENT_CONFIG,
    FORBIDDEN,
    WEBSOCKET_PATH,
    ClientConfig,
    ConnectEndpoint,
    ConnectRefused,
)
from corehr.delivery.connection import CLOSE_TIMEOUT_SECONDS, Connection
from corehr.delivery.outbox import AttemptResult
from corehr.kernel.ids import random_choice

FRAME_PAYLOAD_BYTES: Final = 256 * 1024
"""Bytes of an event that one frame carries; one SDK rejects frames of a mebibyte or more."""

ACK_TIMEOUT_SECONDS: Final = 3.0
"""Seconds within which an event must be acknowledged."""

HANDSHAKE_GRACE_SECONDS: Final = 0.5
"""Seconds after which events are sent over a connection from which no frame has been received.

The Node SDK starts to listen shortly after the handshake and loses what arrives together with its response; its first
ping shows that it listens. Other SDKs do not ping at once when they reconnect.
"""

_SERVICE_RESTART = 1012

_NOT_CONNECTED = AttemptResult(False, "no connection is open")

_log = logging.getLogger(__name__)


class LongConnections:
    """The long connections of an installation's apps, in this process's memory, on one event loop.

    `on_connected(app_id)` is called when events can be sent over a connection; it must neither wait nor raise.
    """

    def __init__(
        self,
        apps: AppRegistry,
        *,
        on_connected: Callable[[str], None] = lambda app_id: None,
        config: ClientConfig = DEFAULT_CLIENT_CONFIG,
        frame_payload_bytes: int = FRAME_PAYLOAD_BYTES,
        ack_timeout_seconds: float = ACK_TIMEOUT_SECONDS,
        handshake_grace_seconds: float = HANDSHAKE_GRACE_SECONDS,
        connect_token_ttl_seconds: float = CONNECT_TOKEN_TTL_SECONDS,
    ) -> None:
        self.connect_endpoint = ConnectEndpoint(
            apps, self._count_connections, config=config, token_ttl_seconds=connect_token_ttl_seconds
        )
        self._apps = apps
        self._on_connected = on_connected
        self._config = config
        self._frame_payload_bytes = frame_payload_bytes
        self._ack_timeout_seconds = ack_timeout_seconds
        self._handshake_grace_seconds = handshake_grace_seconds
        self._connections: dict[str, list[Connection]] = {}

    def _count_connections(self, app_id: str) -> int:
        return len(self._connections.get(app_id, ()))

    # ------------------------------------------------------------------------------------------------------- connecting

    async def websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve any websocket of the server, as a raw ASGI app; needs the extension `websocket.http.response`."""
        await receive()
        if scope["path"] != WEBSOCKET_PATH:
            await _reject_handshake(receive, send, 404, {"Content-Type": "text/plain"}, b"404 page not found")
            return
        try:
            app, connection_id = await self.connect_endpoint.admit(scope["query_string"])
        except ConnectRefused as error:
            status = FORBIDDEN if error.code == FORBIDDEN else AUTH_FAILED
            headers = {"Handshake-Status": status, "Handshake-Msg": error.msg, "Handshake-Autherrcode": error.code}
            _log.info("a connection was refused: %s", error.refused_by)
            await _reject_handshake(receive, send, 403, headers)
            return
        connection = self._add(app.app_id, connection_id, send)
        try:
            await send({"type": "websocket.accept"})
            await connection.serve(receive, self._handshake_grace_seconds)
        finally:
            self._remove(connection)

    def _add(self, app_id: str, connection_id: str, send: Send) -> Connection:
        connection = Connection(
            app_id,
            connection_id,
            send,
            config=self._config,
            on_ready=lambda: self._on_connected(app_id),
            is_app_enabled=partial(self._is_still_enabled, app_id),
        )
        self._connections.setdefault(app_id, []).append(connection)
        return connection

    def _remove(self, connection: Connection) -> None:
        connection.abandon_pending()
        remaining = self._connections[connection.app_id]
        remaining.remove(connection)
        if not remaining:
            del self._connections[connection.app_id]

    async def _is_still_enabled(self, app_id: str) -> bool:
        try:
            app = await self._apps.get(app_id)
        except Exception as error:  # noqa: BLE001 - a temporary failure of the store must not close a connection
            _log.warning("it could not be read whether %s is still enabled: %r", app_id, error)
            return True
        return app is not None and app.enabled

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

    def _ready_connections(self, app_id: str) -> list[Connection]:
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


async def _reject_handshake(
    receive: Receive, send: Send, status: int, headers: Mapping[str, Any], body: bytes = b""
) -> None:
    """Respond to a handshake with an HTTP status instead of accepting it."""
    raw_headers = [(name.encode(), str(value).encode()) for name, value in headers.items()]
    await send({"type": "websocket.http.response.start", "status": status, "headers": raw_headers})
    await send({"type": "websocket.http.response.body", "body": body})
    # uvicorn logs an error if the app returns before the connection is closed, which a second message announces
    with suppress(TimeoutError):
        async with asyncio.timeout(CLOSE_TIMEOUT_SECONDS):
            for _ in range(2):
                await receive()
