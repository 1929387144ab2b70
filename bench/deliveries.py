"""`python -m bench --deliveries N`: how fast queued events reach a subscriber, and what callers feel meanwhile."""

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
from corehr.entrypoints.opened import opened
from corehr.gateway import spec
from corehr.kernel import outbox
from corehr.kernel.subscribers import Subscriber, subscribe
from corehr.kernel.tenants import DEFAULT_TENANT_ID

PEOPLE = 10_000
SUBJECTS, EACH = 300, 5
AT_A_TIME = 1000
PAUSE = 0.02
"""Seconds a caller rests between two requests: one that thinks, not one that loads."""

IDLE = 300
"""Requests by which the idle latency is measured."""

AIMS = "aims: 1,000 events/s; median latency within twice the idle one"


@dataclass(frozen=True)
class Drained:
    """Events per second, and the median milliseconds of a create, idle and meanwhile."""

    store: str
    events: int
    rate: float
    idle: float
    meanwhile: float

    def line(self) -> str:
        """A line of the table."""
        told = (self.store, f"{self.events:,}", f"{self.rate:,.0f}", f"{self.idle:.1f}", f"{self.meanwhile:.1f}")
        return f"| {' | '.join(told)} | {self.meanwhile / self.idle:.2f} |"


def measure(events: int, postgres: str | None, *, sqlite: Sequence[int], on_postgres: Sequence[int]) -> None:
    """Queue so many events, start the server, and watch; on each store of which a company is asked for."""
    source = company.prepared(PEOPLE, SUBJECTS, EACH)
    staff = company.staff(source, SUBJECTS)
    folder = Path(tempfile.mkdtemp(prefix="corehr-bench-"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        seen = []
        if sqlite:
            seen.append(_measured("SQLite", company.copied(source, folder / "company.db"), staff, events))
        server = stack.enter_context(servers.postgres(postgres)) if on_postgres else None
        if server is not None:
            url = server.create("company")
            stack.callback(server.drop, "company")
            company.copy_to_postgres(source, url)
            company.set_clock_of(url)
            server.checkpoint()
            seen.append(_measured("PostgreSQL", url, staff, events))
    print("| store | events | events/s | create p50 ms, idle | meanwhile | times |")
    print("|---|---:|---:|---:|---:|---:|")
    for one in seen:
        print(one.line())
    print(AIMS)


def _measured(store: str, url: str, staff: company.Staff, events: int) -> Drained:
    with _subscriber() as port:
        with servers.serving((*servers.COREHR, "--webhook-to", "127.0.0.0/8"), url) as (_, api):
            messages = bodies.messages(staff, servers.token(api), EACH, "run")
            load.drive(api, [next(messages) for _ in range(SUBJECTS)], connections=4)
            idle = [_latency(api, next(messages)) for _ in range(IDLE)]
        queued = _queue(url, f"http://127.0.0.1:{port}/events", events)
        with servers.serving((*servers.COREHR, "--webhook-to", "127.0.0.0/8"), url) as (_, api):
            meanwhile = []
            while _count(port)["events"] < queued:
                if (message := next(messages, None)) is None:
                    time.sleep(PAUSE)
                else:
                    meanwhile.append(_latency(api, message))
            told = _count(port)
    rate = told["events"] / (told["last"] - told["first"])
    return Drained(store, queued, rate, median(idle) * 1e3, median(meanwhile) * 1e3)


def _latency(port: int, message: bytes) -> float:
    time.sleep(PAUSE)
    return load.drive(port, [message], connections=1).latencies[0]


def _queue(url: str, to: str, wanted: int) -> int:
    """The app subscribes to everything, and the company's past is to be delivered to it: so many events of it."""
    with opened(url) as store:  # at the world's time: what is due then is due now
        it = Subscriber(DEFAULT_TENANT_ID, bodies.APP, "webhook", to, "", "token")
        store.command_sync(DEFAULT_TENANT_ID, lambda tx: subscribe(tx, it, list(spec.load().events)))
        queued, after, count = 0, 0, AT_A_TIME
        while queued < wanted and count == AT_A_TIME:
            last, limit = after, min(AT_A_TIME, wanted - queued)
            count, after = store.command_sync(
                DEFAULT_TENANT_ID,
                lambda tx: outbox.replay(tx, bodies.APP, since="", after=last, limit=limit),  # noqa: B023  # run at once
            )
            queued += count
    return queued


@contextmanager
def _subscriber() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    process = subprocess.Popen([sys.executable, "-m", "bench.subscriber", str(port)], cwd=HERE.parent)
    try:
        deadline = time.monotonic() + 10
        while True:
            try:
                _count(port)
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait()


def _count(port: int) -> dict[str, float]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/")
    told: dict[str, float] = msgspec.json.decode(connection.getresponse().read())
    connection.close()
    return told
