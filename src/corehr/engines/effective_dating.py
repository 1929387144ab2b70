"""Days begin one by one: production ticks into them, a sandbox jumps through them, by the same code."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import date, datetime, time, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from corehr.kernel.clock import Clock, IsoDate, local_date, next_day
from corehr.kernel.db import Store, Tx
from corehr.kernel.feature import DailyJob
from corehr.kernel.statements import insert_into, of_tenant, statement, tenant_table, text_column, update_columns

ZONE_RECHECK_INTERVAL = timedelta(minutes=15)
"""A zone opened meanwhile is noticed after this much world time at the latest."""

_log = logging.getLogger(__name__)

processed_day = tenant_table("day_lived", text_column("zone", key=True), text_column("day"))

_SELECT_ALL = statement(
    sa.select(processed_day.c.zone, processed_day.c.day).where(of_tenant(processed_day)).order_by(processed_day.c.zone)
)
_INSERT = insert_into(processed_day)
_UPDATE_DAY = update_columns(processed_day, "day", by=("zone",))


def start_of_day(day: IsoDate, zone: str) -> datetime:
    """The moment at which a day begins in a zone."""
    return datetime.combine(date.fromisoformat(day), time(), ZoneInfo(zone))


def open_zone(tx: Tx, zone: str) -> None:
    """Days in this zone are lived from now on; a zone that is open already stays as it is."""
    if zone not in last_processed_days(tx):
        tx.execute(_INSERT, zone=zone, day=local_date(tx.now, zone))


def last_processed_days(tx: Tx) -> dict[str, IsoDate]:
    """The last day lived in each zone."""
    return {row["zone"]: row["day"] for row in tx.fetch_all(_SELECT_ALL)}


class TimedWork(Protocol):
    """What else comes due while a traveller moves the clock: he stops at each such moment."""

    async def next_due(self, after: datetime) -> datetime | None:
        """The first moment later than this one at which something is due."""
        ...

    async def run_due(self, at: datetime) -> None:
        """Do what is due at this moment."""
        ...


class DayRunner:
    """Lives the days of one tenant. Commands wait for `caught_up`, so that none runs on a day not yet begun."""

    def __init__(self, store: Store, clock: Clock, tenant: str, daily_jobs: Sequence[DailyJob]) -> None:
        self._store, self._clock, self._tenant, self._daily_jobs = store, clock, tenant, daily_jobs
        self._lock = asyncio.Lock()
        self._next_check: datetime | None = None

    async def catch_up(self) -> None:
        """Live every day that has begun since the last one lived, or wait for who is at it."""
        if self._lock.locked() or self._next_check is None or self._clock.now(self._tenant) >= self._next_check:
            async with self._lock:
                await self._run_until(self._clock.now(self._tenant))

    async def advance_to(self, instant: datetime, timed_work: TimedWork) -> None:
        """Live every day up to a moment and do, in order of time, what is due in between; then it is the present.

        Nobody waits for him where he stops: who is told of something there may ask about it before he goes on.
        """
        reached = self._clock.now(self._tenant)
        await timed_work.run_due(reached)
        while True:
            step = await self._next_day(instant)
            until = step[2] if step else instant
            while (due := await timed_work.next_due(reached)) and due <= until:
                reached = due
                self._set_clock(reached)
                await timed_work.run_due(reached)
            if step is None:
                break
            reached = until
            async with self._lock:
                self._set_clock(reached)
                await self._run_until(reached)
            await timed_work.run_due(reached)
        self._set_clock(instant)
        await timed_work.run_due(instant)

    def _set_clock(self, instant: datetime) -> None:
        """Time passes where a traveller stops, too, and does not go back."""
        self._clock.set_now(self._tenant, max(instant, self._clock.now(self._tenant)))

    @asynccontextmanager
    async def paused(self) -> AsyncIterator[None]:
        """No day is lived inside, where the rows are exchanged; afterwards it is looked at anew which ones were."""
        async with self._lock:
            yield
            self._next_check = None

    async def _run_until(self, instant: datetime) -> None:
        while step := await self._next_day(instant):
            await self._run_day(*step)

    async def _next_day(self, instant: datetime) -> tuple[str, IsoDate, datetime] | None:
        """Zone, day and beginning of the first day that begins by this moment and is not lived yet."""
        zones = await self._store.query(self._tenant, last_processed_days)
        starts = {zone: start_of_day(next_day(day), zone) for zone, day in zones.items()}
        zone = min(starts, key=lambda z: (starts[z], z), default=None)
        if zone is not None and starts[zone] <= instant:
            return zone, next_day(zones[zone]), starts[zone]
        recheck_at = instant + ZONE_RECHECK_INTERVAL
        self._next_check = min(starts[zone], recheck_at) if zone else recheck_at
        return None

    async def _run_day(self, zone: str, day: IsoDate, starts_at: datetime) -> None:
        """One day in one zone: each thing due happens in a short command of its own, then the day is done."""
        for job in self._daily_jobs:
            due = await self._store.query(self._tenant, _due_query(job, zone, day))
            for id in due:
                await self._run_one(job, id, starts_at)
        await self._store.command(self._tenant, lambda tx: tx.execute(_UPDATE_DAY, zone=zone, day=day), at=starts_at)

    async def _run_one(self, job: DailyJob, id: str, starts_at: datetime) -> None:
        """One thing that is due; if it fails it stays due and is tried again with the next day."""
        try:
            await self._store.command(self._tenant, lambda tx: job.run(tx, id), at=starts_at)
        except Exception:  # noqa: BLE001  # one thing that fails must not hold up everybody's day
            _log.exception("what was due on %s could not happen: %s", starts_at.isoformat(), id)


def _due_query(job: DailyJob, zone: str, day: IsoDate) -> Callable[[Tx], Sequence[str]]:
    return lambda tx: job.due(tx, zone, day)
