"""The `--db` option, and the store it names, opened for the duration of a command."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

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

Command = TypeVar("Command", bound=Callable[..., Any])

_KEY_FILE: Final = "corehr.key_file"

KEY_FILE_OPTION: Final = click.option(
    "--key-file",
    type=click.Path(dir_okay=False),
    envvar="COREHR_KEY_FILE",
    show_envvar=True,
    show_default="COREHR_KEY, else corehr.key beside a SQLite file",
    expose_value=False,
    callback=lambda context, parameter, value: context.meta.update({_KEY_FILE: value}),
    help="File with the keys that encrypt the secrets in the database.",
)
"""The option whose value `current_key_file` returns."""

_DB_OPTION = click.option(
    "--db",
    type=DatabaseURL(),
    required=True,
    envvar="COREHR_DB",
    show_envvar=True,
    help="sqlite:///path/file.db or postgresql://user@host/db.",
)


def DATABASE_OPTION(command: Command) -> Command:  # noqa: N802  # used like the options around it
    """Add `--db`, and `--key-file` for its keys, to a command."""
    return _DB_OPTION(KEY_FILE_OPTION(command))


def current_key_file() -> str | None:
    """Return the key file that the running command was given, or None."""
    key_file: str | None = click.get_current_context().meta.get(_KEY_FILE)
    return key_file


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
        store = open_store(db, clock, TimeOrderedIds(), current_key_file())
        try:
            tenant = store.command_sync(DEFAULT_TENANT_ID, tenants.get)
            if tenant is not None:
                restore_world_clock(clock, tenant)
            elif tenant_required:
                raise UsageError(f"there is no company yet: run  corehr tenant create --db {db} --name NAME")
            yield store
        finally:
            store.close()
