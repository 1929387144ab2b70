"""A thing's life by the day: what was said of it, in the order it was said, and how it looks because of that.

Pure: no SQL, no clock. A timeline is sorted and gapless, and its last version is open.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from corehr.kernel.clock import FOREVER, IsoDate

Cause = tuple[str, str]
"""What made somebody say it: a kind and an id, as `("job_change", "7…")`."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What was said: from `valid_from` on, until the next version, the thing also looks like `patch`."""

    id: str
    valid_from: IsoDate
    patch: Mapping[str, Any]
    cause: Cause


class Version(NamedTuple):
    """How the thing looks from `valid_from` until, not including, `valid_to`."""

    id: str
    valid_from: IsoDate
    valid_to: IsoDate
    body: Mapping[str, Any]


Timeline = Sequence[Version]


def version_as_of(timeline: Timeline, day: IsoDate) -> Version | None:
    """The version in force on a day."""
    return next((v for v in timeline if v.valid_from <= day < v.valid_to), None)


def apply(timeline: Timeline, entry: Entry) -> list[Version]:
    """The timeline after `entry` was said. Later versions stay as they were photographed.

    On a day on which a version begins already, that version is edited and keeps its id.
    """
    base = version_as_of(timeline, entry.valid_from)
    body = {**(base.body if base else {}), **entry.patch}
    if base and base.valid_from == entry.valid_from:
        return [v._replace(body=body) if v is base else v for v in timeline]
    next_start = min((v.valid_from for v in timeline if v.valid_from > entry.valid_from), default=FOREVER)
    shortened = [v._replace(valid_to=entry.valid_from) if v is base else v for v in timeline]
    return sorted([*shortened, Version(entry.id, entry.valid_from, next_start, body)], key=lambda v: v.valid_from)


def build(entries: Iterable[Entry]) -> list[Version]:
    """The timeline that these entries make, said one after the other."""
    timeline: list[Version] = []
    for entry in entries:
        timeline = apply(timeline, entry)
    return timeline


def build_without(entries: Iterable[Entry], cause: Cause) -> list[Version]:
    """The timeline as if what `cause` said had never been said: exact, whatever was said before or after it."""
    return build(e for e in entries if e.cause != cause)


def has_version_after(timeline: Timeline, day: IsoDate) -> bool:
    """Does a version begin later than this day?"""
    return any(v.valid_from > day for v in timeline)


def changed_fields(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """The fields in which two bodies differ, sorted."""
    return sorted(field for field in before.keys() | after.keys() if before.get(field) != after.get(field))
