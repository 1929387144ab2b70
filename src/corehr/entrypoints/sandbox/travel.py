"""The world's clock: it goes forward, and every day in between is lived."""

import asyncio
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any, Final
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta
from starlette.requests import Request

from corehr.entrypoints.sandbox.door import Refused, bad, read
from corehr.kernel import tenants
from corehr.kernel.clock import real_now, to_timestamp

if TYPE_CHECKING:
    from corehr.entrypoints.app import Installation

FARTHEST: Final = timedelta(days=3660)
"""How far one call may go: every day of it is lived."""

Amount = Annotated[int, Meta(ge=0, le=10_000_000)]


class To(msgspec.Struct, forbid_unknown_fields=True):
    now: Annotated[datetime, Meta(tz=True)]


class By(msgspec.Struct, forbid_unknown_fields=True):
    days: Amount = 0
    hours: Amount = 0
    minutes: Amount = 0
    seconds: Amount = 0


class Travel:
    """GET, PUT and advance; one traveller at a time."""

    def __init__(self, installation: "Installation") -> None:
        self._installation = installation
        self.lock = asyncio.Lock()

    async def get(self, request: Request) -> dict[str, Any]:
        return self.told()

    async def put(self, request: Request) -> dict[str, Any]:
        """To a moment; Refused (409) when that has passed."""
        to = (await read(request, To)).now
        async with self.lock:
            if to < self._now().replace(microsecond=0):
                raise Refused(HTTPStatus.CONFLICT, "time does not go back: restore a snapshot, or reset")
            return await self._go(to)

    async def advance(self, request: Request) -> dict[str, Any]:
        """So many days, hours, minutes, seconds on."""
        by = await read(request, By)
        step = timedelta(days=by.days, hours=by.hours, minutes=by.minutes, seconds=by.seconds)
        if not step:
            raise bad("say how far: days, hours, minutes or seconds")
        async with self.lock:
            now = self._now()
            if step > FARTHEST:
                raise _too_far()
            return await self._go(now + step)

    def told(self) -> dict[str, Any]:
        zone = ZoneInfo(self._installation.tenant.time_zone)
        return {"now": self._now().astimezone(zone).isoformat(timespec="seconds")}

    def _now(self) -> datetime:
        return self._installation.clock.now(self._installation.tenant.id)

    async def _go(self, to: datetime) -> dict[str, Any]:
        if to - self._now() > FARTHEST:
            raise _too_far()
        house = self._installation
        async with house.delivery_worker.paused():
            await house.day_runner.advance_to(to, house.delivery_worker)
        at, real = to_timestamp(self._now()), to_timestamp(real_now())
        await house.store.command(house.tenant.id, lambda tx: tenants.set_clock(tx, at, real))
        return self.told()


def _too_far() -> Refused:
    return bad(f"one call goes {FARTHEST.days} days at most: every day of it is lived")
