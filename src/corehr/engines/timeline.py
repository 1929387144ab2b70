"""Timelines of an entity: the entries about it, in the order they were recorded, and the versions that result.

Pure: no SQL, no clock. A timeline is sorted and gapless, and its last version is open.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from corehr.kernel.clock import FOREVER, IsoDate

Cause = tuple[str, str]
"""The record that caused an entry: its kind and its id, as `("job_change", "7…")`."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One recorded change: `patch` applies to the entity from `valid_from` until the next version starts."""

    id: str
    valid_from: IsoDate
    patch: Mapping[str, Any]
    cause: Cause


class Version(NamedTuple):
    """The body of an entity from `valid_from` to `valid_to`, exclusive."""

    id: str
    valid_from: IsoDate
    valid_to: IsoDate
    body: Mapping[str, Any]


Timeline = Sequence[Version]


def version_as_of(timeline: Timeline, day: IsoDate) -> Version | None:
    """Return the version in force on a day, or None before the first."""
    return next((v for v in timeline if v.valid_from <= day < v.valid_to), None)


def apply(timeline: Timeline, entry: Entry) -> list[Version]:
    """Return the timeline with `entry` applied to the version in force on its day; later versions are unchanged.

    A version that starts on the entry's day is edited and keeps its id; otherwise a new version gets the entry's id.
    """
    base = version_as_of(timeline, entry.valid_from)
    body = {**(base.body if base else {}), **entry.patch}
    if base and base.valid_from == entry.valid_from:
        return [v._replace(body=body) if v is base else v for v in timeline]
    next_start = min((v.valid_from for v in timeline if v.valid_from > entry.valid_from), default=FOREVER)
    shortened = [v._replace(valid_to=entry.valid_from) if v is base else v for v in timeline]
    return sorted([*shortened, Version(entry.id, entry.valid_from, next_start, body)], key=lambda v: v.valid_from)


def build(entries: Iterable[Entry]) -> list[Version]:
    """Return the timeline that results from applying entries in their order."""
    timeline: list[Version] = []
    for entry in entries:
        timeline = apply(timeline, entry)
    return timeline


def build_without(entries: Iterable[Entry], cause: Cause) -> list[Version]:
    """Return the timeline as if the entries of `cause` had never been recorded, wherever they are in the order."""
    return build(e for e in entries if e.cause != cause)


def has_version_after(timeline: Timeline, day: IsoDate) -> bool:
    """Return whether a version starts later than a day."""
    return any(v.valid_from > day for v in timeline)


def changed_fields(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Return the fields in which two bodies differ, sorted; a missing field equals None."""
    return sorted(field for field in before.keys() | after.keys() if before.get(field) != after.get(field))
