"""The transactional outbox: one row per event and subscriber, with its state and its attempts.

Rows are written with the events, in the command's own transaction, so that a committed event has its deliveries and one
that is rolled back has none. Workers lease waiting rows; an expired lease makes a row available again, even if its
holder crashed. The events of one subject form a lane: they are delivered to a subscriber in order.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from corehr.delivery.subscribers import subscriber, subscription
from corehr.kernel.clock import FOREVER, to_timestamp
from corehr.kernel.event_log import event
from corehr.kernel.statements import (
    bind,
    in_list,
    in_tenant,
    integer_column,
    matches,
    statement,
    tenant_table,
    text_column,
)

if TYPE_CHECKING:
    from corehr.kernel.db import Tx

State = Literal["waiting", "delivered", "dead", "skipped"]

RETRY_DELAYS: Final = (timedelta(seconds=15), timedelta(minutes=5), timedelta(hours=1), timedelta(hours=6))
"""World time between a failed attempt and the next one; a delivery that fails after the last of them is dead."""

MAX_CONNECTION_WAIT: Final = sum(RETRY_DELAYS, timedelta())
"""World time that a delivery waits for a long connection to be opened: as long as all retries take."""

RETENTION: Final = timedelta(days=30)
"""World time for which a finished delivery is stored. The event stays stored and can be redelivered."""

_MAX_STORED_ATTEMPTS: Final = 10
"""How many attempts of a delivery are stored: the latest ones."""

_AFTER_LAST_SEQ: Final = 1 << 63
"""Greater than every sequence number."""

_WAITING = "state = 'waiting'"


def _partial_index(condition: str) -> dict[str, Any]:
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


delivery = tenant_table(
    "delivery",
    integer_column("seq", key=True),
    text_column("app_id", key=True),
    text_column("subject"),
    text_column("state"),
    text_column("due"),
    integer_column("failures"),
    integer_column("leased_until"),
    text_column("attempts"),
    text_column("finished_at", optional=True),
    sa.Index("delivery_due", "tenant", "app_id", "due", "seq", **_partial_index(_WAITING)),
    sa.Index("delivery_lane", "tenant", "app_id", "subject", "seq", **_partial_index(_WAITING)),
    sa.Index("delivery_dead", "tenant", "app_id", "seq", **_partial_index("state = 'dead'")),
    sa.Index("delivery_finished", "tenant", "finished_at", **_partial_index("finished_at IS NOT NULL")),
)


class AttemptResult(NamedTuple):
    """The result of one attempt: whether the subscriber accepted it, and in a few words its response or the reason."""

    accepted: bool
    detail: str


class LeasedDelivery(NamedTuple):
    """A delivery under a lease that ends at `leased_until`, in epoch seconds; `attempts` is JSON of earlier ones."""

    seq: int
    subject: str
    failures: int
    attempts: str
    leased_until: int


class DeliveryResult(NamedTuple):
    """The result of a leased delivery: `attempt`, or `skipped_because`, why the event is not for this subscriber.

    Both are None when no attempt was made.
    """

    delivery: LeasedDelivery
    attempt: AttemptResult | None = None
    skipped_because: str | None = None


# ------------------------------------------------------------------------------------------------------- statements

_columns = delivery.c
_earlier = delivery.alias("earlier")


def _is_waiting(columns: Any) -> sa.ColumnElement[bool]:
    waiting: sa.ColumnElement[bool] = columns.state == sa.literal_column("'waiting'")
    return waiting


def _same_lane(columns: Any) -> tuple[sa.ColumnElement[bool], ...]:
    """Return the conditions for the waiting deliveries of one subscriber and subject."""
    return (
        columns.tenant == bind("tenant"),
        columns.app_id == bind("app_id"),
        columns.subject == bind("subject"),
        _is_waiting(columns),
    )


def _fan_out() -> Any:
    """Return the insertion of a row for each of the events `seqs` and each app that subscribes to its type.

    A row is due when its event was recorded or, if that is later, when the last delayed row of its lane is.
    """
    earlier_due = (
        sa.select(_earlier.c.due)
        .where(
            _earlier.c.tenant == event.c.tenant,
            _earlier.c.app_id == subscription.c.app_id,
            _earlier.c.subject == event.c.subject,
            _is_waiting(_earlier.c),
            _earlier.c.due > event.c.recorded_at,
        )
        .order_by(_earlier.c.seq.desc())
        .limit(1)
        # waits for a worker that is recording its result, so that no row is delayed behind a finished one
        .with_for_update(read=True)
        .scalar_subquery()
    )
    constants: list[sa.ColumnElement[Any]] = [sa.literal_column(literal) for literal in ("'waiting'", "0", "0", "'[]'")]
    state, failures, leased, attempts = constants
    rows = (
        sa.select(
            event.c.tenant,
            event.c.seq,
            subscription.c.app_id,
            event.c.subject,
            state,
            sa.func.coalesce(earlier_due, event.c.recorded_at),
            failures,
            leased,
            attempts,
        )
        .join(subscription, sa.and_(subscription.c.tenant == event.c.tenant, subscription.c.type == event.c.type))
        .where(in_tenant(event), in_list(event.c.seq, "seqs"))
    )
    names = ["tenant", "seq", "app_id", "subject", "state", "due", "failures", "leased_until", "attempts"]
    return sa.insert(delivery).from_select(names, rows)


FAN_OUT = statement(_fan_out())
"""Executed by every transaction after it has inserted its events, whose sequence numbers are `seqs`."""

_is_leasable = (
    in_tenant(delivery),
    _is_waiting(_columns),
    _columns.due <= bind("now"),
    _columns.leased_until < bind("now_seconds"),
)
_SELECT_APPS_WITH_DUE = statement(
    sa.select(subscriber.c.app_id).where(
        in_tenant(subscriber),
        sa.select(_columns.seq)
        .where(_columns.app_id == subscriber.c.app_id, *_is_leasable)
        .limit(1)
        .correlate(subscriber)
        .scalar_subquery()
        .is_not(None),
    )
)
_SELECT_NEXT_DUE = statement(
    sa.select(_columns.due)
    .where(*matches(delivery, "app_id"), _is_waiting(_columns), _columns.due > bind("after"))
    .order_by(_columns.due)
    .limit(1)
)
# the lock of a subscriber's row decides which process leases for it; the others do not wait
_LOCK_SUBSCRIBER = statement(
    sa.select(subscriber).where(*matches(subscriber, "app_id")).with_for_update(skip_locked=True)
)
# a scalar subquery, since PostgreSQL plans an EXISTS as a join over all waiting rows
_blocked_by = (
    sa.select(_earlier.c.seq)
    .where(
        _earlier.c.tenant == _columns.tenant,
        _earlier.c.app_id == _columns.app_id,
        _earlier.c.subject == _columns.subject,
        _is_waiting(_earlier.c),
        _earlier.c.seq < _columns.seq,
        sa.or_(_earlier.c.due > _columns.due, _earlier.c.leased_until >= bind("now_seconds")),
    )
    .limit(1)
    .correlate(delivery)
    .scalar_subquery()
)
_SELECT_LEASABLE = statement(
    sa.select(_columns.seq, _columns.subject, _columns.failures, _columns.attempts)
    .where(*_is_leasable, _columns.app_id == bind("app_id"), _blocked_by.is_(None))
    .order_by(_columns.due, _columns.seq)
    .limit(bind("limit"))
)
# earlier rows of the same lanes that _SELECT_LEASABLE did not return: committed or delayed at the same time
_SELECT_EARLIER = statement(
    sa.select(_columns.subject, sa.func.min(_columns.seq).label("seq"))
    .where(
        in_tenant(delivery),
        _columns.app_id == bind("app_id"),
        in_list(_columns.subject, "subjects"),
        _is_waiting(_columns),
        _columns.seq < bind("last"),
        sa.not_(in_list(_columns.seq, "seqs")),
    )
    .group_by(_columns.subject)
)
_RELEASE_ALL = statement(
    sa.update(delivery)
    .where(in_tenant(delivery), _is_waiting(_columns), _columns.leased_until > 0)
    .values(leased_until=0)
)

# no condition on the state here, so that the primary key is the only index that fits
_named_rows = (*matches(delivery, "app_id"), in_list(_columns.seq, "seqs"))
_LEASE = statement(sa.update(delivery).where(*_named_rows).values(leased_until=bind("lease_until")))

# a delivery that was requeued meanwhile is no longer under this lease
_under_this_lease = (*_named_rows, _columns.leased_until == bind("lease"))
_RELEASE = statement(sa.update(delivery).where(*_under_this_lease).values(leased_until=0))
_FINISH = statement(
    sa.update(delivery)
    .where(*_under_this_lease)
    .values(state=bind("state_"), attempts=bind("attempts_"), leased_until=0, finished_at=bind("at"))
)
_SCHEDULE_RETRY = statement(
    sa.update(delivery)
    .where(*_under_this_lease)
    .values(failures=_columns.failures + 1, due=bind("due_"), attempts=bind("attempts_"), leased_until=0)
)
_DELAY_LANE = statement(
    sa.update(delivery)
    .where(*_same_lane(_columns), _columns.seq > bind("seq"))
    .values(failures=_columns.failures + 1, due=bind("due_"), leased_until=0)
)
_UNBLOCK_LANE = statement(
    sa.update(delivery)
    .where(*_same_lane(_columns), _columns.seq > bind("seq"), _columns.due > bind("due_"))
    .values(due=bind("due_"))
)
_DEAD_LETTER = statement(
    sa.update(delivery)
    .where(
        in_tenant(delivery),
        _columns.app_id == bind("app_id"),
        _is_waiting(_columns),
        _columns.due <= bind("before"),
    )
    .values(state="dead", attempts=bind("attempts_"), leased_until=0, finished_at=bind("at"))
)

_insert = insert(delivery)
_REQUEUE = statement(
    _insert.on_conflict_do_update(
        index_elements=["tenant", "seq", "app_id"],
        set_={name: _insert.excluded[name] for name in ("state", "due", "failures", "leased_until", "finished_at")},
    )
)
_SELECT_REPLAYABLE = statement(
    sa.select(event.c.seq, event.c.subject)
    .join(subscription, sa.and_(subscription.c.tenant == event.c.tenant, subscription.c.type == event.c.type))
    .where(
        in_tenant(event),
        subscription.c.app_id == bind("app_id"),
        event.c.seq > bind("after"),
        event.c.recorded_at >= bind("since"),
    )
    .order_by(event.c.seq)
    .limit(bind("limit"))
)
_SELECT_BY_EVENTS = statement(
    sa.select(delivery)
    .where(in_tenant(delivery), in_list(_columns.seq, "seqs"))
    .order_by(_columns.seq, _columns.app_id)
)
_SELECT_BY_STATE: Final = {
    state: statement(
        sa.select(_columns.seq)
        .where(
            *matches(delivery, "app_id"),
            _columns.state == sa.literal_column(f"'{state}'"),
            _columns.seq > bind("since"),
        )
        .order_by(_columns.seq)
        .limit(bind("limit"))
    )
    for state in ("waiting", "dead")
}
_PRUNE = statement(
    sa.delete(delivery).where(
        in_tenant(delivery), _columns.finished_at.is_not(None), _columns.finished_at < bind("before")
    )
)


# --------------------------------------------------------------------------------------------------- leases and results


def list_apps_with_due_deliveries(tx: "Tx", now: str, now_seconds: int) -> list[str]:
    """Return the apps with a delivery due at the timestamp `now` and no lease at `now_seconds`, in epoch seconds."""
    return [row["app_id"] for row in tx.fetch_all(_SELECT_APPS_WITH_DUE, now=now, now_seconds=now_seconds)]


def next_due_at(tx: "Tx", app_ids: Collection[str], after: str) -> str | None:
    """Return the earliest timestamp after `after` at which a delivery to one of these apps is due, or None."""
    found = [row["due"] for app_id in app_ids for row in tx.fetch_all(_SELECT_NEXT_DUE, app_id=app_id, after=after)]
    return min(found, default=None)


def lease_due(tx: "Tx", app_id: str, *, limit: int, now_seconds: int, lease_until: int) -> list[LeasedDelivery]:
    """Lease the oldest due deliveries of an app that are under no other lease, and return them by sequence number.

    Of each lane they are the first waiting ones, without a gap. The list is empty, too, when the app no longer
    subscribes or another process is leasing for it. `now_seconds` and `lease_until` are in epoch seconds.
    """
    if tx.fetch_one(_LOCK_SUBSCRIBER, app_id=app_id) is None:
        return []
    rows = tx.fetch_all(_SELECT_LEASABLE, app_id=app_id, now=tx.recorded_at, now_seconds=now_seconds, limit=limit)
    if not rows:
        return []
    seqs, subjects = [row["seq"] for row in rows], sorted({row["subject"] for row in rows})
    earlier = tx.fetch_all(_SELECT_EARLIER, app_id=app_id, subjects=subjects, seqs=seqs, last=max(seqs))
    first_earlier = {row["subject"]: row["seq"] for row in earlier}
    leasable = sorted(
        (row for row in rows if row["seq"] < first_earlier.get(row["subject"], _AFTER_LAST_SEQ)),
        key=lambda row: row["seq"],
    )
    tx.execute(_LEASE, app_id=app_id, seqs=[row["seq"] for row in leasable], lease_until=lease_until)
    return [LeasedDelivery(**row, leased_until=lease_until) for row in leasable]


def record_results(tx: "Tx", app_id: str, results: Sequence[DeliveryResult]) -> None:
    """Record the results of leased deliveries; `results` are in the order of the attempts.

    A failed attempt counts for the deliveries behind it in its lane as well: they are due, and become dead, together
    with it, but none becomes dead before it was sent once. A delivery that is no longer under the same lease stays as
    it is.
    """
    finished: dict[tuple[State, str, int], list[int]] = {}
    unattempted: dict[int, list[int]] = {}
    for leased, attempt, skipped_because in results:
        if attempt is None and skipped_because is None:
            unattempted.setdefault(leased.leased_until, []).append(leased.seq)
        elif attempt is None or attempt.accepted:
            state: State = "skipped" if attempt is None else "delivered"
            detail = skipped_because or (attempt.detail if attempt else "")
            end = (state, _append_attempt(leased.attempts, tx.recorded_at, detail), leased.leased_until)
            finished.setdefault(end, []).append(leased.seq)
    for (state, attempts, lease), seqs in finished.items():  # grouped, since most have the same result
        _finish(tx, app_id, seqs, lease, state, attempts)
    for lease, seqs in unattempted.items():
        tx.execute(_RELEASE, app_id=app_id, seqs=seqs, lease=lease)
    for leased, attempt, skipped_because in results:
        if attempt is not None and not attempt.accepted:
            _schedule_retry(tx, app_id, leased, attempt.detail)
        elif leased.failures and (attempt is not None or skipped_because is not None):
            _unblock_lane(tx, app_id, [leased._asdict()])


def _finish(tx: "Tx", app_id: str, seqs: list[int], lease: int, state: State, attempts: str) -> int:
    return tx.execute(
        _FINISH, app_id=app_id, seqs=seqs, lease=lease, state_=state, attempts_=attempts, at=tx.recorded_at
    )


def _schedule_retry(tx: "Tx", app_id: str, leased: LeasedDelivery, detail: str) -> None:
    seqs, lease = [leased.seq], leased.leased_until
    attempts = _append_attempt(leased.attempts, tx.recorded_at, detail)
    if leased.failures < len(RETRY_DELAYS):
        due = to_timestamp(tx.now + RETRY_DELAYS[leased.failures])
        changed = tx.execute(_SCHEDULE_RETRY, app_id=app_id, seqs=seqs, lease=lease, due_=due, attempts_=attempts)
    else:
        due = tx.recorded_at
        changed = _finish(tx, app_id, seqs, lease, "dead", attempts)
    if changed:
        tx.execute(_DELAY_LANE, app_id=app_id, subject=leased.subject, seq=leased.seq, due_=due)


def _unblock_lane(tx: "Tx", app_id: str, heads: Sequence[Mapping[str, Any]]) -> None:
    """Make the deliveries that were delayed behind these rows, each with `seq` and `subject`, due now."""
    tx.execute_many(
        _UNBLOCK_LANE,
        [{"app_id": app_id, "subject": head["subject"], "seq": head["seq"], "due_": tx.recorded_at} for head in heads],
    )


def _append_attempt(attempts: str, recorded_at: str, detail: str) -> str:
    stored = [*msgspec.json.decode(attempts), [recorded_at, detail]]
    return msgspec.json.encode(stored[-_MAX_STORED_ATTEMPTS:]).decode()


def dead_letter_unconnected(tx: "Tx", app_id: str) -> None:
    """Mark the app's deliveries dead that have waited for a long connection for `MAX_CONNECTION_WAIT`."""
    _dead_letter(tx, app_id, to_timestamp(tx.now - MAX_CONNECTION_WAIT), "no connection was open")


