"""Features: a feature adds commands, queries, approval callbacks, daily jobs and record views to an installation."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from corehr.kernel.clock import IsoDate
from corehr.kernel.db import Tx

JsonObject = dict[str, Any]

PreHireAccess = Literal["all", "read", "none"]
"""An app's access to pre-hires: read and change, read only, none."""


@dataclass(frozen=True, slots=True)
class DataRange:
    """The employments an app may access: all, or those in these departments and the departments below them."""

    everyone: bool
    departments: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Call:
    """A checked request: its shape is valid and its ids are CoreHR's own (`ids.UNKNOWN_ID` where no record exists)."""

    operation: str
    app_id: str
    data_range: DataRange
    pre_hires: PreHireAccess
    path: Mapping[str, str]
    query: Mapping[str, Any]
    body: Mapping[str, Any]


Handler = Callable[[Tx, Call], JsonObject]
ApprovalCallback = Callable[[Tx, str, bool], None]
"""Called when an approval has ended, with the subject's id and whether it was approved."""

RecordView = Callable[[Tx, str, IsoDate, str], JsonObject | None]
"""Returns the record with an id as of a day and as known at a timestamp, or None."""


@dataclass(frozen=True)
class DailyJob:
    """A job that runs when a day begins in a time zone.

    `due(tx, zone, day)` returns the ids that are due by that day; `run(tx, id)` runs for each in a command of its own.
    """

    due: Callable[[Tx, str, IsoDate], Sequence[str]]
    run: Callable[[Tx, str], None]


@dataclass(frozen=True)
class Feature:
    """A feature. `commands` change rows, `queries` only read; both are keyed by the spec's operation ids."""

    name: str
    commands: Mapping[str, Handler] = field(default_factory=dict)
    queries: Mapping[str, Handler] = field(default_factory=dict)
    rulebooks: Sequence[Any] = ()
    approval_callbacks: Mapping[str, ApprovalCallback] = field(default_factory=dict)
    daily_jobs: Sequence[DailyJob] = ()
    record_views: Mapping[str, RecordView] = field(default_factory=dict)
