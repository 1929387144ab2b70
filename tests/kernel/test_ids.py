"""Ids: they grow, also from one process to the next."""

from corehr.kernel.ids import TimeOrderedIds


def test_ids_grow():
    ids = TimeOrderedIds()
    issued = [ids.next() for _ in range(1000)]
    assert issued == sorted(set(issued))


def test_a_process_that_follows_another_within_a_second_resumes_after_its_last_id():
    before = TimeOrderedIds()
    last = before.next() + (1 << 31)  # the random start of a second is half of it at most
    after = TimeOrderedIds()
    after.resume_after(last)
    assert after.next() > last
    after.resume_after(before.next())
    assert after.next() > last
