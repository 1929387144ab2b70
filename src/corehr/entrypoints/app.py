"""The composition root: the list of features, and the installation that is built from them."""

import asyncio
import itertools
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from starlette.applications import Starlette
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from corehr.engines.effective_dating import DayRunner
from corehr.engines.rulebook import Rulebook
from corehr.entrypoints import health, openapi, sandbox
from corehr.entrypoints.directory import HrIdDirectory
from corehr.entrypoints.tenants import restore_world_clock
from corehr.gateway import idempotency
from corehr.gateway import spec as gateway_spec
from corehr.gateway.apps import App, AppRegistry
from corehr.gateway.deliveries import DeliveryWorker
from corehr.gateway.egress import EgressPolicy
from corehr.gateway.envelopes import EventRenderer
from corehr.gateway.headers import canonical_headers
from corehr.gateway.long_connection import LongConnections
from corehr.gateway.pipeline import Gateway
from corehr.gateway.rate_limits import RateLimiter
from corehr.gateway.spec import Spec, SpecError
from corehr.gateway.tickets import AppTickets
from corehr.gateway.tokens import TokenIssuer
from corehr.gateway.webhooks import WebhookClient
from corehr.hr.job_changes.api import FEATURE as JOB_CHANGES
from corehr.hr.job_datas.api import FEATURE as JOB_DATAS
from corehr.hr.offboardings.api import FEATURE as OFFBOARDINGS
from corehr.hr.pre_hires.api import FEATURE as PRE_HIRES
from corehr.hr.processes import api as processes
from corehr.kernel import event_log, outbox, subscribers, tenants
from corehr.kernel.clock import Clock
from corehr.kernel.db import Store
from corehr.kernel.errors import INVALID_FIELD
from corehr.kernel.feature import ApprovalCallback, Feature, Handler, RecordView
from corehr.kernel.ids import TimeOrderedIds
from corehr.kernel.settings import Settings, UsageError, open_store
from corehr.kernel.subscribers import Subscriber
from corehr.kernel.tenants import Tenant

APPROVABLE_FEATURES: Final[Sequence[Feature]] = (JOB_DATAS, JOB_CHANGES, OFFBOARDINGS, PRE_HIRES)
"""Features whose records can be subjects of approvals, in the order in which their daily jobs run."""

APPROVAL_CALLBACKS: Final[Mapping[str, ApprovalCallback]] = {
    kind: callback for f in APPROVABLE_FEATURES for kind, callback in f.approval_callbacks.items()
}

FEATURES: Final[Sequence[Feature]] = (*APPROVABLE_FEATURES, processes.feature(APPROVAL_CALLBACKS))

COMMANDS: Final[Mapping[str, Handler]] = {id: h for f in FEATURES for id, h in f.commands.items()}
QUERIES: Final[Mapping[str, Handler]] = {id: h for f in FEATURES for id, h in f.queries.items()}
RULEBOOKS: Final[Mapping[str, Rulebook[Any]]] = {book.operation: book for f in FEATURES for book in f.rulebooks}
RECORD_VIEWS: Final[Mapping[str, RecordView]] = {kind: view for f in FEATURES for kind, view in f.record_views.items()}

TICK_SECONDS = 1.0
"""Seconds between two checks whether a day has begun."""

PRUNE_EVERY_TICKS = 3600
"""Ticks between two deletions of expired idempotency keys and old deliveries."""

_log = logging.getLogger(__name__)


