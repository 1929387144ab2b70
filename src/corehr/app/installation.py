"""The installation of one tenant: its parts put together, and its background work."""

import asyncio
import itertools
import logging

from corehr.app.features import COMMANDS, FEATURES, QUERIES, RULEBOOKS
from corehr.app.id_directory import HrIdDirectory
from corehr.app.settings import Settings
from corehr.app.stores import open_store
from corehr.app.tenants import restore_world_clock
from corehr.apps.registry import App, AppRegistry
from corehr.apps.tickets import is_valid_ticket
from corehr.delivery import outbox, subscribers
from corehr.delivery.connections import LongConnections
from corehr.delivery.egress import EgressPolicy
from corehr.delivery.faults import DeliveryFaultSource
from corehr.delivery.renderer import EventRenderer
from corehr.delivery.subscribers import Subscriber
from corehr.delivery.ticket_push import TicketPusher
from corehr.delivery.webhooks import WebhookClient
from corehr.delivery.worker import DeliveryWorker
from corehr.engines.effective_dating import DayRunner
from corehr.gateway import idempotency
from corehr.gateway.exchange import RequestHook
from corehr.gateway.pipeline import Gateway
from corehr.gateway.rate_limits import RateLimiter
from corehr.gateway.token_endpoints import TokenEndpoints
from corehr.gateway.tokens import TokenIssuer
from corehr.kernel import event_log, tenants
from corehr.kernel.clock import Clock
from corehr.kernel.db import Store
from corehr.kernel.errors import UsageError
from corehr.kernel.ids import TimeOrderedIds
from corehr.kernel.tenants import Tenant
from corehr.spec.loader import Spec

TICK_SECONDS = 1.0
"""Seconds between two checks whether a day has begun."""

PRUNE_EVERY_TICKS = 3600
"""Ticks between two deletions of expired idempotency keys and old deliveries."""

_log = logging.getLogger(__name__)


class Installation:
    """One tenant's running system: store, clock, daily jobs, gateway and event delivery."""

    def __init__(
        self,
        settings: Settings,
        spec: Spec,
        store: Store,
        clock: Clock,
        tenant: Tenant,
        hook: RequestHook | None,
        delivery_faults: DeliveryFaultSource | None,
    ) -> None:
        self.settings, self.spec, self.store, self.clock, self.tenant = settings, spec, store, clock, tenant
        self.day_runner = DayRunner(store, clock, tenant.id, [job for f in FEATURES for job in f.daily_jobs])
        self.apps = AppRegistry(store)
        # a sandbox with a token accepts callers from other machines: they must not make it call this one
        loopback_allowed = settings.sandbox and settings.sandbox_token is None
        self.event_renderer = EventRenderer(spec, directory := HrIdDirectory())
        self.webhooks = WebhookClient(EgressPolicy.from_hosts(settings.webhook_hosts, loopback=loopback_allowed))
        self.connections = LongConnections(self.apps, on_connected=lambda app_id: self.delivery_worker.wake())
        self.delivery_worker = DeliveryWorker(
            store, tenant.id, self.apps, self.event_renderer, self.webhooks, self.connections, delivery_faults
        )
        self.ticket_pusher = TicketPusher(
            self.apps,
            self._subscriber,
            lambda subscriber, body: self.webhooks.post(subscriber.url, body, subscriber.encrypt_key),
        )
        self.tokens = tokens = TokenIssuer(self.apps)
        self.token_endpoints = TokenEndpoints(
            self.apps,
            tokens,
            is_valid_ticket=is_valid_ticket,
            resend_ticket=self.ticket_pusher.schedule_push,
            hook=hook,
        )
        self.gateway = Gateway(
            spec,
            store,
            commands=COMMANDS,
            queries=QUERIES,
            gateway_codes={operation: book.gateway_codes() for operation, book in RULEBOOKS.items()},
            directory=directory,
            tokens=tokens,
            limiter=RateLimiter(enabled=settings.rate_limits),
            catch_up=self.catch_up,
            hook=hook,
            on_commit=self.delivery_worker.wake,
        )
        self._background: list[asyncio.Task[None]] = []

    async def catch_up(self, tenant: str) -> None:
        """Process every day that has begun; the gateway awaits this before each handler."""
        await self.day_runner.catch_up()

    def on_subscribed(self, app: App) -> None:
        """Wake delivery after an app has subscribed; schedule the push of its ticket at once if it is a store app."""
        self.delivery_worker.wake()
        if app.type == "store":
            self.ticket_pusher.schedule_push(app)

    async def _subscriber(self, app_id: str) -> Subscriber | None:
        return await self.store.query(self.tenant.id, lambda tx: subscribers.get(tx, app_id))

    async def start(self) -> None:
        """Process the days that began while the server was down; start the background work: days, events, tickets."""
        await self.day_runner.catch_up()
        await self.store.command(self.tenant.id, outbox.release_all_leases)  # the process that held them has ended
        await self.webhooks.open()
        background_work = (self._tick(), self.delivery_worker.run(), self.ticket_pusher.run())
        self._background = [asyncio.create_task(work) for work in background_work]

    async def stop(self) -> None:
        """Stop the background work, close the connections and close the store, which finishes its running commands."""
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        await self.connections.close()
        await self.webhooks.close()
        await asyncio.to_thread(self.store.close)

    async def prune(self) -> None:
        """Delete the idempotency keys that may be used again, and the deliveries that finished long ago."""
        await self.store.command(self.tenant.id, idempotency.prune)
        await self.store.command(self.tenant.id, outbox.prune)

    async def _tick(self) -> None:
        for tick in itertools.count(1):
            await asyncio.sleep(TICK_SECONDS)
            try:
                await self.day_runner.catch_up()
                if tick % PRUNE_EVERY_TICKS == 0:
                    await self.prune()
            except Exception:  # noqa: BLE001  # a failing day must not end the loop
                _log.exception("a day could not be processed; it is tried again")


def load_tenant(store: Store, settings: Settings, clock: Clock) -> Tenant:
    """Return the tenant that the settings name, and restore its world clock; UsageError if there is none."""
    tenant = store.command_sync(settings.tenant, tenants.get)
    if tenant is None:
        raise UsageError(
            f"there is no tenant yet: create one with  corehr tenant create --db {settings.db} --name NAME"
        )
    restore_world_clock(clock, tenant)
    return tenant


def open_installation(
    settings: Settings,
    spec: Spec,
    clock: Clock,
    hook: RequestHook | None = None,
    delivery_faults: DeliveryFaultSource | None = None,
) -> Installation:
    """Return an installation that is ready to start; UsageError, on one line, if it cannot be opened."""
    store = open_store(settings.db, clock, ids := TimeOrderedIds(), settings.key_file)
    try:
        tenant = load_tenant(store, settings, clock)
        ids.resume_after(store.command_sync(tenant.id, lambda tx: tx.fetch_all(event_log.SELECT_LAST_SEQ)[0]["seq"]))
        return Installation(settings, spec, store, clock, tenant, hook, delivery_faults)
    except BaseException:
        store.close()
        raise
