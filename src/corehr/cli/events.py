"""`corehr event`: list undelivered events, and deliver events again."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import click

from corehr.cli.apps import require_app
from corehr.cli.options import Timestamp
from corehr.cli.stores import DATABASE_OPTION, open_for_command
from corehr.delivery import outbox, subscriptions
from corehr.kernel import event_log
from corehr.kernel.db import Tx
from corehr.kernel.tenants import DEFAULT_TENANT_ID


@click.group()
def event() -> None:
    """List and repeat deliveries of events."""


@event.command("list")
@DATABASE_OPTION
@click.argument("app_id")
@click.option("--dead", "state", flag_value="dead", default="dead", help="Events whose delivery is not retried.")
@click.option("--waiting", "state", flag_value="waiting", help="Events that are still to be delivered, instead.")
@click.option("--limit", type=click.IntRange(1, 100_000), default=1000, help="Maximum number of events.")
def event_list(*, db: str, app_id: str, state: Any, limit: int) -> None:
    """List events an app has not received: id, type, subject, number of attempts, result of the last attempt."""
    with open_for_command(db) as store:
        require_app(store, app_id)
        for line in store.command_sync(DEFAULT_TENANT_ID, lambda tx: _event_lines(tx, app_id, state, limit)):
            click.echo("\t".join(line))


def _event_lines(tx: Tx, app_id: str, state: Any, limit: int) -> Sequence[Sequence[str]]:
    seqs = outbox.list_seqs_by_state(tx, app_id, state, since=0, limit=limit)
    deliveries = outbox.list_by_events(tx, seqs)
    lines = []
    for row in tx.fetch_all(event_log.SELECT_BY_SEQ, seqs=seqs):
        attempts = next(delivery for delivery in deliveries[row["seq"]] if delivery["app_id"] == app_id)["attempts"]
        detail = attempts[-1]["detail"] if attempts else ""
        id = event_log.event_id(tx.tenant, row["seq"])
        lines.append((id, row["type"], row["subject"], str(len(attempts)), detail))
    return lines


@event.command("redeliver")
@DATABASE_OPTION
@click.argument("event_id")
@click.option("--app", "app_id", show_default="every subscribed app", help="Deliver to this app only.")
def event_redeliver(*, db: str, event_id: str, app_id: str | None) -> None:
    """Deliver one event again; a running server does so within a second."""
    with open_for_command(db) as store:
        for id in store.command_sync(DEFAULT_TENANT_ID, lambda tx: subscriptions.redeliver(tx, event_id, app_id)):
            click.echo(id)


@event.command("replay")
@DATABASE_OPTION
@click.argument("app_id")
@click.option(
    "--since", type=Timestamp(), show_default="the first event", help="Only events recorded at this time or later."
)
def event_replay(*, db: str, app_id: str, since: datetime | None) -> None:
    """Deliver again to an app, in order, all events it subscribes to."""
    with open_for_command(db) as store:
        require_app(store, app_id)
        count = asyncio.run(subscriptions.replay(store, DEFAULT_TENANT_ID, app_id, since))
    click.echo(f"{count} events are to be delivered again.")
