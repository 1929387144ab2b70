"""What the tests of the gateway share."""

from collections.abc import Iterator

import pytest

from corehr.kernel.sqlite import SqliteStore
from tests.gateway import toys
from tests.gateway.toys import Toy


@pytest.fixture
def store(tmp_path) -> Iterator[SqliteStore]:
    with toys.sqlite_store(tmp_path) as store:
        toys.settle(store)
        yield store


@pytest.fixture
def toy(store) -> Toy:
    return Toy(store)
