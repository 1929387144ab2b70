"""Tenants: the companies of an installation, with their keys and clocks."""

from dataclasses import dataclass

import sqlalchemy as sa

from corehr.kernel.clock import IsoDate, local_date
from corehr.kernel.db import Tx
from corehr.kernel.statements import (
    insert_into,
    matches,
    select_by,
    statement,
    tenant_table,
    text_column,
    update_columns,
)

DEFAULT_TENANT_ID = "1"
"""The id of an installation's first tenant, and the only one until more are created."""

tenant = tenant_table(
    "tenant",
    text_column("tenant_key"),
    text_column("name"),
    text_column("time_zone"),
    text_column("server_key"),
    text_column("world_time", optional=True),
    text_column("world_time_set_at", optional=True),
    text_column("seed", optional=True),
)

_INSERT = insert_into(tenant)
_SELECT = select_by(tenant)
_UPDATE_NAME = statement(sa.update(tenant).where(*matches(tenant)).values(name=tenant.c.name))
_UPDATE_CLOCK = update_columns(tenant, "world_time", "world_time_set_at", by=())


@dataclass(frozen=True, slots=True)
class Tenant:
    """A tenant; `time_zone` is an IANA name, and only demo companies have a `seed`.

    `world_time` and `world_time_set_at` are timestamps: the world time that was last set, and the real time at which
    it was set.
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
    return Tenant(id=row.pop("tenant"), **row) if row else None


def today(tx: Tx) -> IsoDate:
    """Return the calendar day of the transaction in the tenant's time zone."""
    company = get(tx)
    assert company is not None
    return local_date(tx.now, company.time_zone)


def insert(tx: Tx, company: Tenant) -> None:
    tx.execute(_INSERT, **{name: getattr(company, name) for name in Tenant.__slots__ if name != "id"})


def touch(tx: Tx) -> None:
    """Write the tenant's row without a change, to find out whether a command can be committed."""
    tx.execute(_UPDATE_NAME)


def set_clock(tx: Tx, world_time: str, world_time_set_at: str) -> None:
    """Update the world time that was set and the real time of setting it, so that a restart restores the clock."""
    tx.execute(_UPDATE_CLOCK, world_time=world_time, world_time_set_at=world_time_set_at)
