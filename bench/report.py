"""What was measured, as tables: medians, ratios, and the aims beside them."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Protocol

TARGETS = (
    "aims: 1,500 requests/s and 35 % of bare on SQLite; 400 requests/s on PostgreSQL; "
    "100,000 people within 1.3 times the cost of 1,000"
)


@dataclass(frozen=True)
class Measurement:
    """One measurement: latencies in milliseconds, CPU in microseconds per request (all of it, and the database's)."""

    rate: float
    p50: float
    p99: float
    cpu: float
    database_cpu: float
    rows: Mapping[str, float]


class Variant(Protocol):
    """A company in a store, and what was measured on it: a create by handler, and operations beside it."""

    size: int
    store: str
    measurements: dict[str, list[Measurement]]
    other_measurements: dict[str, list[Measurement]]

    @property
    def name(self) -> str: ...


def render_tables(variants: Sequence[Variant]) -> str:
    """Everything that is to be read, as plain text that is a Markdown table as well."""
    lines = _table_heading("handler")
    for variant in variants:
        for handler, measurements in sorted(variant.measurements.items(), reverse=True):
            lines.append(_table_line(variant.name, handler, measurements))
    lines += ["", "| store, people | corehr's rate, of bare's | corehr's CPU, times bare's |", "|---|---:|---:|"]
    for variant in variants:
        rate = _median_ratio(variant, lambda m: m.rate)
        cpu = _median_ratio(variant, lambda m: m.cpu)
        lines.append(f"| {variant.name} | {rate:.0%} | {cpu:.1f} |")
    lines += ["", *_growth_lines(variants), _rows_line(variants), TARGETS]
    if any(variant.other_measurements for variant in variants):
        lines += _table_heading("operation")
    for variant in variants:
        lines += [_table_line(variant.name, operation, seen) for operation, seen in variant.other_measurements.items()]
    return "\n".join(lines)


def _table_heading(first_column: str) -> list[str]:
    return [
        "",
        f"| store, people | {first_column} | requests/s | p50 ms | p99 ms | CPU µs/request | of these, database |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]


def _table_line(name: str, handler: str, measurements: Sequence[Measurement]) -> str:
    rate, p50, p99, cpu, database = (
        median(getattr(m, metric) for m in measurements) for metric in ("rate", "p50", "p99", "cpu", "database_cpu")
    )
    database_text = f"{database:,.0f}" if database else ""
    return f"| {name} | {handler} | {rate:,.0f} | {p50:.1f} | {p99:.1f} | {_format_micros(cpu)} | {database_text} |"


def _format_micros(value: float) -> str:
    return "?" if math.isnan(value) else f"{value:,.0f}"


def _median_ratio(variant: Variant, metric: Callable[[Measurement], float]) -> float:
    """The median, over rounds, of corehr's value over bare's of the same round."""
    pairs = zip(variant.measurements["corehr"], variant.measurements["bare"], strict=True)
    return median(metric(ours) / metric(bare) for ours, bare in pairs)


def _growth_lines(variants: Sequence[Variant]) -> list[str]:
    """Cost per create of the largest company over that of the smallest, in each store, round by round."""
    lines = []
    for store in dict.fromkeys(v.store for v in variants):
        sized = sorted((v for v in variants if v.store == store), key=lambda v: v.size)
        small, large = sized[0], sized[-1]
        if small is not large:
            pairs = list(zip(large.measurements["corehr"], small.measurements["corehr"], strict=True))
            cpu = median(a.cpu / b.cpu for a, b in pairs)
            time = median(b.rate / a.rate for a, b in pairs)
            lines.append(
                f"{store}: a create at {large.size:,} people costs {cpu:.2f} times the CPU, "
                f"and {time:.2f} times the time, of one at {small.size:,}"
            )
    return lines


def _rows_line(variants: Sequence[Variant]) -> str:
    rows = variants[0].measurements["corehr"][-1].rows
    return "rows written by one request, corehr and bare alike: " + ", ".join(f"{n:g} {t}" for t, n in rows.items())
