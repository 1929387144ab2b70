"""The dates of a demo company, all counted from its present instant."""

from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from corehr.kernel.clock import IsoDate, local_date

TIME_ZONE: Final = "Asia/Shanghai"
ABROAD_TIME_ZONE: Final = "Europe/London"
"""The time zone of its office in London."""

BEHIND_TIME_ZONE: Final = "America/New_York"
"""The time zone of the location `work_city_behind`: its days begin 12 or 13 hours after those of the company."""

AHEAD_TIME_ZONE: Final = "Pacific/Auckland"
"""The time zone of the location `work_city_ahead`: its days begin 4 or 5 hours before those of the company."""

DEFAULT_NOW: Final = datetime.fromisoformat("2026-01-05T09:00:00+08:00")
YEARS_OF_HISTORY: Final = 10


class DemoDates:
    """The dates that a company is built from. `quarters` are the first days of its quarters, the current one last."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.today: IsoDate = local_date(now, TIME_ZONE)
        self._today_date = date.fromisoformat(self.today)
        first = self._today_date.year - YEARS_OF_HISTORY
        quarter_starts = (date(first + n // 4, 1 + n % 4 * 3, 1).isoformat() for n in range((YEARS_OF_HISTORY + 1) * 4))
        self.quarters = [day for day in quarter_starts if day <= self.today]
        self.founded: IsoDate = self.quarters[0]
        self.next_month: IsoDate = (self._today_date.replace(day=1) + timedelta(days=32)).replace(day=1).isoformat()
        self.last_month: IsoDate = (self._today_date.replace(day=1) - timedelta(days=1)).replace(day=1).isoformat()
        self.end_of_last_month: IsoDate = (self._today_date.replace(day=1) - timedelta(days=1)).isoformat()

    def day(self, days: int) -> IsoDate:
        """Return the date `days` days after today, before it when negative."""
        return add_days(self.today, days)

    def at_nine(self, day: IsoDate) -> datetime:
        """Return nine o'clock of a day, when records are entered, or now when that is earlier."""
        return min(datetime.combine(date.fromisoformat(day), time(9), ZoneInfo(TIME_ZONE)), self.now)

    def quarter_index(self, day: IsoDate) -> int | None:
        """Return the index in `quarters` of the quarter of a day; None before the first quarter and after today."""
        if day > self.today or day < self.founded:
            return None
        return sum(1 for first in self.quarters if first <= day) - 1


def add_days(day: IsoDate, days: int) -> IsoDate:
    """Return the date `days` days after `day`, before it when negative."""
    return (date.fromisoformat(day) + timedelta(days=days)).isoformat()


def add_years(day: IsoDate, years: int) -> IsoDate:
    """Return the same date `years` years later; the 29th of February becomes the 28th."""
    start = date.fromisoformat(day)
    if (start.month, start.day) == (2, 29):
        start = start.replace(day=28)
    return start.replace(year=start.year + years).isoformat()


def add_months(day: IsoDate, months: int) -> IsoDate:
    """Return the same day of the month `months` months later, at most the 28th."""
    start = date.fromisoformat(day)
    month = start.month - 1 + months
    return date(start.year + month // 12, month % 12 + 1, min(start.day, 28)).isoformat()
