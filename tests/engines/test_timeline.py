"""The timeline: sorted, gapless, open at the end; and what is taken back was never there."""

from datetime import date, timedelta
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from corehr.engines import timeline as timelines
from corehr.engines.timeline import Entry, Version, begins_after, changed, put, told, withdraw
from corehr.kernel.clock import FOREVER

FIRST = date(2024, 1, 1)
days = st.integers(0, 12).map(lambda n: (FIRST + timedelta(30 * n)).isoformat())
patches = st.dictionaries(st.sampled_from("abcd"), st.integers(0, 3), min_size=1)


@st.composite
def histories(draw, least=1):
    """A first entry on the first day, then others on random days, several on one day among them; three causes."""
    said = draw(st.lists(st.tuples(days, patches, st.sampled_from("xyz")), min_size=least, max_size=10))
    first = Entry("0", FIRST.isoformat(), {"a": 0, "b": 0}, ("onboarding", "0"))
    return [first, *(Entry(str(n), day, patch, ("change", by)) for n, (day, patch, by) in enumerate(said, 1))]


def at(timeline, day) -> Any:
    """The version in force on a day; tests look only where there is one, or at None itself."""
    return timelines.at(timeline, day)


def looks(timeline):
    return [(v.valid_from, v.valid_to, v.body) for v in timeline]


@given(histories())
def test_a_timeline_is_sorted_gapless_and_open(entries):
    timeline = told(entries)
    assert [v.valid_from for v in timeline] == sorted({e.valid_from for e in entries})
    assert all(a.valid_to == b.valid_from for a, b in pairwise(timeline))
    assert timeline[-1].valid_to == FOREVER


@given(histories(), days, patches)
def test_what_is_said_holds_from_its_day_until_the_next_version(entries, day, patch):
    before = told(entries)
    after = put(before, Entry("new", day, patch, ("change", "new")))
    following = min((v.valid_from for v in before if v.valid_from > day), default=FOREVER)
    for probe in {v.valid_from for v in (*before, *after)} | {day}:
        was, looks_now = at(before, probe), at(after, probe)
        if day <= probe < following:
            assert looks_now.body == {**was.body, **patch}
        else:
            assert looks_now.body == was.body


@given(histories(), days, patches)
def test_taking_back_the_last_word_restores_the_timeline(entries, day, patch):
    new = Entry("new", day, patch, ("change", "new"))
    assert withdraw([*entries, new], new.cause) == told(entries)


@given(histories(least=2), st.permutations("xyz"), st.integers(1, 3))
def test_taking_back_in_any_order_leaves_the_history_without(entries, order, many):
    left = entries
    for by in order[:many]:
        withdrawn = withdraw(left, ("change", by))
        left = [e for e in left if e.cause != ("change", by)]
        assert looks(withdrawn) == looks(told(left))
    assert looks(told(left)) == looks(told([e for e in entries if e.cause[1] not in order[:many]]))


def test_later_versions_forget_what_they_had_only_inherited():
    entries = [
        Entry("1", "2024-01-01", {"department": "A", "job": "J"}, ("onboarding", "1")),
        Entry("2", "2024-03-01", {"department": "B"}, ("change", "k")),
        Entry("3", "2024-05-01", {"job": "K"}, ("change", "l")),
    ]
    assert at(told(entries), "2024-06-01").body == {"department": "B", "job": "K"}
    assert at(withdraw(entries, ("change", "k")), "2024-06-01").body == {"department": "A", "job": "K"}


def test_changes_of_one_day_stack_in_their_order_and_share_a_version():
    entries = [
        Entry("1", "2024-01-01", {"job": "I"}, ("onboarding", "1")),
        Entry("2", "2024-03-01", {"job": "J"}, ("change", "k")),
        Entry("3", "2024-03-01", {"job": "K"}, ("change", "l")),
    ]
    assert told(entries)[1] == Version("2", "2024-03-01", FOREVER, {"job": "K"})
    assert withdraw(entries, ("change", "l"))[1].body == {"job": "J"}
    assert withdraw(entries, ("change", "k"))[1].body == {"job": "K"}


def test_the_day_a_version_begins_belongs_to_it():
    timeline = told([Entry("1", "2024-01-01", {"a": 1}, ("c", "1")), Entry("2", "2024-02-01", {"a": 2}, ("c", "2"))])
    assert at(timeline, "2023-12-31") is None
    assert at(timeline, "2024-01-31").body == {"a": 1}
    assert at(timeline, "2024-02-01").body == {"a": 2}
    assert begins_after(timeline, "2024-01-31")
    assert not begins_after(timeline, "2024-02-01")


def test_the_fields_in_which_two_bodies_differ():
    assert changed({"a": 1, "b": 2}, {"a": 1, "b": 3, "c": 4}) == ["b", "c"]
    assert changed({"a": 1}, {"a": 1, "b": None}) == []
