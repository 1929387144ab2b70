"""Faults of deliveries: by event type, app and count, what goes wrong between corehr and a subscriber."""

from collections.abc import Sequence
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta
from starlette.requests import Request

from corehr.app.installation import Installation
from corehr.delivery import subscribers
from corehr.delivery.faults import NEED_ENCRYPT_KEY, DeliveryFault, DeliveryFaultName, NextAttempt
from corehr.sandbox.apps import get_app
from corehr.sandbox.router import bad_request, parse_body
from corehr.spec.loader import Spec

ANY_EVENT: Final = "*"
MAX_DELAY_SECONDS: Final = 30 * 86_400
_DEFAULT_DELAY_SECONDS: Final = 60


class FaultOfDeliveries(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """A fault as PUT delivery-faults sets it; without `app_id` it is of every app.

    `times` is how many attempts it still applies to, None for no limit. `delay_seconds` are of world time, of a delay.
    """

    fault: DeliveryFaultName
    event_type: str = ANY_EVENT
    app_id: str | None = None
    delay_seconds: Annotated[int, Meta(ge=1, le=MAX_DELAY_SECONDS)] | None = None
    times: Annotated[int, Meta(ge=1)] | None = None

    def hits(self, attempt: NextAttempt) -> bool:
        """Whether the fault is about attempts like this one, and has an effect on it."""
        subscriber = attempt.subscriber
        if self.event_type not in (ANY_EVENT, attempt.event_type) or self.app_id not in (None, subscriber.app_id):
            return False
        if self.fault == "swap":
            return attempt.followed
        if self.fault == "delay":
            return not attempt.delayed
        return self.fault not in NEED_ENCRYPT_KEY or bool(subscriber.encrypt_key)


class DeliveryFaults:
    """The active faults, in the order in which they are tried, and the handlers of GET, PUT and DELETE delivery-faults.

    It implements the DeliveryFaultSource of the worker.
    """

    def __init__(self, spec: Spec) -> None:
        self._spec = spec
        self._active: list[FaultOfDeliveries] = []

    async def set_faults(self, installation: Installation, request: Request) -> Sequence[FaultOfDeliveries]:
        """Replace all faults and return the new ones.

        Raises SandboxError, and changes nothing, when there is no such event type (400) or app (404), or when a fault
        has no effect on the app (400).
        """
        faults = await parse_body(request, list[FaultOfDeliveries])
        for fault in faults:
            await self._require_valid(installation, fault)
        self._active = faults
        return faults

    async def list_faults(self, request: Request) -> Sequence[FaultOfDeliveries]:
        """Return the faults that still apply."""
        return self._active

    async def delete_faults(self, request: Request) -> Sequence[Any]:
        """Delete all faults and return an empty list."""
        self.clear()
        return []

    def clear(self) -> None:
        self._active = []

    def take(self, attempt: NextAttempt) -> DeliveryFault | None:
        """Return the first fault that hits an attempt, and count it, or None."""
        for fault in self._active:
            if fault.hits(attempt):
                if fault.times is not None:
                    fault.times -= 1
                self._active = [active for active in self._active if active.times != 0]
                return DeliveryFault(fault.fault, fault.delay_seconds or _DEFAULT_DELAY_SECONDS)
        return None

    async def _require_valid(self, installation: Installation, fault: FaultOfDeliveries) -> None:
        if fault.event_type != ANY_EVENT and fault.event_type not in self._spec.events:
            raise bad_request(
                f"there is no event {fault.event_type!r}: docs/coverage.md lists all of them, * is any of them"
            )
        if fault.delay_seconds is not None and fault.fault != "delay":
            raise bad_request("delay_seconds is for the fault delay only")
        if fault.app_id is None:
            return
        app = await get_app(installation, fault.app_id)
        subscriber = await installation.store.query(app.tenant, lambda tx: subscribers.get(tx, app.app_id))
        if fault.fault in NEED_ENCRYPT_KEY and subscriber is not None and not subscriber.encrypt_key:
            raise bad_request(
                f"nothing is encrypted or signed for {app.app_id}, so {fault.fault} has no effect: give its webhook an "
                "encrypt_key"
            )