def dead_letter_all(tx: "Tx", app_id: str, reason: str) -> None:
    """Mark all waiting deliveries of the app dead."""
    _dead_letter(tx, app_id, FOREVER, reason)


def _dead_letter(tx: "Tx", app_id: str, before: str, reason: str) -> None:
    attempts = _append_attempt("[]", tx.recorded_at, reason)
    tx.execute(_DEAD_LETTER, app_id=app_id, before=before, attempts_=attempts, at=tx.recorded_at)


def release_all_leases(tx: "Tx") -> None:
    """End every lease; only for a process that starts and is the only one to deliver."""
    tx.execute(_RELEASE_ALL)


# ----------------------------------------------------------------------------------------------------------- redelivery


def redeliver(tx: "Tx", app_id: str, events: Sequence[Mapping[str, Any]]) -> None:
    """Make these events, rows with `seq` and `subject`, due for the app now, whatever the state of their deliveries."""
    requeued = {"app_id": app_id, "state": "waiting", "due": tx.recorded_at, "failures": 0, "leased_until": 0}
    tx.execute_many(
        _REQUEUE,
        [
            {"seq": row["seq"], "subject": row["subject"], **requeued, "attempts": "[]", "finished_at": None}
            for row in events
        ],
    )
    _unblock_lane(tx, app_id, events)


