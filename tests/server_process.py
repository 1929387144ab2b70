"""A real server in its own process, as users run it."""

import json
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """`corehr demo` on the database of a prepared company, which it resumes."""

    def __init__(self, db: str, *, rate_limits: bool = False) -> None:
        self.db, self.port, self.rate_limits = db, free_port(), rate_limits
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = tempfile.TemporaryFile()  # noqa: SIM115  # closed by Server.close
        self.start()

    def start(self) -> None:
        """Start the process; return when `/healthz` answers, within 30 seconds."""
        limits = "on" if self.rate_limits else "off"
        command = [sys.executable, "-m", "corehr.cli.main", "demo", "--db", self.db]
        command += ["--port", str(self.port), "--rate-limits", limits]
        self.process = subprocess.Popen(command, stdout=self.log, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"the server ended: {self.output()}")
            try:
                with urllib.request.urlopen(f"{self.url}/healthz", timeout=1):
                    return
            except OSError:
                time.sleep(0.05)
        raise TimeoutError("the server does not answer")

    def output(self) -> str:
        """Return what the server has written to stdout and stderr so far."""
        self.log.seek(0)
        return self.log.read().decode()

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        """Send SIGTERM and return the exit code, within 30 seconds."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=30)

    def close(self) -> None:
        """Kill the process if it still runs, and close its log."""
        if self.process.poll() is None:
            self.kill()
        self.log.close()

    def sandbox(self, method: str, path: str, body: Any = None) -> Any:
        request_bytes = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/sandbox/{path}", data=request_bytes, method=method)
        with urllib.request.urlopen(request, timeout=30) as response:
            return json.load(response)


@contextmanager
def running_server(db: str, **options: Any) -> Iterator[Server]:
    server = Server(db, **options)
    try:
        yield server
    finally:
        server.close()
