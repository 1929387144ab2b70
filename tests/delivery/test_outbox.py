"""The outbox: which deliveries are leased, when and in which order, also when events are redelivered meanwhile."""

from datetime import UTC, datetime, timedelta

import pytest

from corehr.app.stores import open_store
from corehr.delivery import outbox, subscribers
from corehr.delivery.outbox import AttemptResult, DeliveryResult
from corehr.delivery.outbox_statements import delivery
from corehr.delivery.subscribers import Subscriber
from corehr.kernel import event_log
from corehr.kernel.clock import Clock
from corehr.kernel.event_log import Event
from corehr.kernel.ids import TimeOrderedIds
from corehr.kernel.statements import select_by

START = datetime(2030, 1, 1, tzinfo=UTC)
TYPE, NOW_SECONDS, LEASE_SECONDS = "toy.moved_v1", 1_000_000, 60
ACCEPTED, REJECTED = AttemptResult(True, "HTTP 200"), AttemptResult(False, "HTTP 500")


class Outbox:
    """An outbox with one subscriber; `second` is seconds of world time after START, leases begin at NOW_SECONDS."""

    def __init__(self, store) -> None:
        self.store, self.names = store, dict[int, str]()
        self.subscribe()

    def run(self, work, second=0):
        return self.store.command_sync("1", work, at=START + timedelta(seconds=second))

    def subscribe(self, app="app"):
        subscriber = Subscriber("1", app, "webhook", "http://127.0.0.1/", "", "")
        self.run(lambda tx: subscribers.subscribe(tx, subscriber, [TYPE]))

    def emit(self, *names, subject="S", second=0, fails=False):
        def work(tx):
            for name in names:
                tx.emit(Event(TYPE, subject, {"name": name}))
            if fails:
                raise RuntimeError(names)

        before = self.last_seq()
        self.run(work, second)
        rows = self.run(lambda tx: tx.fetch_all(event_log.SELECT_SINCE_BY_TYPE, type=TYPE, since=before, limit=100))
        self.names |= {row["seq"]: name for row, name in zip(rows, names, strict=True)}

    def last_seq(self):
        rows = self.run(lambda tx: tx.fetch_all(event_log.SELECT_SINCE_BY_TYPE, type=TYPE, since=0, limit=1000))
        return rows[-1]["seq"] if rows else 0

    def lease_due(self, second=0, *, limit=64, now_seconds=NOW_SECONDS, app="app"):
        lease_until = now_seconds + LEASE_SECONDS
        return self.run(
            lambda tx: outbox.lease_due(tx, app, limit=limit, now_seconds=now_seconds, lease_until=lease_until), second
        )

    def delivered(self, leased):
        return [self.names[delivery.seq] for delivery in leased]

    def record_results(self, leased, attempt, second=0):
        self.run(
            lambda tx: outbox.record_results(tx, "app", [DeliveryResult(delivery, attempt) for delivery in leased]),
            second,
        )

    def redeliver(self, *names, second=0):
        seqs = [seq for seq, name in self.names.items() if name in names]
        self.run(lambda tx: outbox.redeliver(tx, "app", tx.fetch_all(event_log.SELECT_BY_SEQ, seqs=seqs)), second)

    def states(self, app="app"):
        rows = self.run(lambda tx: tx.fetch_all(select_by(delivery, "app_id"), app_id=app))
        return {self.names[row["seq"]]: (row["state"], row["failures"]) for row in sorted(rows, key=lambda r: r["seq"])}


@pytest.fixture
def box(db):
    store = open_store(db, Clock(), TimeOrderedIds())
    yield Outbox(store)
    store.close()


def test_a_delivery_is_written_with_its_event_or_not_at_all(box):
    box.emit("one")
    with pytest.raises(RuntimeError):
        box.emit("two", fails=True)
    assert box.delivered(box.lease_due()) == ["one"]


def test_a_leased_delivery_is_not_leased_again_until_the_lease_has_expired(box):
    box.emit("one")
    assert box.delivered(box.lease_due()) == ["one"]
    assert box.lease_due(now_seconds=NOW_SECONDS + LEASE_SECONDS) == []
    assert box.delivered(box.lease_due(now_seconds=NOW_SECONDS + LEASE_SECONDS + 1)) == ["one"]


def test_a_starting_process_ends_every_lease(box):
    box.emit("one")
    assert box.delivered(box.lease_due()) == ["one"]
    box.run(outbox.release_all_leases)
    assert box.delivered(box.lease_due()) == ["one"]


def test_a_lane_waits_behind_a_leased_delivery_and_another_subject_does_not(box):
    box.emit("one", "two")
    box.emit("other", subject="T")
    first = box.lease_due(limit=1)
    assert box.delivered(first) == ["one"]
    assert box.delivered(box.lease_due()) == ["other"]
    box.record_results(first, ACCEPTED)
    assert box.delivered(box.lease_due()) == ["two"]


