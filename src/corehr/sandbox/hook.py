"""The sandbox's request hook: injects faults, logs requests, and drains requests while all rows are replaced."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from corehr.gateway.errors import INTERNAL_ERROR, PlatformError
from corehr.gateway.exchange import Exchange
from corehr.gateway.token_endpoints import FAULT_ERRORS as TOKEN_ENDPOINTS
from corehr.sandbox.faults import Faults
from corehr.sandbox.proxy_pages import proxy_response
from corehr.sandbox.requests import RequestLog


class SandboxHook:
    """Implements the gateway's RequestHook."""

    def __init__(self, faults: Faults, requests: RequestLog) -> None:
        self._faults, self._requests = faults, requests
        self._latencies: dict[str, float] = {}
        self._accepting = asyncio.Event()
        self._accepting.set()
        self._in_flight: set[str] = set()
        self._idle = asyncio.Event()
        self._idle.set()

    @asynccontextmanager
    async def drained(self) -> AsyncIterator[None]:
        """Wait until no request is being served, and make new requests wait until the context ends."""
        self._accepting.clear()
        try:
            await self._idle.wait()
            yield
        finally:
            self._accepting.set()

    async def before_transaction(self, exchange: Exchange) -> None:
        """Wait while requests are drained, then apply the next fault.

        Raises BusinessError or PlatformError when the fault is an error, or when it prevents the execution.
        """
        await self._accepting.wait()
        self._in_flight.add(exchange.log_id)
        self._idle.clear()
        effect = self._faults.take(exchange)
        if effect is None:
            return
        fault = effect.fault
        exchange.fault, exchange.interruption = fault.name, fault.interruption
        if fault.http_status is not None:
            exchange.replacement = proxy_response(fault.http_status)
        if effect.error is not None:
            raise effect.error
        if fault.prevents_execution:
            raise PlatformError(INTERNAL_ERROR, "fault")
        if fault.latency_ms:
            await self._delay(exchange, fault.latency_ms / 1000)

    async def _delay(self, exchange: Exchange, seconds: float) -> None:
        """Delay an operation while its transaction holds its locks, and a token endpoint, which has none, now."""
        if exchange.operation in TOKEN_ENDPOINTS:
            await asyncio.sleep(seconds)
        else:
            self._latencies[exchange.log_id] = seconds

    def in_transaction(self, exchange: Exchange) -> None:
        """Sleep for the latency of the request's fault, while its transaction holds its locks."""
        if self._latencies:
            time.sleep(self._latencies.pop(exchange.log_id, 0))

    def after_response(self, exchange: Exchange) -> None:
        """Mark the request as done and log it."""
        self._latencies.pop(exchange.log_id, None)
        self._in_flight.discard(exchange.log_id)
        if not self._in_flight:
            self._idle.set()
        self._requests.append(exchange)
