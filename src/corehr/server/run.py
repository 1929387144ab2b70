"""Serves an application on a port until a signal stops it."""

import asyncio
import errno
import gc
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from ipaddress import ip_address
from types import FrameType
from typing import cast

import uvicorn
from starlette.types import ASGIApp

from corehr.app.settings import DEFAULT_MAX_CONNECTIONS
from corehr.kernel.clock import to_timestamp
from corehr.kernel.errors import CommandFailed
from corehr.server.http_protocol import ConnectionLimits, Connections, HttpProtocol

if sys.platform != "win32":
    import resource

BACKLOG = 2048
"""Connections that may wait to be accepted, so that a burst waits for a moment instead of being refused."""

RESERVED_FILES = 256
"""Open files that are left for the database, webhooks and long connections when the system allows few of them."""

MAX_WEBSOCKET_MESSAGE_BYTES = 2**16
"""Maximum size of a received websocket message; an acknowledgement has a few hundred bytes."""

SHUTDOWN_TIMEOUT_SECONDS = 30
"""Seconds that running requests may take to finish after a signal."""

TICKS_PER_SECOND = 10
"""How often uvicorn's main loop calls `on_tick`."""


def bind(host: str, port: int) -> socket.socket:
    """Return a bound socket that does not listen yet. Port 0 is any free one. CommandFailed if it cannot be bound."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        bound_socket = socket.socket(family, kind, protocol)
    except OSError:
        raise CommandFailed(f"{host} is no address of this machine: give --host another one") from None
    try:
        if os.name == "posix":  # elsewhere it would take over a port that is in use
            bound_socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound_socket.bind(address)
    except OSError as error:
        bound_socket.close()
        raise CommandFailed(_bind_error_message(error, host, port)) from None
    return bound_socket


def _bind_error_message(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} of {host} is in use by another program: stop that one, or give --port another number"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"port {port} may not be used by you: give --port a number above 1023"
    return f"{host} is no address of this machine: give --host another one"


def base_url(bound_socket: socket.socket) -> str:
    """Return the URL at which a client on this machine reaches the socket."""
    host, port = bound_socket.getsockname()[:2]
    address = ip_address(host)
    if address.is_unspecified:
        address = ip_address("127.0.0.1" if address.version == 4 else "::1")
    return f"http://[{address}]:{port}" if address.version == 6 else f"http://{address}:{port}"


class _Server(uvicorn.Server):
    """Calls `on_listening` when it listens, and stops on a signal without raising the signal again."""

    def __init__(self, config: uvicorn.Config, on_listening: Callable[[], None], connections: Connections) -> None:
        super().__init__(config)
        self._on_listening = on_listening
        self._connections = connections

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_listening()

    async def on_tick(self, counter: int) -> bool:
        if counter % TICKS_PER_SECOND == 0:
            self._connections.close_late(self.server_state.connections, asyncio.get_running_loop().time())
        return await super().on_tick(counter)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True


def _freeze_gc() -> None:
    """Exclude spec, shapes and statements from garbage collection: they are kept as long as the process runs.

    A request makes next to no cycles, so a young collection every few hundred objects finds nothing.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def _fit_open_files(max_connections: int) -> int:
    """Raise the process's limit of open files as far as it may; return how many connections fit below it."""
    if sys.platform == "win32":  # it has no such limit
        return max_connections
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # some systems allow less than their hard limit says
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        soft = hard
    return max_connections if soft < 0 else max(1, min(max_connections, soft - RESERVED_FILES))


def make_server(asgi: ASGIApp, on_listening: Callable[[], None], limits: ConnectionLimits) -> uvicorn.Server:
    """Return the server of an app, which does not run yet."""
    connections = Connections(limits)
    config = uvicorn.Config(
        asgi,
        loop="auto",  # uvloop where there is one
        http=cast("type[asyncio.Protocol]", partial(HttpProtocol, open_connections=connections)),
        ws="websockets-sansio",
        ws_max_size=MAX_WEBSOCKET_MESSAGE_BYTES,
        ws_ping_interval=None,  # clients send the pings
        ws_per_message_deflate=False,  # 40 KiB of memory for each connection
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=int(limits.idle_seconds),
        timeout_graceful_shutdown=SHUTDOWN_TIMEOUT_SECONDS,
    )
    return _Server(config, on_listening, connections)


def run(
    asgi: ASGIApp,
    bound_socket: socket.socket,
    on_listening: Callable[[], None],
    *,
    max_connections: int = DEFAULT_MAX_CONNECTIONS,
) -> None:
    """Serve the app until SIGTERM or SIGINT; then accept nothing new, finish running requests and close the store.

    `on_listening` is called once, when the port accepts connections. CommandFailed if the start fails; the log has the
    reason.
    """
    limits = ConnectionLimits(max_connections=_fit_open_files(max_connections))

    def listening() -> None:
        _freeze_gc()
        on_listening()

    server = make_server(asgi, listening, limits)
    try:
        server.run(sockets=[bound_socket])
    except SystemExit:
        raise CommandFailed("the server could not start: the lines above say why") from None
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        host, port = bound_socket.getsockname()[:2]
        raise CommandFailed(_bind_error_message(error, host, port)) from None  # taken between bind and listen


class OneLineFormatter(logging.Formatter):
    """Timestamp, level, logger, message. A traceback has several lines only if stderr is interactive."""

    def __init__(self, *, interactive: bool) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")
        self._interactive = interactive

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802  # logging's name
        return to_timestamp(datetime.fromtimestamp(record.created, UTC))

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # logging's name
        return _escape_newlines(super().formatMessage(record))

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        return text if self._interactive else _escape_newlines(text)


def _escape_newlines(text: str) -> str:
    return "\\n".join(text.splitlines())


def configure_logging() -> None:
    """Log to stderr from level INFO on, one line per record."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneLineFormatter(interactive=sys.stderr.isatty()))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for logger_name in ("uvicorn", "alembic", "asyncio"):
        logging.getLogger(logger_name).setLevel(logging.WARNING)
