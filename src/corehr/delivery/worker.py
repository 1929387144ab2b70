"""The delivery worker: leases deliveries from the outbox, sends them and records the results.

Each subscriber is served by a pass of its own, so that a slow or dead subscriber delays no other. Within a pass the
events of one subject, a lane, are sent one after the other, and lanes in parallel.
"""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Final, NamedTuple

from corehr.apps.log_ids import new_log_id
from corehr.apps.registry import App, AppRegistry
from corehr.delivery import outbox, subscribers
from corehr.delivery.connections import LongConnections
from corehr.delivery.faults import (
    DeliveryFault,
    DeliveryFaultName,
    DeliveryFaultSource,
    NextAttempt,
    cut,
    with_wrong_token,
)
from corehr.delivery.outbox import AttemptResult, DeliveryResult, LeasedDelivery
from corehr.delivery.renderer import EventRenderer, build_envelope
from corehr.delivery.subscribers import Subscriber
from corehr.delivery.webhooks import WebhookClient
from corehr.kernel import event_log
from corehr.kernel.clock import parse_timestamp, real_seconds, to_timestamp
from corehr.kernel.db import Store, Tx

BATCH_SIZE: Final = 64
"""Deliveries leased together: few, so that the writer is soon free again for commands."""

MIN_PARALLEL_LANES: Final = 4
"""Lanes of one subscriber that are sent in parallel from the start: enough to keep a fast subscriber busy, few enough
that responses of the API, which shares the event loop, are not delayed."""

MAX_PARALLEL_LANES: Final = 32
"""Lanes of one slow or distant subscriber that are sent in parallel: waiting for it takes no time of the event loop."""

LANE_START_DELAY_SECONDS: Final = 0.01
"""Seconds after which one more lane is started beyond `MIN_PARALLEL_LANES`."""

BATCH_PAUSE_SECONDS: Final = 0.01
"""Seconds between two full batches of a pass, in which the API has the event loop and the writer."""

LEASE_SECONDS: Final = 60
"""Seconds of real time for which leased deliveries are not leased again."""

LEASE_MARGIN_SECONDS: Final = 10
"""Seconds before the end of a lease in which nothing more is sent under it: longer than an attempt can take."""

POLL_SECONDS: Final = 0.25
"""Seconds between two queries for due deliveries when `wake` is not called."""

WAKE_DELAY_SECONDS: Final = 0.005
"""Seconds between `wake` and the query for due deliveries, so that a burst of commands causes one query."""

_log = logging.getLogger(__name__)


class _PreparedDelivery(NamedTuple):
    """A leased delivery with the body to send, or with the reason why it is skipped."""

    leased: LeasedDelivery
    event_id: str
    event_type: str
    skipped_because: str | None
    body: bytes


