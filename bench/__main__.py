"""`python -m bench`: the cost of a create job change, and of a baseline that writes the same rows; or of events."""

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
from bench.operations import OTHER_OPERATIONS, Operation

HANDLER_COMMANDS = {"corehr": servers.COREHR_COMMAND, "baseline": servers.BASELINE_COMMAND}
EMPLOYEES, WARM_UP = 500, 100
"""Employees whose job is changed in one measurement, each once, and how many of them warm the server up.

The numbers are the same for every size of company.
"""

LEAVERS, OFFBOARDINGS_PER_LEAVER = 200, 7
"""Other employees, who leave; the first offboarding of each warms the server up."""

DEFAULT_ROUNDS = 5


@dataclass
class Variant:
    """A company of one size in one store; every measurement uses a new copy of it."""

    size: int
    store: str
    bench_data: company.BenchData
    copy: Callable[[], str]
    server: servers.Postgres | None = None
    measurements: dict[str, list[report.Measurement]] = field(
        default_factory=lambda: {name: [] for name in HANDLER_COMMANDS}
    )
    other_measurements: dict[str, list[report.Measurement]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"{self.store}, {self.size:,}"


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="1,000 people only, one round: does it work?")
    parser.add_argument(
        "--rounds", type=int, default=DEFAULT_ROUNDS, help="measurements of each variant (default %(default)s)"
    )
    parser.add_argument("--connections", type=int, default=16, help="at once (default %(default)s)")
    parser.add_argument("--sqlite", type=int, nargs="*", default=[1000, 100_000], help="sizes on SQLite", metavar="N")
    parser.add_argument("--postgres", type=int, nargs="*", default=[10_000], help="sizes on PostgreSQL", metavar="N")
    parser.add_argument("--postgres-server", metavar="URL", help="use this server instead of starting one")
    parser.add_argument(
        "--others-up-to",
        type=int,
        default=10_000,
        help="measure the other operations in companies of at most so many people (default %(default)s)",
        metavar="N",
    )
    parser.add_argument(
        "--deliveries", type=int, metavar="N", help="measure how fast N queued events are delivered, and nothing else"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every measurement there")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.rounds, arguments.sqlite, arguments.postgres = 1, [1000], [1000]
    return arguments


def main() -> None:
    """Measure every variant in turn, round by round, and print the medians."""
    arguments = options()
    if arguments.deliveries:
        deliveries.measure(
            arguments.deliveries, arguments.postgres_server, sqlite=arguments.sqlite, on_postgres=arguments.postgres
        )
        return
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="corehr-bench-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        variants = list(_variants(arguments, stack, folder))
        for round_number in range(arguments.rounds):
            for variant in variants:
                for handler in sorted(HANDLER_COMMANDS, reverse=round_number % 2 == 0):
                    _measure(variant, handler, f"{handler}-{round_number}", arguments.connections)
                for operation in OTHER_OPERATIONS if variant.size <= arguments.others_up_to else ():
                    _measure_other(variant, operation, arguments.connections)
    print(report.render_tables(variants))
    if arguments.json:
        measurements = {
            f"{v.name} {handler}": runs
            for v in variants
            for handler, runs in (v.measurements | v.other_measurements).items()
        }
        arguments.json.write_bytes(msgspec.json.encode(measurements))


def _variants(arguments: argparse.Namespace, stack: ExitStack, folder: Path) -> Iterator[Variant]:
    server = stack.enter_context(servers.postgres_server(arguments.postgres_server)) if arguments.postgres else None
    if arguments.postgres and server is None:
        _print("no PostgreSQL was found: it is left out")
    for size in arguments.sqlite:
        _print(f"preparing {size:,} people on SQLite")
        source = company.prepare(size, EMPLOYEES, LEAVERS, OFFBOARDINGS_PER_LEAVER)
        bench_data = company.load_bench_data(source, EMPLOYEES)
        yield Variant(size, "SQLite", bench_data, partial(company.copy_database, source, folder / "company.db"))
    for size in arguments.postgres if server else ():
        assert server is not None
        _print(f"preparing {size:,} people on PostgreSQL")
        source = company.prepare(size, EMPLOYEES, LEAVERS, OFFBOARDINGS_PER_LEAVER)
        template = server.create(f"template_{size}")
        stack.callback(server.drop, f"template_{size}")
        company.copy_to_postgres(source, template)
        stack.callback(server.drop, "company")
        yield Variant(
            size,
            "PostgreSQL",
            company.load_bench_data(source, EMPLOYEES),
            partial(_copy_template, server, size),
            server,
        )


def _copy_template(server: servers.Postgres, size: int) -> str:
    url = server.create("company", template=f"template_{size}")
    company.reset_clock(url)
    server.checkpoint()
    return url


def _measure(variant: Variant, handler: str, run: str, connections: int) -> None:
    """Start the server, warm it up, then measure its time and CPU."""
    url = variant.copy()
    with servers.running_server(HANDLER_COMMANDS[handler], url) as (process, port):
        token = servers.get_token(port) if handler == "corehr" else "t-none"
        requests = list(bodies.messages(variant.bench_data, token, run))
        measured_requests = requests[WARM_UP:]
        load.run_load(port, requests[:WARM_UP], connections=connections)
        before = rows.count_rows(url)
        measurement = _measure_requests(variant, process, port, measured_requests, connections)
        measurement = replace(measurement, rows=rows.per_request(before, rows.count_rows(url), len(measured_requests)))
    variant.measurements[handler].append(measurement)
    _print(f"{variant.name:20} {handler:29} {measurement.rate:6,.0f}/s {measurement.cpu:6,.0f} µs")
    _require_same_rows(variant)


def _measure_other(variant: Variant, operation: Operation, connections: int) -> None:
    """Measure another operation: every request has a record of its own, and must have changed it in the database."""
    url = variant.copy()
    ids = variant.bench_data.record_ids[operation.kind]
    if len(ids) != LEAVERS * OFFBOARDINGS_PER_LEAVER:
        raise SystemExit(f"{variant.name} has {len(ids)} records for {operation.name}")
    with servers.running_server(HANDLER_COMMANDS["corehr"], url) as (process, port):
        messages = list(operation.messages(variant.bench_data, servers.get_token(port), ids))
        before = rows.query_numbers(url, operation.count_query)[0]
        load.run_load(port, messages[:LEAVERS], connections=connections)
        measurement = _measure_requests(variant, process, port, messages[LEAVERS:], connections)
        changed_records = rows.query_numbers(url, operation.count_query)[0] - before
    if changed_records != len(messages):
        raise SystemExit(
            f"{operation.name} had {len(messages)} successful responses, and changed {changed_records} records"
        )
    variant.other_measurements.setdefault(operation.name, []).append(measurement)
    _print(f"{variant.name:20} {operation.name:29} {measurement.rate:6,.0f}/s {measurement.cpu:6,.0f} µs")


def _measure_requests(
    variant: Variant, process: int, port: int, messages: Sequence[bytes], connections: int
) -> report.Measurement:
    """Return rates, latencies and the CPU of the server and its database during the requests."""
    backends = variant.server.backends("company") if variant.server else []
    server_seconds, database_seconds = servers.cpu_seconds(process), servers.cpu_seconds(*backends)
    result = load.run_load(port, messages, connections=connections)
    server_seconds, database_seconds = (
        servers.cpu_seconds(process) - server_seconds,
        servers.cpu_seconds(*backends) - database_seconds,
    )
    return report.Measurement(
        rate=result.rate,
        p50=result.percentile(0.5) * 1e3,
        p99=result.percentile(0.99) * 1e3,
        cpu=(server_seconds + database_seconds) / len(messages) * 1e6,
        database_cpu=database_seconds / len(messages) * 1e6,
        rows={},
    )


def _require_same_rows(variant: Variant) -> None:
    rows_by_handler = [runs[-1].rows for runs in variant.measurements.values() if runs]
    if any(row_counts != rows_by_handler[0] for row_counts in rows_by_handler):
        raise SystemExit(f"corehr and the baseline write different numbers of rows per request: {rows_by_handler}")


def _print(message: str) -> None:
    print(message, flush=True)


if __name__ == "__main__":
    main()
