"""The transactional outbox: one row per event and subscriber, with its state and its attempts.

Rows are written with the events, in the command's own transaction, so that a committed event has its deliveries and one
that is rolled back has none. Workers lease waiting rows; an expired lease makes a row available again, even if its
holder crashed. The events of one subject form a lane: they are delivered to a subscriber in order.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final, Literal, NamedTuple

import msgspec

from corehr.delivery import outbox_statements as sql
from corehr.delivery.faults import DeliveryFaultName
from corehr.kernel.clock import FOREVER, to_timestamp
from corehr.kernel.db import Tx

State = Literal["waiting", "delivered", "dead", "skipped"]

RETRY_DELAYS: Final = (timedelta(seconds=15), timedelta(minutes=5), timedelta(hours=1), timedelta(hours=6))
"""World time between a failed attempt and the next one; a delivery that fails after the last of them is dead."""

MAX_CONNECTION_WAIT: Final = sum(RETRY_DELAYS, timedelta())
"""World time that a delivery waits for a long connection to be opened: as long as all retries take."""

RETENTION: Final = timedelta(days=30)
"""World time for which a finished delivery is stored. The event stays stored and can be redelivered."""

DELAY: Final[DeliveryFaultName] = "delay"

_MAX_STORED_ATTEMPTS: Final = 10
"""How many attempts of a delivery are stored: the latest ones."""

_AFTER_LAST_SEQ: Final = 1 << 63
"""Greater than every sequence number."""


class AttemptResult(NamedTuple):
    """The result of one attempt: whether the subscriber accepted it, and in a few words its response or the reason.

    `fault` is the name of what went wrong on purpose, if anything did.
    """

    accepted: bool
    detail: str
    fault: str | None = None


class LeasedDelivery(NamedTuple):
    """A delivery under a lease that ends at `leased_until`, in epoch seconds; `attempts` is JSON of earlier ones."""

    seq: int
    subject: str
    failures: int
    attempts: str
    leased_until: int


class DeliveryResult(NamedTuple):
    """The result of a leased delivery: `attempt`, or `skipped_because`, why the event is not for this subscriber.

    Both are None when no attempt was made: the delivery is due again now or, by a fault, after `delay`.
    """

    delivery: LeasedDelivery
    attempt: AttemptResult | None = None
    skipped_because: str | None = None
    delay: timedelta | None = None


# --------------------------------------------------------------------------------------------------- leases and results


def list_apps_with_due_deliveries(tx: Tx, now: str, now_seconds: int) -> list[str]:
    """Return the apps with a delivery due at the timestamp `now` and no lease at `now_seconds`, in epoch seconds."""
    return [row["app_id"] for row in tx.fetch_all(sql.SELECT_APPS_WITH_DUE, now=now, now_seconds=now_seconds)]


def next_due_at(tx: Tx, app_ids: Collection[str], after: str) -> str | None:
    """Return the earliest timestamp after `after` at which a delivery to one of these apps is due, or None."""
    found = [row["due"] for app_id in app_ids for row in tx.fetch_all(sql.SELECT_NEXT_DUE, app_id=app_id, after=after)]
    return min(found, default=None)


def lease_due(tx: Tx, app_id: str, *, limit: int, now_seconds: int, lease_until: int) -> list[LeasedDelivery]:
    """Lease the oldest due deliveries of an app that are under no other lease, and return them by sequence number.

    Of each lane they are the first waiting ones, without a gap. The list is empty, too, when the app no longer
    subscribes or another process is leasing for it. `now_seconds` and `lease_until` are in epoch seconds.
    """
    if tx.fetch_one(sql.LOCK_SUBSCRIBER, app_id=app_id) is None:
        return []
    rows = tx.fetch_all(sql.SELECT_LEASABLE, app_id=app_id, now=tx.recorded_at, now_seconds=now_seconds, limit=limit)
    if not rows:
        return []
    seqs, subjects = [row["seq"] for row in rows], sorted({row["subject"] for row in rows})
    earlier = tx.fetch_all(sql.SELECT_EARLIER, app_id=app_id, subjects=subjects, seqs=seqs, last=max(seqs))
    first_earlier = {row["subject"]: row["seq"] for row in earlier}
    leasable = sorted(
        (row for row in rows if row["seq"] < first_earlier.get(row["subject"], _AFTER_LAST_SEQ)),
        key=lambda row: row["seq"],
    )
    tx.execute(sql.LEASE, app_id=app_id, seqs=[row["seq"] for row in leasable], lease_until=lease_until)
    return [LeasedDelivery(**row, leased_until=lease_until) for row in leasable]


def record_results(tx: Tx, app_id: str, results: Sequence[DeliveryResult]) -> None:
    """Record the results of leased deliveries; `results` are in the order of the attempts.

    A failed attempt counts for the deliveries behind it in its lane as well: they are due, and become dead, together
    with it, but none becomes dead before it was sent once. A delivery that is no longer under the same lease stays as
    it is.
    """
    finished: dict[tuple[State, str, int], list[int]] = {}
    unattempted: dict[int, list[int]] = {}
    for leased, attempt, skipped_because, delay in results:
        if delay is not None:
            _delay(tx, app_id, leased, delay)
        elif attempt is None and skipped_because is None:
            unattempted.setdefault(leased.leased_until, []).append(leased.seq)
        elif attempt is None or attempt.accepted:
            state: State = "skipped" if attempt is None else "delivered"
            recorded = attempt or AttemptResult(False, skipped_because or "")
            end = (state, _append_attempt(leased.attempts, tx.recorded_at, recorded), leased.leased_until)
            finished.setdefault(end, []).append(leased.seq)
    for (state, attempts, lease), seqs in finished.items():  # grouped, since most have the same result
        _finish(tx, app_id, seqs, lease, state, attempts)
    for lease, seqs in unattempted.items():
        tx.execute(sql.RELEASE, app_id=app_id, seqs=seqs, lease=lease)
    for leased, attempt, skipped_because, _ in results:
        if attempt is not None and not attempt.accepted:
            _schedule_retry(tx, app_id, leased, attempt)
        elif leased.failures and (attempt is not None or skipped_because is not None):
            _unblock_lane(tx, app_id, [leased._asdict()])


def _finish(tx: Tx, app_id: str, seqs: list[int], lease: int, state: State, attempts: str) -> int:
    return tx.execute(
        sql.FINISH, app_id=app_id, seqs=seqs, lease=lease, state_=state, attempts_=attempts, at=tx.recorded_at
    )


def _delay(tx: Tx, app_id: str, leased: LeasedDelivery, delay: timedelta) -> None:
    """Make a delivery due later, and with it those behind it in its lane."""
    due = to_timestamp(tx.now + delay)
    recorded = AttemptResult(False, f"delayed by {delay.total_seconds():.0f} s", DELAY)
    attempts = _append_attempt(leased.attempts, tx.recorded_at, recorded)
    if tx.execute(
        sql.POSTPONE, app_id=app_id, seqs=[leased.seq], lease=leased.leased_until, due_=due, attempts_=attempts
    ):
        tx.execute(sql.POSTPONE_LANE, app_id=app_id, subject=leased.subject, seq=leased.seq, due_=due)


def is_delayed(delivery: LeasedDelivery) -> bool:
    """Return whether the last thing that happened to a delivery is a delay."""
    attempts = msgspec.json.decode(delivery.attempts)
    return bool(attempts) and attempts[-1][2:] == [DELAY]


def _schedule_retry(tx: Tx, app_id: str, leased: LeasedDelivery, attempt: AttemptResult) -> None:
    seqs, lease = [leased.seq], leased.leased_until
    attempts = _append_attempt(leased.attempts, tx.recorded_at, attempt)
    if leased.failures < len(RETRY_DELAYS):
        due = to_timestamp(tx.now + RETRY_DELAYS[leased.failures])
        changed = tx.execute(sql.SCHEDULE_RETRY, app_id=app_id, seqs=seqs, lease=lease, due_=due, attempts_=attempts)
    else:
        due = tx.recorded_at
        changed = _finish(tx, app_id, seqs, lease, "dead", attempts)
    if changed:
        tx.execute(sql.DELAY_LANE, app_id=app_id, subject=leased.subject, seq=leased.seq, due_=due)


def _unblock_lane(tx: Tx, app_id: str, heads: Sequence[Mapping[str, Any]]) -> None:
    """Make the deliveries that were delayed behind these rows, each with `seq` and `subject`, due now."""
    tx.execute_many(
        sql.UNBLOCK_LANE,
        [{"app_id": app_id, "subject": head["subject"], "seq": head["seq"], "due_": tx.recorded_at} for head in heads],
    )


def _append_attempt(attempts: str, recorded_at: str, attempt: AttemptResult) -> str:
    fault = [attempt.fault] if attempt.fault else []
    stored = [*msgspec.json.decode(attempts), [recorded_at, attempt.detail, *fault]]
    return msgspec.json.encode(stored[-_MAX_STORED_ATTEMPTS:]).decode()


def dead_letter_unconnected(tx: Tx, app_id: str) -> None:
    """Mark the app's deliveries dead that have waited for a long connection for `MAX_CONNECTION_WAIT`."""
    _dead_letter(tx, app_id, to_timestamp(tx.now - MAX_CONNECTION_WAIT), "no connection was open")


