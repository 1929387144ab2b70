"""ASGI input and output: reads a request's body and query, sends a response, or aborts the connection."""

import zlib
from collections.abc import Sequence
from contextlib import suppress
from typing import Final
from urllib.parse import unquote_plus

from starlette.types import Receive, Scope, Send

from corehr.gateway.headers import CLOSE_CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, LOG_ID, REQUEST_ID
from corehr.gateway.responses import Response

MAX_BODY_BYTES: Final = 10 * 2**20
MAX_TOKEN_BODY_BYTES: Final = 64 * 2**10
"""Maximum size of a body that is read without a token: the credentials of an app."""

_MAX_DISCARDED_BYTES = 4 * MAX_BODY_BYTES
"""At most this much of a body is discarded after a refusal, so that a client that is still sending gets to read it."""

_GZIP_OR_ZLIB = zlib.MAX_WBITS | 32


class ClientDisconnected(Exception):
    """The client disconnected before its request was complete."""


def raw_path(scope: Scope) -> str:
    """Return the path of a request percent-encoded, as it was sent."""
    path: bytes = scope.get("raw_path") or scope["path"].encode()
    return path.decode("latin-1")


class RequestBody:
    """The body of a request, which is received only when it is read."""

    __slots__ = ("_headers", "_is_received", "_receive", "_was_requested")

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self._headers: Sequence[tuple[bytes, bytes]] = scope["headers"]
        self._receive = receive
        self._was_requested = False
        self._is_received = False

    async def read(self, max_bytes: int) -> bytes | None:
        """Return the whole body, decompressed, or None when it exceeds `max_bytes`, compressed or not.

        Raises ClientDisconnected when it is cut off.
        """
        parts, length = [part := await self._next_part()], len(part)
        while not self.is_received() and length <= max_bytes:
            parts.append(part := await self._next_part())
            length += len(part)
        return self._decompress(part if len(parts) == 1 else b"".join(parts), max_bytes)

    def is_received(self) -> bool:
        """Return whether nothing of it is left to receive."""
        return self._is_received

    def is_withheld(self) -> bool:
        """Return whether the client waits for 100 Continue before it sends the body."""
        return not self._was_requested and any(name == b"expect" for name, _ in self._headers)

    async def discard(self) -> None:
        """Receive what is left of the body, up to a limit, and keep nothing of it."""
        length = 0
        with suppress(ClientDisconnected):
            while not self.is_received() and length <= _MAX_DISCARDED_BYTES:
                length += len(await self._next_part())

    async def _next_part(self) -> bytes:
        self._was_requested = True
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnected
        self._is_received = not message.get("more_body", False)
        part: bytes = message.get("body", b"")
        return part

    def _decompress(self, body: bytes, max_bytes: int) -> bytes | None:
        """Return the body decompressed; what cannot be decompressed is returned as it is, and is no JSON."""
        if len(body) > max_bytes:
            return None
        encoding = next((value for name, value in self._headers if name == b"content-encoding"), b"")
        if encoding.strip().lower() not in (b"gzip", b"x-gzip", b"deflate"):
            return body
        decompressor = zlib.decompressobj(_GZIP_OR_ZLIB)
        try:
            decompressed = decompressor.decompress(body, max_bytes + 1)
        except zlib.error:
            return body
        if len(decompressed) > max_bytes:
            return None
        return decompressed if decompressor.eof and not decompressor.unused_data else body


def parse_query(query: bytes) -> list[tuple[str, str]]:
    """Return the names and values of a query string, percent-decoded and in order."""
    found = []
    for part in query.decode(errors="replace").split("&"):
        name, _, value = part.partition("=")
        if "%" in part or "+" in part:
            name, value = unquote_plus(name), unquote_plus(value)
        found.append((name, value))
    return found


async def send_response(
    send: Send, response: Response, body: RequestBody, log_id: str, request_id: str, *, cut: bool = False
) -> None:
    """Send the response with its content type, length, log id and request id; only half of its body if it is `cut`.

    What is left of the request's body is discarded before the response ends, so that a client that still sends it gets
    to read the response. A client that waits for 100 Continue may send the body or not: its connection is closed. A
    server closes the connection of an app that returns before its response is complete.
    """
    headers = [
        (CONTENT_TYPE, response.content_type),
        (LOG_ID, log_id.encode()),
        (REQUEST_ID, request_id.encode()),
        (CONTENT_LENGTH, b"%d" % len(response.body)),
        *response.headers,
    ]
    is_withheld = not body.is_received() and body.is_withheld()
    if is_withheld:
        headers.append(CLOSE_CONNECTION)
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    if cut:
        await send({"type": "http.response.body", "body": response.body[: len(response.body) // 2], "more_body": True})
        return
    if body.is_received() or is_withheld:
        await send({"type": "http.response.body", "body": response.body})
        return
    await send({"type": "http.response.body", "body": response.body, "more_body": True})
    await body.discard()
    await send({"type": "http.response.body", "body": b""})


async def send_bare_response(send: Send, response: Response) -> None:
    """Send the response with its content type and length only, as a proxy does that did not get one from us."""
    headers = [(CONTENT_TYPE, response.content_type), (CONTENT_LENGTH, b"%d" % len(response.body)), *response.headers]
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": response.body})


async def abort_connection(send: Send) -> None:
    """Close the connection without sending a byte of a response.

    ASGI has no message for this. uvicorn refuses to write a header with the name below, but then considers the response
    started, and closes the connection of an app that returns before it is complete. A caller without a server in
    between gets ConnectionResetError.
    """
    try:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"\0", b"")]})
    except Exception:  # noqa: BLE001  # the error of the server's parser, which this floor does not import
        return
    raise ConnectionResetError("dropped on purpose")


RESET_CONNECTION: Final = "corehr.reset_connection"
"""The member of a scope with a function that resets the request's connection, where the server can."""


async def reset_connection(scope: Scope, receive: Receive, send: Send) -> None:
    """Reset the connection (TCP RST) without sending a byte of a response; where the server cannot, close it."""
    reset = scope.get(RESET_CONNECTION)
    if reset is None:
        await abort_connection(send)
        return
    reset()
    while (await receive())["type"] != "http.disconnect":
        """The server has to notice, or it would respond for an app that returns without a response."""
