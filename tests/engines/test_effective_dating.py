"""The start of a day in a time zone: the first instant at which the clocks there show that day."""

from datetime import timedelta

import pytest

from corehr.engines.effective_dating import start_of_day
from corehr.kernel.clock import local_date, next_day, to_timestamp

CLOCK_CHANGES = [
    ("America/New_York", "2026-03-08"),
    ("America/New_York", "2026-11-01"),
    ("Pacific/Auckland", "2026-04-05"),
    ("Pacific/Auckland", "2026-09-27"),
    ("Europe/London", "2026-03-29"),
    ("Africa/Cairo", "2026-04-24"),  # its clocks go from midnight to one o'clock
    ("America/Havana", "2026-11-01"),  # its clocks go from one o'clock back to midnight
    ("Asia/Beirut", "2026-10-25"),  # its clocks go from midnight back to eleven o'clock of the day before
    ("Asia/Shanghai", "2026-01-01"),
]


@pytest.mark.parametrize(("zone", "day"), CLOCK_CHANGES)
def test_a_day_starts_with_its_first_instant_where_the_clocks_change(zone, day):
    for start, expected in ((start_of_day(day, zone), day), (start_of_day(next_day(day), zone), next_day(day))):
        assert local_date(start, zone) == expected
        assert local_date(start - timedelta(hours=3), zone) < expected


@pytest.mark.parametrize(
    ("zone", "day", "instant"),
    [
        ("America/New_York", "2026-03-08", "2026-03-08T05:00:00.000000Z"),
        ("America/New_York", "2026-03-09", "2026-03-09T04:00:00.000000Z"),
        ("Pacific/Auckland", "2026-04-05", "2026-04-04T11:00:00.000000Z"),
        ("Pacific/Auckland", "2026-04-06", "2026-04-05T12:00:00.000000Z"),
        ("Africa/Cairo", "2026-04-24", "2026-04-23T22:00:00.000000Z"),
        ("America/Havana", "2026-11-01", "2026-11-01T04:00:00.000000Z"),
    ],
)
def test_a_day_with_a_clock_change_is_longer_or_shorter(zone, day, instant):
    assert to_timestamp(start_of_day(day, zone)) == instant
