"""`corehr app`: the apps that may call, and where their events are delivered."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Final, Literal
from urllib.parse import urlsplit

import click

from corehr.apps import registry
from corehr.apps.registry import App
from corehr.apps.scopes import ALL_SCOPES
from corehr.cli.options import Duration, mask_passwords
from corehr.cli.stores import DATABASE_OPTION, open_for_command
from corehr.delivery import subscriptions
from corehr.delivery.egress import EgressPolicy
from corehr.delivery.subscribers import DeliveryMode, Subscriber, subscribe
from corehr.delivery.webhooks import WebhookClient
from corehr.hr.organization import departments
from corehr.kernel.db import Store, Tx
from corehr.kernel.ids import random_hex
from corehr.kernel.tenants import DEFAULT_TENANT_ID
from corehr.spec import loader

MAX_KEEP_OLD: Final = timedelta(days=30)
"""The longest time for which an app may have two secrets."""


@click.group()
def app() -> None:
    """Manage the apps that may call."""


@app.command("create")
@DATABASE_OPTION
@click.option("--name", required=True, help="Name of the app.")
@click.option(
    "--type", "app_type", type=click.Choice(["custom", "store"]), default="custom", help="A custom app or a store app."
)
@click.option("--scopes", type=click.Choice(["*"]), help="Grant every scope.")
@click.option("--scope", "scope_names", multiple=True, metavar="SCOPE", help="Grant this scope; may be repeated.")
@click.option("--data-range", default="none", help="People it sees: all, none, or comma-separated department ids.")
@click.option(
    "--pre-hires", type=click.Choice(["all", "read", "none"]), default="none", help="Its access to pre-hires."
)
def app_create(
    *,
    db: str,
    name: str,
    app_type: Literal["custom", "store"],
    scopes: str | None,
    scope_names: tuple[str, ...],
    data_range: str,
    pre_hires: Literal["all", "read", "none"],
) -> None:
    """Create an app; its secret is shown only now."""
    if bool(scopes) == bool(scope_names):
        raise click.UsageError("grant the app scopes: --scopes '*', or --scope once for each scope")
    department_ids = [] if data_range in ("all", "none") else [id.strip() for id in data_range.split(",")]

    def create(tx: Tx) -> tuple[str, str]:
        _require_departments(tx, department_ids)
        return registry.create_app(
            tx,
            name,
            type=app_type,
            scopes=ALL_SCOPES if scopes else frozenset(scope_names),
            data_range=department_ids or data_range,
            pre_hires=pre_hires,
        )

    with open_for_command(db) as store:
        _print_credentials(*store.command_sync(DEFAULT_TENANT_ID, create))
    if data_range == "none" and app_type == "custom":
        click.echo("It sees no employees: --data-range all creates an app that sees everyone.", err=True)


def _require_departments(tx: Tx, ids: Sequence[str]) -> None:
    existing = {row["id"] for row in departments.list_by_ids(tx, ids)}
    if unknown := [id for id in ids if id not in existing]:
        raise click.UsageError(f"there is no department {', '.join(unknown)}: give --data-range ids that exist")


def _print_credentials(app_id: str, secret: str) -> None:
    click.echo(f"app_id: {app_id}\napp_secret: {secret}")
    click.echo("Keep the secret: it is not shown again. `corehr app rotate` creates a new one.", err=True)


@app.command("list")
@DATABASE_OPTION
def app_list(db: str) -> None:
    """List the apps: id, type, whether it is enabled, scopes, data range, name."""
    with open_for_command(db) as store:
        for app in store.command_sync(DEFAULT_TENANT_ID, registry.list_apps):
            scopes = "*" if isinstance(app.scopes, str) else ",".join(sorted(app.scopes))
            data_range = "all" if app.data_range.everyone else ",".join(sorted(app.data_range.departments)) or "none"
            click.echo("\t".join((app.app_id, app.type, "on" if app.enabled else "off", scopes, data_range, app.name)))


@app.command("rotate")
@DATABASE_OPTION
@click.argument("app_id")
@click.option(
    "--keep-old",
    type=Duration(MAX_KEEP_OLD),
    show_default="not at all",
    help="Accept the present secret too for this long, as 1h or 7d.",
)
def app_rotate(*, db: str, app_id: str, keep_old: timedelta | None) -> None:
    """Give an app a new secret; the old one is invalid at once, or after --keep-old. Tokens stay valid."""
    with open_for_command(db) as store:
        new_secret = store.command_sync(
            DEFAULT_TENANT_ID, lambda tx: registry.rotate_secret(tx, app_id, keep_old=keep_old)
        )
    if new_secret is None:
        raise _unknown_app_error(app_id)
    _print_credentials(app_id, new_secret)


# --------------------------------------------------------------------------------------------------- event delivery

EVENT_OPTION = click.option(
    "--event",
    "events",
    multiple=True,
    metavar="TYPE",
    help="Deliver this event type; may be repeated. Otherwise every type.",
)


@app.command("webhook")
@DATABASE_OPTION
@click.argument("app_id")
@click.option("--url", required=True, help="URL its events are posted to; it must answer a url_verification first.")
@click.option(
    "--encrypt-key",
    default="",
    envvar="COREHR_ENCRYPT_KEY",
    show_envvar=True,
    help="Key that encrypts and signs the posted events.",
)
@click.option("--verification-token", show_default="a new one", help="Sent with every event.")
@EVENT_OPTION
def app_webhook(
    *, db: str, app_id: str, url: str, encrypt_key: str, verification_token: str | None, events: tuple[str, ...]
) -> None:
    """Post an app's events to a URL."""
    token = random_hex() if verification_token is None else verification_token
    host = _host(url)

    try:
        egress_policy = EgressPolicy.from_hosts([host], loopback=True)
    except ValueError as error:
        raise click.UsageError(f"--url: {error}") from None

    async def verify() -> str | None:
        client = WebhookClient(egress_policy)
        await client.open()
        try:
            return await client.verify_url(url, encrypt_key, token)
        finally:
            await client.close()

    with open_for_command(db) as store:
        app = require_app(store, app_id)
        event_types = _event_types(app, events)
        if reason := asyncio.run(verify()):
            raise click.ClickException(reason)
        _subscribe(store, app, "webhook", url, encrypt_key, token, event_types)
    click.echo(f"verification_token: {token}")
    click.echo(
        f"The server may call it when it runs with --allow-webhook-host {host}; a sandbox may call this machine.",
        err=True,
    )


