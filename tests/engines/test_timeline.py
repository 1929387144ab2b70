"""Timelines: sorted, gapless and open at the end; retracted entries leave no trace."""

from datetime import date, timedelta
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from corehr.engines import timeline as timelines
from corehr.engines.timeline import Entry, Version, apply, build, build_without, changed_fields, has_version_after
from corehr.kernel.clock import FOREVER

FIRST_DAY = date(2024, 1, 1)
days = st.integers(0, 12).map(lambda n: (FIRST_DAY + timedelta(30 * n)).isoformat())
patches = st.dictionaries(st.sampled_from("abcd"), st.integers(0, 3), min_size=1)


@st.composite
def histories(draw, min_size=1):
    """Draw an entry on the first day and others of three causes on random days, perhaps several on one day."""
    drawn = draw(st.lists(st.tuples(days, patches, st.sampled_from("xyz")), min_size=min_size, max_size=10))
    first = Entry("0", FIRST_DAY.isoformat(), {"a": 0, "b": 0}, ("onboarding", "0"))
    return [
        first,
        *(Entry(str(n), day, patch, ("change", cause_id)) for n, (day, patch, cause_id) in enumerate(drawn, 1)),
    ]


def version_as_of(timeline, day) -> Any:
    """Return the version in force on a day, untyped: tests use its body only where there is one."""
    return timelines.version_as_of(timeline, day)


def bodies_by_day(timeline):
    return [(v.valid_from, v.valid_to, v.body) for v in timeline]


@given(histories())
def test_a_timeline_is_sorted_gapless_and_open(entries):
    timeline = build(entries)
    assert [v.valid_from for v in timeline] == sorted({e.valid_from for e in entries})
    assert all(a.valid_to == b.valid_from for a, b in pairwise(timeline))
    assert timeline[-1].valid_to == FOREVER


@given(histories(), days, patches)
def test_an_entry_holds_from_its_day_until_the_next_version(entries, day, patch):
    before = build(entries)
    after = apply(before, Entry("new", day, patch, ("change", "new")))
    next_start = min((v.valid_from for v in before if v.valid_from > day), default=FOREVER)
    for probe in {v.valid_from for v in (*before, *after)} | {day}:
        old, new = version_as_of(before, probe), version_as_of(after, probe)
        if day <= probe < next_start:
            assert new.body == {**old.body, **patch}
        else:
            assert new.body == old.body


@given(histories(), days, patches)
def test_retracting_the_last_entry_restores_the_timeline(entries, day, patch):
    new = Entry("new", day, patch, ("change", "new"))
    assert build_without([*entries, new], new.cause) == build(entries)


@given(histories(min_size=2), st.permutations("xyz"), st.integers(1, 3))
def test_retracting_in_any_order_leaves_the_history_without(entries, order, count):
    remaining = entries
    for cause_id in order[:count]:
        rebuilt = build_without(remaining, ("change", cause_id))
        remaining = [e for e in remaining if e.cause != ("change", cause_id)]
        assert bodies_by_day(rebuilt) == bodies_by_day(build(remaining))
    assert bodies_by_day(build(remaining)) == bodies_by_day(
        build([e for e in entries if e.cause[1] not in order[:count]])
    )


def test_later_versions_lose_values_they_had_only_inherited():
    entries = [
        Entry("1", "2024-01-01", {"department": "A", "job": "J"}, ("onboarding", "1")),
        Entry("2", "2024-03-01", {"department": "B"}, ("change", "k")),
        Entry("3", "2024-05-01", {"job": "K"}, ("change", "l")),
    ]
    assert version_as_of(build(entries), "2024-06-01").body == {"department": "B", "job": "K"}
    assert version_as_of(build_without(entries, ("change", "k")), "2024-06-01").body == {"department": "A", "job": "K"}


def test_changes_of_one_day_stack_in_their_order_and_share_a_version():
    entries = [
        Entry("1", "2024-01-01", {"job": "I"}, ("onboarding", "1")),
        Entry("2", "2024-03-01", {"job": "J"}, ("change", "k")),
        Entry("3", "2024-03-01", {"job": "K"}, ("change", "l")),
    ]
    assert build(entries)[1] == Version("2", "2024-03-01", FOREVER, {"job": "K"})
    assert build_without(entries, ("change", "l"))[1].body == {"job": "J"}
    assert build_without(entries, ("change", "k"))[1].body == {"job": "K"}


def test_the_day_a_version_begins_belongs_to_it():
    timeline = build([Entry("1", "2024-01-01", {"a": 1}, ("c", "1")), Entry("2", "2024-02-01", {"a": 2}, ("c", "2"))])
    assert version_as_of(timeline, "2023-12-31") is None
    assert version_as_of(timeline, "2024-01-31").body == {"a": 1}
    assert version_as_of(timeline, "2024-02-01").body == {"a": 2}
    assert has_version_after(timeline, "2024-01-31")
    assert not has_version_after(timeline, "2024-02-01")


def test_the_fields_in_which_two_bodies_differ():
    assert changed_fields({"a": 1, "b": 2}, {"a": 1, "b": 3, "c": 4}) == ["b", "c"]
    assert changed_fields({"a": 1}, {"a": 1, "b": None}) == []
