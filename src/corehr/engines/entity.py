"""Things a company sets up once and dates ever after: departments, jobs, locations, cost centres and their like."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from corehr.engines import versions
from corehr.engines.timeline import Timeline, at
from corehr.kernel.clock import Day
from corehr.kernel.db import Tx


class Standing(Enum):
    """How a thing stands on a day, seen from that day on."""

    UNKNOWN = "there is no such thing"
    NOT_IN_FORCE = "it does not exist yet, or is disabled, on that day"
    ENDS_LATER = "it is in force on that day and disabled by a later version"
    IN_FORCE = "it is in force on that day and, as far as is known, for ever"


@dataclass(frozen=True)
class Entity:
    """A kind of effective-dated thing; its body has at least `active` and `name`."""

    kind: str

    def add(self, tx: Tx, id: str, valid_from: Day, body: Mapping[str, Any]) -> None:
        """The thing comes into being on a day, active unless its body says otherwise."""
        versions.write(tx, self.kind, id, valid_from, {"active": True, **body}, (self.kind, id))

    def amend(self, tx: Tx, id: str, valid_from: Day, patch: Mapping[str, Any]) -> None:
        """From a day on the thing also looks like `patch`."""
        versions.write(tx, self.kind, id, valid_from, patch, (self.kind, id))

    def on(self, tx: Tx, id: str, day: Day) -> Mapping[str, Any] | None:
        """How the thing looks on a day."""
        version = at(versions.timeline(tx, self.kind, id), day)
        return version.body if version else None


def standing(timeline: Timeline | None, day: Day) -> Standing:
    """How the thing with this life stands on a day."""
    if not timeline:
        return Standing.UNKNOWN
    version = at(timeline, day)
    if version is None or not version.body["active"]:
        return Standing.NOT_IN_FORCE
    if any(v.valid_from > day and not v.body["active"] for v in timeline):
        return Standing.ENDS_LATER
    return Standing.IN_FORCE