class Installation:
    """One tenant's running system: store, clock, daily jobs, gateway, event delivery, and the ASGI app around them."""

    def __init__(self, settings: Settings, spec: Spec, store: Store, clock: Clock, tenant: Tenant) -> None:
        self.settings, self.spec, self.store, self.clock, self.tenant = settings, spec, store, clock, tenant
        self.day_runner = DayRunner(store, clock, tenant.id, [job for f in FEATURES for job in f.daily_jobs])
        self.apps = AppRegistry(store)
        # a sandbox with a token accepts callers from other machines: they must not make it call this one
        loopback_allowed = settings.sandbox and settings.sandbox_token is None
        self.event_renderer = EventRenderer(spec, directory := HrIdDirectory())
        self.webhooks = WebhookClient(EgressPolicy.from_hosts(settings.webhook_hosts, loopback=loopback_allowed))
        self.connections = LongConnections(self.apps, on_connected=lambda app_id: self.delivery_worker.wake())
        self.delivery_worker = DeliveryWorker(
            store, tenant.id, self.apps, self.event_renderer, self.webhooks, self.connections
        )
        self.tickets = AppTickets(
            self.apps,
            self._subscriber,
            lambda subscriber, body: self.webhooks.post(subscriber.url, body, subscriber.encrypt_key),
        )
        self.sandbox = sandbox.Sandbox(self) if settings.sandbox else None
        self.gateway = Gateway(
            spec,
            store,
            commands=COMMANDS,
            queries=QUERIES,
            gateway_codes={operation: book.gateway_codes() for operation, book in RULEBOOKS.items()},
            directory=directory,
            apps=self.apps,
            tokens=TokenIssuer(self.apps),
            limiter=RateLimiter(enabled=settings.rate_limits),
            catch_up=self.catch_up,
            hook=self.sandbox.hook if self.sandbox else None,
            tickets=self.tickets,
            connections=self.connections,
            on_commit=self.delivery_worker.wake,
        )
        self.asgi = canonical_headers(RootApp(self))
        self._background: list[asyncio.Task[None]] = []

    async def catch_up(self, tenant: str) -> None:
        """Process every day that has begun; the gateway awaits this before each handler."""
        await self.day_runner.catch_up()

    def on_subscribed(self, app: App) -> None:
        """Wake delivery after an app has subscribed; schedule the push of its ticket at once if it is a store app."""
        self.delivery_worker.wake()
        if app.type == "store":
            self.tickets.schedule_push(app)

    async def _subscriber(self, app_id: str) -> Subscriber | None:
        return await self.store.query(self.tenant.id, lambda tx: subscribers.get(tx, app_id))

    async def start(self) -> None:
        """Process the days that began while the server was down; start the background work: days, events, tickets."""
        await self.day_runner.catch_up()
        await self.store.command(self.tenant.id, outbox.release_all_leases)  # the process that held them has ended
        await self.webhooks.open()
        background_work = (self._tick(), self.delivery_worker.run(), self.tickets.run())
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


class RootApp:
    """Routes our own paths; all others go to the gateway, which answers unknown paths as the platform does."""

    def __init__(self, installation: Installation) -> None:
        routes: list[BaseRoute] = [
            *health.routes(installation),
            *openapi.routes(installation.spec, (*COMMANDS, *QUERIES)),
        ]
        if installation.sandbox:
            routes += installation.sandbox.routes()
        self._gateway: ASGIApp = installation.gateway
        self._connections = installation.connections

        @asynccontextmanager
        async def lifespan(app: Starlette) -> AsyncIterator[None]:
            await installation.start()
            yield
            await installation.stop()

        self._internal_routes = Starlette(routes=routes, lifespan=lifespan)
        self._internal_routes.router.default = installation.gateway

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith("/open-apis/"):
            await self._gateway(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._connections.websocket(scope, receive, send)
        else:
            await self._internal_routes(scope, receive, send)


def check_rulebooks_match_spec(spec: Spec) -> None:
    """Raise SpecError if an operation or code is not documented, or if a documented code is bound in no rulebook."""
    for id in (*COMMANDS, *QUERIES, *RULEBOOKS):
        if id not in spec.operations:
            raise SpecError(f"{id} is built, but the spec does not have it: import it with tools/import_spec.py")
    for id, book in RULEBOOKS.items():
        documented, covered = set(spec.operations[id].errors), {rule.code for rule in book.rules}
        if missing := sorted(documented - covered):
            raise SpecError(
                f"{id} documents {missing}: bind each to a rule, a GatewayReason or an Unreachable in its rulebook"
            )
        if undocumented := sorted(covered - documented - {INVALID_FIELD}):
            raise SpecError(
                f"{id} raises {undocumented}, which its page does not have: take the rule out of its rulebook"
            )


def load_tenant(store: Store, settings: Settings, clock: Clock) -> Tenant:
    """Return the tenant that the settings name, and restore its world clock; UsageError if there is none."""
    tenant = store.command_sync(settings.tenant, tenants.get)
    if tenant is None:
        raise UsageError(
            f"there is no tenant yet: create one with  corehr tenant create --db {settings.db} --name NAME"
        )
    restore_world_clock(clock, tenant)
    return tenant


def open_installation(settings: Settings) -> Installation:
    """Return an installation that is ready to start; UsageError, on one line, if it cannot be opened."""
    spec = gateway_spec.load()
    check_rulebooks_match_spec(spec)
    clock = Clock()
    store = open_store(settings.db, clock, ids := TimeOrderedIds())
    try:
        tenant = load_tenant(store, settings, clock)
        ids.resume_after(store.command_sync(tenant.id, lambda tx: tx.fetch_all(event_log.SELECT_LAST_SEQ)[0]["seq"]))
        return Installation(settings, spec, store, clock, tenant)
    except BaseException:
        store.close()
        raise
