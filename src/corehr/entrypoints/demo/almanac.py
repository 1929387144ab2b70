"""The days of a demo company, all counted from its present moment."""

from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from corehr.kernel.clock import IsoDate, local_date

ZONE: Final = "Asia/Shanghai"
FAR_ZONE: Final = "Europe/London"
"""Where its one office abroad is."""

DEFAULT_NOW: Final = datetime.fromisoformat("2026-01-05T09:00:00+08:00")
YEARS: Final = 10


class Almanac:
    """`quarters` are the first days of those the company has lived, the running one last."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.today: IsoDate = local_date(now, ZONE)
        self._date = date.fromisoformat(self.today)
        first = self._date.year - YEARS
        begins = (date(first + n // 4, 1 + n % 4 * 3, 1).isoformat() for n in range((YEARS + 1) * 4))
        self.quarters = [day for day in begins if day <= self.today]
        self.founded: IsoDate = self.quarters[0]
        self.next_month: IsoDate = (self._date.replace(day=1) + timedelta(days=32)).replace(day=1).isoformat()
        self.last_month: IsoDate = (self._date.replace(day=1) - timedelta(days=1)).replace(day=1).isoformat()
        self.end_of_last_month: IsoDate = (self._date.replace(day=1) - timedelta(days=1)).isoformat()

    def day(self, days: int) -> IsoDate:
        """So many days from today."""
        return later(self.today, days)

    def morning(self, day: IsoDate) -> datetime:
        """When people write things down on a day; never later than now."""
        return min(datetime.combine(date.fromisoformat(day), time(9), ZoneInfo(ZONE)), self.now)

    def quarter_of(self, day: IsoDate) -> int | None:
        """Which of the quarters holds the day; None when none does yet."""
        if day > self.today or day < self.founded:
            return None
        return sum(1 for first in self.quarters if first <= day) - 1


def later(day: IsoDate, days: int) -> IsoDate:
    """So many days after a day."""
    return (date.fromisoformat(day) + timedelta(days=days)).isoformat()


def years_later(day: IsoDate, years: int) -> IsoDate:
    """The same day so many years on; the 29th of February becomes the 28th."""
    then = date.fromisoformat(day)
    if (then.month, then.day) == (2, 29):
        then = then.replace(day=28)
    return then.replace(year=then.year + years).isoformat()


def months_later(day: IsoDate, months: int) -> IsoDate:
    """The same day so many months on, at most the 28th."""
    then = date.fromisoformat(day)
    month = then.month - 1 + months
    return date(then.year + month // 12, month % 12 + 1, min(then.day, 28)).isoformat()
