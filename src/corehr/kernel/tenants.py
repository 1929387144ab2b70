"""Tenants: the companies one installation serves, their clocks and keys."""

from dataclasses import dataclass

from corehr.kernel.clock import IsoDate, local_date
from corehr.kernel.db import Tx
from corehr.kernel.statements import insert_into, select_by, tenant_table, text_column, update_columns

DEFAULT_TENANT_ID = "1"
"""The one tenant of an installation until it makes more."""

tenant = tenant_table(
    "tenant",
    text_column("key"),
    text_column("name"),
    text_column("zone"),
    text_column("server_key"),
    text_column("world_now", optional=True),
    text_column("world_set_at", optional=True),
    text_column("seed", optional=True),
)

_INSERT = insert_into(tenant)
_SELECT = select_by(tenant)
_UPDATE_CLOCK = update_columns(tenant, "world_now", "world_set_at", by=())


@dataclass(frozen=True, slots=True)
class Tenant:
    """`key` is the platform's tenant_key, `zone` an IANA name; `seed` is set for demo companies only.

    `world_now` and `world_set_at` are stamps: the world's time that was set, and the real time when it was.
    """

    id: str
    tenant_key: str
    name: str
    time_zone: str
    server_key: str
    world_time: str | None
    world_time_set_at: str | None
    seed: str | None


def get(tx: Tx) -> Tenant | None:
    row = tx.fetch_one(_SELECT)
    return Tenant(**row) if row else None


def today(tx: Tx) -> IsoDate:
    """The day that it is where the company is."""
    company = get(tx)
    assert company is not None
    return local_date(tx.now, company.time_zone)


def insert(tx: Tx, company: Tenant) -> None:
    tx.execute(_INSERT, **{name: getattr(company, name) for name in Tenant.__slots__})


def set_clock(tx: Tx, world_time: str, world_time_set_at: str) -> None:
    """Remember where the world's clock was set, so that a restart finds it there."""
    tx.execute(_UPDATE_CLOCK, world_now=world_time, world_set_at=world_time_set_at)
