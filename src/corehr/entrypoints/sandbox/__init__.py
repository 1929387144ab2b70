"""The sandbox: routes under /sandbox/ for testing. An installation has one only when its settings turn it on."""

from typing import TYPE_CHECKING

from starlette.routing import BaseRoute

from corehr.entrypoints.sandbox.apps import AppRoutes
from corehr.entrypoints.sandbox.clock import ClockRoutes
from corehr.entrypoints.sandbox.events import EventRoutes
from corehr.entrypoints.sandbox.faults import Faults
from corehr.entrypoints.sandbox.hook import SandboxHook
from corehr.entrypoints.sandbox.records import RecordRoutes
from corehr.entrypoints.sandbox.requests import RequestLog
from corehr.entrypoints.sandbox.router import SandboxRouter
from corehr.entrypoints.sandbox.snapshots import Snapshots
from corehr.entrypoints.sandbox.subscribers import SubscriptionRoutes
from corehr.entrypoints.sandbox.world import WorldRoutes

if TYPE_CHECKING:
    from corehr.entrypoints.app import Installation


class Sandbox:
    """The sandbox of one installation. Its gateway calls `hook`; clients call the rest through `routes`."""

    def __init__(self, installation: "Installation") -> None:
        self._installation = installation
        self.faults = Faults(installation.spec)
        self.request_log = RequestLog(lambda: installation.clock.now(installation.tenant.id))
        self.hook = SandboxHook(self.faults, self.request_log)

    def routes(self) -> list[BaseRoute]:
        """Return all routes under /sandbox/."""
        installation = self._installation
        route = SandboxRouter(installation.settings.sandbox_token).route
        clock = ClockRoutes(installation)
        snapshots = Snapshots(installation, clock, self.hook, self.faults)
        world = WorldRoutes(installation, clock)
        subscriptions = SubscriptionRoutes(installation)
        webhook = {
            "GET": subscriptions.get_subscription,
            "PUT": subscriptions.set_subscription,
            "DELETE": subscriptions.delete_subscription,
        }
        faults = {"GET": self.faults.list_faults, "PUT": self.faults.set_faults, "DELETE": self.faults.delete_faults}
        return [
            route("/sandbox/clock", {"GET": clock.get_clock, "PUT": clock.set_clock}),
            route("/sandbox/clock/advance", {"POST": clock.advance}),
            route("/sandbox/snapshots", {"POST": snapshots.create}),
            route("/sandbox/snapshots/{id}/restore", {"POST": snapshots.restore}),
            route("/sandbox/reset", {"POST": snapshots.reset}),
            route("/sandbox/faults", faults),
            route("/sandbox/records/{kind}/{id}", {"GET": RecordRoutes(installation).get_record}),
            route("/sandbox/requests", {"GET": self.request_log.list_requests}),
            route("/sandbox/events", {"GET": EventRoutes(installation).list_events}),
            route("/sandbox/events/{id}/redeliver", {"POST": subscriptions.redeliver}),
            route("/sandbox/apps", {"POST": AppRoutes(installation).create_app}),
            route("/sandbox/apps/{app_id}/webhook", webhook),
            route("/sandbox/apps/{app_id}/replay", {"POST": subscriptions.replay}),
            route("/sandbox/world", {"GET": world.get_world}),
            route("/sandbox/world/employees", {"POST": world.hire}),
        ]
