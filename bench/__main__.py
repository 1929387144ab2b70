"""`python -m bench`: what a create job change costs, beside a bare handler that writes as much; or how events fare."""

import argparse
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import msgspec

from bench import bodies, company, deliveries, load, report, rows, servers
from bench.operations import BESIDE, Operation

HANDLERS = {"corehr": servers.COREHR, "bare": servers.BARE}
SUBJECTS, EACH = 300, 4
"""People whose job is changed in one measurement, and how often: the same for every size of company.

As many others leave, and as often; once more to warm up.
"""

ROUNDS = 5


@dataclass
class Variant:
    """A company of one size in one store; every measurement is made on a fresh copy of it."""

    people: int
    store: str
    staff: company.Staff
    copy: Callable[[], str]
    server: servers.Postgres | None = None
    seen: dict[str, list[report.Measured]] = field(default_factory=lambda: {name: [] for name in HANDLERS})
    beside: dict[str, list[report.Measured]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"{self.store}, {self.people:,}"


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="1,000 people only, one round: does it work?")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="measurements of each variant (default %(default)s)")
    parser.add_argument("--connections", type=int, default=16, help="at once (default %(default)s)")
    parser.add_argument("--sqlite", type=int, nargs="*", default=[1000, 100_000], help="sizes on SQLite", metavar="N")
    parser.add_argument("--postgres", type=int, nargs="*", default=[10_000], help="sizes on PostgreSQL", metavar="N")
    parser.add_argument("--postgres-server", metavar="URL", help="use this server instead of starting one")
    parser.add_argument(
        "--beside-up-to",
        type=int,
        default=10_000,
        help="measure the operations beside create in companies of at most so many people (default %(default)s)",
        metavar="N",
    )
    parser.add_argument(
        "--deliveries", type=int, metavar="N", help="measure how fast N queued events are delivered, and nothing else"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every measurement there")
    given = parser.parse_args()
    if given.quick:
        given.rounds, given.sqlite, given.postgres = 1, [1000], [1000]
    return given


def main() -> None:
    """Measure every variant in turn, round by round, and print the medians."""
    given = options()
    if given.deliveries:
        deliveries.measure(given.deliveries, given.postgres_server, sqlite=given.sqlite, on_postgres=given.postgres)
        return
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="corehr-bench-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        variants = list(_variants(given, stack, folder))
        for number in range(given.rounds):
            for variant in variants:
                for handler in sorted(HANDLERS, reverse=number % 2 == 0):
                    _measure(variant, handler, f"{handler}-{number}", given.connections)
                for operation in BESIDE if variant.people <= given.beside_up_to else ():
                    _measure_beside(variant, operation, given.connections)
    print(report.table(variants))
    if given.json:
        seen = {f"{v.name} {handler}": them for v in variants for handler, them in (v.seen | v.beside).items()}
        given.json.write_bytes(msgspec.json.encode(seen))


def _variants(given: argparse.Namespace, stack: ExitStack, folder: Path) -> Iterator[Variant]:
    server = stack.enter_context(servers.postgres(given.postgres_server)) if given.postgres else None
    if given.postgres and server is None:
        _say("no PostgreSQL was found: it is left out")
    for size in given.sqlite:
        _say(f"preparing {size:,} people on SQLite")
        source = company.prepared(size, SUBJECTS, EACH + 1)
        staff = company.staff(source, SUBJECTS)
        yield Variant(size, "SQLite", staff, partial(company.copied, source, folder / "company.db"))
    for size in given.postgres if server else ():
        assert server is not None
        _say(f"preparing {size:,} people on PostgreSQL")
        source = company.prepared(size, SUBJECTS, EACH + 1)
        template = server.create(f"template_{size}")
        stack.callback(server.drop, f"template_{size}")
        company.copy_to_postgres(source, template)
        stack.callback(server.drop, "company")
        yield Variant(size, "PostgreSQL", company.staff(source, SUBJECTS), partial(_copied, server, size), server)


def _copied(server: servers.Postgres, size: int) -> str:
    url = server.create("company", template=f"template_{size}")
    company.set_clock_of(url)
    server.checkpoint()
    return url


def _measure(variant: Variant, handler: str, run: str, connections: int) -> None:
    """Start the server, warm it up on the same people, then take its time and its CPU."""
    url = variant.copy()
    with servers.serving(HANDLERS[handler], url) as (process, port):
        token = servers.token(port) if handler == "corehr" else "t-none"
        warm = list(bodies.messages(variant.staff, token, 1, f"{run}-warm"))
        measured = list(bodies.messages(variant.staff, token, EACH, run))
        load.drive(port, warm, connections=connections)
        before = rows.counted(url)
        seen = _timed(variant, process, port, measured, connections)
        seen = replace(seen, rows=rows.per_request(before, rows.counted(url), len(measured)))
    variant.seen[handler].append(seen)
    _say(f"{variant.name:20} {handler:29} {seen.rate:6,.0f}/s {seen.cpu:6,.0f} µs")
    _hold_to_the_same_rows(variant)


def _measure_beside(variant: Variant, operation: Operation, connections: int) -> None:
    """The same for another operation: every request has a record of its own, and has to show on it."""
    url = variant.copy()
    ids = variant.staff.records[operation.kind]
    if len(ids) != SUBJECTS * (EACH + 1):
        raise SystemExit(f"{variant.name} has {len(ids)} records for {operation.name}")
    with servers.serving(HANDLERS["corehr"], url) as (process, port):
        messages = list(operation.messages(variant.staff, servers.token(port), ids))
        before = rows.numbers(url, operation.count)[0]
        load.drive(port, messages[:SUBJECTS], connections=connections)
        seen = _timed(variant, process, port, messages[SUBJECTS:], connections)
        done = rows.numbers(url, operation.count)[0] - before
    if done != len(messages):
        raise SystemExit(f"{operation.name} was answered {len(messages)} times, and done {done} times")
    variant.beside.setdefault(operation.name, []).append(seen)
    _say(f"{variant.name:20} {operation.name:29} {seen.rate:6,.0f}/s {seen.cpu:6,.0f} µs")


def _timed(variant: Variant, process: int, port: int, messages: Sequence[bytes], connections: int) -> report.Measured:
    """The time of the requests, and the CPU of the server and its database while they last."""
    backends = variant.server.backends("company") if variant.server else []
    used, used_by_database = servers.cpu(process), servers.cpu(*backends)
    done = load.drive(port, messages, connections=connections)
    used, used_by_database = servers.cpu(process) - used, servers.cpu(*backends) - used_by_database
    return report.Measured(
        rate=done.rate,
        p50=done.percentile(0.5) * 1e3,
        p99=done.percentile(0.99) * 1e3,
        cpu=(used + used_by_database) / len(messages) * 1e6,
        database_cpu=used_by_database / len(messages) * 1e6,
        rows={},
    )


def _hold_to_the_same_rows(variant: Variant) -> None:
    written = [them[-1].rows for them in variant.seen.values() if them]
    if any(one != written[0] for one in written):
        raise SystemExit(f"corehr and the bare handler write different numbers of rows per request: {written}")


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    main()
