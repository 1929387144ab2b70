"""Opens the store that an address names, with the outbox that receives the events of its commands."""

from pathlib import Path
from typing import Final

from corehr.app import keys
from corehr.app.private_files import prepare_sqlite_file
from corehr.delivery.outbox_statements import FAN_OUT
from corehr.kernel.clock import Clock
from corehr.kernel.db import Store
from corehr.kernel.errors import UsageError
from corehr.kernel.ids import Ids
from corehr.kernel.postgres import PostgresStore
from corehr.kernel.sqlite import SqliteStore

_AFTER_EVENTS: Final = (FAN_OUT,)


def sqlite_path(url: str) -> Path | None:
    """Return the file of a SQLite address, or None for other addresses."""
    prefix = "sqlite:///"
    return Path(url.removeprefix(prefix)) if url.startswith(prefix) else None


def open_store(url: str, clock: Clock, ids: Ids, key_file: str | None = None) -> Store:
    """Return the store at an address; raise UsageError when it is not one, or its folder does not exist.

    Its keys are those of `keys.load`. A SQLite file becomes private.
    """
    if path := sqlite_path(url):
        if not path.parent.is_dir():
            raise UsageError(f"the folder {path.parent} does not exist: create it, or give --db another path")
        prepare_sqlite_file(path)
        return SqliteStore(path, clock, ids, after_events=_AFTER_EVENTS, keys=keys.load(path, key_file))
    if url.startswith(("postgresql://", "postgres://")):
        return PostgresStore(url, clock, ids, after_events=_AFTER_EVENTS, keys=keys.load(None, key_file))
    raise UsageError(f"{url!r} is not a database address: use sqlite:///path/file.db or postgresql://user@host/db")
