"""The only place that reads a clock.

World time is what HR facts, days and events live by: real time plus a tenant's offset, which is zero in
production. Real time is what tokens, rate limits and log ids live by.
"""

import time
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

Day = str
"""A calendar day as ISO text, `YYYY-MM-DD`; text order is date order."""

FOREVER: Day = "9999-12-31"


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

    def set_now(self, tenant: str, moment: datetime) -> None:
        """Make `moment` the tenant's present; it goes on ticking from there."""
        self._offsets[tenant] = moment - real_now()


def stamp(moment: datetime) -> str:
    """A moment as UTC ISO text of fixed width, so that text order is time order."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def moment(text: str) -> datetime:
    """The moment that `stamp` wrote."""
    return datetime.fromisoformat(text)


def milliseconds(moment: datetime) -> str:
    """Milliseconds since 1970, as the decimal text the platform uses."""
    return str(int(moment.timestamp() * 1000))


def local_day(moment: datetime, zone: str) -> Day:
    """The calendar day that it is in a zone, an IANA name."""
    return moment.astimezone(ZoneInfo(zone)).date().isoformat()


def is_day(text: str) -> bool:
    """Is this a day of the calendar, written `YYYY-MM-DD` and no other way that ISO allows?"""
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def day_after(day: Day) -> Day:
    return (date.fromisoformat(day) + timedelta(days=1)).isoformat()
