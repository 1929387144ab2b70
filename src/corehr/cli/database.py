"""`corehr db`: the tables of the database."""

import click

from corehr.app import schema
from corehr.app.sole_writer import sole_writer
from corehr.cli.stores import DATABASE_OPTION, with_database_errors


@click.group()
def db() -> None:
    """Manage the database."""


@db.command("upgrade")
@DATABASE_OPTION
def db_upgrade(db: str) -> None:
    """Create the tables, or bring them up to date."""
    with sole_writer(db), with_database_errors(db):
        before = schema.upgrade(db)
    status = "was up to date already" if before is schema.SchemaState.CURRENT else "is up to date now"
    click.echo(f"The database {status}.")
