"""The settings of an installation, and how its store is opened."""

from dataclasses import dataclass
from pathlib import Path

from corehr.kernel.clock import Clock
from corehr.kernel.db import Store
from corehr.kernel.ids import Ids
from corehr.kernel.postgres import PostgresStore
from corehr.kernel.sqlite import SqliteStore
from corehr.kernel.tenants import DEFAULT_TENANT_ID


class UsageError(Exception):
    """A mistake of the operator; the message says on one line what to do instead."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of a server; `db` is `sqlite:///path/file.db` or `postgresql://user@host/db`.

    `webhook_hosts` are the hosts and networks that webhooks may go to. A sandbox without a token, which accepts calls
    from this machine only, may always send webhooks to this machine.
    """

    db: str
    tenant: str = DEFAULT_TENANT_ID
    sandbox: bool = False
    sandbox_token: str | None = None
    rate_limits: bool = True
    webhook_hosts: tuple[str, ...] = ()


def sqlite_path(url: str) -> Path | None:
    """Return the file of a SQLite address, or None for other addresses."""
    prefix = "sqlite:///"
    return Path(url.removeprefix(prefix)) if url.startswith(prefix) else None


def open_store(url: str, clock: Clock, ids: Ids) -> Store:
    """Return the store at an address; raise UsageError when it is not one, or its folder does not exist."""
    if path := sqlite_path(url):
        if not path.parent.is_dir():
            raise UsageError(f"the folder {path.parent} does not exist: create it, or give --db another path")
        return SqliteStore(path, clock, ids)
    if url.startswith(("postgresql://", "postgres://")):
        return PostgresStore(url, clock, ids)
    raise UsageError(f"{url!r} is not a database address: use sqlite:///path/file.db or postgresql://user@host/db")
