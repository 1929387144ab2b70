"""What was measured, as tables: medians, ratios, and the aims beside them."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Protocol

AIMS = (
    "aims: 1,500 requests/s and 35 % of bare on SQLite; 400 requests/s on PostgreSQL; "
    "100,000 people within 1.3 times the cost of 1,000"
)


@dataclass(frozen=True)
class Measured:
    """One measurement: latencies in milliseconds, CPU in microseconds per request (all of it, and the database's)."""

    rate: float
    p50: float
    p99: float
    cpu: float
    database_cpu: float
    rows: Mapping[str, float]


class Variant(Protocol):
    """A company in a store, and what was measured on it: a create by handler, and operations beside it."""

    people: int
    store: str
    seen: dict[str, list[Measured]]
    beside: dict[str, list[Measured]]

    @property
    def name(self) -> str: ...


def table(variants: Sequence[Variant]) -> str:
    """Everything that is to be read, as plain text that is a Markdown table as well."""
    lines = _heading("handler")
    for variant in variants:
        for handler, seen in sorted(variant.seen.items(), reverse=True):
            lines.append(_line(variant.name, handler, seen))
    lines += ["", "| store, people | corehr's rate, of bare's | corehr's CPU, times bare's |", "|---|---:|---:|"]
    for variant in variants:
        rate = _paired(variant, lambda m: m.rate)
        cpu = _paired(variant, lambda m: m.cpu)
        lines.append(f"| {variant.name} | {rate:.0%} | {cpu:.1f} |")
    lines += ["", *_growth(variants), _rows(variants), AIMS]
    if any(variant.beside for variant in variants):
        lines += _heading("operation")
    for variant in variants:
        lines += [_line(variant.name, operation, seen) for operation, seen in variant.beside.items()]
    return "\n".join(lines)


def _heading(what: str) -> list[str]:
    return [
        "",
        f"| store, people | {what} | requests/s | p50 ms | p99 ms | CPU µs/request | of these, database |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]


def _line(name: str, handler: str, seen: Sequence[Measured]) -> str:
    rate, p50, p99, cpu, database = (
        median(getattr(m, what) for m in seen) for what in ("rate", "p50", "p99", "cpu", "database_cpu")
    )
    of_these = f"{database:,.0f}" if database else ""
    return f"| {name} | {handler} | {rate:,.0f} | {p50:.1f} | {p99:.1f} | {_micro(cpu)} | {of_these} |"


def _micro(value: float) -> str:
    return "?" if math.isnan(value) else f"{value:,.0f}"


def _paired(variant: Variant, what: Callable[[Measured], float]) -> float:
    """The median, over rounds, of corehr's value over bare's of the same round."""
    pairs = zip(variant.seen["corehr"], variant.seen["bare"], strict=True)
    return median(what(ours) / what(bare) for ours, bare in pairs)


def _growth(variants: Sequence[Variant]) -> list[str]:
    """Cost per create of the largest company over that of the smallest, in each store, round by round."""
    lines = []
    for store in dict.fromkeys(v.store for v in variants):
        sized = sorted((v for v in variants if v.store == store), key=lambda v: v.people)
        small, large = sized[0], sized[-1]
        if small is not large:
            pairs = list(zip(large.seen["corehr"], small.seen["corehr"], strict=True))
            cpu = median(a.cpu / b.cpu for a, b in pairs)
            time = median(b.rate / a.rate for a, b in pairs)
            lines.append(
                f"{store}: a create at {large.people:,} people costs {cpu:.2f} times the CPU, "
                f"and {time:.2f} times the time, of one at {small.people:,}"
            )
    return lines


def _rows(variants: Sequence[Variant]) -> str:
    rows = variants[0].seen["corehr"][-1].rows
    return "rows written by one request, corehr and bare alike: " + ", ".join(f"{n:g} {t}" for t, n in rows.items())