def dead_letter_all(tx: Tx, app_id: str, reason: str) -> None:
    """Mark all waiting deliveries of the app dead."""
    _dead_letter(tx, app_id, FOREVER, reason)


def _dead_letter(tx: Tx, app_id: str, before: str, reason: str) -> None:
    attempts = _append_attempt("[]", tx.recorded_at, AttemptResult(False, reason))
    tx.execute(sql.DEAD_LETTER, app_id=app_id, before=before, attempts_=attempts, at=tx.recorded_at)


def release_all_leases(tx: Tx) -> None:
    """End every lease; only for a process that starts and is the only one to deliver."""
    tx.execute(sql.RELEASE_ALL)


# ----------------------------------------------------------------------------------------------------------- redelivery


def redeliver(tx: Tx, app_id: str, events: Sequence[Mapping[str, Any]]) -> None:
    """Make these events, rows with `seq` and `subject`, due for the app now, whatever the state of their deliveries."""
    requeued = {"app_id": app_id, "state": "waiting", "due": tx.recorded_at, "failures": 0, "leased_until": 0}
    tx.execute_many(
        sql.REQUEUE,
        [
            {"seq": row["seq"], "subject": row["subject"], **requeued, "attempts": "[]", "finished_at": None}
            for row in events
        ],
    )
    _unblock_lane(tx, app_id, events)


