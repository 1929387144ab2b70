"""Tenants: the companies of an installation, with their keys and clocks."""

from dataclasses import dataclass, field

import sqlalchemy as sa

from corehr.kernel.clock import IsoDate, local_date
from corehr.kernel.db import Tx
from corehr.kernel.keys import KeyRing
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
_UPDATE_SERVER_KEY = update_columns(tenant, "server_key", by=())


@dataclass(frozen=True, slots=True)
class Tenant:
    """A tenant; `time_zone` is an IANA name, and only demo companies have a `seed`. `server_key` is stored encrypted.

    `world_time` and `world_time_set_at` are timestamps: the world time that was last set, and the real time at which
    it was set.
    """

    id: str
    tenant_key: str
    name: str
    time_zone: str
    server_key: str = field(repr=False)
    world_time: str | None
    world_time_set_at: str | None
    seed: str | None


def get(tx: Tx) -> Tenant | None:
    row = tx.fetch_one(_SELECT)
    if row is None:
        return None
    return Tenant(id=row.pop("tenant"), server_key=decrypt_server_key(tx.keys, tx.tenant, row.pop("server_key")), **row)


def today(tx: Tx) -> IsoDate:
    """Return the calendar day of the transaction in the tenant's time zone."""
    row = tx.fetch_one(_SELECT)
    assert row is not None
    return local_date(tx.now, row["time_zone"])


def insert(tx: Tx, company: Tenant) -> None:
    values = {name: getattr(company, name) for name in Tenant.__slots__ if name != "id"}
    tx.execute(_INSERT, **values | {"server_key": tx.keys.encrypt(company.server_key, _server_key_context(tx.tenant))})


def decrypt_server_key(keys: KeyRing, tenant: str, stored: str) -> str:
    """Return the server key that is stored in the tenant's row."""
    return keys.decrypt(stored, _server_key_context(tenant))


def encrypt_again(tx: Tx) -> None:
    """Encrypt the server key under the first key of the ring; do nothing when there is no tenant."""
    if company := get(tx):
        tx.execute(_UPDATE_SERVER_KEY, server_key=tx.keys.encrypt(company.server_key, _server_key_context(tx.tenant)))


def _server_key_context(tenant: str) -> str:
    return f"tenant {tenant} server_key"


def touch(tx: Tx) -> None:
    """Write the tenant's row without a change, to find out whether a command can be committed."""
    tx.execute(_UPDATE_NAME)


def set_clock(tx: Tx, world_time: str, world_time_set_at: str) -> None:
    """Update the world time that was set and the real time of setting it, so that a restart restores the clock."""
    tx.execute(_UPDATE_CLOCK, world_time=world_time, world_time_set_at=world_time_set_at)
