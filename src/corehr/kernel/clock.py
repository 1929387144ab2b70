"""The only place that reads a clock.

World time is what HR facts, days and events live by: real time plus a tenant's offset, which is zero in
production. Real time is what tokens, rate limits and log ids live by.
"""

import time
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

IsoDate = str
"""A calendar day as ISO text, `YYYY-MM-DD`; text order is date order."""

FOREVER: IsoDate = "9999-12-31"


def real_now() -> datetime:
    """The real moment, in UTC."""
    return datetime.now(UTC)


def real_seconds() -> float:
    """Seconds since 1970 by the real clock."""
    return time.time()


class Clock:
    """World time, per tenant."""

    def __init__(self) -> None:
        self._offsets: dict[str, timedelta] = {}

    def now(self, tenant: str) -> datetime:
        """The tenant's present moment, in UTC."""
        return real_now() + self._offsets.get(tenant, timedelta())

    def set_now(self, tenant: str, instant: datetime) -> None:
        """Make `moment` the tenant's present; it goes on ticking from there."""
        self._offsets[tenant] = instant - real_now()


def to_timestamp(instant: datetime) -> str:
    """A moment as UTC ISO text of fixed width, so that text order is time order."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_timestamp(text: str) -> datetime:
    """The moment that `stamp` wrote."""
    return datetime.fromisoformat(text)


def epoch_millis(instant: datetime) -> str:
    """Milliseconds since 1970, as the decimal text the platform uses."""
    return str(int(instant.timestamp() * 1000))


def local_date(instant: datetime, zone: str) -> IsoDate:
    """The calendar day that it is in a zone, an IANA name."""
    return instant.astimezone(ZoneInfo(zone)).date().isoformat()


def is_iso_date(text: str) -> bool:
    """Is this a day of the calendar, written `YYYY-MM-DD` and no other way that ISO allows?"""
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def next_day(day: IsoDate) -> IsoDate:
    return (date.fromisoformat(day) + timedelta(days=1)).isoformat()
