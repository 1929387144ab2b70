"""HTTP/1.1 on one connection: uvicorn's protocol over httptools, with limits, and with bodies after any upgrade."""

import logging
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from corehr.app.settings import DEFAULT_MAX_CONNECTIONS

MAX_URL_BYTES: Final = 16 * 2**10
"""Maximum size of a request's URL; a longer one is refused with 414."""

MAX_HEAD_BYTES: Final = 32 * 2**10
"""Maximum size of a request line and its headers; a longer one is refused with 431."""

MAX_PIPELINED_REQUESTS: Final = 100
"""Requests that may wait on one connection for the response to an earlier one."""

LINGER_SECONDS: Final = 2.0
"""Seconds for which a refused client may go on sending: a reset would take the response from it."""

FRAMING_HEADERS: Final = frozenset((b"content-length", b"transfer-encoding"))
"""The headers that announce a body."""

_NEVER: Final = float("inf")
_log = logging.getLogger(__name__)


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


class RefusedRequest(Exception):
    """A request that is refused before the application sees it, with an HTTP status."""

    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status.phrase)
        self.status = status


class HttpProtocol(HttpToolsProtocol):
    """A connection. `open_connections` closes it when its client is late."""

    def __init__(self, *, open_connections: "Connections", **more: Any) -> None:
        super().__init__(**more)
        self.waiting_since = _NEVER
        self.waits_for: tuple[Phase, object] = (Phase.REQUEST, None)
        self._open_connections = open_connections
        self._receives: Phase | None = None
        """HEADERS or BODY while a request has begun and is not complete."""
        self._head_bytes = 0
        self._unparsed_bytes = 0
        self._hosts = 0
        self._discards = self._lingers = False

    # ------------------------------------------------------------------------------------------ from the connection

    def connection_made(self, transport: Any) -> None:
        self.waiting_since = self.loop.time()
        if not self._open_connections.make_room(self.connections):
            self.transport = transport
            self._discards = True
            self._write_error(HTTPStatus.SERVICE_UNAVAILABLE)
            transport.close()
            return
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        if self._discards:
            return
        self._unset_keepalive_if_required()
        if self._receives is not None:
            self._unparsed_bytes += len(data)
        try:
            self._feed(data)
            if self._unparsed_bytes > MAX_HEAD_BYTES:
                raise RefusedRequest(self._too_long())
        except RefusedRequest as error:
            self._refuse_bad_request(error.status)
        except httptools.HttpParserError as error:
            cause = error.__context__
            self._refuse_bad_request(cause.status if isinstance(cause, RefusedRequest) else HTTPStatus.BAD_REQUEST)

    def _feed(self, data: bytes) -> None:
        """Parse received bytes. A websocket is handed on; any other upgrade is ignored, as RFC 9110 says (7.8)."""
        while True:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                if self._should_upgrade():
                    self.handle_websocket_upgrade()
                    return
                data = data[upgrade.args[0] :]
                # the parser takes what follows for another protocol: a new one reads the body and what comes after it
                _read_on_after_head(self)
            else:
                return

    # ---------------------------------------------------------------------------------------------- from the parser

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._receives = Phase.HEADERS
        self._head_bytes = self._unparsed_bytes = self._hosts = 0

    def on_url(self, url: bytes) -> None:
        self.url += url
        if len(self.url) > MAX_URL_BYTES:
            raise RefusedRequest(HTTPStatus.REQUEST_URI_TOO_LONG)

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._receives is Phase.BODY:
            return  # a trailer, which must not be taken for a header
        self._head_bytes += len(name) + len(value) + 4
        if self._head_bytes > MAX_HEAD_BYTES:
            raise RefusedRequest(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        name = name.lower()
        if name == b"host":
            self._hosts += 1
        elif name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        version = self.parser.get_http_version()
        if version not in ("1.1", "1.0"):
            raise RefusedRequest(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED)
        if self._hosts > 1 or (self._hosts == 0 and version == "1.1"):
            raise RefusedRequest(HTTPStatus.BAD_REQUEST)
        if len(self.pipeline) >= MAX_PIPELINED_REQUESTS:
            raise RefusedRequest(HTTPStatus.SERVICE_UNAVAILABLE)
        if not self.url.startswith(b"/"):
            self._take_host_of_url()
        self._receives = Phase.BODY
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._unparsed_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self.parser.should_upgrade() and not self._should_upgrade():
            return  # called by a parser that does not read the body
        self._receives = None
        super().on_message_complete()

    def _take_host_of_url(self) -> None:
        """Make a target that is a whole URL one for its path; the URL's host replaces the Host header (RFC 9112)."""
        try:
            url = urlsplit(self.url.decode("ascii"))
        except ValueError:
            raise RefusedRequest(HTTPStatus.BAD_REQUEST) from None
        if url.scheme.lower() not in ("http", "https") or not url.netloc:
            raise RefusedRequest(HTTPStatus.BAD_REQUEST)
        self.url = ((url.path or "/") + (f"?{url.query}" if url.query else "")).encode("ascii")
        other_headers = [header for header in self.headers if header[0] != b"host"]
        self.headers[:] = [(b"host", url.netloc.encode("ascii")), *other_headers]

    def _should_upgrade(self) -> bool:
        """Return whether the request opens a websocket."""
        return (
            self._get_upgrade() == b"websocket"
            and self.scope["method"] == "GET"
            and self.scope["http_version"] == "1.1"
            and not any(name in FRAMING_HEADERS for name, _ in self.headers)
        )

    # -------------------------------------------------------------------------------------------- errors and deadlines

    def phase(self) -> Phase:
        """Return what the connection waits for."""
        if self._lingers:
            return Phase.LINGERING
        if self.transport.get_write_buffer_size():
            return Phase.READING
        if self._receives is Phase.BODY and not self.pipeline:
            return Phase.BODY
        if self._is_serving():
            return Phase.SERVING
        if self._receives is not None:
            return self._receives
        return Phase.IDLE if self._has_begun_a_request() else Phase.REQUEST

    def close_waiting(self, phase: Phase, status: HTTPStatus) -> None:
        """Close the connection, which waits for its client in this phase; a request that has begun gets the status."""
        if phase in (Phase.HEADERS, Phase.BODY):
            self._end_request(status)
        if phase in (Phase.READING, Phase.LINGERING):
            self.transport.abort()
        else:
            self.transport.close()

    def _refuse_bad_request(self, status: HTTPStatus) -> None:
        """Refuse a request that cannot be read, after those that came before it; discard what still comes."""
        self._open_connections.closed["sent no valid request"] += 1
        self._discards = True
        if self._receives is not Phase.BODY and self._is_serving():
            self.cycle.keep_alive = False
            return
        self._end_request(status)
        self._lingers = True
        if self.transport.can_write_eof():
            self.transport.write_eof()
        else:
            self.transport.close()

    def _end_request(self, status: HTTPStatus) -> None:
        """Send an error, unless a response has begun, and end what the application does for the request."""
        if not self._is_serving():
            if self._receives is not Phase.BODY:
                self._write_error(status)
        elif not self.pipeline:
            if not self.cycle.response_started:
                self._write_error(status)
            self.cycle.disconnected = True
            self.cycle.message_event.set()

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

    def _too_long(self) -> HTTPStatus:
        if self._receives is Phase.BODY:  # the size of a chunk, or a trailer
            return HTTPStatus.BAD_REQUEST
        return HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE

    def _is_serving(self) -> bool:
        return self._has_begun_a_request() and not self.cycle.response_complete

    def _has_begun_a_request(self) -> bool:
        cycle: object = self.cycle  # uvicorn's type leaves out that it is None at first
        return cycle is not None


class _AfterHead:
    """Hands a connection what a parser reads after a head that stands in for one that was read already."""

    def __init__(self, protocol: HttpProtocol) -> None:
        self._protocol = protocol
        self.has_read_head = False
        self.on_body = protocol.on_body
        self.on_message_complete = protocol.on_message_complete

    def on_message_begin(self) -> None:
        if self.has_read_head:
            self._protocol.on_message_begin()

    def on_url(self, url: bytes) -> None:
        if self.has_read_head:
            self._protocol.on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.has_read_head:
            self._protocol.on_header(name, value)

    def on_headers_complete(self) -> None:
        if self.has_read_head:
            self._protocol.on_headers_complete()


def _read_on_after_head(protocol: HttpProtocol) -> None:
    """Give the connection a parser that goes on after the head of its present request, with its body."""
    after_head = _AfterHead(protocol)
    parser = httptools.HttpRequestParser(after_head)
    parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn does
    framing = [b"%s: %s\r\n" % header for header in protocol.headers if header[0] in FRAMING_HEADERS]
    protocol.parser = parser  # a request without a body is complete at once
    parser.feed_data(b"POST / HTTP/1.1\r\n" + b"".join(framing) + b"\r\n")
    after_head.has_read_head = True


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