def replay(tx: "Tx", app_id: str, *, since: str, after: int, limit: int) -> tuple[int, int]:
    """Redeliver up to `limit` events of the app's types with a sequence number above `after`, recorded from `since` on.

    `since` is a timestamp. Return how many events there were, and the sequence number of the last one, else `after`.
    """
    rows = tx.fetch_all(_SELECT_REPLAYABLE, app_id=app_id, since=since, after=after, limit=limit)
    redeliver(tx, app_id, rows)
    return len(rows), rows[-1]["seq"] if rows else after


# -------------------------------------------------------------------------------------------------------------- queries


def list_by_events(tx: "Tx", seqs: Sequence[int]) -> Mapping[int, list[dict[str, Any]]]:
    """Return the deliveries of these events as JSON objects, by the event's sequence number, each list ordered by app.

    `attempts` are `{"at", "detail"}`, where `at` is a timestamp; `next_attempt`, a timestamp, is set while one waits.
    """
    found: dict[int, list[dict[str, Any]]] = {}
    for row in tx.fetch_all(_SELECT_BY_EVENTS, seqs=list(seqs)):
        attempts = [{"at": at, "detail": detail} for at, detail in msgspec.json.decode(row["attempts"])]
        item: dict[str, Any] = {"app_id": row["app_id"], "state": row["state"], "attempts": attempts}
        if row["state"] == "waiting":
            item["next_attempt"] = row["due"]
        found.setdefault(row["seq"], []).append(item)
    return found


def list_seqs_by_state(
    tx: "Tx", app_id: str, state: Literal["waiting", "dead"], *, since: int, limit: int
) -> list[int]:
    """Return the sequence numbers above `since` of the events whose delivery to an app is in this state."""
    return [row["seq"] for row in tx.fetch_all(_SELECT_BY_STATE[state], app_id=app_id, since=since, limit=limit)]


def prune(tx: "Tx") -> int:
    """Delete the deliveries that finished more than `RETENTION` ago, and return how many."""
    return tx.execute(_PRUNE, before=to_timestamp(tx.now - RETENTION))
