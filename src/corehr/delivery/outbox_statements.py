"""The table of the outbox and the statements over it; `outbox.py` says what they are for."""

from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from corehr.delivery.subscribers import subscriber, subscription
from corehr.kernel.event_log import event
from corehr.kernel.statements import (
    bind,
    in_list,
    in_tenant,
    integer_column,
    matches,
    partial_index,
    statement,
    tenant_table,
    text_column,
)

_WAITING = "state = 'waiting'"


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
    partial_index("delivery_due", "tenant", "app_id", "due", "seq", where=_WAITING),
    partial_index("delivery_lane", "tenant", "app_id", "subject", "seq", where=_WAITING),
    partial_index("delivery_dead", "tenant", "app_id", "seq", where="state = 'dead'"),
    partial_index("delivery_finished", "tenant", "finished_at", where="finished_at IS NOT NULL"),
)


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
SELECT_APPS_WITH_DUE = statement(
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
SELECT_NEXT_DUE = statement(
    sa.select(_columns.due)
    .where(*matches(delivery, "app_id"), _is_waiting(_columns), _columns.due > bind("after"))
    .order_by(_columns.due)
    .limit(1)
)
# the lock of a subscriber's row decides which process leases for it; the others do not wait
LOCK_SUBSCRIBER = statement(
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
SELECT_LEASABLE = statement(
    sa.select(_columns.seq, _columns.subject, _columns.failures, _columns.attempts)
    .where(*_is_leasable, _columns.app_id == bind("app_id"), _blocked_by.is_(None))
    .order_by(_columns.due, _columns.seq)
    .limit(bind("limit"))
)
# earlier rows of the same lanes that SELECT_LEASABLE did not return: committed or delayed at the same time
SELECT_EARLIER = statement(
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
RELEASE_ALL = statement(
    sa.update(delivery)
    .where(in_tenant(delivery), _is_waiting(_columns), _columns.leased_until > 0)
    .values(leased_until=0)
)

# no condition on the state here, so that the primary key is the only index that fits
_named_rows = (*matches(delivery, "app_id"), in_list(_columns.seq, "seqs"))
LEASE = statement(sa.update(delivery).where(*_named_rows).values(leased_until=bind("lease_until")))

# a delivery that was requeued meanwhile is no longer under this lease
_under_this_lease = (*_named_rows, _columns.leased_until == bind("lease"))
RELEASE = statement(sa.update(delivery).where(*_under_this_lease).values(leased_until=0))
FINISH = statement(
    sa.update(delivery)
    .where(*_under_this_lease)
    .values(state=bind("state_"), attempts=bind("attempts_"), leased_until=0, finished_at=bind("at"))
)
SCHEDULE_RETRY = statement(
    sa.update(delivery)
    .where(*_under_this_lease)
    .values(failures=_columns.failures + 1, due=bind("due_"), attempts=bind("attempts_"), leased_until=0)
)
DELAY_LANE = statement(
    sa.update(delivery)
    .where(*_same_lane(_columns), _columns.seq > bind("seq"))
    .values(failures=_columns.failures + 1, due=bind("due_"), leased_until=0)
)
POSTPONE = statement(
    sa.update(delivery).where(*_under_this_lease).values(due=bind("due_"), attempts=bind("attempts_"), leased_until=0)
)
POSTPONE_LANE = statement(
    sa.update(delivery)
    .where(*_same_lane(_columns), _columns.seq > bind("seq"))
    .values(due=bind("due_"), leased_until=0)
)
UNBLOCK_LANE = statement(
    sa.update(delivery)
    .where(*_same_lane(_columns), _columns.seq > bind("seq"), _columns.due > bind("due_"))
    .values(due=bind("due_"))
)
DEAD_LETTER = statement(
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
REQUEUE = statement(
    _insert.on_conflict_do_update(
        index_elements=["tenant", "seq", "app_id"],
        set_={name: _insert.excluded[name] for name in ("state", "due", "failures", "leased_until", "finished_at")},
    )
)
SELECT_REPLAYABLE = statement(
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
SELECT_BY_EVENTS = statement(
    sa.select(delivery)
    .where(in_tenant(delivery), in_list(_columns.seq, "seqs"))
    .order_by(_columns.seq, _columns.app_id)
)
SELECT_BY_STATE: Final = {
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
PRUNE = statement(
    sa.delete(delivery).where(
        in_tenant(delivery), _columns.finished_at.is_not(None), _columns.finished_at < bind("before")
    )
)
