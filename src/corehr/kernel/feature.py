"""A feature is what it adds to the house: operations, answers to approvals, days, views of its records."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from corehr.kernel.clock import Day
from corehr.kernel.db import Tx

Json = dict[str, Any]

PreHires = Literal["all", "read", "none"]
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
    pre_hires: PreHires
    path: Mapping[str, str]
    query: Mapping[str, Any]
    body: Mapping[str, Any]


Handler = Callable[[Tx, Call], Json]
Outcome = Callable[[Tx, str, bool], None]
"""An approval about the subject with this id ended: approved or not."""

Show = Callable[[Tx, str, Day, str], Json | None]
"""One record as it was valid on a day and known at a stamped moment."""


@dataclass(frozen=True)
class Turn:
    """What must happen because a day began: a query for the ids that are due, and a verb for each of them.

    `due(tx, zone, day)` answers ids; each goes through `happen(tx, id)` in a short command of its own.
    """

    due: Callable[[Tx, str, Day], Sequence[str]]
    happen: Callable[[Tx, str], None]


@dataclass(frozen=True)
class Feature:
    """`operations` change rows, `queries` only read; both are keyed by the spec's operation ids."""

    name: str
    operations: Mapping[str, Handler] = field(default_factory=dict)
    queries: Mapping[str, Handler] = field(default_factory=dict)
    rulebooks: Sequence[Any] = ()
    outcomes: Mapping[str, Outcome] = field(default_factory=dict)
    turns: Sequence[Turn] = ()
    records: Mapping[str, Show] = field(default_factory=dict)
