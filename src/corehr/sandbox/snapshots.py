"""The sandbox calls that save, restore and reset the whole world, clock included."""

import asyncio
import zlib
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial
from http import HTTPStatus
from typing import Any, Final, NamedTuple

import msgspec
from starlette.requests import Request

from corehr import demo
from corehr.app.installation import Installation
from corehr.delivery import outbox
from corehr.demo.demo_build import find_demo_company
from corehr.kernel import tenant_rows, tenants
from corehr.kernel.clock import real_now, to_timestamp
from corehr.kernel.db import Tx
from corehr.kernel.ids import random_hex
from corehr.sandbox.clock import ClockRoutes
from corehr.sandbox.delivery_faults import DeliveryFaults
from corehr.sandbox.faults import Faults
from corehr.sandbox.hook import SandboxHook
from corehr.sandbox.router import SandboxError

MAX_SNAPSHOTS: Final = 200
"""Snapshots kept in memory; when there are more, the oldest are dropped."""


class Snapshot(NamedTuple):
    """A world at an instant of its time: the compressed rows of each table."""

    now: datetime
    tables: Mapping[str, bytes]


class Snapshots:
    """The handlers of POST snapshots, POST snapshots/{id}/restore and POST reset."""

    def __init__(
        self,
        installation: Installation,
        clock: ClockRoutes,
        hook: SandboxHook,
        faults: Sequence[Faults | DeliveryFaults],
    ) -> None:
        self._installation, self._clock, self._hook, self._faults = installation, clock, hook, faults
        self._snapshots: OrderedDict[str, Snapshot] = OrderedDict()

    async def create(self, request: Request) -> dict[str, Any]:
        """Save the world as it is now and return the id of the snapshot."""
        installation, id = self._installation, random_hex(16)
        async with self._clock.lock:
            self._snapshots[id] = await installation.store.query(installation.tenant.id, _capture)
        while len(self._snapshots) > MAX_SNAPSHOTS:
            self._snapshots.popitem(last=False)
        return {"id": id}

    async def restore(self, request: Request) -> dict[str, Any]:
        """Restore the rows and the clock of a snapshot and return the world time.

        Raises SandboxError (404) when there is no such snapshot.
        """
        snapshot = self._snapshots.get(request.path_params["id"])
        if snapshot is None:
            raise SandboxError(
                HTTPStatus.NOT_FOUND, "there is no such snapshot: they are kept as long as the server runs"
            )
        async with self._exclusive_world(snapshot.now):
            installation = self._installation
            await installation.store.command(installation.tenant.id, partial(_restore_rows, snapshot))
        return self._clock.to_json()

    async def reset(self, request: Request) -> dict[str, Any]:
        """Rebuild the demo company as it was first made, delete all faults and return the world time.

        Raises SandboxError (409) when `corehr demo` did not make this database.
        """
        installation = self._installation
        demo_company = await installation.store.query(installation.tenant.id, find_demo_company)
        if demo_company is None:
            raise SandboxError(HTTPStatus.CONFLICT, "only a database that `corehr demo` made can be reset")
        seed, employees, now = demo_company
        for faults in self._faults:
            faults.clear()
        async with self._exclusive_world(now):
            await asyncio.to_thread(demo.rebuild, installation.store, employees=employees, seed=seed, now=now)
        return self._clock.to_json()

    @asynccontextmanager
    async def _exclusive_world(self, now: datetime) -> AsyncIterator[None]:
        """Set the clock to `now` and, inside the context, let nothing else use the rows, which are replaced there.

        Requests wait, no day is processed and nothing is delivered. The clock is set again at the end.
        """
        installation = self._installation
        async with (
            self._clock.lock,
            self._hook.drained(),
            installation.day_runner.paused(),
            installation.delivery_worker.paused(),
        ):
            installation.clock.set_now(installation.tenant.id, now)
            yield
            installation.clock.set_now(installation.tenant.id, now)


def _capture(tx: Tx) -> Snapshot:
    return Snapshot(
        tx.now,
        {
            name: zlib.compress(msgspec.msgpack.encode(table_rows), 1)
            for name, table_rows in tenant_rows.read(tx).items()
        },
    )


def _restore_rows(snapshot: Snapshot, tx: Tx) -> None:
    tenant_rows.replace_rows(
        tx, {name: msgspec.msgpack.decode(zlib.decompress(packed)) for name, packed in snapshot.tables.items()}
    )
    outbox.release_all_leases(tx)  # of deliveries that were under way when the snapshot was taken
    tenants.set_clock(tx, to_timestamp(snapshot.now), to_timestamp(real_now()))
