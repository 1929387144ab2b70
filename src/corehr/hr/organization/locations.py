"""Records of locations; a body has its `usages` and its time `zone` (an IANA name)."""

from collections.abc import Mapping
from typing import Any, Final

from corehr.engines.entity import Entity
from corehr.engines.feature import Feature
from corehr.engines.record_views import view_entity
from corehr.kernel import tenants
from corehr.kernel.clock import IsoDate
from corehr.kernel.db import Tx

LOCATION = Entity("location")

WORK_CITY: Final = frozenset({"business_site", "work_location"})
"""The usages that make a location a work city; documents use both names for it."""

SOCIAL_SECURITY_CITY: Final = frozenset({"social_security_contribution"})


def time_zone_as_of(tx: Tx, id: str | None, day: IsoDate) -> str:
    """Return the time zone of a location on `day`; the tenant's when there is no location or its body has no zone."""
    return time_zone_of(tx, LOCATION.body_as_of(tx, id, day) if id else None)


def time_zone_of(tx: Tx, body: Mapping[str, Any] | None) -> str:
    """Return the time zone of a location with this body; the tenant's when there is no body or it has no zone."""
    if body and body.get("zone"):
        return str(body["zone"])
    tenant = tenants.get(tx)
    assert tenant is not None
    return tenant.time_zone


def has_usage(body: Mapping[str, Any], usages: frozenset[str]) -> bool:
    """Return whether the location has any of these usages."""
    return not usages.isdisjoint(body.get("usages", ()))


FEATURE = Feature("locations", record_views={"locations": view_entity(LOCATION)})
