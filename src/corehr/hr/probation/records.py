"""Records of probation: its start and its expected end, effective-dated.

A job change sets only the end. When nobody was on probation until then, the probation begins with the change; the start
is not stored with the change, since revoking an earlier change may move it: `with_starts` adds it.
"""

from collections.abc import Mapping
from typing import Any, Final

from corehr.engines import versions
from corehr.engines.timeline import Cause, Timeline, Version
from corehr.kernel.clock import IsoDate
from corehr.kernel.db import Tx

KIND: Final = "probation"


def create(tx: Tx, employment_id: str, day: IsoDate, body: Mapping[str, Any]) -> None:
    """Insert the probation of an employment: `probation_start_date`, `probation_end_date` (expected)."""
    versions.append(tx, KIND, employment_id, day, body, ("onboarding", employment_id))


def amend(tx: Tx, employment_id: str, day: IsoDate, patch: Mapping[str, Any], cause: Cause) -> None:
    """Apply `patch`, with the new expected end, to the probation from `day` on."""
    versions.append(tx, KIND, employment_id, day, patch, cause)


def with_starts(timeline: Timeline) -> Timeline:
    """Return the timeline of a probation with the start of each: as given, or the day of the change that began it."""
    result: list[Version] = []
    start: IsoDate | None = None
    before: Mapping[str, Any] = {}
    for version in timeline:
        body = version.body
        if body.get("probation_end_date") is None:
            start = body.get("probation_start_date")
        elif body.get("probation_start_date") != before.get("probation_start_date"):
            start = body["probation_start_date"]
        elif start is None or _begins_anew(before["probation_end_date"], version):
            start = version.valid_from
        result.append(version._replace(body={**body, "probation_start_date": start}))
        before = body
    return result


def _begins_anew(end_before: IsoDate, version: Version) -> bool:
    """Return whether a version begins another probation: the one before is over, and an end is given that differs."""
    return end_before < version.valid_from and version.body["probation_end_date"] != end_before


def retract(tx: Tx, employment_id: str, cause: Cause) -> None:
    """Retract every entry of `cause` on the probation."""
    versions.retract(tx, KIND, employment_id, cause)
