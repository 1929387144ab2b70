"""Effective-dated entities of an organisation: departments, jobs, locations, cost centres and so on."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from corehr.engines import versions
from corehr.engines.timeline import Timeline, version_as_of
from corehr.kernel.clock import IsoDate
from corehr.kernel.db import Tx


class EntityStatus(Enum):
    """The status of an entity as of a day, with what later versions change about it."""

    MISSING = "no such entity exists"
    INACTIVE = "it does not exist yet, or is disabled, on that day"
    DISABLED_LATER = "it is in force on that day and disabled by a later version"
    ACTIVE = "it is in force on that day and no later version disables it"


@dataclass(frozen=True)
class Entity:
    """A kind of effective-dated entity; its body has at least `active` and `name`, and mostly `code`.

    `name` is a text by language, such as `{"zh-CN": "职级", "en-US": "Level"}`; `code` is the company's own id of it.
    """

    kind: str

    def create(self, tx: Tx, id: str, valid_from: IsoDate, body: Mapping[str, Any]) -> None:
        """Create the entity from a day on, active unless `body` has `active` set to False."""
        versions.append(tx, self.kind, id, valid_from, {"active": True, **body}, (self.kind, id))

    def amend(self, tx: Tx, id: str, valid_from: IsoDate, patch: Mapping[str, Any]) -> None:
        """Apply `patch` to the entity from a day on, until its next version."""
        versions.append(tx, self.kind, id, valid_from, patch, (self.kind, id))

    def body_as_of(self, tx: Tx, id: str, as_of: IsoDate) -> Mapping[str, Any] | None:
        """Return the body of the entity as of a day, or None."""
        version = version_as_of(versions.timeline(tx, self.kind, id), as_of)
        return version.body if version else None


def status_as_of(timeline: Timeline | None, as_of: IsoDate) -> EntityStatus:
    """Return the status of the entity with this timeline as of a day."""
    if not timeline:
        return EntityStatus.MISSING
    version = version_as_of(timeline, as_of)
    if version is None or not version.body["active"]:
        return EntityStatus.INACTIVE
    if any(v.valid_from > as_of and not v.body["active"] for v in timeline):
        return EntityStatus.DISABLED_LATER
    return EntityStatus.ACTIVE


def encode_i18n(text_by_language: Mapping[str, str]) -> list[dict[str, str]]:
    """Return a text by language, such as the `name` of a body, as it is on the wire: `[{"lang", "value"}]`."""
    return [{"lang": language, "value": text} for language, text in text_by_language.items()]
