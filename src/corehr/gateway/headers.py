"""The names of response headers, in the case that the SDKs look up."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class CanonicalName(bytes):
    """A header name whose `lower()` keeps its capitals.

    uvicorn lower-cases every name it writes; one SDK looks up `X-Tt-Logid`, `Content-Type` and `Content-Disposition`
    case-sensitively.
    """

    __slots__ = ()

    def lower(self) -> bytes:
        return self


LOG_ID = CanonicalName(b"X-Tt-Logid")
REQUEST_ID = CanonicalName(b"X-Request-Id")
CONTENT_TYPE = CanonicalName(b"Content-Type")
CONTENT_DISPOSITION = CanonicalName(b"Content-Disposition")
CONTENT_LENGTH = b"content-length"  # lower case: the server compares it
CLOSE_CONNECTION = (b"connection", b"close")
RATE_LIMIT_LIMIT = b"x-ogw-ratelimit-limit"
RATE_LIMIT_RESET = b"x-ogw-ratelimit-reset"

_CANONICAL_NAMES = {bytes.lower(name): name for name in (LOG_ID, REQUEST_ID, CONTENT_TYPE, CONTENT_DISPOSITION)}


def canonical_headers(app: ASGIApp) -> ASGIApp:
    """Return an app that wraps `app` and sends the header names of every response in canonical case."""

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_canonical(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [
                    (_CANONICAL_NAMES.get(name, name), value) for name, value in message.get("headers", ())
                ]
            await send(message)

        await app(scope, receive, send_canonical)

    return wrapped
