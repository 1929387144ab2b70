"""One long connection: the frames that an app receives and acknowledges, until its websocket is closed."""

import asyncio
import base64
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from typing import Any, Final, Literal

import msgspec
from starlette.types import Message, Receive, Send

from corehr.delivery import frames
from corehr.delivery.connect_endpoint import ClientConfig
from corehr.delivery.frames import METHOD_CONTROL, METHOD_DATA, SERVICE_ID, Frame
from corehr.delivery.outbox import AttemptResult
from corehr.delivery.peer_text import printable_line
from corehr.kernel.clock import epoch_millis, real_now
from corehr.kernel.db import encode_json

CLOSE_TIMEOUT_SECONDS: Final = 1.0
"""Seconds to wait for a client while its websocket is closed."""

_MAX_MISSED_PINGS = 3

_GOING_AWAY = 1001
_UNSUPPORTED_DATA = 1003
_POLICY_VIOLATION = 1008

_CONNECTION_LOST = AttemptResult(False, "the connection was lost")

_log = logging.getLogger(__name__)


class _CloseConnection(Exception):
    """The server closes a connection: the websocket's close code, and the reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Connection:
    """One websocket of an app; its state is "new" until events can be sent over it, then "ready", at last "closed".

    `on_ready()` is called when events can be sent; `is_app_enabled()` is awaited at every ping.
    """

    def __init__(
        self,
        app_id: str,
        id: str,
        send: Send,
        *,
        config: ClientConfig,
        on_ready: Callable[[], None],
        is_app_enabled: Callable[[], Awaitable[bool]],
    ) -> None:
        self.app_id = app_id
        self.id = id
        self.state: Literal["new", "ready", "closed"] = "new"
        self._send = send
        self._config = config
        self._on_ready = on_ready
        self._is_app_enabled = is_app_enabled
        self._pending: dict[str, asyncio.Future[AttemptResult]] = {}

    async def serve(self, receive: Receive, grace_seconds: float) -> None:
        """Read frames until the websocket is closed; events can be sent after the first frame or the grace time."""
        grace = asyncio.get_running_loop().call_later(grace_seconds, self._mark_ready)
        try:
            while True:
                async with asyncio.timeout(_MAX_MISSED_PINGS * self._config.ping_interval):
                    message = await receive()
                    if message["type"] == "websocket.disconnect":
                        return
                    if self.state != "closed":
                        await self._on_message(message)
        except TimeoutError:
            await self.close(_GOING_AWAY, "silent for too long")
        except _CloseConnection as error:
            await self.close(error.code, error.reason)
        finally:
            grace.cancel()

    async def _on_message(self, message: Message) -> None:
        try:
            frame = frames.decode(message.get("bytes") or b"")
        except ValueError:
            raise _CloseConnection(_UNSUPPORTED_DATA, "not a frame") from None
        self._mark_ready()
        if frame.method == METHOD_DATA:
            self._on_acknowledgement(frame)
        elif frame.headers.get("type") == "ping":
            if not await self._is_app_enabled():
                raise _CloseConnection(_POLICY_VIOLATION, "the app is disabled")
            pong = Frame(METHOD_CONTROL, {"type": "pong"}, encode_json(self._config.to_wire()), SERVICE_ID)
            await self._send_frame(pong)

    def _mark_ready(self) -> None:
        if self.state == "new":
            self.state = "ready"
            self._on_ready()

    async def _send_frame(self, frame: Frame) -> None:
        await self._send({"type": "websocket.send", "bytes": frames.encode(frame)})

    async def deliver(
        self, message_id: str, trace_id: str, body: bytes, frame_payload_bytes: int, ack_timeout_seconds: float
    ) -> AttemptResult:
        future: asyncio.Future[AttemptResult] = asyncio.get_running_loop().create_future()
        self._pending[message_id] = future
        try:
            async with asyncio.timeout(ack_timeout_seconds):
                for frame in _data_frames(message_id, trace_id, body, frame_payload_bytes):
                    await self._send_frame(frame)
                return await future
        except TimeoutError:
            return AttemptResult(False, f"no acknowledgement within {ack_timeout_seconds:g} s")
        except (OSError, RuntimeError):  # raised by the server when the client is gone
            return _CONNECTION_LOST
        finally:
            self._pending.pop(message_id, None)

    def _on_acknowledgement(self, frame: Frame) -> None:
        """Set the result of a pending event: the client returns its frame, with the reply in place of the event."""
        future = self._pending.get(frame.headers.get("message_id", ""))
        if future is not None and not future.done():
            future.set_result(_attempt_result(frame.payload))

    def abandon_pending(self) -> None:
        """Mark the connection as closed, and its pending events as failed attempts."""
        self.state = "closed"
        for future in self._pending.values():
            if not future.done():
                future.set_result(_CONNECTION_LOST)

    async def close(self, code: int, reason: str) -> None:
        """Close the websocket within a second; a client that reads nothing is not waited for."""
        self.abandon_pending()
        _log.info("connection %s of %s is closed: %s", self.id, self.app_id, reason)
        with suppress(OSError, RuntimeError):
            async with asyncio.timeout(CLOSE_TIMEOUT_SECONDS):
                await self._send({"type": "websocket.close", "code": code, "reason": reason})


class _Reply(msgspec.Struct):
    code: int
    data: Any = None


_decode_reply = msgspec.json.Decoder(_Reply).decode


def _attempt_result(payload: bytes) -> AttemptResult:
    """Return the result of an acknowledgement: accepted with code 200, whatever else the client's handler returned."""
    try:
        reply = _decode_reply(payload)
    except (msgspec.DecodeError, RecursionError):
        return AttemptResult(False, "answered with an unreadable reply")
    detail = f"answered {reply.code}"
    if isinstance(reply.data, str) and reply.data:
        with suppress(ValueError):
            detail += f": {base64.b64decode(reply.data, validate=True).decode(errors='replace')}"
    return AttemptResult(reply.code == 200, printable_line(detail))


def _data_frames(message_id: str, trace_id: str, body: bytes, frame_payload_bytes: int) -> Iterator[Frame]:
    parts = [body[start : start + frame_payload_bytes] for start in range(0, len(body), frame_payload_bytes)] or [b""]
    for seq, part in enumerate(parts):
        headers = {
            "type": "event",
            "message_id": message_id,
            "trace_id": trace_id,
            "sum": str(len(parts)),
            "seq": str(seq),
            "timestamp": epoch_millis(real_now()),
        }
        yield Frame(METHOD_DATA, headers, part, SERVICE_ID)
