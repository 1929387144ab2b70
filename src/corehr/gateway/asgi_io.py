"""HTTP as ASGI brings it: reads a request's body and query, sends an answer, or loses it on purpose."""

from contextlib import suppress
from typing import Final
from urllib.parse import unquote_plus

from starlette.types import Receive, Send

from corehr.gateway.headers import CONTENT_LENGTH, CONTENT_TYPE, LOG_ID, REQUEST_ID
from corehr.gateway.responses import NOT_FOUND, Response

MAX_BODY_BYTES: Final = 10 * 2**20
_MAX_LINE_CHARS: Final = 200
_MAX_DRAINED_BYTES = 4 * MAX_BODY_BYTES
"""Of a longer body so much is read, so that a client still sending can come to read the answer."""


class ClientDisconnected(Exception):
    """The client went away before its request was whole."""


async def read_body(receive: Receive) -> bytes | None:
    """The whole body; None when it is too long."""
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
    """Names and values of a query string, percent-decoded."""
    found = []
    for part in query.decode(errors="replace").split("&"):
        name, _, value = part.partition("=")
        if "%" in part or "+" in part:
            name, value = unquote_plus(name), unquote_plus(value)
        found.append((name, value))
    return found


def printable_line(text: str) -> str:
    """What a stranger said, on one line that can be shown: printable, and not long."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())[:_MAX_LINE_CHARS]


async def send_response(send: Send, response: Response, log_id: str, request_id: str) -> None:
    content_type = b"text/plain" if response is NOT_FOUND else b"application/json; charset=utf-8"
    headers = [
        (CONTENT_TYPE, content_type),
        (LOG_ID, log_id.encode()),
        (REQUEST_ID, request_id.encode()),
        (CONTENT_LENGTH, b"%d" % len(response.body)),
        *response.headers,
    ]
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": response.body})


async def abort_connection(send: Send) -> None:
    """End the connection without a byte of an answer.

    ASGI has no word for it. uvicorn refuses to write a header of such a name, but then takes the answer for begun, and
    closes the connection of an app that returns in the middle of one. Whoever calls without a server in between gets
    the exception that a lost connection is.
    """
    with suppress(RuntimeError):
        await send({"type": "http.response.start", "status": 200, "headers": [(b"\0", b"")]})
        raise ConnectionResetError("dropped on purpose")
