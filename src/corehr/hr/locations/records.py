"""Locations, as records; a body lists its `usages` and names its time `zone`."""

from collections.abc import Mapping
from typing import Any, Final

from corehr.engines.entity import Entity

LOCATION = Entity("location")

WORK_CITY: Final = frozenset({"business_site", "work_location"})
"""The usages that make a location a work city; documents use both names for it."""

SOCIAL_SECURITY_CITY: Final = frozenset({"social_security_contribution"})


def serves_as(body: Mapping[str, Any], purpose: frozenset[str]) -> bool:
    """May the location be used for this purpose?"""
    return not purpose.isdisjoint(body.get("usages", ()))
