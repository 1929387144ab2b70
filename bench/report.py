"""Renders the measurements as tables: medians, ratios and targets."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Protocol

TARGETS = (
    "targets: 1,500 requests/s and 35 % of the baseline on SQLite; 400 requests/s on PostgreSQL; "
    "100,000 people within 1.3 times the cost of 1,000"
)


@dataclass(frozen=True)
class Measurement:
    """Rate in requests per second, latencies in milliseconds, CPU in microseconds per request, rows per request."""

    rate: float
    p50: float
    p99: float
    cpu: float
    database_cpu: float
    rows: Mapping[str, float]


class Variant(Protocol):
    """A company in a store, and its measurements: of create by handler, of other operations by name."""

    size: int
    store: str
    measurements: dict[str, list[Measurement]]
    other_measurements: dict[str, list[Measurement]]

    @property
    def name(self) -> str: ...


def render_tables(variants: Sequence[Variant]) -> str:
    """Return all tables as plain text that is also Markdown."""
    lines = _table_heading("handler")
    for variant in variants:
        for handler, measurements in sorted(variant.measurements.items(), reverse=True):
            lines.append(_table_line(variant.name, handler, measurements))
    lines += [
        "",
        "| store, people | corehr's rate, of the baseline's | corehr's CPU, times the baseline's |",
        "|---|---:|---:|",
    ]
    for variant in variants:
        rate = _median_ratio(variant, lambda m: m.rate)
        cpu = _median_ratio(variant, lambda m: m.cpu)
        lines.append(f"| {variant.name} | {rate:.0%} | {cpu:.1f} |")
    lines += ["", *_growth_lines(variants), _rows_line(variants), TARGETS]
    if any(variant.other_measurements for variant in variants):
        lines += _table_heading("operation")
    for variant in variants:
        lines += [_table_line(variant.name, operation, runs) for operation, runs in variant.other_measurements.items()]
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
    """Return the median, over rounds, of corehr's value divided by the baseline's of the same round."""
    pairs = zip(variant.measurements["corehr"], variant.measurements["baseline"], strict=True)
    return median(metric(corehr) / metric(baseline) for corehr, baseline in pairs)


def _growth_lines(variants: Sequence[Variant]) -> list[str]:
    """Return per store the cost of a create in the largest company, divided by that in the smallest, as medians."""
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
    return "rows written by one request, corehr and the baseline alike: " + ", ".join(
        f"{n:g} {t}" for t, n in rows.items()
    )
