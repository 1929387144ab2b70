"""A database that a command line names, opened for as long as the command needs it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import click

from corehr.entrypoints.arguments import Address

# What a command needs is imported when it runs, so that --help and a wrong use answer at once.
if TYPE_CHECKING:
    from corehr.kernel.db import Store

DEFAULT: Final = "1"
"""The tenant: `kernel.tenants.DEFAULT`, without loading the kernel."""

DB = click.option(
    "--db",
    type=Address(),
    required=True,
    envvar="COREHR_DB",
    show_envvar=True,
    help="sqlite:///path/file.db or postgresql://user@host/db.",
)


@contextmanager
def naming(db: str) -> Iterator[None]:
    """A foreseen failure of the database inside is told with the address it concerns."""
    from corehr.entrypoints.failures import Failed, foreseen

    try:
        yield
    except Exception as error:
        line = foreseen(error, db)
        if line is None:
            raise
        raise Failed(line) from None


@contextmanager
def opened(db: str, *, company: bool = True) -> Iterator["Store"]:
    """The store at an address, its schema current; with `company`, WrongUse unless there is one, and at its time."""
    from corehr.entrypoints import schema
    from corehr.entrypoints.tenants import set_clock
    from corehr.kernel import tenants
    from corehr.kernel.clock import Clock
    from corehr.kernel.ids import TimeOrderedIds
    from corehr.kernel.settings import UsageError, open_store

    with naming(db):
        schema.require_current(db)
        clock = Clock()
        store = open_store(db, clock, TimeOrderedIds())
        try:
            tenant = store.command_sync(DEFAULT, tenants.get)
            if tenant is not None:
                set_clock(clock, tenant)
            elif company:
                raise UsageError(f"there is no company yet: run  corehr tenant create --db {db} --name NAME")
            yield store
        finally:
            store.close()
