"""The whole world, clock included, kept and brought back."""

import asyncio
import zlib
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
from starlette.requests import Request

from corehr.entrypoints import demo
from corehr.entrypoints.demo import tenant_rows
from corehr.entrypoints.demo.demo_build import find_demo_company
from corehr.entrypoints.sandbox.clock import ClockRoutes
from corehr.entrypoints.sandbox.faults import Faults
from corehr.entrypoints.sandbox.hook import SandboxHook
from corehr.entrypoints.sandbox.router import SandboxError
from corehr.kernel import outbox, tenants
from corehr.kernel.clock import real_now, to_timestamp
from corehr.kernel.db import Tx
from corehr.kernel.ids import random_hex

if TYPE_CHECKING:
    from corehr.entrypoints.app import Installation

MAX_SNAPSHOTS: Final = 200
"""Snapshots in memory; of more, the oldest are forgotten."""


class Snapshot(NamedTuple):
    """A world at a moment: its rows by table, packed."""

    now: datetime
    tables: Mapping[str, bytes]


class Snapshots:
    """Takes and restores them, and resets the world to what the demo made."""

    def __init__(self, installation: "Installation", clock: ClockRoutes, hook: SandboxHook, faults: Faults) -> None:
        self._installation, self._clock, self._hook, self._faults = installation, clock, hook, faults
        self._snapshots: OrderedDict[str, Snapshot] = OrderedDict()

    async def create(self, request: Request) -> dict[str, Any]:
        """POST: the id by which the world as it is now can be had again."""
        installation, id = self._installation, random_hex(16)
        async with self._clock.lock:
            self._snapshots[id] = await installation.store.query(installation.tenant.id, _capture)
        while len(self._snapshots) > MAX_SNAPSHOTS:
            self._snapshots.popitem(last=False)
        return {"id": id}

    async def restore(self, request: Request) -> dict[str, Any]:
        """POST …/restore: the world is as it was; what time it is, too."""
        snapshot = self._snapshots.get(request.path_params["id"])
        if snapshot is None:
            raise SandboxError(HTTPStatus.NOT_FOUND, "there is no such snapshot: they live as long as the server runs")
        async with self._exclusive_world(snapshot.now):
            installation = self._installation
            await installation.store.command(installation.tenant.id, partial(_restore_rows, snapshot))
        return self._clock.to_json()

    async def reset(self, request: Request) -> dict[str, Any]:
        """POST reset: the demo company as it was first made, without faults; Refused when there never was one."""
        installation = self._installation
        demo_company = await installation.store.query(installation.tenant.id, find_demo_company)
        if demo_company is None:
            raise SandboxError(HTTPStatus.CONFLICT, "`corehr demo` did not make this database: it is not reset")
        seed, employees, now = demo_company
        self._faults.clear()
        async with self._exclusive_world(now):
            await asyncio.to_thread(demo.rebuild, installation.store, employees=employees, seed=seed, now=now)
        return self._clock.to_json()

    @asynccontextmanager
    async def _exclusive_world(self, now: datetime) -> AsyncIterator[None]:
        """Inside, the rows are exchanged; no day is lived and no request served that belongs to the other world."""
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
    outbox.release_all_leases(tx)  # of whatever was under way when it was kept
    tenants.set_clock(tx, to_timestamp(snapshot.now), to_timestamp(real_now()))
