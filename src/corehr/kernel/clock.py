"""World time and real time: the only module that reads a clock.

World time dates HR facts, days and events: it is real time plus a tenant's offset, which is zero in production.
Real time dates tokens, rate limits and log ids.
"""

import time
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

IsoDate = str
"""A calendar day as ISO text, `YYYY-MM-DD`; text order is date order."""

LAST_DAY: IsoDate = "9999-12-31"
"""The last calendar day there is; the wire also says it of what has no end."""

FOREVER: IsoDate = "infinity"
"""The end of what has no end: in text order after every day, so that a request may name LAST_DAY like any other."""


def real_now() -> datetime:
    """Return the present instant of real time, in UTC."""
    return datetime.now(UTC)


def real_seconds() -> float:
    """Return the real time in seconds since 1970."""
    return time.time()


class Clock:
    """World time, per tenant."""

    def __init__(self) -> None:
        self._offsets: dict[str, timedelta] = {}

    def now(self, tenant: str) -> datetime:
        """Return the present instant of the tenant's world time, in UTC."""
        return real_now() + self._offsets.get(tenant, timedelta())

    def set_now(self, tenant: str, instant: datetime) -> None:
        """Set the tenant's world time to `instant`; it runs on from there."""
        self._offsets[tenant] = instant - real_now()


def to_timestamp(instant: datetime) -> str:
    """Return an instant as UTC ISO text of fixed width, so that text order is time order."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_timestamp(text: str) -> datetime:
    """Return the instant of a text that `to_timestamp` returned."""
    return datetime.fromisoformat(text)


def epoch_millis(instant: datetime) -> str:
    """Return an instant in milliseconds since 1970, as the decimal text that the platform uses."""
    return str(int(instant.timestamp() * 1000))


def local_date(instant: datetime, zone: str) -> IsoDate:
    """Return the calendar day at an instant in a time zone, given by its IANA name."""
    return instant.astimezone(ZoneInfo(zone)).date().isoformat()


def is_iso_date(text: str) -> bool:
    """Return whether a text is a calendar day in the form `YYYY-MM-DD`, the only ISO form accepted."""
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def previous_day(day: IsoDate) -> IsoDate:
    """Return the day before `day`, which is not the first one there is."""
    return (date.fromisoformat(day) - timedelta(days=1)).isoformat()


def next_day(day: IsoDate) -> IsoDate:
    """Return the day after `day`, FOREVER after the last one."""
    if day == LAST_DAY:
        return FOREVER
    return (date.fromisoformat(day) + timedelta(days=1)).isoformat()
