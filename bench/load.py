"""A small load generator: sends prepared requests over persistent connections, each after the response to the last."""

import selectors
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass

HOST = "127.0.0.1"
"""The only host that is put under load."""

_CONTENT_LENGTH = b"content-length: "
_SUCCESS_MARKER = b'\r\n\r\n{"code":0,'


class UnexpectedResponse(Exception):
    """The response has a code other than 0, is late or is missing."""


@dataclass(frozen=True)
class LoadResult:
    """`seconds` is the time from the first request to the last response; `latencies` are in seconds, sorted."""

    seconds: float
    latencies: Sequence[float]

    @property
    def rate(self) -> float:
        """Requests per second."""
        return len(self.latencies) / self.seconds

    def percentile(self, share: float) -> float:
        return self.latencies[min(len(self.latencies) - 1, int(len(self.latencies) * share))]


class _Caller:
    """One connection: the next request is sent when the response to the previous one is complete."""

    __slots__ = ("expected_bytes", "response", "socket", "started_at")

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection((HOST, port), timeout=10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.response = b""
        self.expected_bytes = 0
        self.started_at = 0.0

    def send(self, message: bytes) -> None:
        self.response, self.expected_bytes = b"", 0
        self.started_at = time.perf_counter()
        self.socket.sendall(message)

    def receive(self) -> bool:
        """Read the available bytes; return whether the response is complete."""
        chunk = self.socket.recv(65536)
        if not chunk:
            raise UnexpectedResponse("the server closed a connection")
        self.response += chunk
        if not self.expected_bytes:
            head = self.response.find(b"\r\n\r\n")
            if head < 0:
                return False
            start = self.response.lower().find(_CONTENT_LENGTH, 0, head) + len(_CONTENT_LENGTH)
            self.expected_bytes = head + 4 + int(self.response[start : self.response.find(b"\r\n", start)])
        return len(self.response) >= self.expected_bytes

    def check(self) -> None:
        if not self.response.startswith(b"HTTP/1.1 200 ") or _SUCCESS_MARKER not in self.response:
            raise UnexpectedResponse(self.response.decode(errors="replace"))


def run_load(
    port: int, messages: Sequence[bytes], *, connections: int = 16, timeout_seconds: float = 60.0
) -> LoadResult:
    """Send every message once; UnexpectedResponse on the first response without code 0, or after `timeout_seconds`."""
    callers = [_Caller(port) for _ in range(min(connections, len(messages)))]
    selector = selectors.DefaultSelector()
    remaining = iter(messages)
    latencies: list[float] = []
    try:
        started_at = time.perf_counter()
        for caller in callers:
            selector.register(caller.socket, selectors.EVENT_READ, caller)
            caller.send(next(remaining))
        while len(latencies) < len(messages):
            ready = selector.select(timeout=5)
            now = time.perf_counter()
            if not ready or now - started_at > timeout_seconds:
                raise UnexpectedResponse(
                    f"{len(latencies)} of {len(messages)} responses after {now - started_at:.0f} seconds"
                )
            for key, _ in ready:
                caller = key.data
                if caller.receive():
                    latencies.append(time.perf_counter() - caller.started_at)
                    caller.check()
                    message = next(remaining, None)
                    if message is not None:
                        caller.send(message)
        seconds = time.perf_counter() - started_at
    finally:
        selector.close()
        for caller in callers:
            caller.socket.close()
    return LoadResult(seconds, sorted(latencies))
