"""Whether the process is alive, and whether it can serve."""

import asyncio
import logging
from typing import Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from corehr.engines.effective_dating import last_processed_days
from corehr.kernel.clock import local_date
from corehr.kernel.db import Store, Tx
from corehr.kernel.tenants import Tenant

READY_TIMEOUT_SECONDS = 2.0
"""Seconds after which whoever asks is told what is being waited for."""

_log = logging.getLogger(__name__)


class HealthTarget(Protocol):
    """What of an installation health is asked of."""

    store: Store
    tenant: Tenant


def routes(installation: HealthTarget) -> list[Route]:
    """`/healthz` and `/readyz`: 200 `{"status": "ok"}`, or 503 `{"status": "unavailable", "reason": …}`."""

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
    """Why a command could not run now; it only reads, and gives a day that has just begun a moment to be lived."""
    reason = "the store does not answer"
    try:
        async with asyncio.timeout(READY_TIMEOUT_SECONDS):
            while zones := await installation.store.query(installation.tenant.id, _zones_behind):
                reason = f"days that have begun are still being lived, in {', '.join(zones)}"
                await asyncio.sleep(0.1)
    except TimeoutError:
        return reason
    except Exception as error:  # noqa: BLE001  # whatever it is, it is the answer
        # its text may name hosts and users; its kind does not
        return f"the store failed: {type(error).__name__}"
    return None


def _zones_behind(tx: Tx) -> list[str]:
    """The zones in which a day has begun that is not lived yet."""
    return [zone for zone, day in last_processed_days(tx).items() if day < local_date(tx.now, zone)]
