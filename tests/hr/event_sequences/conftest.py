"""The fixture `trace`: a new demo company, and an app that receives all of its events."""

from collections.abc import Iterator

import pytest

from corehr.kernel import clock
from tests.hr.event_sequences.event_trace import EventTrace
from tests.listener import listening
from tests.world import World


@pytest.fixture
def trace(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[EventTrace]:
    now = clock.real_now()
    monkeypatch.setattr(clock, "real_now", lambda: now)
    with listening() as listener:
        yield EventTrace(world, listener)
