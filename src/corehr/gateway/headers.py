"""The names of response headers, spelt as the SDKs read them."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Canonical(bytes):
    """A header name that keeps its capitals.

    uvicorn lower-cases every name it writes; one SDK looks `X-Tt-Logid`, `Content-Type` and `Content-Disposition` up
    with their capitals and finds nothing else.
    """

    __slots__ = ()

    def lower(self) -> bytes:
        return self


LOG_ID = Canonical(b"X-Tt-Logid")
REQUEST_ID = Canonical(b"X-Request-Id")
CONTENT_TYPE = Canonical(b"Content-Type")
CONTENT_DISPOSITION = Canonical(b"Content-Disposition")
CONTENT_LENGTH = b"content-length"  # the server compares this one
LIMIT = b"x-ogw-ratelimit-limit"
RESET = b"x-ogw-ratelimit-reset"

_SPELLING = {bytes.lower(name): name for name in (LOG_ID, REQUEST_ID, CONTENT_TYPE, CONTENT_DISPOSITION)}


def canonical(app: ASGIApp) -> ASGIApp:
    """The same app, with the headers of every answer in canonical case."""

    async def spelt(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_spelt(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [(_SPELLING.get(name, name), value) for name, value in message.get("headers", ())]
            await send(message)

        await app(scope, receive, send_spelt)

    return spelt
