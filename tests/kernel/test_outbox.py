"""The outbox: who is to be told what, when, and in which order, whatever is asked for meanwhile."""

from datetime import UTC, datetime, timedelta

import pytest

from corehr.kernel import event_log, outbox, subscribers
from corehr.kernel.clock import Clock
from corehr.kernel.event_log import Event
from corehr.kernel.ids import TimeOrderedIds
from corehr.kernel.outbox import Outcome, Result
from corehr.kernel.settings import open_store
from corehr.kernel.statements import select_by
from corehr.kernel.subscribers import Subscriber

BEGINNING = datetime(2030, 1, 1, tzinfo=UTC)
TYPE, REAL, LEASE = "toy.moved_v1", 1_000_000, 60
TAKEN, REFUSED = Outcome(True, "HTTP 200"), Outcome(False, "HTTP 500")


class Box:
    """An outbox with one subscriber; `second` is seconds of the world's time, leases begin at one real moment."""

    def __init__(self, store) -> None:
        self.store, self.names = store, dict[int, str]()
        self.subscribe()

    def do(self, work, second=0):
        return self.store.command_sync("1", work, at=BEGINNING + timedelta(seconds=second))

    def subscribe(self, app="app"):
        it = Subscriber("1", app, "webhook", "http://127.0.0.1/", "", "")
        self.do(lambda tx: subscribers.subscribe(tx, it, [TYPE]))

    def happen(self, *names, subject="S", second=0, fails=False):
        def work(tx):
            for name in names:
                tx.emit(Event(TYPE, subject, {"name": name}))
            if fails:
                raise RuntimeError(names)

        before = self.last()
        self.do(work, second)
        rows = self.do(lambda tx: tx.fetch_all(event_log.SELECT_SINCE_BY_TYPE, type=TYPE, since=before, limit=100))
        self.names |= {row["seq"]: name for row, name in zip(rows, names, strict=True)}

    def last(self):
        rows = self.do(lambda tx: tx.fetch_all(event_log.SELECT_SINCE_BY_TYPE, type=TYPE, since=0, limit=1000))
        return rows[-1]["seq"] if rows else 0

    def claim(self, second=0, *, limit=64, real=REAL, app="app"):
        until = real + LEASE
        return self.do(lambda tx: outbox.claim(tx, app, limit=limit, real=real, until=until), second)

    def told(self, claimed):
        return [self.names[it.seq] for it in claimed]

    def settle(self, claimed, outcome, second=0):
        self.do(lambda tx: outbox.settle(tx, "app", [Result(it, outcome) for it in claimed]), second)

    def again(self, *names, second=0):
        seqs = [seq for seq, name in self.names.items() if name in names]
        self.do(lambda tx: outbox.deliver_again(tx, "app", tx.fetch_all(event_log.SELECT_BY_SEQ, seqs=seqs)), second)

    def states(self, app="app"):
        rows = self.do(lambda tx: tx.fetch_all(select_by(outbox.delivery, "app_id"), app_id=app))
        return {self.names[row["seq"]]: (row["state"], row["failures"]) for row in sorted(rows, key=lambda r: r["seq"])}


@pytest.fixture
def box(db):
    store = open_store(db, Clock(), TimeOrderedIds())
    yield Box(store)
    store.close()


def test_a_delivery_is_written_with_its_event_or_not_at_all(box):
    box.happen("one")
    with pytest.raises(RuntimeError):
        box.happen("two", fails=True)
    assert box.told(box.claim()) == ["one"]


def test_what_is_under_a_lease_is_nobody_elses_until_the_lease_has_run_out(box):
    box.happen("one")
    assert box.told(box.claim()) == ["one"]
    assert box.claim(real=REAL + LEASE) == []
    assert box.told(box.claim(real=REAL + LEASE + 1)) == ["one"]


def test_who_starts_ends_every_lease(box):
    box.happen("one")
    assert box.told(box.claim()) == ["one"]
    box.do(outbox.release_all)
    assert box.told(box.claim()) == ["one"]


def test_what_is_behind_something_on_its_way_waits_and_another_subject_does_not(box):
    box.happen("one", "two")
    box.happen("other", subject="T")
    first = box.claim(limit=1)
    assert box.told(first) == ["one"]
    assert box.told(box.claim()) == ["other"]
    box.settle(first, TAKEN)
    assert box.told(box.claim()) == ["two"]


