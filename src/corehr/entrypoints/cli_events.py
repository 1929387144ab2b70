"""`corehr event`: what became of events, and delivering them again."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from corehr.entrypoints.arguments import Timestamp
from corehr.entrypoints.cli_apps import require_app
from corehr.entrypoints.stores import DATABASE_OPTION, DEFAULT_TENANT_ID, open_for_command

# What a command needs is imported when it runs, so that --help and a wrong use answer at once.
if TYPE_CHECKING:
    from corehr.kernel.db import Tx


@click.group()
def event() -> None:
    """The events and their delivery."""


@event.command("list")
@DATABASE_OPTION
@click.argument("app_id")
@click.option("--given-up", "state", flag_value="given_up", default="given_up", help="Those that are not tried again.")
@click.option("--waiting", "state", flag_value="waiting", help="Those that are yet to be delivered, instead.")
@click.option("--limit", type=click.IntRange(1, 100_000), default=1000, help="So many at most.")
def event_list(*, db: str, app_id: str, state: Any, limit: int) -> None:
    """List events an app was not told of: id, type, subject, how often it was tried, and what came of it last."""
    with open_for_command(db) as store:
        require_app(store, app_id)
        for line in store.command_sync(DEFAULT_TENANT_ID, lambda tx: _event_lines(tx, app_id, state, limit)):
            click.echo("\t".join(line))


def _event_lines(tx: "Tx", app_id: str, state: Any, limit: int) -> Sequence[Sequence[str]]:
    from corehr.kernel import event_log, outbox

    seqs = outbox.list_seqs_by_state(tx, app_id, state, since=0, limit=limit)
    deliveries = outbox.list_by_events(tx, seqs)
    lines = []
    for row in tx.fetch_all(event_log.SELECT_BY_SEQ, seqs=seqs):
        attempts = next(delivery for delivery in deliveries[row["seq"]] if delivery["app_id"] == app_id)["attempts"]
        detail = attempts[-1]["said"] if attempts else ""
        id = event_log.event_id(tx.tenant, row["seq"])
        lines.append((id, row["type"], row["subject"], str(len(attempts)), detail))
    return lines


@event.command("redeliver")
@DATABASE_OPTION
@click.argument("event_id")
@click.option("--app", "app_id", show_default="all that subscribe to it", help="To this app.")
def event_redeliver(*, db: str, event_id: str, app_id: str | None) -> None:
    """Deliver one event again; a running server does so within a second."""
    from corehr.entrypoints import subscriptions

    with open_for_command(db) as store:
        for id in store.command_sync(DEFAULT_TENANT_ID, lambda tx: subscriptions.redeliver(tx, event_id, app_id)):
            click.echo(id)


@event.command("replay")
@DATABASE_OPTION
@click.argument("app_id")
@click.option("--since", type=Timestamp(), show_default="ever", help="Recorded at this moment or later.")
def event_replay(*, db: str, app_id: str, since: datetime | None) -> None:
    """Deliver to an app, in order, all that it subscribes to."""
    import asyncio

    from corehr.entrypoints import subscriptions

    with open_for_command(db) as store:
        require_app(store, app_id)
        count = asyncio.run(subscriptions.replay(store, DEFAULT_TENANT_ID, app_id, since))
    click.echo(f"{count} events are to be delivered again.")
