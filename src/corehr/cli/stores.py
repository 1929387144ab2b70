"""The `--db` option, and the store it names, opened for the duration of a command."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import click

from corehr.cli.options import DatabaseURL

# Each command imports what it needs when it runs, so that --help and usage errors are fast.
if TYPE_CHECKING:
    from corehr.kernel.db import Store

DEFAULT_TENANT_ID: Final = "1"
"""The tenant: a copy of `kernel.tenants.DEFAULT_TENANT_ID`, so that the kernel need not be imported."""

DATABASE_OPTION = click.option(
    "--db",
    type=DatabaseURL(),
    required=True,
    envvar="COREHR_DB",
    show_envvar=True,
    help="sqlite:///path/file.db or postgresql://user@host/db.",
)


@contextmanager
def with_database_errors(db: str) -> Iterator[None]:
    """Turn a known database error into CommandFailed with a message that names the database."""
    from corehr.app.failures import CommandFailed, describe_known_error

    try:
        yield
    except Exception as error:
        message = describe_known_error(error, db)
        if message is None:
            raise
        raise CommandFailed(message) from None


@contextmanager
def open_for_command(db: str, *, tenant_required: bool = True) -> Iterator["Store"]:
    """Yield the store at an address, at its tenant's world time; UsageError unless its schema is current.

    With `tenant_required`, also UsageError if it has no tenant.
    """
    from corehr.app import schema
    from corehr.app.stores import open_store
    from corehr.app.tenants import restore_world_clock
    from corehr.kernel import tenants
    from corehr.kernel.clock import Clock
    from corehr.kernel.errors import UsageError
    from corehr.kernel.ids import TimeOrderedIds

    with with_database_errors(db):
        schema.require_current(db)
        clock = Clock()
        store = open_store(db, clock, TimeOrderedIds())
        try:
            tenant = store.command_sync(DEFAULT_TENANT_ID, tenants.get)
            if tenant is not None:
                restore_world_clock(clock, tenant)
            elif tenant_required:
                raise UsageError(f"there is no company yet: run  corehr tenant create --db {db} --name NAME")
            yield store
        finally:
            store.close()
