"""`python -m bench --deliveries N`: how fast queued events are delivered, and the latency of requests meanwhile."""

import http.client
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import msgspec

from bench import bodies, company, load, servers
from bench.company import HERE
from corehr.cli.stores import open_for_command
from corehr.delivery import outbox
from corehr.delivery.subscribers import Subscriber, subscribe
from corehr.kernel.tenants import DEFAULT_TENANT_ID
from corehr.spec import loader

COMPANY_SIZE = 10_000
EMPLOYEES, WARM_UP = 1500, 300
"""Employees whose job is changed, each once, and how many of them warm the server up."""

REPLAY_BATCH_SIZE = 1000
PAUSE_SECONDS = 0.02
"""Seconds a caller waits between two requests, so that it causes little load."""

IDLE_REQUESTS = 300
"""Number of requests that measure the idle latency."""

TARGETS = "targets: 1,000 events/s; median latency within twice the idle one"


@dataclass(frozen=True)
class DrainResult:
    """Events per second, and the median latency of a create in milliseconds, idle and while events are delivered."""

    store: str
    events: int
    rate: float
    idle_ms: float
    draining_ms: float

    def table_line(self) -> str:
        """Return the line of the results table."""
        cells = (self.store, f"{self.events:,}", f"{self.rate:,.0f}", f"{self.idle_ms:.1f}", f"{self.draining_ms:.1f}")
        return f"| {' | '.join(cells)} | {self.draining_ms / self.idle_ms:.2f} |"


def measure(events: int, postgres: str | None, *, sqlite: Sequence[int], on_postgres: Sequence[int]) -> None:
    """Queue this many events, start the server, measure, and print a table; on each store for which sizes are given."""
    source = company.prepare(COMPANY_SIZE, EMPLOYEES, 0, 0)
    bench_data = company.load_bench_data(source, EMPLOYEES)
    folder = Path(tempfile.mkdtemp(prefix="corehr-bench-"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        results = []
        if sqlite:
            results.append(_measure("SQLite", company.copy_database(source, folder / "company.db"), bench_data, events))
        server = stack.enter_context(servers.postgres_server(postgres)) if on_postgres else None
        if server is not None:
            url = server.create("company")
            stack.callback(server.drop, "company")
            company.copy_to_postgres(source, url)
            company.reset_clock(url)
            server.checkpoint()
            results.append(_measure("PostgreSQL", url, bench_data, events))
    print("| store | events | events/s | create p50 ms, idle | meanwhile | times |")
    print("|---|---:|---:|---:|---:|---:|")
    for result in results:
        print(result.table_line())
    print(TARGETS)


def _measure(store: str, url: str, bench_data: company.BenchData, events: int) -> DrainResult:
    command = (*servers.COREHR_COMMAND, "--allow-webhook-host", "127.0.0.0/8")
    with _running_subscriber() as port:
        with servers.running_server(command, url) as (_, api_port):
            messages = bodies.messages(bench_data, servers.get_token(api_port), "run")
            load.run_load(api_port, [next(messages) for _ in range(WARM_UP)], connections=4)
            idle = [_measure_latency(api_port, next(messages)) for _ in range(IDLE_REQUESTS)]
        queued = _queue_events(url, f"http://127.0.0.1:{port}/events", events)
        with servers.running_server(command, url) as (_, api_port):
            draining = []
            while _read_counts(port)["events"] < queued:
                if (message := next(messages, None)) is None:
                    time.sleep(PAUSE_SECONDS)
                else:
                    draining.append(_measure_latency(api_port, message))
            counts = _read_counts(port)
    rate = counts["events"] / (counts["last"] - counts["first"])
    return DrainResult(store, queued, rate, median(idle) * 1e3, median(draining) * 1e3)


def _measure_latency(port: int, message: bytes) -> float:
    time.sleep(PAUSE_SECONDS)
    return load.run_load(port, [message], connections=1).latencies[0]


def _queue_events(url: str, webhook_url: str, target: int) -> int:
    """Subscribe the app to every event type and queue `target` events of the company's past; return how many."""
    with open_for_command(url) as store:  # at world time, so that what is due then is due now
        subscriber = Subscriber(DEFAULT_TENANT_ID, bodies.APP, "webhook", webhook_url, "", "token")
        store.command_sync(DEFAULT_TENANT_ID, lambda tx: subscribe(tx, subscriber, list(loader.load().events)))
        queued, after, count = 0, 0, REPLAY_BATCH_SIZE
        while queued < target and count == REPLAY_BATCH_SIZE:
            last, limit = after, min(REPLAY_BATCH_SIZE, target - queued)
            count, after = store.command_sync(
                DEFAULT_TENANT_ID,
                lambda tx: outbox.replay(tx, bodies.APP, since="", after=last, limit=limit),  # noqa: B023  # run at once
            )
            queued += count
    return queued


@contextmanager
def _running_subscriber() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    process = subprocess.Popen([sys.executable, "-m", "bench.subscriber", str(port)], cwd=HERE.parent)
    try:
        deadline = time.monotonic() + 10
        while True:
            try:
                _read_counts(port)
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait()


def _read_counts(port: int) -> dict[str, float]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/")
    counts: dict[str, float] = msgspec.json.decode(connection.getresponse().read())
    connection.close()
    return counts
