"""ASGI input and output: reads a request's body and query, sends a response, or aborts the connection."""

from contextlib import suppress
from typing import Final
from urllib.parse import unquote_plus

from starlette.types import Receive, Scope, Send

from corehr.gateway.headers import CONTENT_LENGTH, CONTENT_TYPE, LOG_ID, REQUEST_ID
from corehr.gateway.responses import Response

MAX_BODY_BYTES: Final = 10 * 2**20
_MAX_DRAINED_BYTES = 4 * MAX_BODY_BYTES
"""At most this much of a longer body is read, so that a client that is still sending gets to read the response."""


class ClientDisconnected(Exception):
    """The client disconnected before its request was complete."""


def raw_path(scope: Scope) -> str:
    """Return the path of a request percent-encoded, as it was sent."""
    path: bytes = scope.get("raw_path") or scope["path"].encode()
    return path.decode("latin-1")


async def read_body(receive: Receive) -> bytes | None:
    """Return the whole body, or None when it exceeds MAX_BODY_BYTES; raise ClientDisconnected when it is cut off."""
    message = await receive()
    body: bytes = message.get("body", b"")
    length = len(body)
    parts = [body]
    while message.get("more_body") and length <= _MAX_DRAINED_BYTES:
        message = await receive()
        part = message.get("body", b"")
        length += len(part)
        if length <= MAX_BODY_BYTES:
            parts.append(part)
    if message["type"] == "http.disconnect":
        raise ClientDisconnected
    if length > MAX_BODY_BYTES:
        return None
    return body if len(parts) == 1 else b"".join(parts)


def parse_query(query: bytes) -> list[tuple[str, str]]:
    """Return the names and values of a query string, percent-decoded and in order."""
    found = []
    for part in query.decode(errors="replace").split("&"):
        name, _, value = part.partition("=")
        if "%" in part or "+" in part:
            name, value = unquote_plus(name), unquote_plus(value)
        found.append((name, value))
    return found


async def send_response(send: Send, response: Response, log_id: str, request_id: str, *, cut: bool = False) -> None:
    """Send the response with its content type, length, log id and request id; only half of its body if it is `cut`.

    A server closes the connection of an app that returns before its response is complete.
    """
    headers = [
        (CONTENT_TYPE, response.content_type),
        (LOG_ID, log_id.encode()),
        (REQUEST_ID, request_id.encode()),
        (CONTENT_LENGTH, b"%d" % len(response.body)),
        *response.headers,
    ]
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    if cut:
        await send({"type": "http.response.body", "body": response.body[: len(response.body) // 2], "more_body": True})
    else:
        await send({"type": "http.response.body", "body": response.body})


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
    with suppress(RuntimeError):
        await send({"type": "http.response.start", "status": 200, "headers": [(b"\0", b"")]})
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
