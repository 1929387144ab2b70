"""A subscriber's webhook server in a thread of the test: it records requests and responds as the test specifies."""

import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from tests.server_process import free_port


class ReceivedRequest(NamedTuple):
    """One request: header names are in lower case, `body` is as it was received."""

    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


ResponseFor = Callable[[ReceivedRequest], tuple[int, bytes]]


def accept_all(received: ReceivedRequest) -> tuple[int, bytes]:
    """Accept every event, and answer challenges."""
    body = received.json
    return 200, json.dumps({"challenge": body["challenge"]} if "challenge" in body else {}).encode()


class Listener:
    """The server; `respond` may be replaced at any time. Between `stop` and `start` connections are refused."""

    def __init__(self, respond: ResponseFor = accept_all) -> None:
        self.respond, self.port = respond, free_port()
        self.url = f"http://127.0.0.1:{self.port}/events"
        self.requests: list[ReceivedRequest] = []
        self._changed = threading.Condition()
        self._server: ThreadingHTTPServer | None = None
        self._connections: set[socket.socket] = set()
        self.start()

    def start(self) -> None:
        listener = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self) -> None:
                super().setup()
                listener._connections.add(self.connection)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                received = ReceivedRequest({k.lower(): v for k, v in self.headers.items()}, body)
                status, response_body = listener.respond(received)
                with listener._changed:
                    listener.requests.append(received)
                    listener._changed.notify_all()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(response_body)))
                self.end_headers()
                self.wfile.write(response_body)

            def log_message(self, *args: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, request: Any, client_address: Any) -> None:
                pass  # the calling server was killed

        self._server = Server(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
            while self._connections:
                with suppress(OSError):
                    self._connections.pop().shutdown(socket.SHUT_RDWR)

    @property
    def events(self) -> list[Any]:
        """The bodies of all requests that are not encrypted, without challenges."""
        with self._changed:
            return [payload for received in self.requests if "challenge" not in (payload := received.json)]

    def wait_for(self, done: Callable[[], bool], seconds: float = 30) -> None:
        """Wait until `done()` is true, which is checked after each request; fails after `seconds`."""
        with self._changed:
            assert self._changed.wait_for(done, seconds), f"only {len(self.requests)} requests were received"


@contextmanager
def listening(respond: ResponseFor = accept_all) -> Iterator[Listener]:
    listener = Listener(respond)
    try:
        yield listener
    finally:
        listener.stop()
