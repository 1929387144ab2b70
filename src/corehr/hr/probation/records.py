"""Probation, as records: when it began, and when it is expected to end, by the day."""

from collections.abc import Mapping
from typing import Any, Final

from corehr.engines import versions
from corehr.engines.timeline import Cause, Timeline
from corehr.kernel.clock import IsoDate
from corehr.kernel.db import Tx

KIND: Final = "probation"


def create(tx: Tx, employment_id: str, day: IsoDate, body: Mapping[str, Any]) -> None:
    """A person starts on probation: `probation_start_date`, `probation_end_date` (expected)."""
    versions.append(tx, KIND, employment_id, day, body, ("onboarding", employment_id))


def amend(tx: Tx, employment_id: str, before: Timeline, day: IsoDate, patch: Mapping[str, Any], cause: Cause) -> None:
    """From a day on the probation is expected to end when `patch` says."""
    versions.append_to_timeline(tx, KIND, employment_id, before, day, patch, cause)


def retract(tx: Tx, employment_id: str, cause: Cause) -> None:
    """What `cause` said of the probation is withdrawn."""
    versions.retract(tx, KIND, employment_id, cause)