def test_a_failed_attempt_delays_its_lane_and_counts_for_it(box):
    box.emit("one", "two")
    box.record_results(box.lease_due()[:1], REJECTED)
    assert box.states() == {"one": ("waiting", 1), "two": ("waiting", 1)}
    box.emit("three", second=1)
    assert box.lease_due(14) == []
    assert box.delivered(box.lease_due(15)) == ["one", "two", "three"]


def test_after_the_last_retry_what_is_behind_is_sent_once(box):
    box.emit("one", "two")
    for second in (0, 15, 315, 3915, 25515):
        box.record_results(box.lease_due(second)[:1], REJECTED, second)
    assert box.states() == {"one": ("dead", 4), "two": ("waiting", 5)}
    second = box.lease_due(25515)
    assert box.delivered(second) == ["two"]
    box.record_results(second, REJECTED, 25515)
    assert box.states() == {"one": ("dead", 4), "two": ("dead", 5)}


def test_an_earlier_event_that_is_redelivered_goes_before_a_later_one_that_waits(box):
    box.emit("one")
    box.record_results(box.lease_due(), ACCEPTED)
    box.emit("two", second=10)
    box.redeliver("one", second=20)
    first = box.lease_due(30)
    assert box.delivered(first) == ["one"]
    box.record_results(first, ACCEPTED, 30)
    assert box.delivered(box.lease_due(30)) == ["two"]


def test_a_later_event_that_is_redelivered_waits_for_an_earlier_one_that_was_delayed(box):
    box.emit("one", "two")
    box.record_results(box.lease_due(limit=1), REJECTED)
    box.redeliver("two", second=1)
    assert box.lease_due(14) == []
    first = box.lease_due(15)
    assert box.delivered(first) == ["one"]
    box.record_results(first, ACCEPTED, 15)
    assert box.delivered(box.lease_due(15)) == ["two"]


def test_a_first_event_that_is_redelivered_unblocks_its_lane(box):
    box.emit("one", "two")
    for second in (0, 15, 315):
        box.record_results(box.lease_due(second)[:1], REJECTED, second)
    box.redeliver("one", second=400)
    assert box.delivered(box.lease_due(400)) == ["one", "two"]


def test_what_is_redelivered_while_it_is_under_way_is_delivered_again(box):
    box.emit("one")
    box.record_results(box.lease_due(), ACCEPTED)
    box.emit("two", second=1)
    under_way = box.lease_due(1)
    box.redeliver("one", "two", second=2)
    for attempt in (ACCEPTED, REJECTED):  # the result of the old attempt does not count for the new one
        box.record_results(under_way, attempt, 3)
        assert box.states() == {"one": ("waiting", 0), "two": ("waiting", 0)}
    assert box.delivered(box.lease_due(3)) == ["one", "two"]


def test_each_subscriber_has_its_own_deliveries(box):
    box.emit("before")
    box.subscribe("late")
    box.emit("one")
    box.record_results(box.lease_due(), ACCEPTED)
    assert box.delivered(box.lease_due(app="late")) == ["one"]


def test_a_replay_is_of_one_subscriber_in_order_and_in_parts(box):
    box.emit("one")
    box.emit("two", second=10)
    box.emit("three", "four", second=20)
    box.record_results(box.lease_due(20), ACCEPTED, 20)
    since = (START + timedelta(seconds=10)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    count, after = box.run(lambda tx: outbox.replay(tx, "app", since=since, after=0, limit=2), 30)
    assert (count, box.names[after]) == (2, "three")
    assert box.run(lambda tx: outbox.replay(tx, "app", since=since, after=after, limit=2), 30)[0] == 1
    assert box.delivered(box.lease_due(30)) == ["two", "three", "four"]


def test_an_app_that_unsubscribed_receives_nothing(box):
    box.emit("one")
    box.run(lambda tx: subscribers.delete_subscriber(tx, "app"))
    assert box.lease_due() == []
    box.run(lambda tx: outbox.dead_letter_all(tx, "app", "the app unsubscribed"))
    box.subscribe()
    assert box.lease_due() == []
    assert box.states() == {"one": ("dead", 0)}


def test_a_finished_delivery_is_deleted_after_a_month(box):
    month = timedelta(days=30).total_seconds()
    box.emit("one", "two")
    leased = box.lease_due()
    box.record_results(leased[:1], ACCEPTED)
    assert box.run(outbox.prune, month) == 0
    assert box.run(outbox.prune, month + 1) == 1
    assert list(box.states()) == ["two"]


def test_a_long_lane_behind_a_leased_delivery_leaves_room_for_other_lanes(box):
    box.emit(*[f"S{n}" for n in range(10)])
    assert box.delivered(box.lease_due(limit=1)) == ["S0"]
    box.emit("T", subject="T")
    assert box.delivered(box.lease_due(limit=5)) == ["T"]
