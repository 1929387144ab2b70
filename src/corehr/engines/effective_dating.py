"""Days begin one by one: production ticks into them, a sandbox jumps through them, by the same code."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import date, datetime, time, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from corehr.kernel.clock import Clock, Day, day_after, local_day
from corehr.kernel.db import Store, Tx
from corehr.kernel.feature import Turn
from corehr.kernel.statements import add, change, mine, statement, table, text

LOOK_AGAIN = timedelta(minutes=15)
"""A zone opened meanwhile is noticed after this much world time at the latest."""

_log = logging.getLogger(__name__)

day_lived = table("day_lived", text("zone", key=True), text("day"))

_ALL = statement(sa.select(day_lived.c.zone, day_lived.c.day).where(mine(day_lived)).order_by(day_lived.c.zone))
_ADD = add(day_lived)
_MOVE = change(day_lived, "day", by=("zone",))


def midnight(day: Day, zone: str) -> datetime:
    """The moment at which a day begins in a zone."""
    return datetime.combine(date.fromisoformat(day), time(), ZoneInfo(zone))


def open_zone(tx: Tx, zone: str) -> None:
    """Days in this zone are lived from now on; a zone that is open already stays as it is."""
    if zone not in lived(tx):
        tx.run(_ADD, zone=zone, day=local_day(tx.now, zone))


def lived(tx: Tx) -> dict[str, Day]:
    """The last day lived in each zone."""
    return {row["zone"]: row["day"] for row in tx.all(_ALL)}


class Meanwhile(Protocol):
    """What else comes due while a traveller moves the clock: he stops at each such moment."""

    async def next_due(self, after: datetime) -> datetime | None:
        """The first moment later than this one at which something is due."""
        ...

    async def attempt_due(self, at: datetime) -> None:
        """Do what is due at this moment."""
        ...


class Days:
    """Lives the days of one tenant. Commands wait for `caught_up`, so that none runs on a day not yet begun."""

    def __init__(self, store: Store, clock: Clock, tenant: str, turns: Sequence[Turn]) -> None:
        self._store, self._clock, self._tenant, self._turns = store, clock, tenant, turns
        self._lock = asyncio.Lock()
        self._next: datetime | None = None

    async def caught_up(self) -> None:
        """Live every day that has begun since the last one lived, or wait for who is at it."""
        if self._lock.locked() or self._next is None or self._clock.now(self._tenant) >= self._next:
            async with self._lock:
                await self._live_until(self._clock.now(self._tenant))

    async def travel(self, to: datetime, meanwhile: Meanwhile) -> None:
        """Live every day up to a moment and do, in order of time, what is due in between; then it is the present.

        Nobody waits for him where he stops: who is told of something there may ask about it before he goes on.
        """
        reached = self._clock.now(self._tenant)
        await meanwhile.attempt_due(reached)
        while True:
            step = await self._next_day(to)
            until = step[2] if step else to
            while (due := await meanwhile.next_due(reached)) and due <= until:
                reached = due
                self._go_to(reached)
                await meanwhile.attempt_due(reached)
            if step is None:
                break
            reached = until
            async with self._lock:
                self._go_to(reached)
                await self._live_until(reached)
            await meanwhile.attempt_due(reached)
        self._go_to(to)
        await meanwhile.attempt_due(to)

    def _go_to(self, moment: datetime) -> None:
        """Time passes where a traveller stops, too, and does not go back."""
        self._clock.set_now(self._tenant, max(moment, self._clock.now(self._tenant)))

    @asynccontextmanager
    async def paused(self) -> AsyncIterator[None]:
        """No day is lived inside, where the rows are exchanged; afterwards it is looked at anew which ones were."""
        async with self._lock:
            yield
            self._next = None

    async def _live_until(self, moment: datetime) -> None:
        while step := await self._next_day(moment):
            await self._live(*step)

    async def _next_day(self, moment: datetime) -> tuple[str, Day, datetime] | None:
        """Zone, day and beginning of the first day that begins by this moment and is not lived yet."""
        zones = await self._store.query(self._tenant, lived)
        begins = {zone: midnight(day_after(day), zone) for zone, day in zones.items()}
        zone = min(begins, key=lambda z: (begins[z], z), default=None)
        if zone is not None and begins[zone] <= moment:
            return zone, day_after(zones[zone]), begins[zone]
        soon = moment + LOOK_AGAIN
        self._next = min(begins[zone], soon) if zone else soon
        return None

    async def _live(self, zone: str, day: Day, begins: datetime) -> None:
        """One day in one zone: each thing due happens in a short command of its own, then the day is done."""
        for turn in self._turns:
            due = await self._store.query(self._tenant, _due(turn, zone, day))
            for id in due:
                await self._happen(turn, id, begins)
        await self._store.command(self._tenant, lambda tx: tx.run(_MOVE, zone=zone, day=day), at=begins)

    async def _happen(self, turn: Turn, id: str, begins: datetime) -> None:
        """One thing that is due; if it fails it stays due and is tried again with the next day."""
        try:
            await self._store.command(self._tenant, lambda tx: turn.happen(tx, id), at=begins)
        except Exception:  # noqa: BLE001  # one thing that fails must not hold up everybody's day
            _log.exception("what was due on %s could not happen: %s", begins.isoformat(), id)


def _due(turn: Turn, zone: str, day: Day) -> Callable[[Tx], Sequence[str]]:
    return lambda tx: turn.due(tx, zone, day)