def test_what_fails_puts_off_what_is_behind_and_counts_for_it(box):
    box.happen("one", "two")
    box.settle(box.claim()[:1], REFUSED)
    assert box.states() == {"one": ("waiting", 1), "two": ("waiting", 1)}
    box.happen("three", second=1)
    assert box.claim(14) == []
    assert box.told(box.claim(15)) == ["one", "two", "three"]


def test_after_the_last_retry_what_is_behind_is_sent_once(box):
    box.happen("one", "two")
    for second in (0, 15, 315, 3915, 25515):
        box.settle(box.claim(second)[:1], REFUSED, second)
    assert box.states() == {"one": ("given_up", 4), "two": ("waiting", 5)}
    second = box.claim(25515)
    assert box.told(second) == ["two"]
    box.settle(second, REFUSED, 25515)
    assert box.states() == {"one": ("given_up", 4), "two": ("given_up", 5)}


def test_an_earlier_one_that_is_delivered_again_goes_before_a_later_one_that_waits(box):
    box.happen("one")
    box.settle(box.claim(), TAKEN)
    box.happen("two", second=10)
    box.again("one", second=20)
    first = box.claim(30)
    assert box.told(first) == ["one"]
    box.settle(first, TAKEN, 30)
    assert box.told(box.claim(30)) == ["two"]


def test_a_later_one_that_is_delivered_again_waits_for_an_earlier_one_that_was_put_off(box):
    box.happen("one", "two")
    box.settle(box.claim(limit=1), REFUSED)
    box.again("two", second=1)
    assert box.claim(14) == []
    first = box.claim(15)
    assert box.told(first) == ["one"]
    box.settle(first, TAKEN, 15)
    assert box.told(box.claim(15)) == ["two"]


def test_a_first_one_that_is_delivered_again_and_taken_lets_the_others_go(box):
    box.happen("one", "two")
    for second in (0, 15, 315):
        box.settle(box.claim(second)[:1], REFUSED, second)
    box.again("one", second=400)
    assert box.told(box.claim(400)) == ["one", "two"]


def test_what_is_asked_for_again_while_it_is_on_its_way_is_sent_again(box):
    box.happen("one")
    box.settle(box.claim(), TAKEN)
    box.happen("two", second=1)
    under_way = box.claim(1)
    box.again("one", "two", second=2)
    for outcome in (TAKEN, REFUSED):  # what came of the old attempt says nothing of the new one
        box.settle(under_way, outcome, 3)
        assert box.states() == {"one": ("waiting", 0), "two": ("waiting", 0)}
    assert box.told(box.claim(3)) == ["one", "two"]


def test_each_subscriber_has_its_own(box):
    box.happen("before")
    box.subscribe("late")
    box.happen("one")
    box.settle(box.claim(), TAKEN)
    assert box.told(box.claim(app="late")) == ["one"]


def test_a_replay_is_of_one_subscriber_in_order_and_in_parts(box):
    box.happen("one")
    box.happen("two", second=10)
    box.happen("three", "four", second=20)
    box.settle(box.claim(20), TAKEN, 20)
    since = (BEGINNING + timedelta(seconds=10)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    count, after = box.do(lambda tx: outbox.replay(tx, "app", since=since, after=0, limit=2), 30)
    assert (count, box.names[after]) == (2, "three")
    assert box.do(lambda tx: outbox.replay(tx, "app", since=since, after=after, limit=2), 30)[0] == 1
    assert box.told(box.claim(30)) == ["two", "three", "four"]


def test_who_does_not_subscribe_any_more_is_sent_nothing(box):
    box.happen("one")
    box.do(lambda tx: subscribers.remove_subscriber(tx, "app"))
    assert box.claim() == []
    box.do(lambda tx: outbox.give_up_all(tx, "app", "the app unsubscribed"))
    box.subscribe()
    assert box.claim() == []
    assert box.states() == {"one": ("given_up", 0)}


def test_a_finished_delivery_is_forgotten_after_a_month(box):
    month = timedelta(days=30).total_seconds()
    box.happen("one", "two")
    claimed = box.claim()
    box.settle(claimed[:1], TAKEN)
    assert box.do(outbox.prune, month) == 0
    assert box.do(outbox.prune, month + 1) == 1
    assert list(box.states()) == ["two"]


def test_a_long_line_behind_what_is_on_its_way_leaves_room_for_others(box):
    box.happen(*[f"S{n}" for n in range(10)])
    assert box.told(box.claim(limit=1)) == ["S0"]
    box.happen("T", subject="T")
    assert box.told(box.claim(limit=5)) == ["T"]