class DeliveryWorker:
    """Delivers one tenant's events. Due times are in world time, leases in real time.

    `run` starts a pass for each subscriber with due deliveries. Code that moves the world clock stops the passes with
    `paused` and calls `run_due` for each instant at which attempts are due.
    """

    def __init__(
        self,
        store: Store,
        tenant: str,
        apps: AppRegistry,
        envelopes: EventRenderer,
        webhooks: WebhookClient,
        connections: LongConnections,
        faults: DeliveryFaultSource | None = None,
    ) -> None:
        self._store, self._tenant, self._apps, self._envelopes = store, tenant, apps, envelopes
        self._webhooks, self._connections, self._faults = webhooks, connections, faults
        self._passes: dict[str, asyncio.Task[int]] = {}
        self._wake = asyncio.Event()
        self._pauses = 0

    def wake(self) -> None:
        """Make `run` query for due deliveries now."""
        self._wake.set()

    # -- in the background --------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Deliver until cancelled; attempts that are under way then are made again by the next process."""
        try:
            while True:
                with suppress(TimeoutError):
                    async with asyncio.timeout(POLL_SECONDS):
                        await self._wake.wait()
                        await asyncio.sleep(WAKE_DELAY_SECONDS)
                self._wake.clear()
                try:
                    await self._start_due_passes()
                except Exception:  # noqa: BLE001  # the next query tries again
                    _log.exception("due deliveries could not be queried")
        finally:
            for task in self._passes.values():
                task.cancel()
            await asyncio.gather(*self._passes.values(), return_exceptions=True)

    async def _start_due_passes(self) -> None:
        if self._pauses:
            return
        for app_id in await self._list_reachable_with_due(None):
            if app_id not in self._passes and not self._pauses:
                task = asyncio.create_task(self._run_pass(app_id))
                self._passes[app_id] = task
                task.add_done_callback(partial(self._on_pass_done, app_id))

    def _on_pass_done(self, app_id: str, task: "asyncio.Task[int]") -> None:
        del self._passes[app_id]
        if not task.cancelled() and (error := task.exception()):
            _log.error("a pass of deliveries to %s failed; the next one continues", app_id, exc_info=error)

    # -- while the clock moves ----------------------------------------------------------------------------------

    @asynccontextmanager
    async def paused(self) -> AsyncIterator[None]:
        """Inside the context only `run_due` delivers; passes that are under way end before it is entered."""
        self._pauses += 1
        try:
            if self._passes:
                await asyncio.wait(self._passes.values())
            yield
        finally:
            self._pauses -= 1
            self.wake()

    async def next_due(self, after: datetime) -> datetime | None:
        """Return when the first attempt after `after` is due, of the subscribers that can be reached, or None."""
        reachable = [
            subscriber.app_id
            for subscriber in await self._store.query(self._tenant, subscribers.list_all)
            if await self._can_reach(subscriber)
        ]
        due = await self._store.query(self._tenant, lambda tx: outbox.next_due_at(tx, reachable, to_timestamp(after)))
        return parse_timestamp(due) if due else None

    async def run_due(self, at: datetime) -> None:
        """Make every attempt that is due at an instant of world time, and return when their results are recorded."""
        while app_ids := await self._list_reachable_with_due(at):
            counts = await asyncio.gather(*(self._run_pass(app_id, at) for app_id in app_ids), return_exceptions=True)
            for app_id, error in zip(app_ids, counts, strict=True):
                if isinstance(error, BaseException):
                    _log.error("a pass of deliveries to %s failed; the next one continues", app_id, exc_info=error)
            if not any(isinstance(count, int) and count for count in counts):
                return

    # -- subscribers that can be reached ------------------------------------------------------------------------

    async def _list_reachable_with_due(self, at: datetime | None) -> list[str]:
        """Return the apps that can be reached and have deliveries due at `at`, by default now.

        Deliveries that have waited too long for a connection become dead.
        """

        def read(tx: Tx) -> tuple[list[Subscriber], set[str], set[str]]:
            now, now_seconds = at or tx.now, int(real_seconds())
            found = subscribers.list_all(tx)
            if not found:
                return found, set(), set()
            due = outbox.list_apps_with_due_deliveries(tx, to_timestamp(now), now_seconds)
            overdue = outbox.list_apps_with_due_deliveries(
                tx, to_timestamp(now - outbox.MAX_CONNECTION_WAIT), now_seconds
            )
            return found, set(due), set(overdue)

        found, due, overdue = await self._store.query(self._tenant, read)
        reachable = []
        for subscriber in found:
            if subscriber.app_id not in due:
                continue
            if await self._can_reach(subscriber):
                reachable.append(subscriber.app_id)
            elif subscriber.mode == "long_connection" and subscriber.app_id in overdue:
                await self._store.command(
                    self._tenant, partial(outbox.dead_letter_unconnected, app_id=subscriber.app_id), at=at
                )
        return reachable

    async def _can_reach(self, subscriber: Subscriber) -> bool:
        """Return whether attempts can be made: only the process that has a connection of the app delivers over it."""
        app = await self._apps.get(subscriber.app_id)
        return app is not None and app.enabled and self._is_connected(subscriber)

    def _is_connected(self, subscriber: Subscriber) -> bool:
        return subscriber.mode == "webhook" or self._connections.is_connected(subscriber.app_id)

    # -- a pass ---------------------------------------------------------------------------------------------------

    async def _run_pass(self, app_id: str, at: datetime | None = None) -> int:
        """Deliver to one subscriber until nothing more is due for it, and return how many deliveries were leased."""
        results: Sequence[DeliveryResult] = ()
        count, progressed = 0, True
        while True:
            lease_until = int(real_seconds()) + LEASE_SECONDS
            lease_more = progressed and (at is not None or not self._pauses)
            leased = await self._store.command(
                self._tenant, partial(_record_and_lease, app_id, results, lease_until, lease_more), at=at
            )
            if not leased:
                return count
            count += len(leased)
            results = await self._deliver(app_id, leased, lease_until, inside_pause=at is not None)
            progressed = any(result.attempt or result.skipped_because or result.delay for result in results)
            if len(leased) == BATCH_SIZE:
                await asyncio.sleep(BATCH_PAUSE_SECONDS)

    async def _deliver(
        self, app_id: str, leased: Sequence[LeasedDelivery], lease_until: int, *, inside_pause: bool
    ) -> Sequence[DeliveryResult]:
        app = await self._apps.get(app_id)
        if app is None or not app.enabled:
            return [DeliveryResult(delivery) for delivery in leased]
        subscriber, prepared = await self._store.query(self._tenant, partial(self._prepare, app, leased))
        if subscriber is None:
            return [DeliveryResult(delivery) for delivery in leased]
        by_subject: dict[str, list[_PreparedDelivery]] = {}
        for item in prepared:
            by_subject.setdefault(item.leased.subject, []).append(item)
        lanes, results = deque(by_subject.values()), list[DeliveryResult]()

        def may_send() -> bool:
            """The subscriber is connected, enough of the lease is left, and `paused` does not wait for this pass."""
            possible = self._is_connected(subscriber) and real_seconds() < lease_until - LEASE_MARGIN_SECONDS
            return possible and (inside_pause or not self._pauses)

        async def send_lanes() -> None:
            while lanes:
                results.extend(await self._send_lane(subscriber, lanes.popleft(), may_send))

        async with asyncio.TaskGroup() as group:
            for number in range(MAX_PARALLEL_LANES):
                if number >= MIN_PARALLEL_LANES:
                    await asyncio.sleep(LANE_START_DELAY_SECONDS)
                if not lanes:
                    break
                group.create_task(send_lanes())
        return results

    def _prepare(
        self, app: App, leased: Sequence[LeasedDelivery], tx: Tx
    ) -> tuple[Subscriber | None, list[_PreparedDelivery]]:
        """Return the subscriber and its prepared deliveries; None and none when the app no longer subscribes."""
        subscriber = subscribers.get(tx, app.app_id)
        if subscriber is None:
            return None, []
        rows = {
            row["seq"]: row for row in tx.fetch_all(event_log.SELECT_BY_SEQ, seqs=[delivery.seq for delivery in leased])
        }
        events = [rows[delivery.seq] for delivery in leased]
        skip_reasons = self._envelopes.skip_reasons(tx, app, subscribers.list_event_types(tx, app.app_id), events)
        bodies = self._envelopes.bodies_for(tx, app, events)
        return subscriber, [
            _PreparedDelivery(
                delivery,
                event_log.event_id(tx.tenant, delivery.seq),
                row["type"],
                skip_reason,
                build_envelope(app, subscriber, row, body),
            )
            for delivery, row, skip_reason, body in zip(leased, events, skip_reasons, bodies, strict=True)
        ]

    async def _send_lane(
        self, subscriber: Subscriber, lane: Sequence[_PreparedDelivery], may_send: Callable[[], bool]
    ) -> Sequence[DeliveryResult]:
        """Send the deliveries of one lane in order, up to the first that is not accepted, and return the results."""
        results: list[DeliveryResult] = []
        unsent = deque(lane)
        while unsent:
            prepared = unsent.popleft()
            if prepared.skipped_because is not None:
                results.append(DeliveryResult(prepared.leased, skipped_because=prepared.skipped_because))
                continue
            if not may_send():
                return [*results, *(DeliveryResult(delivery.leased) for delivery in (prepared, *unsent))]
            fault = self._take_fault(subscriber, prepared, unsent)
            if fault is not None and fault.name == outbox.DELAY:
                results.append(DeliveryResult(prepared.leased, delay=timedelta(seconds=fault.delay_seconds)))
                break
            swapped = [unsent.popleft()] if fault is not None and fault.name == "swap" else []
            attempts = [(sent, await self._send(subscriber, sent, fault)) for sent in (*swapped, prepared)]
            results += [DeliveryResult(sent.leased, attempt) for sent, attempt in attempts]
            if not all(attempt.accepted for _, attempt in attempts):
                break
        return results

    def _take_fault(
        self, subscriber: Subscriber, prepared: _PreparedDelivery, behind: Sequence[_PreparedDelivery]
    ) -> DeliveryFault | None:
        if self._faults is None:
            return None
        followed = bool(behind) and behind[0].skipped_because is None
        delayed = outbox.is_delayed(prepared.leased)
        return self._faults.take(NextAttempt(subscriber, prepared.event_type, followed, delayed))

    async def _send(
        self, subscriber: Subscriber, prepared: _PreparedDelivery, fault: DeliveryFault | None
    ) -> AttemptResult:
        if fault is None:
            return await self._send_once(subscriber, prepared, prepared.body)
        body = with_wrong_token(prepared.body) if fault.name == "wrong_verification_token" else prepared.body
        result = await self._send_once(subscriber, prepared, body, fault.name)
        if fault.name == "duplicate":
            again = await self._send_once(subscriber, prepared, body)
            result = AttemptResult(result.accepted or again.accepted, f"{result.detail}; again: {again.detail}")
        return result._replace(fault=fault.name)

    async def _send_once(
        self, subscriber: Subscriber, prepared: _PreparedDelivery, body: bytes, fault: DeliveryFaultName | None = None
    ) -> AttemptResult:
        if subscriber.mode == "webhook":
            return await self._webhooks.post(subscriber.url, body, subscriber.encrypt_key, fault)
        if fault == "cut_body":
            body = cut(body)
        # a new message id for each attempt: one SDK joins the fragments of attempts with the same id
        return await self._connections.send(subscriber.app_id, new_log_id(), prepared.event_id, body)


def _record_and_lease(
    app_id: str, results: Sequence[DeliveryResult], lease_until: int, lease_more: bool, tx: Tx
) -> list[LeasedDelivery]:
    outbox.record_results(tx, app_id, results)
    return (
        outbox.lease_due(tx, app_id, limit=BATCH_SIZE, now_seconds=int(real_seconds()), lease_until=lease_until)
        if lease_more
        else []
    )
