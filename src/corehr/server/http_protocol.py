"""HTTP/1.1 on one connection: uvicorn's protocol over h11, with limits, and without upgrades that are not taken."""

import logging
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from corehr.app.settings import DEFAULT_MAX_CONNECTIONS

MAX_URL_BYTES: Final = 16 * 2**10
"""Maximum size of a request's URL; a longer one is refused with 414."""

MAX_HEAD_BYTES: Final = 32 * 2**10
"""Maximum size of a request line and its headers; a longer one is refused with 431."""

LINGER_SECONDS: Final = 2.0
"""Seconds for which a refused client may go on sending: a reset would take the response from it."""

_FRAMING_HEADERS: Final = frozenset((b"content-length", b"transfer-encoding"))
_NEVER: Final = float("inf")
_log = logging.getLogger(__name__)
_uvicorn_log = logging.getLogger("uvicorn.error.http")
_uvicorn_log.setLevel(logging.ERROR)  # it would write a line for each request that is malformed: these are counted


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """How long a connection may wait for its client, in seconds, and how many there may be.

    `header_seconds` run from the first byte of a request, or from the start of the connection, to the end of the
    headers; `body_seconds` from there to the end of the body; `idle_seconds` between two requests; `write_seconds`
    while the client does not read. `idle_seconds` are longer than the minute after which proxies and the pools of
    clients close a connection, so that none of them writes into one that the server is just closing.
    """

    max_connections: int = DEFAULT_MAX_CONNECTIONS
    header_seconds: float = 10.0
    body_seconds: float = 60.0
    idle_seconds: float = 75.0
    write_seconds: float = 60.0


class Phase(Enum):
    """What a connection waits for; the value tells why it was closed."""

    REQUEST = "sent no request"
    HEADERS = "sent no whole headers"
    BODY = "sent no whole body"
    IDLE = "were idle"
    READING = "did not read the response"
    LINGERING = "were refused"
    SERVING = "are served"


class RefusedRequest(h11.RemoteProtocolError):
    """A request that is refused before the application sees it, with an HTTP status."""

    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status.phrase, error_status_hint=status)
        self.status = status


class _Parser(h11.Connection):
    """Limits the size of a request's head, and refuses what two readers could understand differently."""

    def __init__(self) -> None:
        super().__init__(h11.SERVER, MAX_HEAD_BYTES)
        self.status = HTTPStatus.BAD_REQUEST
        """The status with which the last refused request is refused."""

    def next_event(self) -> Any:
        reads_head = self.their_state is h11.IDLE
        try:
            event = super().next_event()
            return _check_head(event) if type(event) is h11.Request else event
        except h11.RemoteProtocolError as error:
            self.status = self._status_of(error, reads_head)
            raise

    def _status_of(self, error: h11.RemoteProtocolError, reads_head: bool) -> HTTPStatus:
        if isinstance(error, RefusedRequest):
            return error.status
        if error.error_status_hint == HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE:
            if not reads_head:  # but the size of a chunk, or a trailer
                return HTTPStatus.BAD_REQUEST
            received = self.trailing_data[0]
            line_end = received.find(b"\n")
            if line_end < 0 or line_end > MAX_URL_BYTES:
                return HTTPStatus.REQUEST_URI_TOO_LONG
        return HTTPStatus(error.error_status_hint)


