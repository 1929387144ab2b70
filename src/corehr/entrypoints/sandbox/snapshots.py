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
from corehr.entrypoints.demo import rows
from corehr.entrypoints.demo.company import made
from corehr.entrypoints.sandbox.door import Refused
from corehr.entrypoints.sandbox.faults import Faults
from corehr.entrypoints.sandbox.travel import Travel
from corehr.entrypoints.sandbox.watch import Watch
from corehr.kernel import outbox, tenants
from corehr.kernel.clock import real_now, to_timestamp
from corehr.kernel.db import Tx
from corehr.kernel.ids import random_hex

if TYPE_CHECKING:
    from corehr.entrypoints.app import Installation

KEPT: Final = 200
"""Snapshots in memory; of more, the oldest are forgotten."""


class Kept(NamedTuple):
    """A world at a moment: its rows by table, packed."""

    now: datetime
    tables: Mapping[str, bytes]


class Snapshots:
    """Takes and restores them, and resets the world to what the demo made."""

    def __init__(self, installation: "Installation", travel: Travel, watch: Watch, faults: Faults) -> None:
        self._installation, self._travel, self._watch, self._faults = installation, travel, watch, faults
        self._kept: OrderedDict[str, Kept] = OrderedDict()

    async def take(self, request: Request) -> dict[str, Any]:
        """POST: the id by which the world as it is now can be had again."""
        house, id = self._installation, random_hex(16)
        async with self._travel.lock:
            self._kept[id] = await house.store.query(house.tenant.id, _kept)
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return {"id": id}

    async def restore(self, request: Request) -> dict[str, Any]:
        """POST …/restore: the world is as it was; what time it is, too."""
        kept = self._kept.get(request.path_params["id"])
        if kept is None:
            raise Refused(HTTPStatus.NOT_FOUND, "there is no such snapshot: they live as long as the server runs")
        async with self._exchanging(kept.now):
            house = self._installation
            await house.store.command(house.tenant.id, partial(_put_back, kept))
        return self._travel.told()

    async def reset(self, request: Request) -> dict[str, Any]:
        """POST reset: the demo company as it was first made, without faults; Refused when there never was one."""
        house = self._installation
        company = await house.store.query(house.tenant.id, made)
        if company is None:
            raise Refused(HTTPStatus.CONFLICT, "`corehr demo` did not make this database: it is not reset")
        seed, employees, now = company
        self._faults.clear()
        async with self._exchanging(now):
            await asyncio.to_thread(demo.build, house.store, employees=employees, seed=seed, now=now)
        return self._travel.told()

    @asynccontextmanager
    async def _exchanging(self, now: datetime) -> AsyncIterator[None]:
        """Inside, the rows are exchanged; no day is lived and no request served that belongs to the other world."""
        house = self._installation
        async with self._travel.lock, self._watch.closed(), house.day_runner.paused(), house.delivery_worker.paused():
            house.clock.set_now(house.tenant.id, now)
            yield
            house.clock.set_now(house.tenant.id, now)


def _kept(tx: Tx) -> Kept:
    return Kept(tx.now, {name: zlib.compress(msgspec.msgpack.encode(of), 1) for name, of in rows.read(tx).items()})


def _put_back(kept: Kept, tx: Tx) -> None:
    rows.put_back(tx, {name: msgspec.msgpack.decode(zlib.decompress(raw)) for name, raw in kept.tables.items()})
    outbox.release_all_leases(tx)  # of whatever was under way when it was kept
    tenants.set_clock(tx, to_timestamp(kept.now), to_timestamp(real_now()))
