"""Things a company sets up once and dates ever after: departments, jobs, locations, cost centres and their like."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from corehr.engines import versions
from corehr.engines.timeline import Timeline, version_as_of
from corehr.kernel.clock import IsoDate
from corehr.kernel.db import Tx


class EntityStatus(Enum):
    """How a thing stands on a day, seen from that day on."""

    MISSING = "there is no such thing"
    INACTIVE = "it does not exist yet, or is disabled, on that day"
    DISABLED_LATER = "it is in force on that day and disabled by a later version"
    ACTIVE = "it is in force on that day and, as far as is known, for ever"


@dataclass(frozen=True)
class Entity:
    """A kind of effective-dated thing; its body has at least `active` and `name`."""

    kind: str

    def create(self, tx: Tx, id: str, valid_from: IsoDate, body: Mapping[str, Any]) -> None:
        """The thing comes into being on a day, active unless its body says otherwise."""
        versions.append(tx, self.kind, id, valid_from, {"active": True, **body}, (self.kind, id))

    def amend(self, tx: Tx, id: str, valid_from: IsoDate, patch: Mapping[str, Any]) -> None:
        """From a day on the thing also looks like `patch`."""
        versions.append(tx, self.kind, id, valid_from, patch, (self.kind, id))

    def body_as_of(self, tx: Tx, id: str, as_of: IsoDate) -> Mapping[str, Any] | None:
        """How the thing looks on a day."""
        version = version_as_of(versions.timeline(tx, self.kind, id), as_of)
        return version.body if version else None


def status_as_of(timeline: Timeline | None, as_of: IsoDate) -> EntityStatus:
    """How the thing with this life stands on a day."""
    if not timeline:
        return EntityStatus.MISSING
    version = version_as_of(timeline, as_of)
    if version is None or not version.body["active"]:
        return EntityStatus.INACTIVE
    if any(v.valid_from > as_of and not v.body["active"] for v in timeline):
        return EntityStatus.DISABLED_LATER
    return EntityStatus.ACTIVE
