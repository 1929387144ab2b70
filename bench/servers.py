"""Starts and stops the measured servers, and reads their CPU time."""

import http.client
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote, urlsplit

import msgspec
import psycopg

from bench.bodies import APP, SECRET
from bench.company import HERE

COREHR_COMMAND = ("-m", "corehr.cli.main", "serve", "--rate-limits", "off")
BASELINE_COMMAND = ("-m", "bench.baseline")
TIMEOUT_SECONDS = 30
"""Seconds for a server to be ready, or to stop."""

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


class ServerNotStarted(Exception):
    """A server did not start; the text gives the reason."""


@contextmanager
def running_server(command: Sequence[str], url: str) -> Iterator[tuple[int, int]]:
    """Start a server process on a database; yield its process id and port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            [sys.executable, *command, "--db", url, "--port", str(port)], cwd=HERE.parent, stdout=output, stderr=output
        )
        try:
            _await_ready(process, port)
            yield process.pid, port
        except BaseException as error:
            _stop(process)
            output.seek(0)
            if output_text := output.read().decode(errors="replace")[-4000:].strip():
                error.add_note(f"output of the server:\n{output_text}")
            raise
        finally:
            _stop(process)


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _await_ready(process: "subprocess.Popen[bytes]", port: int) -> None:
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise ServerNotStarted(f"it ended with {process.returncode}")
        with suppress(OSError):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                connection.close()
                return
        time.sleep(0.05)
    raise ServerNotStarted(f"it was not ready after {TIMEOUT_SECONDS} seconds")


def get_token(port: int) -> str:
    """Return a token of the demo company's first app."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
    body = msgspec.json.encode({"app_id": APP, "app_secret": SECRET})
    connection.request("POST", "/open-apis/auth/v3/tenant_access_token/internal", body)
    response = msgspec.json.decode(connection.getresponse().read())
    connection.close()
    return str(response["tenant_access_token"])


def cpu_seconds(*processes: int) -> float:
    """Return the CPU seconds of these processes, all threads, user and system; nan on systems without /proc."""
    if not Path("/proc/self/stat").exists():
        return float("nan")
    ticks = 0
    for process in processes:
        with suppress(FileNotFoundError):
            fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
    return ticks / _TICKS_PER_SECOND


# ------------------------------------------------------------------------------------------------------- PostgreSQL


class Postgres:
    """A database server, and the benchmark's databases on it."""

    def __init__(self, admin: str) -> None:
        self._admin = admin

    def create(self, name: str, template: str | None = None) -> str:
        """Create a database, empty or as a copy, and return its URL."""
        self.drop(name)
        source = _database_name(template) if template else "template0 ENCODING 'UTF8'"
        self._run(f"CREATE DATABASE {_database_name(name)} TEMPLATE {source}")
        return urlsplit(self._admin)._replace(path=f"/{_database_name(name)}").geturl()

    def drop(self, name: str) -> None:
        self._run(f"DROP DATABASE IF EXISTS {_database_name(name)} WITH (FORCE)")

    def backends(self, name: str) -> list[int]:
        """Return the process ids of the connections to a database."""
        with psycopg.connect(self._admin, autocommit=True) as connection:
            rows = connection.execute(
                "SELECT pid FROM pg_stat_activity WHERE datname = %s", (_database_name(name),)
            ).fetchall()
        return [row[0] for row in rows]

    def checkpoint(self) -> None:
        """Force a checkpoint, so that none runs during a measurement."""
        self._run("CHECKPOINT")

    def _run(self, statement: str) -> None:
        with psycopg.connect(self._admin, autocommit=True) as connection:
            connection.execute(statement.encode())


def _database_name(name: str) -> str:
    return f"corehr_bench_{os.getpid()}_{name}"


@contextmanager
def postgres_server(configured_url: str | None) -> Iterator[Postgres | None]:
    """Yield the server at the URL, or one started here with default durability; None if PostgreSQL is not installed."""
    if configured_url:
        yield Postgres(configured_url)
        return
    bin_dir = _postgres_bin_dir()
    if bin_dir is None:
        yield None
        return
    folder = Path(tempfile.mkdtemp(prefix="corehr-bench-"))
    folder.chmod(0o777)
    try:
        options = f"-k {folder} -c listen_addresses= -c shared_buffers=512MB -c max_wal_size=8GB"
        _run_as_postgres(
            bin_dir / "initdb", "-D", folder / "data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"
        )
        _run_as_postgres(bin_dir / "pg_ctl", "-D", folder / "data", "-w", "-o", options, "-l", folder / "log", "start")
        yield Postgres(f"postgresql://postgres@{quote(str(folder), safe='')}/postgres")
    finally:
        _run_as_postgres(bin_dir / "pg_ctl", "-D", folder / "data", "-w", "-m", "immediate", "stop", check=False)
        shutil.rmtree(folder, ignore_errors=True)


def _postgres_bin_dir() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)
    on_path = shutil.which("initdb")
    return found[0].parent if found else (Path(on_path).parent if on_path else None)


def _run_as_postgres(*command: str | Path, check: bool = True) -> None:
    """Run a command, as the user `postgres` if this process is root: PostgreSQL refuses to run as root."""
    user = {"user": "postgres"} if hasattr(os, "geteuid") and os.geteuid() == 0 else {}
    result = subprocess.run(command, **user, stdin=subprocess.DEVNULL, capture_output=True, check=False)  # type: ignore[call-overload]
    if check and result.returncode:
        raise ServerNotStarted(result.stderr.decode(errors="replace"))
