"""Delivers what the outbox holds: one lane per subscriber claims, sends and writes down what came of it.

Lanes know nothing of each other, so that a slow or dead subscriber holds up nobody else. Within a lane the events of
one subject are sent one after the other, those of different subjects side by side.
"""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from functools import partial
from typing import Final, NamedTuple

from corehr.gateway.apps import App, Apps
from corehr.gateway.envelopes import Envelopes, envelope
from corehr.gateway.log_ids import new_log_id
from corehr.gateway.long_connection import LongConnections
from corehr.gateway.webhooks import Webhooks
from corehr.kernel import event_log, outbox, subscribers
from corehr.kernel.clock import parse_timestamp, real_seconds, to_timestamp
from corehr.kernel.db import Store, Tx
from corehr.kernel.outbox import Claimed, Outcome, Result
from corehr.kernel.subscribers import Subscriber

BATCH: Final = 64
"""Deliveries claimed together: few, so that the writer is soon free again for commands."""

AT_ONCE: Final = 4
"""Subjects of one lane that are sent side by side: enough to keep a near subscriber busy, few enough that answers to
callers of the API, which share the event loop, do not wait behind a crowd."""

AT_ONCE_MOST: Final = 32
"""As many for a subscriber that is far away or slow: waiting costs nothing."""

WIDEN: Final = 0.01
"""Seconds after which one more is sent beside those that are under way."""

BREATH: Final = 0.01
"""Seconds between two batches of a lane, in which callers of the API have the event loop and the writer."""

LEASE: Final = 60
"""Seconds of real time for which claimed deliveries are nobody else's."""

MARGIN: Final = 10
"""Seconds before the end of a lease from which nothing more is sent under it: longer than an attempt can take."""

LOOK_AGAIN: Final = 0.25
"""Seconds between two looks at what is due, when nobody says that something is."""

REST: Final = 0.005
"""Seconds before a look, so that a burst of commands is one look."""

_log = logging.getLogger(__name__)


class _Told(NamedTuple):
    """A claimed delivery and what is to be sent, or why nothing is."""

    claimed: Claimed
    event_id: str
    withheld: str | None
    body: bytes


