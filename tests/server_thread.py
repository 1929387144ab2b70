"""An application on a real port, served in a thread of the tests, and raw sockets that talk to it."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from corehr.server import run
from corehr.server.http_protocol import ConnectionLimits

TIMEOUT_SECONDS = 30


class ThreadedServer:
    """The port of a running server, and the connections that it closed, by reason."""

    def __init__(self, port: int, server: Any) -> None:
        self.port, self._server = port, server

    @property
    def open_connections(self) -> int:
        return len(self._server.server_state.connections)

    def connect(self, sent: bytes = b"") -> socket.socket:
        """Return a new connection on which `sent` was sent."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=TIMEOUT_SECONDS)
        connection.sendall(sent)
        return connection

    def talk(self, sent: bytes) -> bytes:
        """Send bytes on a new connection; return all that comes until the server closes it, within 30 seconds."""
        with self.connect(sent) as connection:
            return read_to_end(connection)


def read_to_end(connection: socket.socket) -> bytes:
    """Return all that comes until the server closes the connection."""
    received = b""
    while chunk := connection.recv(65536):
        received += chunk
    return received


def read_response(connection: socket.socket) -> bytes:
    """Return the next response, which has a Content-Length; ConnectionError if the server closes the connection."""
    received = b""
    while True:
        head, separator, body = received.partition(b"\r\n\r\n")
        if separator:
            lines = head.lower().split(b"\r\n")
            length = next((line for line in lines if line.startswith(b"content-length:")), b":0").split(b":")[1]
            if len(body) >= int(length):
                return received
        chunk = connection.recv(65536)
        if not chunk:
            raise ConnectionError(received)
        received += chunk


def wait_until(condition: Callable[[], bool]) -> None:
    """Return when the condition holds; TimeoutError after 30 seconds."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.02)


@contextmanager
def serving(asgi: Any, limits: ConnectionLimits | None = None) -> Iterator[ThreadedServer]:
    """Serve an app, lifespan included, until the context ends."""
    listening = threading.Event()
    server = run.make_server(asgi, listening.set, limits or ConnectionLimits())
    bound_socket = run.bind("127.0.0.1", 0)
    port = bound_socket.getsockname()[1]
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound_socket]})
    thread.start()
    try:
        assert listening.wait(TIMEOUT_SECONDS)
        yield ThreadedServer(port, server)
    finally:
        server.should_exit = True
        thread.join()
