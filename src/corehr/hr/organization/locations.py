"""Records of locations; a body has its `usages` and its time `zone` (an IANA name)."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from corehr.engines import versions
from corehr.engines.effective_dating import open_zone
from corehr.engines.entity import Entity
from corehr.engines.feature import Feature
from corehr.engines.record_views import view_entity
from corehr.engines.timeline import version_as_of
from corehr.kernel import tenants
from corehr.kernel.clock import IsoDate
from corehr.kernel.db import Tx

LOCATION = Entity("location")

WORK_CITY: Final = frozenset({"business_site", "work_location"})
"""The usages that make a location a work city; documents use both names for it."""

SOCIAL_SECURITY_CITY: Final = frozenset({"social_security_contribution"})


def create(tx: Tx, id: str, valid_from: IsoDate, body: Mapping[str, Any]) -> None:
    """Insert a location; daily jobs run in its time zone from now on, so that what waits for a day there is applied."""
    LOCATION.create(tx, id, valid_from, body)
    if body.get("zone"):
        open_zone(tx, body["zone"])


def time_zones_as_of(tx: Tx, ids_and_days: Sequence[tuple[str | None, IsoDate]]) -> Sequence[str]:
    """Return the time zone of each location on its day; the tenant's when there is no location or it has no zone."""
    timelines = versions.timelines(tx, [id for id, _ in ids_and_days if id])
    found = [version_as_of(timelines.get((LOCATION.kind, id or ""), ()), day) for id, day in ids_and_days]
    zones = [version.body.get("zone") if version else None for version in found]
    default = "" if all(zones) else _tenant_time_zone(tx)
    return [zone or default for zone in zones]


def _tenant_time_zone(tx: Tx) -> str:
    tenant = tenants.get(tx)
    assert tenant is not None
    return tenant.time_zone


def has_usage(body: Mapping[str, Any], usages: frozenset[str]) -> bool:
    """Return whether the location has any of these usages."""
    return not usages.isdisjoint(body.get("usages", ()))


FEATURE = Feature("locations", record_views={"locations": view_entity(LOCATION)})