def replay(tx: Tx, app_id: str, *, since: str, after: int, limit: int) -> tuple[int, int]:
    """Redeliver up to `limit` events of the app's types with a sequence number above `after`, recorded from `since` on.

    `since` is a timestamp. Return how many events there were, and the sequence number of the last one, else `after`.
    """
    rows = tx.fetch_all(sql.SELECT_REPLAYABLE, app_id=app_id, since=since, after=after, limit=limit)
    redeliver(tx, app_id, rows)
    return len(rows), rows[-1]["seq"] if rows else after


# -------------------------------------------------------------------------------------------------------------- queries


def list_by_events(tx: Tx, seqs: Sequence[int]) -> Mapping[int, list[dict[str, Any]]]:
    """Return the deliveries of these events as JSON objects, by the event's sequence number, each list ordered by app.

    `attempts` are `{"at", "detail"}`, where `at` is a timestamp, with `fault` if something went wrong on purpose;
    `next_attempt`, a timestamp, is set while one waits.
    """
    found: dict[int, list[dict[str, Any]]] = {}
    for row in tx.fetch_all(sql.SELECT_BY_EVENTS, seqs=list(seqs)):
        stored = msgspec.json.decode(row["attempts"])
        attempts = [dict(zip(("at", "detail", "fault"), attempt, strict=False)) for attempt in stored]
        item: dict[str, Any] = {"app_id": row["app_id"], "state": row["state"], "attempts": attempts}
        if row["state"] == "waiting":
            item["next_attempt"] = row["due"]
        found.setdefault(row["seq"], []).append(item)
    return found


def list_seqs_by_state(tx: Tx, app_id: str, state: Literal["waiting", "dead"], *, since: int, limit: int) -> list[int]:
    """Return the sequence numbers above `since` of the events whose delivery to an app is in this state."""
    return [row["seq"] for row in tx.fetch_all(sql.SELECT_BY_STATE[state], app_id=app_id, since=since, limit=limit)]


def prune(tx: Tx) -> int:
    """Delete the deliveries that finished more than `RETENTION` ago, and return how many."""
    return tx.execute(sql.PRUNE, before=to_timestamp(tx.now - RETENTION))
