"""App tickets: a store app needs one to get its app token, and receives it by webhook only."""

import asyncio
import hmac
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from corehr.apps.registry import App, AppRegistry
from corehr.delivery.outbox import AttemptResult
from corehr.delivery.subscribers import Subscriber
from corehr.gateway.responses import encode_json
from corehr.kernel.clock import real_seconds
from corehr.kernel.ids import random_hex

HOUR_SECONDS: Final = 3600
"""Seconds for which a ticket is the newest."""

ACCEPTED_PAST_HOURS: Final = 12
"""Hours after its own for which a ticket is still valid: the longest time for which an official SDK caches one."""

_ACCEPTED_FUTURE_HOURS: Final = 1
"""Hours before its own for which a ticket is already valid: the clock of the process that issued it may be ahead."""

_RECHECK_SECONDS: Final = 60.0
"""Seconds after which the hour is checked again: while a machine sleeps, hours pass but a wait does not."""

_log = logging.getLogger(__name__)


class AppTickets:
    """Generates, checks and pushes the tickets of store apps, one for each hour of real time.

    A ticket is a truncated HMAC-SHA256 of app id and hour under the tenant's server key, so that none is stored and
    every process generates the same one. It does not authenticate the app: the app secret is required with it.

    `subscriber_of(app_id)` returns where an app's events go, or None without a subscription; `post` sends a body there.
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
        """Return the ticket of the current hour: 32 hexadecimal digits."""
        return _ticket_for_hour(app, self._hour())

    def is_valid(self, app: App, ticket: str) -> bool:
        """Return whether it is a ticket of this app for an accepted hour."""
        encoded, now = ticket.encode(), self._hour()
        hours = range(now - ACCEPTED_PAST_HOURS, now + _ACCEPTED_FUTURE_HOURS + 1)
        return any(hmac.compare_digest(_ticket_for_hour(app, hour).encode(), encoded) for hour in hours)

    async def push(self, app: App) -> AttemptResult | None:
        """Post the current ticket to the app's webhook and return the result; None when it has no webhook."""
        subscriber = await self._subscriber_of(app.app_id)
        if subscriber is None or subscriber.mode != "webhook":
            return None
        return await self._post(subscriber, self._event(app, subscriber))

    def schedule_push(self, app: App) -> None:
        """Push without waiting for the result, which is logged if it failed; needs a running event loop."""
        task = asyncio.create_task(self._push_logged(app))
        self._underway.add(task)
        task.add_done_callback(self._underway.discard)

    async def push_all(self) -> None:
        """Push to every enabled store app in parallel; failures are logged."""
        await asyncio.gather(*map(self._push_logged, await self._apps.list_enabled_store_apps()))

    async def run(self) -> None:
        """Push to all apps now and whenever an hour begins, until cancelled; pushes under way are cancelled then."""
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
        except Exception:  # noqa: BLE001  # one failed hour must not end the loop
            _log.exception("the app tickets of this hour could not be pushed")

    async def _push_logged(self, app: App) -> None:
        try:
            result = await self.push(app)
        except Exception:  # noqa: BLE001  # one app's failure must not affect the others
            _log.exception("the app ticket of %s could not be pushed", app.app_id)
            return
        if result is not None and not result.accepted:
            _log.warning("the webhook of %s did not accept its app ticket: %s", app.app_id, result.detail)

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
