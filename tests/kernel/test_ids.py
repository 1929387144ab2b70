"""Ids grow, also from one process to the next."""

from corehr.kernel.ids import TimedIds


def test_ids_grow():
    ids = TimedIds()
    made = [ids.next() for _ in range(1000)]
    assert made == sorted(set(made))


def test_a_process_that_follows_another_within_a_second_goes_on_from_its_last():
    before = TimedIds()
    last = before.next() + (1 << 31)  # the random start of a second is half of it at most
    after = TimedIds()
    after.go_on_from(last)
    assert after.next() > last
    after.go_on_from(before.next())
    assert after.next() > last
