"""A feature is what it adds to the house: operations, answers to approvals, days, views of its records."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from corehr.kernel.clock import IsoDate
from corehr.kernel.db import Tx

JsonObject = dict[str, Any]

PreHireAccess = Literal["all", "read", "none"]
"""What an app may do with pre-hires: see and change them, see them, neither."""


@dataclass(frozen=True, slots=True)
class DataRange:
    """Which people an app may see: everyone, or those in these departments and their children."""

    everyone: bool
    departments: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Call:
    """A checked request: shapes are right and ids are CoreHR's own (`ids.UNKNOWN` where they name nobody)."""

    operation: str
    app_id: str
    data_range: DataRange
    pre_hires: PreHireAccess
    path: Mapping[str, str]
    query: Mapping[str, Any]
    body: Mapping[str, Any]


Handler = Callable[[Tx, Call], JsonObject]
ApprovalCallback = Callable[[Tx, str, bool], None]
"""An approval about the subject with this id ended: approved or not."""

RecordView = Callable[[Tx, str, IsoDate, str], JsonObject | None]
"""One record as it was valid on a day and known at a stamped moment."""


@dataclass(frozen=True)
class DailyJob:
    """What must happen because a day began: a query for the ids that are due, and a verb for each of them.

    `due(tx, zone, day)` answers ids; each goes through `happen(tx, id)` in a short command of its own.
    """

    due: Callable[[Tx, str, IsoDate], Sequence[str]]
    run: Callable[[Tx, str], None]


@dataclass(frozen=True)
class Feature:
    """`operations` change rows, `queries` only read; both are keyed by the spec's operation ids."""

    name: str
    commands: Mapping[str, Handler] = field(default_factory=dict)
    queries: Mapping[str, Handler] = field(default_factory=dict)
    rulebooks: Sequence[Any] = ()
    approval_callbacks: Mapping[str, ApprovalCallback] = field(default_factory=dict)
    daily_jobs: Sequence[DailyJob] = ()
    record_views: Mapping[str, RecordView] = field(default_factory=dict)
