"""The outbox: one row per event and subscriber, until it is delivered or given up.

Rows are written with the events, in the command's own transaction, so that nothing committed goes untold and nothing
rolled back is told. Whoever delivers claims rows by their state, under a lease: a row whose lease has run out is free
again, whatever became of who held it. The events of one subject go to one subscriber in their order.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from corehr.kernel.clock import FOREVER, to_timestamp
from corehr.kernel.event_log import event
from corehr.kernel.statements import (
    bind,
    in_list,
    integer_column,
    matches,
    of_tenant,
    statement,
    tenant_table,
    text_column,
)
from corehr.kernel.subscribers import subscriber, subscription

if TYPE_CHECKING:
    from corehr.kernel.db import Tx

State = Literal["waiting", "delivered", "given_up", "withheld"]

RETRY_DELAYS: Final = (timedelta(seconds=15), timedelta(minutes=5), timedelta(hours=1), timedelta(hours=6))
"""World time between a failed attempt and the next one; after the last of them an event is given up."""

MAX_CONNECTION_WAIT: Final = sum(RETRY_DELAYS, timedelta())
"""How long an event waits for a long connection to be opened."""

RETENTION: Final = timedelta(days=30)
"""World time for which a finished delivery is remembered. The event stays, and can be delivered again."""

_MAX_STORED_ATTEMPTS: Final = 10
"""Attempts that a delivery remembers."""

_AFTER_LAST_SEQ: Final = 1 << 63
"""Beyond every place in the log."""

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
    sa.Index("delivery_line", "tenant", "app_id", "subject", "seq", **_partial_index(_WAITING)),
    sa.Index("delivery_given_up", "tenant", "app_id", "seq", **_partial_index("state = 'given_up'")),
    sa.Index("delivery_finished", "tenant", "finished_at", **_partial_index("finished_at IS NOT NULL")),
)


class AttemptResult(NamedTuple):
    """What came of one attempt: whether the subscriber took it, and in a few words what it said or why it did not."""

    accepted: bool
    detail: str


class LeasedDelivery(NamedTuple):
    """A delivery under lease until this second; `attempts` are the earlier ones, as they are stored."""

    seq: int
    subject: str
    failures: int
    attempts: str
    leased_until: int


class DeliveryResult(NamedTuple):
    """What came of a claimed delivery. `withheld` says why it is not for this subscriber, `outcome` what came of an
    attempt; where both are None none was made."""

    delivery: LeasedDelivery
    attempt: AttemptResult | None = None
    skipped_because: str | None = None


# ------------------------------------------------------------------------------------------------------- statements

_columns = delivery.c
_earlier = delivery.alias("ahead")


def _is_waiting(columns: Any) -> sa.ColumnElement[bool]:
    waiting: sa.ColumnElement[bool] = columns.state == sa.literal_column("'waiting'")
    return waiting


def _same_lane(columns: Any) -> tuple[sa.ColumnElement[bool], ...]:
    """What waits for one subscriber about one subject."""
    return (
        columns.tenant == bind("tenant"),
        columns.app_id == bind("app_id"),
        columns.subject == bind("subject"),
        _is_waiting(columns),
    )


def _fan_out() -> Any:
    """A row for each of these events and each app that subscribes to its type; due when what is ahead of it is."""
    earlier_due = (
        sa.select(_earlier.c.due)
        .where(
            _earlier.c.tenant == event.c.tenant,
            _earlier.c.app_id == subscription.c.app_id,
            _earlier.c.subject == event.c.subject,
            _is_waiting(_earlier.c),
            _earlier.c.due > event.c.at,
        )
        .order_by(_earlier.c.seq.desc())
        .limit(1)
        # whoever delivers it at this moment is waited for, so that nothing is put off behind what is gone
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
            sa.func.coalesce(earlier_due, event.c.at),
            failures,
            leased,
            attempts,
        )
        .join(subscription, sa.and_(subscription.c.tenant == event.c.tenant, subscription.c.type == event.c.type))
        .where(of_tenant(event), in_list(event.c.seq, "seqs"))
    )
    names = ["tenant", "seq", "app_id", "subject", "state", "due", "failures", "leased_until", "attempts"]
    return sa.insert(delivery).from_select(names, rows)


FAN_OUT = statement(_fan_out())
"""Run by the transaction itself, after its events `seqs` are written."""

_is_leasable = (
    of_tenant(delivery),
    _is_waiting(_columns),
    _columns.due <= bind("now"),
    _columns.leased_until < bind("real"),
)
_SELECT_APPS_WITH_DUE = statement(
    sa.select(subscriber.c.app_id).where(
        of_tenant(subscriber),
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
# whose turn it is to claim for a subscriber is decided by its row: another process that is at it is not waited for
_LOCK_SUBSCRIBER = statement(
    sa.select(subscriber).where(*matches(subscriber, "app_id")).with_for_update(skip_locked=True)
)
# a scalar, since PostgreSQL would make a join over everything that waits of an EXISTS
_blocked_by = (
    sa.select(_earlier.c.seq)
    .where(
        _earlier.c.tenant == _columns.tenant,
        _earlier.c.app_id == _columns.app_id,
        _earlier.c.subject == _columns.subject,
        _is_waiting(_earlier.c),
        _earlier.c.seq < _columns.seq,
        sa.or_(_earlier.c.due > _columns.due, _earlier.c.leased_until >= bind("real")),
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
# what is ahead of what was found, but was not found: something committed or put off at the same moment
_SELECT_EARLIER = statement(
    sa.select(_columns.subject, sa.func.min(_columns.seq).label("seq"))
    .where(
        of_tenant(delivery),
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
    .where(of_tenant(delivery), _is_waiting(_columns), _columns.leased_until > 0)
    .values(leased_until=0)
)

# what changes named rows names no state, so that only the primary key leads to them
_named_rows = (*matches(delivery, "app_id"), in_list(_columns.seq, "seqs"))
_LEASE = statement(sa.update(delivery).where(*_named_rows).values(leased_until=bind("until")))

# what was asked for again meanwhile is not under this lease any more
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
        of_tenant(delivery), _columns.app_id == bind("app_id"), _is_waiting(_columns), _columns.due <= bind("before")
    )
    .values(state="given_up", attempts=bind("attempts_"), leased_until=0, finished_at=bind("at"))
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
        of_tenant(event),
        subscription.c.app_id == bind("app_id"),
        event.c.seq > bind("after"),
        event.c.at >= bind("since"),
    )
    .order_by(event.c.seq)
    .limit(bind("limit"))
)
_SELECT_BY_EVENTS = statement(
    sa.select(delivery)
    .where(of_tenant(delivery), in_list(_columns.seq, "seqs"))
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
    for state in ("waiting", "given_up")
}
_PRUNE = statement(
    sa.delete(delivery).where(
        of_tenant(delivery), _columns.finished_at.is_not(None), _columns.finished_at < bind("before")
    )
)


# --------------------------------------------------------------------------------------------------- who is to be told


def list_apps_with_due(tx: "Tx", now: str, now_seconds: int) -> list[str]:
    """The apps for which something is due at a stamp and under no lease; `real` is seconds since 1970."""
    return [row["app_id"] for row in tx.fetch_all(_SELECT_APPS_WITH_DUE, now=now, real=now_seconds)]


def next_due_at(tx: "Tx", app_ids: Collection[str], after: str) -> str | None:
    """The earliest stamp later than `after` at which something is due for one of these apps."""
    found = [row["due"] for app_id in app_ids for row in tx.fetch_all(_SELECT_NEXT_DUE, app_id=app_id, after=after)]
    return min(found, default=None)


def lease_due(tx: "Tx", app_id: str, *, limit: int, now_seconds: int, lease_until: int) -> list[LeasedDelivery]:
    """Lease what is due for an app, oldest first, and nobody else's to send; `real` and `until` are seconds since 1970.

    Of one subject it is the next ones in their order. Empty too when the app does not subscribe any more, or another
    process claims for it at this moment.
    """
    if tx.fetch_one(_LOCK_SUBSCRIBER, app_id=app_id) is None:
        return []
    rows = tx.fetch_all(_SELECT_LEASABLE, app_id=app_id, now=tx.recorded_at, real=now_seconds, limit=limit)
    if not rows:
        return []
    seqs, subjects = [row["seq"] for row in rows], sorted({row["subject"] for row in rows})
    earlier = tx.fetch_all(_SELECT_EARLIER, app_id=app_id, subjects=subjects, seqs=seqs, last=max(seqs))
    first_earlier = {row["subject"]: row["seq"] for row in earlier}
    leasable = sorted(
        (row for row in rows if row["seq"] < first_earlier.get(row["subject"], _AFTER_LAST_SEQ)),
        key=lambda row: row["seq"],
    )
    tx.execute(_LEASE, app_id=app_id, seqs=[row["seq"] for row in leasable], until=lease_until)
    return [LeasedDelivery(**row, leased_until=lease_until) for row in leasable]


def record_results(tx: "Tx", app_id: str, results: Sequence[DeliveryResult]) -> None:
    """Write down what came of the claimed deliveries, in the order in which it came.

    A failed attempt counts for everything that waits behind it: it falls due, and is given up, together with what is
    ahead of it, though not before it was itself sent once. What is not under the same lease any more stays as it is.
    """
    finished: dict[tuple[State, str, int], list[int]] = {}
    unattempted: dict[int, list[int]] = {}
    for leased, attempt, skipped_because in results:
        if attempt is None and skipped_because is None:
            unattempted.setdefault(leased.leased_until, []).append(leased.seq)
        elif attempt is None or attempt.accepted:
            state: State = "withheld" if attempt is None else "delivered"
            detail = skipped_because or (attempt.detail if attempt else "")
            end = (state, _append_attempt(leased.attempts, tx.recorded_at, detail), leased.leased_until)
            finished.setdefault(end, []).append(leased.seq)
    for (state, attempts, lease), seqs in finished.items():  # most have the same end
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
        changed = _finish(tx, app_id, seqs, lease, "given_up", attempts)
    if changed:
        tx.execute(_DELAY_LANE, app_id=app_id, subject=leased.subject, seq=leased.seq, due_=due)


def _unblock_lane(tx: "Tx", app_id: str, heads: Sequence[Mapping[str, Any]]) -> None:
    """What was put off with these rows, each with `seq` and `subject`, is due at once."""
    tx.execute_many(
        _UNBLOCK_LANE,
        [{"app_id": app_id, "subject": head["subject"], "seq": head["seq"], "due_": tx.recorded_at} for head in heads],
    )


def _append_attempt(attempts: str, recorded_at: str, detail: str) -> str:
    stored = [*msgspec.json.decode(attempts), [recorded_at, detail]]
    return msgspec.json.encode(stored[-_MAX_STORED_ATTEMPTS:]).decode()


def dead_letter_unconnected(tx: "Tx", app_id: str) -> None:
    """What has waited for a long connection as long as retries would have taken is given up."""
    _dead_letter(tx, app_id, to_timestamp(tx.now - MAX_CONNECTION_WAIT), "no connection was open")


def dead_letter_all(tx: "Tx", app_id: str, reason: str) -> None:
    """Nothing that waits for the app is delivered any more."""
    _dead_letter(tx, app_id, FOREVER, reason)


def _dead_letter(tx: "Tx", app_id: str, before: str, reason: str) -> None:
    attempts = _append_attempt("[]", tx.recorded_at, reason)
    tx.execute(_DEAD_LETTER, app_id=app_id, before=before, attempts_=attempts, at=tx.recorded_at)


def release_all_leases(tx: "Tx") -> None:
    """End every lease: for a process that starts and knows that it is alone."""
    tx.execute(_RELEASE_ALL)


# ------------------------------------------------------------------------------------------------------------- again


def redeliver(tx: "Tx", app_id: str, events: Sequence[Mapping[str, Any]]) -> None:
    """Let these events, rows with `seq` and `subject`, be due for the app at once, whatever became of them before."""
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
    """Deliver events of the app's types again: recorded at this stamp or later, with a higher place than `after`.

    At most `limit` of them: how many there were, and the last one's place.
    """
    rows = tx.fetch_all(_SELECT_REPLAYABLE, app_id=app_id, since=since, after=after, limit=limit)
    redeliver(tx, app_id, rows)
    return len(rows), rows[-1]["seq"] if rows else after


# ------------------------------------------------------------------------------------------------------------ what was


def list_by_events(tx: "Tx", seqs: Sequence[int]) -> Mapping[int, list[dict[str, Any]]]:
    """The deliveries of these events, by the event's place and then by app: what to show of them.

    `attempts` are `{"at", "said"}` with a stamp each; `next_attempt` is a stamp while it waits.
    """
    found: dict[int, list[dict[str, Any]]] = {}
    for row in tx.fetch_all(_SELECT_BY_EVENTS, seqs=list(seqs)):
        attempts = [{"at": at, "said": detail} for at, detail in msgspec.json.decode(row["attempts"])]
        item: dict[str, Any] = {"app_id": row["app_id"], "state": row["state"], "attempts": attempts}
        if row["state"] == "waiting":
            item["next_attempt"] = row["due"]
        found.setdefault(row["seq"], []).append(item)
    return found


def list_seqs_by_state(
    tx: "Tx", app_id: str, state: Literal["waiting", "given_up"], *, since: int, limit: int
) -> list[int]:
    """The places of the events whose delivery to an app is in this state, beyond a place."""
    return [row["seq"] for row in tx.fetch_all(_SELECT_BY_STATE[state], app_id=app_id, since=since, limit=limit)]


def prune(tx: "Tx") -> int:
    """Forget the deliveries that were finished long ago; how many there were."""
    return tx.execute(_PRUNE, before=to_timestamp(tx.now - RETENTION))
