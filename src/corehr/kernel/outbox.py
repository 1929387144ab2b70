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

RETRIES: Final = (timedelta(seconds=15), timedelta(minutes=5), timedelta(hours=1), timedelta(hours=6))
"""World time between a failed attempt and the next one; after the last of them an event is given up."""

PATIENCE: Final = sum(RETRIES, timedelta())
"""How long an event waits for a long connection to be opened."""

KEPT: Final = timedelta(days=30)
"""World time for which a finished delivery is remembered. The event stays, and can be delivered again."""

_TOLD: Final = 10
"""Attempts that a delivery remembers."""

_END: Final = 1 << 63
"""Beyond every place in the log."""

_WAITING = "state = 'waiting'"


def _where(condition: str) -> dict[str, Any]:
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
    sa.Index("delivery_due", "tenant", "app_id", "due", "seq", **_where(_WAITING)),
    sa.Index("delivery_line", "tenant", "app_id", "subject", "seq", **_where(_WAITING)),
    sa.Index("delivery_given_up", "tenant", "app_id", "seq", **_where("state = 'given_up'")),
    sa.Index("delivery_finished", "tenant", "finished_at", **_where("finished_at IS NOT NULL")),
)


class Outcome(NamedTuple):
    """What came of one attempt: whether the subscriber took it, and in a few words what it said or why it did not."""

    taken: bool
    said: str


class Claimed(NamedTuple):
    """A delivery under lease until this second; `attempts` are the earlier ones, as they are stored."""

    seq: int
    subject: str
    failures: int
    attempts: str
    leased_until: int


class Result(NamedTuple):
    """What came of a claimed delivery. `withheld` says why it is not for this subscriber, `outcome` what came of an
    attempt; where both are None none was made."""

    claimed: Claimed
    outcome: Outcome | None = None
    withheld: str | None = None


# ------------------------------------------------------------------------------------------------------- statements

_of = delivery.c
_ahead = delivery.alias("ahead")


def _is_waiting(of: Any) -> sa.ColumnElement[bool]:
    waiting: sa.ColumnElement[bool] = of.state == sa.literal_column("'waiting'")
    return waiting


def _line(of: Any) -> tuple[sa.ColumnElement[bool], ...]:
    """What waits for one subscriber about one subject."""
    return of.tenant == bind("tenant"), of.app_id == bind("app_id"), of.subject == bind("subject"), _is_waiting(of)


