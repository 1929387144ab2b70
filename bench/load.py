"""A small load generator: requests made beforehand, over connections that stay open, as fast as they are answered."""

import selectors
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass

HOST = "127.0.0.1"
"""The only machine that is ever put under load."""

_LENGTH = b"content-length: "
_RIGHT = b'\r\n\r\n{"code":0,'


class WrongAnswer(Exception):
    """The server answered with something else than code 0, too late, or not at all."""


@dataclass(frozen=True)
class Run:
    """`seconds` is the time from the first request to the last answer; `latencies` are in seconds, sorted."""

    seconds: float
    latencies: Sequence[float]

    @property
    def rate(self) -> float:
        """Requests per second."""
        return len(self.latencies) / self.seconds

    def percentile(self, share: float) -> float:
        return self.latencies[min(len(self.latencies) - 1, int(len(self.latencies) * share))]


class _Caller:
    """One connection: the next request goes out when the answer to the one before is whole."""

    __slots__ = ("answer", "began", "socket", "whole")

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection((HOST, port), timeout=10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.answer = b""
        self.whole = 0
        self.began = 0.0

    def ask(self, message: bytes) -> None:
        self.answer, self.whole = b"", 0
        self.began = time.perf_counter()
        self.socket.sendall(message)

    def hear(self) -> bool:
        """Read what has come; whether the answer is whole now."""
        part = self.socket.recv(65536)
        if not part:
            raise WrongAnswer("the server closed a connection")
        self.answer += part
        if not self.whole:
            head = self.answer.find(b"\r\n\r\n")
            if head < 0:
                return False
            at = self.answer.lower().find(_LENGTH, 0, head) + len(_LENGTH)
            self.whole = head + 4 + int(self.answer[at : self.answer.find(b"\r\n", at)])
        return len(self.answer) >= self.whole

    def check(self) -> None:
        if not self.answer.startswith(b"HTTP/1.1 200 ") or _RIGHT not in self.answer:
            raise WrongAnswer(self.answer.decode(errors="replace"))


def drive(port: int, messages: Sequence[bytes], *, connections: int = 16, at_most: float = 60.0) -> Run:
    """Send every message once; WrongAnswer at the first answer that is none, or after `at_most` seconds."""
    callers = [_Caller(port) for _ in range(min(connections, len(messages)))]
    selector = selectors.DefaultSelector()
    waiting = iter(messages)
    latencies: list[float] = []
    try:
        began = time.perf_counter()
        for caller in callers:
            selector.register(caller.socket, selectors.EVENT_READ, caller)
            caller.ask(next(waiting))
        while len(latencies) < len(messages):
            ready = selector.select(timeout=5)
            now = time.perf_counter()
            if not ready or now - began > at_most:
                raise WrongAnswer(f"{len(latencies)} of {len(messages)} answers after {now - began:.0f} seconds")
            for key, _ in ready:
                caller = key.data
                if caller.hear():
                    latencies.append(time.perf_counter() - caller.began)
                    caller.check()
                    message = next(waiting, None)
                    if message is not None:
                        caller.ask(message)
        seconds = time.perf_counter() - began
    finally:
        selector.close()
        for caller in callers:
            caller.socket.close()
    return Run(seconds, sorted(latencies))
