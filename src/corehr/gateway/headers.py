"""The names of response headers, in the case that the SDKs look up."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOG_ID = b"X-Tt-Logid"
REQUEST_ID = b"X-Request-Id"
CONTENT_TYPE = b"Content-Type"
CONTENT_DISPOSITION = b"Content-Disposition"
CONTENT_LENGTH = b"content-length"
CLOSE_CONNECTION = (b"connection", b"close")
RATE_LIMIT_LIMIT = b"x-ogw-ratelimit-limit"
RATE_LIMIT_RESET = b"x-ogw-ratelimit-reset"

_CANONICAL_NAMES = {name.lower(): name for name in (LOG_ID, REQUEST_ID, CONTENT_TYPE, CONTENT_DISPOSITION)}


def canonical_headers(app: ASGIApp) -> ASGIApp:
    """Return an app that wraps `app` and sends the header names of every response in canonical case.

    One SDK looks up `X-Tt-Logid`, `Content-Type` and `Content-Disposition` case-sensitively; the server writes names as
    they are.
    """

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_canonical(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [
                    (_CANONICAL_NAMES.get(name, name), value) for name, value in message.get("headers", ())
                ]
            await send(message)

        await app(scope, receive, send_canonical)

    return wrapped
