"""Lets an app reset the connection of a request, which ASGI has no message for: faults of the sandbox do."""

import socket
import struct
from asyncio import Transport
from functools import partial
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from corehr.gateway.asgi_io import RESET_CONNECTION

_CLOSE_WITH_RESET: Final = struct.pack("ii", 1, 0)
"""SO_LINGER: on, for no second. What was not sent is discarded, and the peer gets a reset."""


def with_resets(app: ASGIApp) -> ASGIApp:
    """Return an app that wraps `app` and gives it RESET_CONNECTION in the scope of each request that uvicorn serves."""

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        transport = getattr(getattr(send, "__self__", None), "transport", None)
        if transport is not None:
            scope[RESET_CONNECTION] = partial(_reset, transport)
        await app(scope, receive, send)

    return wrapped


def _reset(transport: Transport) -> None:
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _CLOSE_WITH_RESET)
    transport.abort()
