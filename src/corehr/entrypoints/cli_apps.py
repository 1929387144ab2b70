"""`corehr app`: who may call, and where its events go."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import click

from corehr.entrypoints.arguments import mask_passwords
from corehr.entrypoints.stores import DATABASE_OPTION, DEFAULT_TENANT_ID, open_for_command

# What a command needs is imported when it runs, so that --help and a wrong use answer at once.
if TYPE_CHECKING:
    from corehr.gateway.apps import App
    from corehr.kernel.db import Store, Tx
    from corehr.kernel.subscribers import DeliveryMode


@click.group()
def app() -> None:
    """The apps that may call."""


@app.command("create")
@DATABASE_OPTION
@click.option("--name", required=True, help="What the app is called.")
@click.option("--type", "kind", type=click.Choice(["custom", "store"]), default="custom", help="Of whom it is.")
@click.option("--scopes", type=click.Choice(["*"]), help="Give it every scope.")
@click.option("--scope", "named", multiple=True, metavar="SCOPE", help="Give it this scope; may be repeated.")
@click.option("--data-range", default="none", help="Whom it sees: all, none, or department ids with commas between.")
@click.option("--pre-hires", type=click.Choice(["all", "read", "none"]), default="none", help="Its right to pre-hires.")
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
    """Make an app; its secret is told this once."""
    if bool(scopes) == bool(scope_names):
        raise click.UsageError("say what the app may do: --scopes '*', or --scope once for each scope")
    from corehr.gateway import apps

    department_ids = [] if data_range in ("all", "none") else [id.strip() for id in data_range.split(",")]

    def create(tx: "Tx") -> tuple[str, str]:
        _require_departments(tx, department_ids)
        return apps.create_app(
            tx,
            name,
            type=app_type,
            scopes=apps.ALL_SCOPES if scopes else frozenset(scope_names),
            data_range=department_ids or data_range,
            pre_hires=pre_hires,
        )

    with open_for_command(db) as store:
        _print_credentials(*store.command_sync(DEFAULT_TENANT_ID, create))
    if data_range == "none" and app_type == "custom":
        click.echo("It sees nobody: --data-range all makes an app that sees everyone.", err=True)


def _require_departments(tx: "Tx", ids: Sequence[str]) -> None:
    from corehr.hr.departments import records as departments

    existing = {row["id"] for row in departments.list_by_ids(tx, ids)}
    if unknown := [id for id in ids if id not in existing]:
        raise click.UsageError(f"there is no department {', '.join(unknown)}: give --data-range ids that exist")


def _print_credentials(app_id: str, secret: str) -> None:
    click.echo(f"app_id: {app_id}\napp_secret: {secret}")
    click.echo("Keep the secret: it is not told again. `corehr app rotate` makes a new one.", err=True)


@app.command("list")
@DATABASE_OPTION
def app_list(db: str) -> None:
    """List the apps: id, type, whether it is enabled, scopes, data range, name."""
    from corehr.gateway import apps

    with open_for_command(db) as store:
        for app in store.command_sync(DEFAULT_TENANT_ID, apps.list_apps):
            scopes = "*" if isinstance(app.scopes, str) else ",".join(sorted(app.scopes))
            data_range = "all" if app.data_range.everyone else ",".join(sorted(app.data_range.departments)) or "none"
            click.echo("\t".join((app.app_id, app.type, "on" if app.enabled else "off", scopes, data_range, app.name)))


@app.command("rotate")
@DATABASE_OPTION
@click.argument("app_id")
def app_rotate(db: str, app_id: str) -> None:
    """Give an app a new secret; the old one stops being one at once."""
    from corehr.gateway import apps

    with open_for_command(db) as store:
        new_secret = store.command_sync(DEFAULT_TENANT_ID, lambda tx: apps.rotate_secret(tx, app_id))
    if new_secret is None:
        raise _unknown_app_error(app_id)
    _print_credentials(app_id, new_secret)


# --------------------------------------------------------------------------------------------------- where events go

EVENT_OPTION = click.option(
    "--event", "events", multiple=True, metavar="TYPE", help="Tell it of this event; may be repeated. Otherwise of all."
)


@app.command("webhook")
@DATABASE_OPTION
@click.argument("app_id")
@click.option("--url", required=True, help="Where its events are posted. It is asked to prove itself first.")
@click.option(
    "--encrypt-key",
    default="",
    envvar="COREHR_ENCRYPT_KEY",
    show_envvar=True,
    help="Encrypt and sign what is posted with this key.",
)
@click.option("--verification-token", show_default="a fresh one", help="Told with every event.")
@EVENT_OPTION
def app_webhook(
    *, db: str, app_id: str, url: str, encrypt_key: str, verification_token: str | None, events: tuple[str, ...]
) -> None:
    """Post an app's events to a URL."""
    import asyncio

    from corehr.gateway.egress import EgressPolicy
    from corehr.gateway.webhooks import WebhookClient
    from corehr.kernel.ids import random_hex

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
        f"The server may call it when it runs with --webhook-to {host}; a sandbox may call this machine.", err=True
    )


@app.command("long-connection")
@DATABASE_OPTION
@click.argument("app_id")
@EVENT_OPTION
def app_long_connection(*, db: str, app_id: str, events: tuple[str, ...]) -> None:
    """Send an app's events over the connection that its SDK opens."""
    with open_for_command(db) as store:
        app = require_app(store, app_id)
        if app.type == "store":
            raise click.UsageError("store apps are told by webhook only: `corehr app webhook`")
        _subscribe(store, app, "long_connection", "", "", "", _event_types(app, events))


@app.command("unsubscribe")
@DATABASE_OPTION
@click.argument("app_id")
def app_unsubscribe(*, db: str, app_id: str) -> None:
    """Tell an app of nothing any more."""
    from corehr.entrypoints import subscriptions

    with open_for_command(db) as store:
        require_app(store, app_id)
        store.command_sync(DEFAULT_TENANT_ID, lambda tx: subscriptions.unsubscribe(tx, app_id))


def _host(url: str) -> str:
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host:
        raise click.UsageError(f"{mask_passwords(url)} is no URL: write it as https://hooks.example.com/corehr")
    address = f"[{host}]" if ":" in host else host
    return f"{address}:{port}" if port else address


def require_app(store: "Store", app_id: str) -> "App":
    """The app with this id; a wrong use where there is none."""
    from corehr.gateway import apps

    found = next((app for app in store.command_sync(DEFAULT_TENANT_ID, apps.list_apps) if app.app_id == app_id), None)
    if found is None:
        raise _unknown_app_error(app_id)
    return found


def _unknown_app_error(app_id: str) -> click.UsageError:
    return click.UsageError(f"there is no app {app_id}: `corehr app list` names those there are")


def _event_types(app: "App", names: tuple[str, ...]) -> list[str]:
    from corehr.entrypoints import subscriptions
    from corehr.gateway import spec

    return subscriptions.resolve_event_types(spec.load(), app, names or "*")


def _subscribe(
    store: "Store", app: "App", mode: "DeliveryMode", url: str, encrypt_key: str, token: str, event_types: Sequence[str]
) -> None:
    from corehr.gateway import spec
    from corehr.kernel.subscribers import Subscriber, subscribe

    subscriber = Subscriber(app.tenant, app.app_id, mode, url, encrypt_key, token)
    store.command_sync(DEFAULT_TENANT_ID, lambda tx: subscribe(tx, subscriber, event_types))
    click.echo(f"{app.app_id} is told of {len(event_types)} of {len(spec.load().events)} events.", err=True)
