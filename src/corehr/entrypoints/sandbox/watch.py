"""Stands beside the gateway: faults strike, requests are noted, and nobody works while a world is exchanged."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from corehr.entrypoints.sandbox.faults import Faults
from corehr.entrypoints.sandbox.requests import Requests
from corehr.gateway.pipeline import Exchange
from corehr.kernel.errors import BusinessError


class Watch:
    """What the gateway calls."""

    def __init__(self, faults: Faults, requests: Requests) -> None:
        self._faults, self._requests = faults, requests
        self._waits: dict[str, float] = {}
        self._open = asyncio.Event()
        self._open.set()
        self._served: set[str] = set()
        self._idle = asyncio.Event()
        self._idle.set()

    @asynccontextmanager
    async def closed(self) -> AsyncIterator[None]:
        """Those being served are done first; requests that come meanwhile wait."""
        self._open.clear()
        try:
            await self._idle.wait()
            yield
        finally:
            self._open.set()

    async def before_transaction(self, exchange: Exchange) -> None:
        await self._open.wait()
        self._served.add(exchange.log_id)
        self._idle.clear()
        trouble = self._faults.strike(exchange.operation)
        if trouble is None:
            return
        exchange.drop_response = trouble.drop
        if trouble.latency:
            self._waits[exchange.log_id] = trouble.latency
        if trouble.code is not None and exchange.operation is not None:
            raise BusinessError(exchange.operation, trouble.code, "fault", trouble.blanks)

    def in_transaction(self, exchange: Exchange) -> None:
        if self._waits:
            time.sleep(self._waits.pop(exchange.log_id, 0))

    def after_response(self, exchange: Exchange) -> None:
        self._waits.pop(exchange.log_id, None)
        self._served.discard(exchange.log_id)
        if not self._served:
            self._idle.set()
        self._requests.note(exchange)
