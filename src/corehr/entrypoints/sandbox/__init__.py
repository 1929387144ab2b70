"""The sandbox: what bends reality for those who test against it. An installation has one only when asked for."""

from typing import TYPE_CHECKING

from starlette.routing import BaseRoute

from corehr.entrypoints.sandbox.apps import Apps
from corehr.entrypoints.sandbox.door import Door
from corehr.entrypoints.sandbox.events import Events
from corehr.entrypoints.sandbox.faults import Faults
from corehr.entrypoints.sandbox.records import Records
from corehr.entrypoints.sandbox.requests import Requests
from corehr.entrypoints.sandbox.snapshots import Snapshots
from corehr.entrypoints.sandbox.subscribers import Subscribers
from corehr.entrypoints.sandbox.travel import Travel
from corehr.entrypoints.sandbox.watch import Watch
from corehr.entrypoints.sandbox.world import World

if TYPE_CHECKING:
    from corehr.entrypoints.app import Installation


class Sandbox:
    """One installation's sandbox. `watch` is what its gateway must call; the rest of it is asked for by `routes`."""

    def __init__(self, installation: "Installation") -> None:
        self._installation = installation
        self.faults = Faults(installation.spec)
        self.requests = Requests(lambda: installation.clock.now(installation.tenant.id))
        self.watch = Watch(self.faults, self.requests)

    def routes(self) -> list[BaseRoute]:
        """Everything under /sandbox/."""
        house = self._installation
        route = Door(house.settings.sandbox_token).route
        travel = Travel(house)
        snapshots = Snapshots(house, travel, self.watch, self.faults)
        world = World(house, travel)
        subscribers = Subscribers(house)
        webhook = {"GET": subscribers.get, "PUT": subscribers.put, "DELETE": subscribers.delete}
        faults = {"GET": self.faults.get, "PUT": self.faults.put, "DELETE": self.faults.delete}
        return [
            route("/sandbox/clock", {"GET": travel.get, "PUT": travel.put}),
            route("/sandbox/clock/advance", {"POST": travel.advance}),
            route("/sandbox/snapshots", {"POST": snapshots.take}),
            route("/sandbox/snapshots/{id}/restore", {"POST": snapshots.restore}),
            route("/sandbox/reset", {"POST": snapshots.reset}),
            route("/sandbox/faults", faults),
            route("/sandbox/records/{kind}/{id}", {"GET": Records(house).get}),
            route("/sandbox/requests", {"GET": self.requests.get}),
            route("/sandbox/events", {"GET": Events(house).get}),
            route("/sandbox/events/{id}/redeliver", {"POST": subscribers.redeliver}),
            route("/sandbox/apps", {"POST": Apps(house).post}),
            route("/sandbox/apps/{app_id}/webhook", webhook),
            route("/sandbox/apps/{app_id}/replay", {"POST": subscribers.replay}),
            route("/sandbox/world", {"GET": world.get}),
            route("/sandbox/world/employees", {"POST": world.hire}),
        ]
