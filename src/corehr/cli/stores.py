"""The `--db` option, and the store it names, opened for the duration of a command."""

from collections.abc import Iterator
from contextlib import contextmanager

import click

from corehr.app import schema
from corehr.app.failures import describe_known_error
from corehr.app.stores import open_store
from corehr.app.tenants import restore_world_clock
from corehr.cli.options import DatabaseURL
from corehr.kernel import tenants
from corehr.kernel.clock import Clock
from corehr.kernel.db import Store
from corehr.kernel.errors import CommandFailed, UsageError
from corehr.kernel.ids import TimeOrderedIds
from corehr.kernel.tenants import DEFAULT_TENANT_ID

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
    try:
        yield
    except Exception as error:
        message = describe_known_error(error, db)
        if message is None:
            raise
        raise CommandFailed(message) from None


@contextmanager
def open_for_command(db: str, *, tenant_required: bool = True) -> Iterator[Store]:
    """Yield the store at an address, at its tenant's world time; UsageError unless its schema is current.

    With `tenant_required`, also UsageError if it has no tenant.
    """
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
