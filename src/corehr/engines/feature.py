"""Features: a feature adds operations, daily jobs, record views and recipes to an installation."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from corehr.apps.handlers import Handler, JsonObject
from corehr.engines.effective_dating import DailyJob
from corehr.engines.recipes import Recipes
from corehr.engines.rulebook import Rulebook
from corehr.kernel.clock import IsoDate
from corehr.kernel.db import Tx

ApprovalCallback = Callable[[Tx, str, bool], None]
"""Called when an approval has ended, with the subject's id and whether it was approved."""

RecordView = Callable[[Tx, str, IsoDate, str], JsonObject | None]
"""Returns the record with an id as of a day and as known at a timestamp, or None."""


@dataclass(frozen=True)
class Feature:
    """A feature. `commands` change rows, `queries` only read; both, and `recipes`, are keyed by operation id.

    `events` are the event types that each primitive emits, by the name of the primitive.
    """

    name: str
    commands: Mapping[str, Handler] = field(default_factory=dict)
    queries: Mapping[str, Handler] = field(default_factory=dict)
    rulebooks: Sequence[Rulebook[Any]] = ()
    approval_callbacks: Mapping[str, ApprovalCallback] = field(default_factory=dict)
    daily_jobs: Sequence[DailyJob] = ()
    record_views: Mapping[str, RecordView] = field(default_factory=dict)
    recipes: Mapping[str, Recipes] = field(default_factory=dict)
    events: Mapping[str, Sequence[str]] = field(default_factory=dict)