@app.command("long-connection")
@DATABASE_OPTION
@click.argument("app_id")
@EVENT_OPTION
def app_long_connection(*, db: str, app_id: str, events: tuple[str, ...]) -> None:
    """Deliver an app's events over the connection that its SDK opens."""
    with open_for_command(db) as store:
        app = require_app(store, app_id)
        if app.type == "store":
            raise click.UsageError("store apps receive events by webhook only: `corehr app webhook`")
        _subscribe(store, app, "long_connection", "", "", "", _event_types(app, events))


@app.command("unsubscribe")
@DATABASE_OPTION
@click.argument("app_id")
def app_unsubscribe(*, db: str, app_id: str) -> None:
    """Stop delivering events to an app."""
    with open_for_command(db) as store:
        require_app(store, app_id)
        store.command_sync(DEFAULT_TENANT_ID, lambda tx: subscriptions.unsubscribe(tx, app_id))


def _host(url: str) -> str:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host:
        raise click.UsageError(f"{mask_passwords(url)} is not a URL: write it as https://hooks.example.com/corehr")
    address = f"[{host}]" if ":" in host else host
    return f"{address}:{port}" if port else address


def require_app(store: Store, app_id: str) -> App:
    """Return the app with this id; UsageError if there is none."""
    found = next(
        (app for app in store.command_sync(DEFAULT_TENANT_ID, registry.list_apps) if app.app_id == app_id), None
    )
    if found is None:
        raise _unknown_app_error(app_id)
    return found


def _unknown_app_error(app_id: str) -> click.UsageError:
    return click.UsageError(f"there is no app {app_id}: `corehr app list` shows the apps")


def _event_types(app: App, names: tuple[str, ...]) -> list[str]:
    return subscriptions.resolve_event_types(loader.load(), app, names or "*")


def _subscribe(
    store: Store, app: App, mode: DeliveryMode, url: str, encrypt_key: str, token: str, event_types: Sequence[str]
) -> None:
    subscriber = Subscriber(app.tenant, app.app_id, mode, url, encrypt_key, token)
    store.command_sync(DEFAULT_TENANT_ID, lambda tx: subscribe(tx, subscriber, event_types))
    click.echo(f"{app.app_id} is subscribed to {len(event_types)} of {len(loader.load().events)} events.", err=True)