def _check_head(request: h11.Request) -> h11.Request:
    """Return the request, in origin form; raise RefusedRequest when its head is too long or ambiguous."""
    if not request.http_version.startswith(b"1."):
        raise RefusedRequest(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED)
    if len(request.target) > MAX_URL_BYTES:
        raise RefusedRequest(HTTPStatus.REQUEST_URI_TOO_LONG)
    size, framing = len(request.target), 0
    for name, value in request.headers:
        size += len(name) + len(value) + 4
        if name in _FRAMING_HEADERS:
            framing += 1
    if size > MAX_HEAD_BYTES:
        raise RefusedRequest(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
    if framing > 1:  # a proxy in front may take the other one
        raise RefusedRequest(HTTPStatus.BAD_REQUEST)
    if not request.target.startswith(b"/") and b"://" in request.target:
        return _in_origin_form(request)
    return request


def _in_origin_form(request: h11.Request) -> h11.Request:
    """Return a request whose target was a whole URL as one for its path; the URL's host replaces the Host header."""
    try:
        url = urlsplit(request.target.decode("ascii"))
    except ValueError:
        raise RefusedRequest(HTTPStatus.BAD_REQUEST) from None
    if url.scheme.lower() not in ("http", "https") or not url.netloc:
        raise RefusedRequest(HTTPStatus.BAD_REQUEST)
    headers = [(name, value) for name, value in request.headers.raw_items() if name.lower() != b"host"]
    return h11.Request(
        method=request.method,
        target=(url.path or "/") + (f"?{url.query}" if url.query else ""),
        headers=[(b"host", url.netloc.encode("ascii")), *headers],
        http_version=request.http_version,
    )


class HttpProtocol(H11Protocol):
    """A connection. `open_connections` closes it when its client is late."""

    def __init__(self, *, open_connections: "Connections", **more: Any) -> None:
        super().__init__(**more)
        self.conn = self._parser = _Parser()
        self.logger = _uvicorn_log
        self.waiting_since = _NEVER
        self.waits_for: tuple[Phase, object] = (Phase.REQUEST, None)
        self._open_connections = open_connections
        self._lingers = False

    def connection_made(self, transport: Any) -> None:
        self.waiting_since = self.loop.time()
        if not self._open_connections.make_room(self.connections):
            self.transport = transport
            self._lingers = True
            self._write_error(HTTPStatus.SERVICE_UNAVAILABLE)
            transport.close()
            return
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        if not self._lingers:
            super().data_received(data)

    def phase(self) -> Phase:
        """Return what the connection waits for."""
        if self._lingers:
            return Phase.LINGERING
        if self.transport.get_write_buffer_size():
            return Phase.READING
        state = self.conn.their_state
        if state is h11.SEND_BODY:
            return Phase.BODY
        if state is h11.IDLE:
            if self.conn.trailing_data[0]:
                return Phase.HEADERS
            return Phase.IDLE if self._has_begun_a_request() else Phase.REQUEST
        return Phase.SERVING

    def close_waiting(self, phase: Phase, status: HTTPStatus) -> None:
        """Close the connection, which waits for its client in this phase; a request that has begun gets the status."""
        if phase in (Phase.HEADERS, Phase.BODY):
            self.refuse(status)
        if phase in (Phase.READING, Phase.LINGERING):
            self.transport.abort()
        else:
            self.transport.close()

    def refuse(self, status: HTTPStatus) -> None:
        """Send an error, unless a response has begun, and end what the application does for the request."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            self._write_error(status)
        if self._has_begun_a_request() and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()

    def send_400_response(self, msg: str) -> None:
        """Refuse a request that cannot be read; what the client still sends is discarded for a moment."""
        self.refuse(self._parser.status)
        self._open_connections.closed["sent no valid request"] += 1
        self._lingers = True
        if self.transport.can_write_eof():
            self.transport.write_eof()
        else:
            self.transport.close()

    def _should_upgrade(self) -> bool:
        """Return whether the request opens a websocket; any other upgrade is ignored, as RFC 9110 says (7.8)."""
        return (
            self._get_upgrade() == b"websocket"
            and self.scope["method"] == "GET"
            and self.scope["http_version"] == "1.1"
            and not self._announces_body()
        )

    def _has_begun_a_request(self) -> bool:
        cycle: object = self.cycle  # uvicorn's type leaves out that it is None at first
        return cycle is not None

    def _announces_body(self) -> bool:
        return any(
            name == b"transfer-encoding" or (name == b"content-length" and value.strip(b"0"))
            for name, value in self.headers
        )

    def _write_error(self, status: HTTPStatus) -> None:
        body = status.phrase.encode()
        headers = [
            *self.server_state.default_headers,
            (b"Content-Type", b"text/plain; charset=utf-8"),
            (b"content-length", b"%d" % len(body)),
            (b"connection", b"close"),
        ]
        head = b"HTTP/1.1 %d %s\r\n" % (status, body)
        self.transport.write(head + b"".join(b"%s: %s\r\n" % header for header in headers) + b"\r\n" + body)


class Connections:
    """Closes connections whose clients are late, and those that wait longest when there are too many."""

    def __init__(self, limits: ConnectionLimits) -> None:
        self.limits = limits
        self.closed: Counter[str] = Counter()
        """How many connections were closed since the start, by reason."""
        self._logged: Counter[str] = Counter()
        self._seconds = {
            Phase.REQUEST: limits.header_seconds,
            Phase.HEADERS: limits.header_seconds,
            Phase.BODY: limits.body_seconds,
            Phase.IDLE: limits.idle_seconds,
            Phase.READING: limits.write_seconds,
            Phase.LINGERING: LINGER_SECONDS,
            Phase.SERVING: _NEVER,
        }

    def make_room(self, connections: Collection[Any]) -> bool:
        """Return whether one more connection may be open; close one that waits for its client if there are too many."""
        if len(connections) < self.limits.max_connections:
            return True
        # a websocket is not counted: each app has few of them (`MAX_CONNECTIONS_PER_APP`)
        open_connections = [each for each in connections if isinstance(each, HttpProtocol)]
        if len(open_connections) < self.limits.max_connections:
            return True
        waiting = [
            each for each in open_connections if each.phase() is not Phase.SERVING and not each.transport.is_closing()
        ]
        if not waiting:
            self.closed[f"refused beyond {self.limits.max_connections}"] += 1
            return False
        longest_waiting = min(waiting, key=lambda each: each.waiting_since)
        self.closed[f"closed for others beyond {self.limits.max_connections}"] += 1
        longest_waiting.close_waiting(longest_waiting.phase(), HTTPStatus.SERVICE_UNAVAILABLE)
        return True

    def close_late(self, connections: Collection[Any], now: float) -> None:
        """Close each connection whose client is late, and log how many; called every second."""
        for connection in list(connections):
            if not isinstance(connection, HttpProtocol):  # a websocket: its client sends pings
                continue
            # a phase is that of one request: the cycle is the last one that began
            waits_for = phase, _ = connection.phase(), connection.cycle
            if waits_for != connection.waits_for:
                connection.waits_for, connection.waiting_since = waits_for, now
            elif now - connection.waiting_since >= self._seconds[phase]:
                connection.close_waiting(phase, HTTPStatus.REQUEST_TIMEOUT)
                if phase is not Phase.LINGERING:
                    self.closed[f"{phase.value} within {self._seconds[phase]:g} s"] += 1
        self._log_closed()

    def _log_closed(self) -> None:
        new = self.closed - self._logged
        worth_a_line = {reason: count for reason, count in new.items() if not reason.startswith(Phase.IDLE.value)}
        self._logged = self.closed.copy()
        if worth_a_line:
            reasons = ", ".join(f"{count} {reason}" for reason, count in worth_a_line.items())
            _log.warning("connections closed: %s; %d since the start", reasons, self.closed.total())
