"""Timelines, stored: they look as the pure engine says, and what was once believed can be asked for again."""

from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from corehr.engines import versions
from corehr.engines.timeline import Entry, told
from tests.engines.test_timeline import days, looks, patches

KIND = "job_data"
things = (f"thing-{n}" for n in count())

steps = st.lists(
    st.one_of(st.tuples(st.just("say"), days, patches), st.tuples(st.just("take back"), st.integers(0, 9))),
    min_size=1,
    max_size=14,
)


@pytest.mark.usefixtures("db")
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=steps)
def test_random_changes_and_withdrawals_leave_the_history_without(world, steps):
    """Every command on random and equal days; withdrawals in random order, some of them twice or of nothing."""
    thing, said, beliefs = next(things), [], []
    world.tell(lambda tx: versions.write(tx, KIND, thing, "2023-01-01", {"a": 0}, ("onboarding", thing)))
    for number, step in enumerate(steps):
        cause = ("job_change", f"{thing}-{step[1] if step[0] == 'take back' else number}")
        if step[0] == "say":
            world.tell(lambda tx, s=step, c=cause: versions.write(tx, KIND, thing, s[1], s[2], c))
            said.append(Entry(str(number), step[1], step[2], cause))
        else:
            world.tell(lambda tx, c=cause: versions.take_back(tx, KIND, thing, c))
            said = [e for e in said if e.cause != cause]
        first = Entry("first", "2023-01-01", {"a": 0}, ("onboarding", thing))
        expected = looks(told([first, *said]))
        stored = world.tell(lambda tx: (tx.recorded_at, versions.timeline(tx, KIND, thing)))
        assert looks(stored[1]) == expected
        beliefs.append((stored[0], expected))
    for moment, expected in beliefs:
        known = world.tell(lambda tx, m=moment: versions.timeline_known(tx, KIND, thing, m))
        assert looks(known) == expected


def test_many_timelines_come_in_one_reading(world):
    a, b = next(things), next(things)
    for thing, day in ((a, "2024-01-01"), (a, "2024-02-01"), (b, "2024-01-01")):
        world.tell(lambda tx, t=thing, d=day: versions.write(tx, KIND, t, d, {"x": d}, ("c", d)))
    found = world.tell(lambda tx: versions.timelines(tx, [a, b, "nothing"]))
    assert {key: looks(life) for key, life in found.items()} == {
        (KIND, thing): looks(world.tell(lambda tx, t=thing: versions.timeline(tx, KIND, t))) for thing in (a, b)
    }
