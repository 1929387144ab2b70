"""Daily jobs: runs what is due when a day begins, one day at a time, in production and when a sandbox's clock jumps."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from corehr.kernel import tenants
from corehr.kernel.clock import Clock, IsoDate, local_date, next_day, real_now, to_timestamp
from corehr.kernel.db import Store, Tx
from corehr.kernel.statements import in_tenant, insert_into, statement, tenant_table, text_column, update_columns

ZONE_RECHECK_INTERVAL = timedelta(minutes=15)
"""The maximum world time until a newly opened time zone is noticed."""

_log = logging.getLogger(__name__)

processed_day = tenant_table("processed_day", text_column("zone", key=True), text_column("day"))

_SELECT_ALL = statement(
    sa.select(processed_day.c.zone, processed_day.c.day).where(in_tenant(processed_day)).order_by(processed_day.c.zone)
)
_INSERT = insert_into(processed_day)
_UPDATE_DAY = update_columns(processed_day, "day", by=("zone",))


def start_of_day(day: IsoDate, zone: str) -> datetime:
    """Return the instant at which a day begins in a time zone."""
    return datetime.combine(date.fromisoformat(day), time(), ZoneInfo(zone))


def open_zone(tx: Tx, zone: str) -> None:
    """Run daily jobs in this time zone from the next day on; an open zone is unchanged."""
    if zone not in last_processed_days(tx):
        tx.execute(_INSERT, zone=zone, day=local_date(tx.now, zone))


def skip_days(tx: Tx) -> None:
    """Mark the days that have begun as processed, in every open zone, without running daily jobs for them."""
    for zone in last_processed_days(tx):
        tx.execute(_UPDATE_DAY, zone=zone, day=local_date(tx.now, zone))


def last_processed_days(tx: Tx) -> dict[str, IsoDate]:
    """Return the last processed day of each time zone."""
    return {row["zone"]: row["day"] for row in tx.fetch_all(_SELECT_ALL)}


@dataclass(frozen=True)
class DailyJob:
    """A job that runs when a day begins in a time zone.

    `due(tx, zone, day)` returns the ids that are due by that day; `run(tx, id)` runs for each in a command of its own.
    """

    due: Callable[[Tx, str, IsoDate], Sequence[str]]
    run: Callable[[Tx, str], None]


class TimedWork(Protocol):
    """Other work with due times, run while the clock is advanced: the clock stops at each due time."""

    async def next_due(self, after: datetime) -> datetime | None:
        """Return the first instant later than `after` at which work is due, or None."""
        ...

    async def run_due(self, at: datetime) -> None:
        """Run the work that is due at an instant."""
        ...


class DayRunner:
    """Runs the daily jobs of one tenant. Commands await `catch_up` first, so that each runs on a processed day."""

    def __init__(self, store: Store, clock: Clock, tenant: str, daily_jobs: Sequence[DailyJob]) -> None:
        self._store, self._clock, self._tenant, self._daily_jobs = store, clock, tenant, daily_jobs
        self._lock = asyncio.Lock()
        self._next_check: datetime | None = None

    async def catch_up(self) -> None:
        """Process every day that has begun since the last processed one, or wait until a running call has done so."""
        if self._lock.locked() or self._next_check is None or self._clock.now(self._tenant) >= self._next_check:
            async with self._lock:
                await self._run_until(self._clock.now(self._tenant))

    async def advance_to(self, instant: datetime, timed_work: TimedWork) -> None:
        """Advance the world clock to `instant`; run every daily job and all `timed_work` due on the way, in time order.

        Commands are not blocked between two steps, so a subscriber may call back before the clock moves on.
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
                await self._store_clock(reached)
                await self._run_until(reached)
            await timed_work.run_due(reached)
        self._set_clock(instant)
        await timed_work.run_due(instant)

    async def _store_clock(self, instant: datetime) -> None:
        """Store that the clock has reached `instant`, before anything happens then: a day is never ahead of the clock.

        If the process is killed, the next one goes on from there and processes what is left of that day.
        """
        world_time, real_time = to_timestamp(instant), to_timestamp(real_now())
        await self._store.command(self._tenant, lambda tx: tenants.set_clock(tx, world_time, real_time), at=instant)

    def _set_clock(self, instant: datetime) -> None:
        """Set the world clock to `instant`, or leave it: it may have run past `instant` and is never set back."""
        self._clock.set_now(self._tenant, max(instant, self._clock.now(self._tenant)))

    @asynccontextmanager
    async def paused(self) -> AsyncIterator[None]:
        """Process no day inside the context, where rows may be replaced; afterwards read the processed days again."""
        async with self._lock:
            yield
            self._next_check = None

    async def _run_until(self, instant: datetime) -> None:
        while step := await self._next_day(instant):
            await self._run_day(*step)

    async def _next_day(self, instant: datetime) -> tuple[str, IsoDate, datetime] | None:
        """Return zone, day and start of the first unprocessed day that begins by `instant`, or set the next check."""
        zones = await self._store.query(self._tenant, last_processed_days)
        starts = {zone: start_of_day(next_day(day), zone) for zone, day in zones.items()}
        zone = min(starts, key=lambda z: (starts[z], z), default=None)
        if zone is not None and starts[zone] <= instant:
            return zone, next_day(zones[zone]), starts[zone]
        recheck_at = instant + ZONE_RECHECK_INTERVAL
        self._next_check = min(starts[zone], recheck_at) if zone else recheck_at
        return None

    async def _run_day(self, zone: str, day: IsoDate, starts_at: datetime) -> None:
        """Run the daily jobs of one day in one zone, each due id in its own command; then mark the day as processed."""
        for job in self._daily_jobs:
            due = await self._store.query(self._tenant, _due_query(job, zone, day))
            for id in due:
                await self._run_one(job, id, starts_at)
        await self._store.command(self._tenant, lambda tx: tx.execute(_UPDATE_DAY, zone=zone, day=day), at=starts_at)

    async def _run_one(self, job: DailyJob, id: str, starts_at: datetime) -> None:
        """Run a daily job for one id; when it fails, log it: the id stays due and runs again with the next day."""
        try:
            await self._store.command(self._tenant, lambda tx: job.run(tx, id), at=starts_at)
        except Exception:  # noqa: BLE001  # one failure must not delay the other ids
            _log.exception("the daily job due on %s failed for %s", starts_at.isoformat(), id)


def _due_query(job: DailyJob, zone: str, day: IsoDate) -> Callable[[Tx], Sequence[str]]:
    return lambda tx: job.due(tx, zone, day)
