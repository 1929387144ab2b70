"""Health checks: whether the process is alive, and whether it can serve."""

import asyncio
import logging
from typing import Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from corehr.engines.effective_dating import last_processed_days
from corehr.kernel import tenants
from corehr.kernel.clock import local_date
from corehr.kernel.db import Store, Tx
from corehr.kernel.tenants import Tenant

READY_TIMEOUT_SECONDS = 2.0
"""Seconds after which `/readyz` answers 503 with what it still waits for."""

_log = logging.getLogger(__name__)


class HealthTarget(Protocol):
    """The parts of an installation that the health checks read."""

    store: Store
    tenant: Tenant


def routes(installation: HealthTarget) -> list[Route]:
    """Return `/healthz` and `/readyz`: 200 `{"status": "ok"}`, or 503 `{"status": "unavailable", "reason": …}`."""

    async def alive(request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def ready(request: Request) -> Response:
        reason = await _not_ready_reason(installation)
        if reason is None:
            return JSONResponse({"status": "ok"})
        _log.warning("not ready: %s", reason)
        return JSONResponse({"status": "unavailable", "reason": reason}, status_code=503)

    return [Route("/healthz", alive), Route("/readyz", ready)]


async def _not_ready_reason(installation: HealthTarget) -> str | None:
    """Return why a command could not run now, or None; waits READY_TIMEOUT_SECONDS at most for days to be processed.

    Only reads, unless a command could not be committed since the last time: then one is tried.
    """
    reason = "the store does not answer"
    try:
        async with asyncio.timeout(READY_TIMEOUT_SECONDS):
            if installation.store.has_failed:
                await installation.store.command(installation.tenant.id, tenants.touch)
                installation.store.has_failed = False
            while zones := await installation.store.query(installation.tenant.id, _zones_behind):
                reason = f"days that have begun are not processed yet, in {', '.join(zones)}"
                await asyncio.sleep(0.1)
    except TimeoutError:
        return reason
    except Exception as error:  # noqa: BLE001  # any failure is the reason
        # the text of the error may name hosts and users; its type does not
        return f"the store failed: {type(error).__name__}"
    return None


def _zones_behind(tx: Tx) -> list[str]:
    """Return the time zones in which a day has begun that is not processed yet."""
    return [zone for zone, day in last_processed_days(tx).items() if day < local_date(tx.now, zone)]
