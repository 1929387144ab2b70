"""Pushes the ticket of the hour to the webhooks of the store apps, which receive it in no other way."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from corehr.apps.registry import App, AppRegistry
from corehr.apps.tickets import HOUR_SECONDS, current_ticket, hour_number
from corehr.delivery.outbox import AttemptResult
from corehr.delivery.subscribers import Subscriber
from corehr.kernel.clock import real_seconds
from corehr.kernel.db import encode_json
from corehr.kernel.ids import random_hex

_RECHECK_SECONDS: Final = 60.0
"""Seconds after which the hour is checked again: while a machine sleeps, hours pass but a wait does not."""

_log = logging.getLogger(__name__)


class TicketPusher:
    """Pushes tickets, to one app or to all.

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
                if (hour := hour_number(self._seconds())) != pushed_hour:
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
        ticket = current_ticket(app, seconds=self._seconds)
        return encode_json(
            {
                "ts": f"{self._seconds():.7f}",
                "uuid": random_hex(32),
                "token": subscriber.verification_token,
                "type": "event_callback",
                "event": {"app_id": app.app_id, "app_ticket": ticket, "type": "app_ticket"},
            }
        )
