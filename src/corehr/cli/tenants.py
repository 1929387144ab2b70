"""`corehr tenant`: the company that is served."""

import click

from corehr.app import tenants
from corehr.app.keys import load_or_create
from corehr.app.stores import sqlite_path
from corehr.cli.options import mask_passwords
from corehr.cli.stores import DATABASE_OPTION, current_key_file, open_for_command
from corehr.kernel.tenants import DEFAULT_TENANT_ID


@click.group()
def tenant() -> None:
    """Manage the company that is served."""


@tenant.command("create")
@DATABASE_OPTION
@click.option("--name", required=True, help="Name of the company.")
@click.option("--zone", default="Asia/Shanghai", help="Time zone in which its days begin, as Europe/Berlin.")
def tenant_create(db: str, name: str, zone: str) -> None:
    """Create the company in an empty database."""
    tenants.require_time_zone(zone)
    with open_for_command(db, tenant_required=False) as store:
        store.keys = load_or_create(sqlite_path(db), current_key_file())
        new_tenant = store.command_sync(DEFAULT_TENANT_ID, lambda tx: tenants.create_tenant(tx, name, zone))
    click.echo(f"tenant_key: {new_tenant.tenant_key}")
    click.echo(f"Next: corehr app create --db {mask_passwords(db)} --name NAME --scopes '*' --data-range all", err=True)
