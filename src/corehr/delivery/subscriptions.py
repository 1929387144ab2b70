"""What an operator can do with events: select the types that an app receives, redeliver one, replay many."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Final, Literal

from corehr.apps.registry import App
from corehr.delivery import outbox, subscribers
from corehr.delivery.renderer import may_subscribe
from corehr.kernel import event_log
from corehr.kernel.clock import to_timestamp
from corehr.kernel.db import Store, Tx
from corehr.kernel.errors import UsageError
from corehr.spec.loader import Spec

REPLAY_BATCH_SIZE: Final = 1000
"""Events of a replay that share a command: few, so that the writer is never occupied for long."""


def resolve_event_types(spec: Spec, app: App, selection: Literal["*"] | Sequence[str]) -> list[str]:
    """Return the event types that an app will receive; `*` is every type that it may have.

    Raises UsageError for a type that it may not have.
    """
    if selection == "*":
        available = [name for name, event in spec.events.items() if may_subscribe(app, event)]
        if not available:
            raise UsageError("the app has no scope for any event: docs/coverage.md lists the scopes of each")
        return available
    if not selection and app.type != "store":  # a store app receives its tickets anyway
        raise UsageError("name an event, or write * for all of them")
    for name in selection:
        event = spec.events.get(name)
        if event is None:
            raise UsageError(f"there is no event {name}: docs/coverage.md lists all of them")
        if app.type_in_spec not in event.app_types:
            raise UsageError(f"{name} is not available to {app.type} apps")
        if not may_subscribe(app, event):
            raise UsageError(f"for {name} the app needs one of these scopes: {', '.join(event.scopes)}")
    return sorted(set(selection))


def unsubscribe(tx: Tx, app_id: str) -> None:
    """Delete the app's subscription, and mark the deliveries that wait for it dead."""
    subscribers.delete_subscriber(tx, app_id)
    outbox.dead_letter_all(tx, app_id, "the app unsubscribed")


def redeliver(tx: Tx, event_id: str, app_id: str | None) -> list[str]:
    """Make an event due again now, for one app or for all that subscribe to its type, and return their ids.

    Raises UsageError when there is no such event or no such subscriber.
    """
    row = next(iter(tx.fetch_all(event_log.SELECT_BY_SEQ, seqs=[_seq_of(event_id)])), None)
    if row is None or event_log.event_id(tx.tenant, row["seq"]) != event_id:
        raise UsageError(f"there is no event {event_id}")
    subscribed = [
        subscriber.app_id
        for subscriber in subscribers.list_all(tx)
        if row["type"] in subscribers.list_event_types(tx, subscriber.app_id)
    ]
    targets = [id for id in subscribed if app_id in (None, id)]
    if not targets:
        problem = f"{app_id} does not subscribe" if app_id else "no app subscribes"
        raise UsageError(f"{problem} to {row['type']}: subscribe first")
    for id in targets:
        outbox.redeliver(tx, id, [row])
    return targets


def _seq_of(event_id: str) -> int:
    try:
        seq = event_log.seq_of(event_id)
    except ValueError:
        raise UsageError(f"{event_id} is not an event id: an event id has 32 hexadecimal digits") from None
    return min(seq, (1 << 63) - 1)


def require_subscriber(tx: Tx, app_id: str) -> None:
    """Raise UsageError unless the app has a subscription."""
    if subscribers.get(tx, app_id) is None:
        raise UsageError(f"{app_id} subscribes to nothing: subscribe first")


async def replay(store: Store, tenant: str, app_id: str, since: datetime | None) -> int:
    """Redeliver, in order, all events of the app's types that were recorded since an instant, by default all of them.

    Return how many events there were. Raises UsageError when the app has no subscription.
    """
    await store.query(tenant, lambda tx: require_subscriber(tx, app_id))
    since_timestamp = to_timestamp(since) if since else ""
    count, done, after = 0, REPLAY_BATCH_SIZE, 0
    while done == REPLAY_BATCH_SIZE:
        work = partial(outbox.replay, app_id=app_id, since=since_timestamp, after=after, limit=REPLAY_BATCH_SIZE)
        done, after = await store.command(tenant, work)
        count += done
    return count
