"""`corehr key`: the keys under which a database encrypts its secrets."""

from pathlib import Path

import click

from corehr.app import keys
from corehr.app.sole_writer import sole_writer
from corehr.app.stores import sqlite_path
from corehr.cli.stores import DATABASE_OPTION, current_key_file, open_for_command
from corehr.kernel.errors import UsageError
from corehr.kernel.tenants import DEFAULT_TENANT_ID


@click.group()
def key() -> None:
    """Manage the keys that encrypt the secrets of a database."""


@key.command("create")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def key_create(file: Path) -> None:
    """Write a new key to FILE, which only its owner may read."""
    keys.create_file(file)
    click.echo(f"Keep a copy of {file}, apart from the backups of the database: none is of use without it.", err=True)


@key.command("rotate")
@DATABASE_OPTION
def key_rotate(db: str) -> None:
    """Encrypt every secret under a new key, while no server runs on the database."""
    with sole_writer(db):
        with open_for_command(db):  # the present keys decrypt the database, or nothing is changed
            path = _writable_file(db, current_key_file())
        if path is not None:
            keys.add_first_key(path)
        with open_for_command(db) as store:
            store.command_sync(DEFAULT_TENANT_ID, keys.encrypt_again)
    click.echo("The secrets are encrypted under the first key.")
    click.echo("The others are needed by backups only: remove them when no backup is older than this.", err=True)


def _writable_file(db: str, key_file: str | None) -> Path | None:
    """Return the key file that gets a new key, or None if the environment has a new key already; UsageError if not."""
    in_environment = keys.keys_in_environment()
    if len(in_environment) == 1:
        raise UsageError(
            f"{keys.KEY_VARIABLE} has one key: put a new one before it, with a space between, "
            "and run this again (corehr key create FILE makes one)"
        )
    if in_environment:
        return None
    if key_file:
        return Path(key_file)
    sqlite_file = sqlite_path(db)
    assert sqlite_file is not None  # without a key file a database server has no keys that decrypt it
    return keys.default_file(sqlite_file)
