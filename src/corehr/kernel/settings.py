"""What an operator may set, and the store that an address names."""

from dataclasses import dataclass
from pathlib import Path

from corehr.kernel.clock import Clock
from corehr.kernel.db import Store
from corehr.kernel.ids import Ids
from corehr.kernel.postgres import PostgresStore
from corehr.kernel.sqlite import SqliteStore
from corehr.kernel.tenants import DEFAULT_TENANT_ID


class UsageError(Exception):
    """The operator asked for something that cannot be; the text says on one line what to do instead."""


@dataclass(frozen=True, slots=True)
class Settings:
    """`db` is `sqlite:///path/file.db` or `postgresql://user@host/db`.

    `webhook_to` names the hosts and networks that webhooks may go to; those of a sandbox without a token, which only
    this machine may call, may go to this machine anyway.
    """

    db: str
    tenant: str = DEFAULT_TENANT_ID
    sandbox: bool = False
    sandbox_token: str | None = None
    rate_limits: bool = True
    webhook_hosts: tuple[str, ...] = ()


def sqlite_path(url: str) -> Path | None:
    """The file that a SQLite address names; None for other addresses."""
    prefix = "sqlite:///"
    return Path(url.removeprefix(prefix)) if url.startswith(prefix) else None


def open_store(url: str, clock: Clock, ids: Ids) -> Store:
    """The store at an address; WrongUse when it is no address of a store."""
    if path := sqlite_path(url):
        if not path.parent.is_dir():
            raise UsageError(f"the folder {path.parent} does not exist: make it, or give --db another path")
        return SqliteStore(path, clock, ids)
    if url.startswith(("postgresql://", "postgres://")):
        return PostgresStore(url, clock, ids)
    raise UsageError(f"{url!r} is no database address: use sqlite:///path/file.db or postgresql://user@host/db")
