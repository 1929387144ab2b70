"""Fixtures: `world` is a new demo company, on SQLite and on PostgreSQL."""

import os
import shutil
from collections.abc import Iterator
from datetime import datetime
from uuid import uuid4

import pytest

from tests.stores import PostgresTemplate, SqliteTemplate, Template, in_memory_folder, postgres_server, skip_or_fail
from tests.world import World

os.environ.setdefault("COREHR_KEY", "5" * 64)  # of databases on PostgreSQL too, and of servers that tests start

NOW = datetime.fromisoformat("2026-01-05T09:00:00+08:00")
EMPLOYEE_COUNT = 60


def _prepare(url: str) -> None:
    from corehr import demo
    from corehr.app import schema

    schema.upgrade(url)
    demo.prepare(url, employees=EMPLOYEE_COUNT, seed=1, now=NOW)


@pytest.fixture(scope="session")
def sqlite_template() -> Iterator[Template]:
    folder = in_memory_folder()
    template = SqliteTemplate(folder)
    _prepare(template.url)
    yield template
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_template() -> Iterator[Template]:
    with postgres_server() as server:
        if server is None:
            skip_or_fail("pg", "no PostgreSQL server was found, and none could be started")
            return
        template = PostgresTemplate(server, f"corehr_template_{uuid4().hex}")
        _prepare(template.url)
        yield template
        template.delete(template.url)


@pytest.fixture(params=["sqlite", "postgres"])
def template(request: pytest.FixtureRequest) -> Template:
    return request.getfixturevalue(f"{request.param}_template")


@pytest.fixture
def db(template: Template) -> Iterator[str]:
    """The URL of a new copy of the prepared company."""
    url = template.copy()
    yield url
    template.delete(url)


@pytest.fixture
def world(db: str) -> Iterator[World]:
    world = World(db)
    yield world
    world.close()
