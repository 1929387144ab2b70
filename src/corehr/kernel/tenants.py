"""Tenants: the companies one installation serves, their clocks and keys."""

from dataclasses import dataclass

from corehr.kernel.clock import Day, local_day
from corehr.kernel.db import Tx
from corehr.kernel.statements import add, change, find, table, text

DEFAULT = "1"
"""The one tenant of an installation until it makes more."""

tenant = table(
    "tenant",
    text("key"),
    text("name"),
    text("zone"),
    text("server_key"),
    text("world_now", optional=True),
    text("world_set_at", optional=True),
    text("seed", optional=True),
)

ADD = add(tenant)
FIND = find(tenant)
SET_CLOCK = change(tenant, "world_now", "world_set_at", by=())


@dataclass(frozen=True, slots=True)
class Tenant:
    """`key` is the platform's tenant_key, `zone` an IANA name; `seed` is set for demo companies only.

    `world_now` and `world_set_at` are stamps: the world's time that was set, and the real time when it was.
    """

    tenant: str
    key: str
    name: str
    zone: str
    server_key: str
    world_now: str | None
    world_set_at: str | None
    seed: str | None


def get(tx: Tx) -> Tenant | None:
    row = tx.one(FIND)
    return Tenant(**row) if row else None


def today(tx: Tx) -> Day:
    """The day that it is where the company is."""
    it = get(tx)
    assert it is not None
    return local_day(tx.now, it.zone)


def add_tenant(tx: Tx, it: Tenant) -> None:
    tx.run(ADD, **{name: getattr(it, name) for name in Tenant.__slots__})


def set_clock(tx: Tx, world_now: str, world_set_at: str) -> None:
    """Remember where the world's clock was set, so that a restart finds it there."""
    tx.run(SET_CLOCK, world_now=world_now, world_set_at=world_set_at)
