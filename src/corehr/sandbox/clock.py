"""The sandbox calls for the world clock, which moves forward only and processes every day in between."""

import asyncio
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta
from starlette.requests import Request

from corehr.app.installation import Installation
from corehr.kernel import tenants
from corehr.kernel.clock import real_now, to_timestamp
from corehr.sandbox.router import SandboxError, bad_request, parse_body

MAX_ADVANCE: Final = timedelta(days=3660)
"""The most that one call may advance the clock, because every day in between is processed."""

NonNegativeInt = Annotated[int, Meta(ge=0, le=10_000_000)]


class SetClockBody(msgspec.Struct, forbid_unknown_fields=True):
    now: Annotated[datetime, Meta(tz=True)]


class AdvanceBody(msgspec.Struct, forbid_unknown_fields=True):
    days: NonNegativeInt = 0
    hours: NonNegativeInt = 0
    minutes: NonNegativeInt = 0
    seconds: NonNegativeInt = 0


class ClockRoutes:
    """The handlers of GET clock, PUT clock and POST clock/advance. `lock` lets one call at a time change the clock."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self.lock = asyncio.Lock()

    async def get_clock(self, request: Request) -> dict[str, Any]:
        """Return the world time."""
        return self.to_json()

    async def set_clock(self, request: Request) -> dict[str, Any]:
        """Advance the clock to an instant.

        Raises SandboxError (409) when it has passed, (400) when it is more than `MAX_ADVANCE` away.
        """
        target = (await parse_body(request, SetClockBody)).now
        async with self.lock:
            if target < self._now().replace(microsecond=0):
                raise SandboxError(HTTPStatus.CONFLICT, "time does not go back: restore a snapshot, or reset")
            return await self._advance_to(target)

    async def advance(self, request: Request) -> dict[str, Any]:
        """Advance the clock by days, hours, minutes and seconds.

        Raises SandboxError (400) when they are all 0, or more than `MAX_ADVANCE`.
        """
        body = await parse_body(request, AdvanceBody)
        step = timedelta(days=body.days, hours=body.hours, minutes=body.minutes, seconds=body.seconds)
        if not step:
            raise bad_request("give days, hours, minutes or seconds")
        async with self.lock:
            now = self._now()
            if step > MAX_ADVANCE:
                raise _too_far_error()
            return await self._advance_to(now + step)

    def to_json(self) -> dict[str, Any]:
        """Return the world time as `{"now": …}`, to the second, in the tenant's time zone."""
        zone = ZoneInfo(self._installation.tenant.time_zone)
        return {"now": self._now().astimezone(zone).isoformat(timespec="seconds")}

    def _now(self) -> datetime:
        return self._installation.clock.now(self._installation.tenant.id)

    async def _advance_to(self, target: datetime) -> dict[str, Any]:
        if target - self._now() > MAX_ADVANCE:
            raise _too_far_error()
        installation = self._installation
        async with installation.delivery_worker.paused():
            await installation.day_runner.advance_to(target, installation.delivery_worker)
        world_time, real_time = to_timestamp(self._now()), to_timestamp(real_now())
        await installation.store.command(
            installation.tenant.id, lambda tx: tenants.set_clock(tx, world_time, real_time)
        )
        return self.to_json()


def _too_far_error() -> SandboxError:
    return bad_request(f"one call advances {MAX_ADVANCE.days} days at most, because every day is processed")