def _fan_out() -> Any:
    """A row for each of these events and each app that subscribes to its type; due when what is ahead of it is."""
    behind = (
        sa.select(_ahead.c.due)
        .where(
            _ahead.c.tenant == event.c.tenant,
            _ahead.c.app_id == subscription.c.app_id,
            _ahead.c.subject == event.c.subject,
            _is_waiting(_ahead.c),
            _ahead.c.due > event.c.at,
        )
        .order_by(_ahead.c.seq.desc())
        .limit(1)
        # whoever delivers it at this moment is waited for, so that nothing is put off behind what is gone
        .with_for_update(read=True)
        .scalar_subquery()
    )
    constants: list[sa.ColumnElement[Any]] = [sa.literal_column(text) for text in ("'waiting'", "0", "0", "'[]'")]
    state, failures, leased, attempts = constants
    rows = (
        sa.select(
            event.c.tenant,
            event.c.seq,
            subscription.c.app_id,
            event.c.subject,
            state,
            sa.func.coalesce(behind, event.c.at),
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

_claimable = (of_tenant(delivery), _is_waiting(_of), _of.due <= bind("now"), _of.leased_until < bind("real"))
_WITH_SOMETHING_DUE = statement(
    sa.select(subscriber.c.app_id).where(
        of_tenant(subscriber),
        sa.select(_of.seq)
        .where(_of.app_id == subscriber.c.app_id, *_claimable)
        .limit(1)
        .correlate(subscriber)
        .scalar_subquery()
        .is_not(None),
    )
)
_NEXT_DUE = statement(
    sa.select(_of.due)
    .where(*matches(delivery, "app_id"), _is_waiting(_of), _of.due > bind("after"))
    .order_by(_of.due)
    .limit(1)
)
# whose turn it is to claim for a subscriber is decided by its row: another process that is at it is not waited for
_TURN = statement(sa.select(subscriber).where(*matches(subscriber, "app_id")).with_for_update(skip_locked=True))
# a scalar, since PostgreSQL would make a join over everything that waits of an EXISTS
_held_up_by = (
    sa.select(_ahead.c.seq)
    .where(
        _ahead.c.tenant == _of.tenant,
        _ahead.c.app_id == _of.app_id,
        _ahead.c.subject == _of.subject,
        _is_waiting(_ahead.c),
        _ahead.c.seq < _of.seq,
        sa.or_(_ahead.c.due > _of.due, _ahead.c.leased_until >= bind("real")),
    )
    .limit(1)
    .correlate(delivery)
    .scalar_subquery()
)
_CLAIMABLE = statement(
    sa.select(_of.seq, _of.subject, _of.failures, _of.attempts)
    .where(*_claimable, _of.app_id == bind("app_id"), _held_up_by.is_(None))
    .order_by(_of.due, _of.seq)
    .limit(bind("limit"))
)
# what is ahead of what was found, but was not found: something committed or put off at the same moment
_AHEAD = statement(
    sa.select(_of.subject, sa.func.min(_of.seq).label("seq"))
    .where(
        of_tenant(delivery),
        _of.app_id == bind("app_id"),
        in_list(_of.subject, "subjects"),
        _is_waiting(_of),
        _of.seq < bind("last"),
        sa.not_(in_list(_of.seq, "seqs")),
    )
    .group_by(_of.subject)
)
_RELEASE_ALL = statement(
    sa.update(delivery).where(of_tenant(delivery), _is_waiting(_of), _of.leased_until > 0).values(leased_until=0)
)

# what changes named rows names no state, so that only the primary key leads to them
_these = (*matches(delivery, "app_id"), in_list(_of.seq, "seqs"))
_LEASE = statement(sa.update(delivery).where(*_these).values(leased_until=bind("until")))

# what was asked for again meanwhile is not under this lease any more
_held = (*_these, _of.leased_until == bind("lease"))
_RELEASE = statement(sa.update(delivery).where(*_held).values(leased_until=0))
_FINISH = statement(
    sa.update(delivery)
    .where(*_held)
    .values(state=bind("state_"), attempts=bind("attempts_"), leased_until=0, finished_at=bind("at"))
)
_PUT_OFF = statement(
    sa.update(delivery)
    .where(*_held)
    .values(failures=_of.failures + 1, due=bind("due_"), attempts=bind("attempts_"), leased_until=0)
)
_PUT_OFF_FOLLOWERS = statement(
    sa.update(delivery)
    .where(*_line(_of), _of.seq > bind("seq"))
    .values(failures=_of.failures + 1, due=bind("due_"), leased_until=0)
)
_LET_FOLLOWERS_GO = statement(
    sa.update(delivery).where(*_line(_of), _of.seq > bind("seq"), _of.due > bind("due_")).values(due=bind("due_"))
)
_GIVE_UP = statement(
    sa.update(delivery)
    .where(of_tenant(delivery), _of.app_id == bind("app_id"), _is_waiting(_of), _of.due <= bind("before"))
    .values(state="given_up", attempts=bind("attempts_"), leased_until=0, finished_at=bind("at"))
)

_new = insert(delivery)
_AGAIN = statement(
    _new.on_conflict_do_update(
        index_elements=["tenant", "seq", "app_id"],
        set_={name: _new.excluded[name] for name in ("state", "due", "failures", "leased_until", "finished_at")},
    )
)
_TO_REPLAY = statement(
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
_OF_EVENTS = statement(
    sa.select(delivery).where(of_tenant(delivery), in_list(_of.seq, "seqs")).order_by(_of.seq, _of.app_id)
)
_BY_STATE: Final = {
    state: statement(
        sa.select(_of.seq)
        .where(*matches(delivery, "app_id"), _of.state == sa.literal_column(f"'{state}'"), _of.seq > bind("since"))
        .order_by(_of.seq)
        .limit(bind("limit"))
    )
    for state in ("waiting", "given_up")
}
_PRUNE = statement(
    sa.delete(delivery).where(of_tenant(delivery), _of.finished_at.is_not(None), _of.finished_at < bind("before"))
)


# --------------------------------------------------------------------------------------------------- who is to be told


def with_something_due(tx: "Tx", now: str, real: int) -> list[str]:
    """The apps for which something is due at a stamp and under no lease; `real` is seconds since 1970."""
    return [row["app_id"] for row in tx.fetch_all(_WITH_SOMETHING_DUE, now=now, real=real)]


def next_due(tx: "Tx", app_ids: Collection[str], after: str) -> str | None:
    """The earliest stamp later than `after` at which something is due for one of these apps."""
    found = [row["due"] for app_id in app_ids for row in tx.fetch_all(_NEXT_DUE, app_id=app_id, after=after)]
    return min(found, default=None)


def claim(tx: "Tx", app_id: str, *, limit: int, real: int, until: int) -> list[Claimed]:
    """Lease what is due for an app, oldest first, and nobody else's to send; `real` and `until` are seconds since 1970.

    Of one subject it is the next ones in their order. Empty too when the app does not subscribe any more, or another
    process claims for it at this moment.
    """
    if tx.fetch_one(_TURN, app_id=app_id) is None:
        return []
    rows = tx.fetch_all(_CLAIMABLE, app_id=app_id, now=tx.recorded_at, real=real, limit=limit)
    if not rows:
        return []
    seqs, subjects = [row["seq"] for row in rows], sorted({row["subject"] for row in rows})
    ahead = tx.fetch_all(_AHEAD, app_id=app_id, subjects=subjects, seqs=seqs, last=max(seqs))
    first = {row["subject"]: row["seq"] for row in ahead}
    free = sorted((row for row in rows if row["seq"] < first.get(row["subject"], _END)), key=lambda row: row["seq"])
    tx.execute(_LEASE, app_id=app_id, seqs=[row["seq"] for row in free], until=until)
    return [Claimed(**row, leased_until=until) for row in free]


def settle(tx: "Tx", app_id: str, results: Sequence[Result]) -> None:
    """Write down what came of the claimed deliveries, in the order in which it came.

    A failed attempt counts for everything that waits behind it: it falls due, and is given up, together with what is
    ahead of it, though not before it was itself sent once. What is not under the same lease any more stays as it is.
    """
    finished: dict[tuple[State, str, int], list[int]] = {}
    untouched: dict[int, list[int]] = {}
    for claimed, outcome, withheld in results:
        if outcome is None and withheld is None:
            untouched.setdefault(claimed.leased_until, []).append(claimed.seq)
        elif outcome is None or outcome.taken:
            state: State = "withheld" if outcome is None else "delivered"
            said = withheld or (outcome.said if outcome else "")
            end = (state, _with(claimed.attempts, tx.recorded_at, said), claimed.leased_until)
            finished.setdefault(end, []).append(claimed.seq)
    for (state, attempts, lease), seqs in finished.items():  # most have the same end
        _finish(tx, app_id, seqs, lease, state, attempts)
    for lease, seqs in untouched.items():
        tx.execute(_RELEASE, app_id=app_id, seqs=seqs, lease=lease)
    for claimed, outcome, withheld in results:
        if outcome is not None and not outcome.taken:
            _failed(tx, app_id, claimed, outcome.said)
        elif claimed.failures and (outcome is not None or withheld is not None):
            _let_followers_go(tx, app_id, [claimed._asdict()])


def _finish(tx: "Tx", app_id: str, seqs: list[int], lease: int, state: State, attempts: str) -> int:
    return tx.execute(
        _FINISH, app_id=app_id, seqs=seqs, lease=lease, state_=state, attempts_=attempts, at=tx.recorded_at
    )


def _failed(tx: "Tx", app_id: str, claimed: Claimed, said: str) -> None:
    seqs, lease = [claimed.seq], claimed.leased_until
    attempts = _with(claimed.attempts, tx.recorded_at, said)
    if claimed.failures < len(RETRIES):
        due = to_timestamp(tx.now + RETRIES[claimed.failures])
        changed = tx.execute(_PUT_OFF, app_id=app_id, seqs=seqs, lease=lease, due_=due, attempts_=attempts)
    else:
        due = tx.recorded_at
        changed = _finish(tx, app_id, seqs, lease, "given_up", attempts)
    if changed:
        tx.execute(_PUT_OFF_FOLLOWERS, app_id=app_id, subject=claimed.subject, seq=claimed.seq, due_=due)


def _let_followers_go(tx: "Tx", app_id: str, heads: Sequence[Mapping[str, Any]]) -> None:
    """What was put off with these rows, each with `seq` and `subject`, is due at once."""
    tx.execute_many(
        _LET_FOLLOWERS_GO,
        [{"app_id": app_id, "subject": head["subject"], "seq": head["seq"], "due_": tx.recorded_at} for head in heads],
    )


def _with(attempts: str, at: str, said: str) -> str:
    told = [*msgspec.json.decode(attempts), [at, said]]
    return msgspec.json.encode(told[-_TOLD:]).decode()


def give_up_unconnected(tx: "Tx", app_id: str) -> None:
    """What has waited for a long connection as long as retries would have taken is given up."""
    _give_up(tx, app_id, to_timestamp(tx.now - PATIENCE), "no connection was open")


def give_up_all(tx: "Tx", app_id: str, said: str) -> None:
    """Nothing that waits for the app is delivered any more."""
    _give_up(tx, app_id, FOREVER, said)


def _give_up(tx: "Tx", app_id: str, before: str, said: str) -> None:
    attempts = _with("[]", tx.recorded_at, said)
    tx.execute(_GIVE_UP, app_id=app_id, before=before, attempts_=attempts, at=tx.recorded_at)


def release_all(tx: "Tx") -> None:
    """End every lease: for a process that starts and knows that it is alone."""
    tx.execute(_RELEASE_ALL)


# ------------------------------------------------------------------------------------------------------------- again


def deliver_again(tx: "Tx", app_id: str, events: Sequence[Mapping[str, Any]]) -> None:
    """Let these events, rows with `seq` and `subject`, be due for the app at once, whatever became of them before."""
    fresh = {"app_id": app_id, "state": "waiting", "due": tx.recorded_at, "failures": 0, "leased_until": 0}
    tx.execute_many(
        _AGAIN,
        [
            {"seq": row["seq"], "subject": row["subject"], **fresh, "attempts": "[]", "finished_at": None}
            for row in events
        ],
    )
    _let_followers_go(tx, app_id, events)


def replay(tx: "Tx", app_id: str, *, since: str, after: int, limit: int) -> tuple[int, int]:
    """Deliver events of the app's types again: recorded at this stamp or later, with a higher place than `after`.

    At most `limit` of them: how many there were, and the last one's place.
    """
    rows = tx.fetch_all(_TO_REPLAY, app_id=app_id, since=since, after=after, limit=limit)
    deliver_again(tx, app_id, rows)
    return len(rows), rows[-1]["seq"] if rows else after


# ------------------------------------------------------------------------------------------------------------ what was


def of_events(tx: "Tx", seqs: Sequence[int]) -> Mapping[int, list[dict[str, Any]]]:
    """The deliveries of these events, by the event's place and then by app: what to show of them.

    `attempts` are `{"at", "said"}` with a stamp each; `next_attempt` is a stamp while it waits.
    """
    found: dict[int, list[dict[str, Any]]] = {}
    for row in tx.fetch_all(_OF_EVENTS, seqs=list(seqs)):
        attempts = [{"at": at, "said": said} for at, said in msgspec.json.decode(row["attempts"])]
        shown: dict[str, Any] = {"app_id": row["app_id"], "state": row["state"], "attempts": attempts}
        if row["state"] == "waiting":
            shown["next_attempt"] = row["due"]
        found.setdefault(row["seq"], []).append(shown)
    return found


def in_state(tx: "Tx", app_id: str, state: Literal["waiting", "given_up"], *, since: int, limit: int) -> list[int]:
    """The places of the events whose delivery to an app is in this state, beyond a place."""
    return [row["seq"] for row in tx.fetch_all(_BY_STATE[state], app_id=app_id, since=since, limit=limit)]


def prune(tx: "Tx") -> int:
    """Forget the deliveries that were finished long ago; how many there were."""
    return tx.execute(_PRUNE, before=to_timestamp(tx.now - KEPT))
