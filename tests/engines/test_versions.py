"""Stored timelines: they equal those of the pure engine, and every past state can be read again."""

from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from corehr.engines import versions
from corehr.engines.timeline import Entry, build
from corehr.hr.employees.employments import records as employments
from corehr.kernel.clock import FOREVER
from tests.engines.test_timeline import bodies_by_day, days, patches

KIND = "job_data"
entity_ids = (f"entity-{n}" for n in count())

steps = st.lists(
    st.one_of(st.tuples(st.just("append"), days, patches), st.tuples(st.just("retract"), st.integers(0, 9))),
    min_size=1,
    max_size=14,
)


@pytest.mark.usefixtures("db")
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=steps)
def test_random_changes_and_retractions_leave_the_history_without(world, steps):
    """Entries on random and equal days; retractions in random order, some of them repeated or of unknown causes."""
    entity_id, entries, snapshots = next(entity_ids), [], []
    world.in_transaction(
        lambda tx: versions.append(tx, KIND, entity_id, "2023-01-01", {"a": 0}, ("onboarding", entity_id))
    )
    for number, step in enumerate(steps):
        cause = ("job_change", f"{entity_id}-{step[1] if step[0] == 'retract' else number}")
        if step[0] == "append":
            world.in_transaction(lambda tx, s=step, c=cause: versions.append(tx, KIND, entity_id, s[1], s[2], c))
            entries.append(Entry(str(number), step[1], step[2], cause))
        else:
            world.in_transaction(lambda tx, c=cause: versions.retract(tx, KIND, entity_id, c))
            entries = [e for e in entries if e.cause != cause]
        first = Entry("first", "2023-01-01", {"a": 0}, ("onboarding", entity_id))
        expected = bodies_by_day(build([first, *entries]))
        stored = world.in_transaction(lambda tx: (tx.recorded_at, versions.timeline(tx, KIND, entity_id)))
        assert bodies_by_day(stored[1]) == expected
        snapshots.append((stored[0], expected))
    for known_at, expected in snapshots:
        timeline = world.in_transaction(lambda tx, m=known_at: versions.timeline_known_at(tx, KIND, entity_id, m))
        assert bodies_by_day(timeline) == expected


def test_many_timelines_are_read_in_one_query(world):
    a, b = next(entity_ids), next(entity_ids)
    for entity_id, day in ((a, "2024-01-01"), (a, "2024-02-01"), (b, "2024-01-01")):
        world.in_transaction(lambda tx, t=entity_id, d=day: versions.append(tx, KIND, t, d, {"x": d}, ("c", d)))
    found = world.in_transaction(lambda tx: versions.timelines(tx, [a, b, "nothing"]))
    assert {key: bodies_by_day(timeline) for key, timeline in found.items()} == {
        (KIND, entity_id): bodies_by_day(world.in_transaction(lambda tx, t=entity_id: versions.timeline(tx, KIND, t)))
        for entity_id in (a, b)
    }


def test_a_transaction_sees_its_own_changes_in_the_timelines_it_has_read(world):
    def change(tx):
        entity_id = next(entity_ids)
        assert versions.timeline(tx, KIND, entity_id) == ()
        versions.append(tx, KIND, entity_id, "2024-01-01", {"x": 1}, ("c", "1"))
        versions.append(tx, KIND, entity_id, "2024-02-01", {"x": 2}, ("c", "2"))
        versions.retract(tx, KIND, entity_id, ("c", "1"))
        return entity_id, versions.timeline(tx, KIND, entity_id)

    entity_id, seen = world.in_transaction(change)
    assert bodies_by_day(seen) == [("2024-02-01", FOREVER, {"x": 2})]
    assert world.in_transaction(lambda tx: versions.timeline(tx, KIND, entity_id)) == seen


def test_the_lock_of_an_employment_makes_its_timelines_be_read_again(world):
    employment = world.hire()[0]

    def read_and_lock(tx):
        versions.timeline(tx, KIND, employment["job_data_id"])
        was_kept = employment["job_data_id"] in tx.timelines
        employments.lock(tx, employment["id"])
        return was_kept, dict(tx.timelines)

    assert world.in_transaction(read_and_lock) == (True, {})
