"""Records of probation: its start and its expected end, effective-dated."""

from collections.abc import Mapping
from typing import Any, Final

from corehr.engines import versions
from corehr.engines.timeline import Cause
from corehr.kernel.clock import IsoDate
from corehr.kernel.db import Tx

KIND: Final = "probation"


def create(tx: Tx, employment_id: str, day: IsoDate, body: Mapping[str, Any]) -> None:
    """Insert the probation of an employment: `probation_start_date`, `probation_end_date` (expected)."""
    versions.append(tx, KIND, employment_id, day, body, ("onboarding", employment_id))


def amend(tx: Tx, employment_id: str, day: IsoDate, patch: Mapping[str, Any], cause: Cause) -> None:
    """Apply `patch`, with the new expected end, to the probation from `day` on."""
    versions.append(tx, KIND, employment_id, day, patch, cause)


def retract(tx: Tx, employment_id: str, cause: Cause) -> None:
    """Retract every entry of `cause` on the probation."""
    versions.retract(tx, KIND, employment_id, cause)
