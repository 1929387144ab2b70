"""App tickets: what a store app shows to get its app token, and what only its webhook is sent."""

import asyncio
import hmac
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from corehr.gateway.apps import App, AppRegistry
from corehr.gateway.responses import encode_json
from corehr.kernel.clock import real_seconds
from corehr.kernel.ids import random_hex
from corehr.kernel.outbox import AttemptResult
from corehr.kernel.subscribers import Subscriber

HOUR_SECONDS: Final = 3600
"""Seconds for which a ticket is the newest."""

ACCEPTED_PAST_HOURS: Final = 12
"""So many hours after its own a ticket is still accepted: the longest that an official SDK keeps one by its clock."""

_ACCEPTED_FUTURE_HOURS: Final = 1
"""So many hours before its own it is accepted: to the process that made it the hour may begin a moment sooner."""

_RECHECK_SECONDS: Final = 60.0
"""Seconds after which the hour is looked at again: while a machine sleeps, a wait does not pass and hours do."""

_log = logging.getLogger(__name__)


class AppTickets:
    """The tickets of store apps, one for each hour of real time, and how they are pushed.

    A ticket is a truncated HMAC-SHA256 of app id and hour under the tenant's server key, so that none is stored and
    every process makes the same one. It is no proof of who shows it: the app secret is asked for beside it.

    `subscriber_of(app_id)` is where an app's events go, None when it has said nothing of it; `post` sends a body there.
    """

    def __init__(
        self,
        apps: AppRegistry,
        subscriber_of: Callable[[str], Awaitable[Subscriber | None]],
        post: Callable[[Subscriber, bytes], Awaitable[AttemptResult]],
        *,
        seconds: Callable[[], float] = real_seconds,
    ) -> None:
        self._apps = apps
        self._subscriber_of = subscriber_of
        self._post = post
        self._seconds = seconds
        self._underway: set[asyncio.Task[None]] = set()

    def current(self, app: App) -> str:
        """The ticket of the present hour: 32 hexadecimal digits."""
        return _ticket_for_hour(app, self._hour())

    def is_valid(self, app: App, ticket: str) -> bool:
        """Whether it is a ticket of this app that is not too old."""
        encoded, now = ticket.encode(), self._hour()
        hours = range(now - ACCEPTED_PAST_HOURS, now + _ACCEPTED_FUTURE_HOURS + 1)
        return any(hmac.compare_digest(_ticket_for_hour(app, hour).encode(), encoded) for hour in hours)

    async def push(self, app: App) -> AttemptResult | None:
        """Post the present ticket to the app's webhook; None when it has no webhook."""
        subscriber = await self._subscriber_of(app.app_id)
        if subscriber is None or subscriber.mode != "webhook":
            return None
        return await self._post(subscriber, self._event(app, subscriber))

    def schedule_push(self, app: App) -> None:
        """The same, without waiting for it; to be called where an event loop runs."""
        task = asyncio.create_task(self._push_logged(app))
        self._underway.add(task)
        task.add_done_callback(self._underway.discard)

    async def push_all(self) -> None:
        """Push to every enabled store app at once; one that cannot be reached is logged."""
        await asyncio.gather(*map(self._push_logged, await self._apps.list_enabled_store_apps()))

    async def run(self) -> None:
        """Push to all now and whenever an hour begins, until cancelled; pushes underway then are given up."""
        pushed_hour = None
        try:
            while True:
                if (hour := self._hour()) != pushed_hour:
                    pushed_hour = hour
                    await self._push_all_logged()
                await asyncio.sleep(min(_RECHECK_SECONDS, HOUR_SECONDS - self._seconds() % HOUR_SECONDS))
        finally:
            await self._cancel_pushes()

    async def _cancel_pushes(self) -> None:
        for task in self._underway:
            task.cancel()
        await asyncio.gather(*self._underway, return_exceptions=True)

    async def _push_all_logged(self) -> None:
        try:
            await self.push_all()
        except Exception:  # noqa: BLE001  # an hour that fails must not end the hours
            _log.exception("the app tickets of this hour could not be pushed")

    async def _push_logged(self, app: App) -> None:
        try:
            outcome = await self.push(app)
        except Exception:  # noqa: BLE001  # one app's trouble is not the others'
            _log.exception("the app ticket of %s could not be pushed", app.app_id)
            return
        if outcome is not None and not outcome.accepted:
            _log.warning("the webhook of %s did not take its app ticket: %s", app.app_id, outcome.detail)

    def _event(self, app: App, subscriber: Subscriber) -> bytes:
        return encode_json(
            {
                "ts": f"{self._seconds():.7f}",
                "uuid": random_hex(32),
                "token": subscriber.verification_token,
                "type": "event_callback",
                "event": {"app_id": app.app_id, "app_ticket": self.current(app), "type": "app_ticket"},
            }
        )

    def _hour(self) -> int:
        return int(self._seconds()) // HOUR_SECONDS


def _ticket_for_hour(app: App, hour: int) -> str:
    key = hmac.digest(app.server_key.encode(), b"app ticket", "sha256")
    return hmac.digest(key, f"{app.app_id} {hour}".encode(), "sha256")[:16].hex()
