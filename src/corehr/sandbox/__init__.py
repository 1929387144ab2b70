"""The sandbox: routes under /sandbox/ for testing. An installation has one only when its settings turn it on."""

from functools import partial

from starlette.routing import BaseRoute

from corehr.app.installation import Installation
from corehr.app.settings import Settings
from corehr.kernel.clock import Clock
from corehr.sandbox import apps, events, records, subscribers, world
from corehr.sandbox.clock import ClockRoutes
from corehr.sandbox.delivery_faults import DeliveryFaults
from corehr.sandbox.faults import Faults
from corehr.sandbox.hook import SandboxHook
from corehr.sandbox.requests import RequestLog
from corehr.sandbox.router import Handler, SandboxRouter
from corehr.sandbox.snapshots import Snapshots
from corehr.spec.loader import Spec


class Sandbox:
    """The sandbox of one installation. Its gateway calls `hook`; clients call the rest through `routes`."""

    def __init__(self, spec: Spec, clock: Clock, settings: Settings) -> None:
        self._token = settings.sandbox_token
        self.faults = Faults(spec)
        self.delivery_faults = DeliveryFaults(spec)
        self.request_log = RequestLog(lambda: clock.now(settings.tenant))
        self.hook = SandboxHook(self.faults, self.request_log)

    def routes(self, installation: Installation) -> list[BaseRoute]:
        """Return all routes under /sandbox/."""
        route = SandboxRouter(self._token).route
        clock = ClockRoutes(installation)
        snapshots = Snapshots(installation, clock, self.hook, [self.faults, self.delivery_faults])
        webhook = {
            "GET": partial(subscribers.get_subscription, installation),
            "PUT": partial(subscribers.set_subscription, installation),
            "DELETE": partial(subscribers.delete_subscription, installation),
        }
        faults: dict[str, Handler] = {
            "GET": self.faults.list_faults,
            "PUT": partial(self.faults.set_faults, installation),
            "DELETE": self.faults.delete_faults,
        }
        delivery_faults: dict[str, Handler] = {
            "GET": self.delivery_faults.list_faults,
            "PUT": partial(self.delivery_faults.set_faults, installation),
            "DELETE": self.delivery_faults.delete_faults,
        }
        return [
            route("/sandbox/clock", {"GET": clock.get_clock, "PUT": clock.set_clock}),
            route("/sandbox/clock/advance", {"POST": clock.advance}),
            route("/sandbox/snapshots", {"POST": snapshots.create}),
            route("/sandbox/snapshots/{id}/restore", {"POST": snapshots.restore}),
            route("/sandbox/reset", {"POST": snapshots.reset}),
            route("/sandbox/faults", faults),
            route("/sandbox/delivery-faults", delivery_faults),
            route("/sandbox/records/{kind}/{id}", {"GET": partial(records.get_record, installation)}),
            route("/sandbox/requests", {"GET": self.request_log.list_requests}),
            route("/sandbox/events", {"GET": partial(events.list_events, installation)}),
            route("/sandbox/events/{id}/redeliver", {"POST": partial(subscribers.redeliver, installation)}),
            route("/sandbox/apps", {"POST": partial(apps.create_app, installation)}),
            route("/sandbox/apps/{app_id}/tokens/revoke", {"POST": partial(apps.revoke_tokens, installation)}),
            route("/sandbox/apps/{app_id}/webhook", webhook),
            route("/sandbox/apps/{app_id}/replay", {"POST": partial(subscribers.replay, installation)}),
            route("/sandbox/world", {"GET": partial(world.get_world, installation)}),
            route("/sandbox/world/employees", {"POST": partial(world.hire_employees, installation, clock)}),
        ]
