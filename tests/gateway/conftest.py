"""Fixtures of the gateway tests."""

from collections.abc import Iterator

import pytest

from corehr.kernel.sqlite import SqliteStore
from tests.gateway import fake_api
from tests.gateway.fake_api import FakeApi


@pytest.fixture
def store(tmp_path) -> Iterator[SqliteStore]:
    with fake_api.sqlite_store(tmp_path) as store:
        fake_api.create_tenant(store)
        yield store


@pytest.fixture
def api(store) -> FakeApi:
    return FakeApi(store)
