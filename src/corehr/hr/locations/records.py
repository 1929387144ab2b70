"""Locations, as records; a body lists its `usages` and names its time `zone`."""

from collections.abc import Mapping
from typing import Any, Final

from corehr.engines.entity import Entity
from corehr.kernel import tenants
from corehr.kernel.clock import IsoDate
from corehr.kernel.db import Tx

LOCATION = Entity("location")

WORK_CITY: Final = frozenset({"business_site", "work_location"})
"""The usages that make a location a work city; documents use both names for it."""

SOCIAL_SECURITY_CITY: Final = frozenset({"social_security_contribution"})


def time_zone_as_of(tx: Tx, id: str | None, day: IsoDate) -> str:
    """The time zone of a location on a day; the company's where there is no location, or it names none."""
    return time_zone_of(tx, LOCATION.body_as_of(tx, id, day) if id else None)


def time_zone_of(tx: Tx, body: Mapping[str, Any] | None) -> str:
    """As `zone_on`, for a caller that knows how the location looks."""
    if body and body.get("zone"):
        return str(body["zone"])
    tenant = tenants.get(tx)
    assert tenant is not None
    return tenant.time_zone


def has_usage(body: Mapping[str, Any], usages: frozenset[str]) -> bool:
    """May the location be used for this purpose?"""
    return not usages.isdisjoint(body.get("usages", ()))