class Deliveries:
    """One tenant's deliveries. World time says when something is due; leases are of real time.

    `run` looks for what is due and starts a lane's pass for each subscriber that has something. Who moves the clock
    holds everything still with `alone`, and has `attempt_due` make the attempts of the moments it passes.
    """

    def __init__(
        self,
        store: Store,
        tenant: str,
        apps: Apps,
        envelopes: Envelopes,
        webhooks: Webhooks,
        connections: LongConnections,
    ) -> None:
        self._store, self._tenant, self._apps, self._envelopes = store, tenant, apps, envelopes
        self._webhooks, self._connections = webhooks, connections
        self._passes: dict[str, asyncio.Task[int]] = {}
        self._wake = asyncio.Event()
        self._travellers = 0

    def nudge(self) -> None:
        """Something may be due now."""
        self._wake.set()

    # -- in the background --------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Deliver until cancelled; what is under way then is sent again by the next process."""
        try:
            while True:
                with suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_AGAIN):
                        await self._wake.wait()
                        await asyncio.sleep(REST)
                self._wake.clear()
                try:
                    await self._look()
                except Exception:  # noqa: BLE001  # what fails now is tried again with the next look
                    _log.exception("what is due could not be looked up")
        finally:
            for task in self._passes.values():
                task.cancel()
            await asyncio.gather(*self._passes.values(), return_exceptions=True)

    async def _look(self) -> None:
        if self._travellers:
            return
        for app_id in await self._due(None):
            if app_id not in self._passes and not self._travellers:
                task = asyncio.create_task(self._pass(app_id))
                self._passes[app_id] = task
                task.add_done_callback(partial(self._passed, app_id))

    def _passed(self, app_id: str, task: "asyncio.Task[int]") -> None:
        del self._passes[app_id]
        if not task.cancelled() and (broken := task.exception()):
            _log.error("the deliveries to %s broke off; they go on", app_id, exc_info=broken)

    # -- for those who move the clock ---------------------------------------------------------------------------

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """Inside, nothing is delivered but by `attempt_due`; what is on its way is settled first."""
        self._travellers += 1
        try:
            if self._passes:
                await asyncio.wait(self._passes.values())
            yield
        finally:
            self._travellers -= 1
            self.nudge()

    async def next_due(self, after: datetime) -> datetime | None:
        """When the first attempt later than this moment is due."""
        reached = [
            it.app_id for it in await self._store.query(self._tenant, subscribers.everybody) if await self._reaches(it)
        ]
        due = await self._store.query(self._tenant, lambda tx: outbox.next_due(tx, reached, to_timestamp(after)))
        return parse_timestamp(due) if due else None

    async def run_due(self, at: datetime) -> None:
        """Make every attempt that is due at a moment of world time; when this returns it is known what came of it."""
        while apps := await self._due(at):
            counts = await asyncio.gather(*(self._pass(app_id, at) for app_id in apps), return_exceptions=True)
            for app_id, broken in zip(apps, counts, strict=True):
                if isinstance(broken, BaseException):
                    _log.error("the deliveries to %s broke off; they go on", app_id, exc_info=broken)
            if not any(isinstance(count, int) and count for count in counts):
                return

    # -- who is to be told ---------------------------------------------------------------------------------------

    async def _due(self, at: datetime | None) -> list[str]:
        """The apps that can be reached and have something due; what waited too long for a connection is given up."""

        def read(tx: Tx) -> tuple[list[Subscriber], set[str], set[str]]:
            now, real = at or tx.now, int(real_seconds())
            found = subscribers.everybody(tx)
            if not found:
                return found, set(), set()
            due = outbox.with_something_due(tx, to_timestamp(now), real)
            overdue = outbox.with_something_due(tx, to_timestamp(now - outbox.PATIENCE), real)
            return found, set(due), set(overdue)

        found, due, overdue = await self._store.query(self._tenant, read)
        reached = []
        for it in found:
            if it.app_id not in due:
                continue
            if await self._reaches(it):
                reached.append(it.app_id)
            elif it.mode == "long_connection" and it.app_id in overdue:
                await self._store.command(self._tenant, partial(outbox.give_up_unconnected, app_id=it.app_id), at=at)
        return reached

    async def _reaches(self, it: Subscriber) -> bool:
        """Whether attempts can be made: only the process that holds a connection of the app delivers over it."""
        app = await self._apps.find(it.app_id)
        return app is not None and app.enabled and self._is_there(it)

    def _is_there(self, it: Subscriber) -> bool:
        return it.mode == "webhook" or self._connections.connected(it.app_id)

    # -- a pass ---------------------------------------------------------------------------------------------------

    async def _pass(self, app_id: str, at: datetime | None = None) -> int:
        """Deliver to one subscriber until nothing more is due for it; how many deliveries were claimed."""
        results: Sequence[Result] = ()
        count, reached = 0, True
        while True:
            until = int(real_seconds()) + LEASE
            on = reached and (at is not None or not self._travellers)
            claimed = await self._store.command(
                self._tenant, partial(_settle_and_claim, app_id, results, until, on), at=at
            )
            if not claimed:
                return count
            count += len(claimed)
            results = await self._deliver(app_id, claimed, until, travelling=at is not None)
            reached = any(result.outcome or result.withheld for result in results)
            if len(claimed) == BATCH:
                await asyncio.sleep(BREATH)

    async def _deliver(
        self, app_id: str, claimed: Sequence[Claimed], until: int, *, travelling: bool
    ) -> Sequence[Result]:
        app = await self._apps.find(app_id)
        if app is None or not app.enabled:
            return [Result(it) for it in claimed]
        subscriber, told = await self._store.query(self._tenant, partial(self._tell, app, claimed))
        if subscriber is None:
            return [Result(it) for it in claimed]
        by_subject: dict[str, list[_Told]] = {}
        for it in told:
            by_subject.setdefault(it.claimed.subject, []).append(it)
        lines, results = deque(by_subject.values()), list[Result]()

        def may_send() -> bool:
            """There is somebody, enough of the lease is left, and no traveller waits for this pass to end."""
            on = self._is_there(subscriber) and real_seconds() < until - MARGIN
            return on and (travelling or not self._travellers)

        async def send_lines() -> None:
            while lines:
                results.extend(await self._send_line(subscriber, lines.popleft(), may_send))

        async with asyncio.TaskGroup() as group:
            for number in range(AT_ONCE_MOST):
                if number >= AT_ONCE:
                    await asyncio.sleep(WIDEN)
                if not lines:
                    break
                group.create_task(send_lines())
        return results

    def _tell(self, app: App, claimed: Sequence[Claimed], tx: Tx) -> tuple[Subscriber | None, list[_Told]]:
        """What to send of each."""
        subscriber = subscribers.get(tx, app.app_id)
        if subscriber is None:
            return None, []
        rows = {row["seq"]: row for row in tx.fetch_all(event_log.SELECT_BY_SEQ, seqs=[it.seq for it in claimed])}
        events = [rows[it.seq] for it in claimed]
        withheld = self._envelopes.withheld(tx, app, subscribers.types_of(tx, app.app_id), events)
        words = self._envelopes.words(tx, app, events)
        return subscriber, [
            _Told(it, event_log.event_id(tx.tenant, it.seq), why, envelope(app, subscriber, row, said))
            for it, row, why, said in zip(claimed, events, withheld, words, strict=True)
        ]

    async def _send_line(self, to: Subscriber, line: Sequence[_Told], may_send: Callable[[], bool]) -> Sequence[Result]:
        """Send what there is of one subject, in order, as far as it is taken."""
        results: list[Result] = []
        for number, it in enumerate(line):
            if it.withheld is not None:
                results.append(Result(it.claimed, withheld=it.withheld))
                continue
            if not may_send():
                return [*results, *(Result(each.claimed) for each in line[number:])]
            outcome = await self._send(to, it)
            results.append(Result(it.claimed, outcome))
            if not outcome.taken:
                break
        return results

    async def _send(self, to: Subscriber, it: _Told) -> Outcome:
        if to.mode == "webhook":
            return await self._webhooks.post(to.url, it.body, to.encrypt_key)
        # a fresh message id for each attempt: one SDK puts the fragments of attempts with the same id together
        return await self._connections.send(to.app_id, new_log_id(), it.event_id, it.body)


def _settle_and_claim(app_id: str, results: Sequence[Result], until: int, on: bool, tx: Tx) -> list[Claimed]:
    outbox.settle(tx, app_id, results)
    return outbox.claim(tx, app_id, limit=BATCH, real=int(real_seconds()), until=until) if on else []
