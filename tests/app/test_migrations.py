"""A migrated database has exactly the tables the code declares, on both stores."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
import pytest
import sqlalchemy as sa
from alembic.config import Config
from alembic.script import ScriptDirectory

from corehr import migrations
from corehr.app import schema
from corehr.app.schema import SchemaState
from corehr.app.stores import sqlite_path
from corehr.kernel.errors import UsageError
from tests.stores import PostgresTemplate, postgres_server, skip_or_fail
from tools.make_migration import declared_metadata

COLUMNS = """
    SELECT table_name, ordinal_position, column_name, data_type, is_nullable, column_default, collation_name
    FROM information_schema.columns WHERE table_schema = current_schema()"""
CONSTRAINTS = """
    SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)
    FROM pg_constraint WHERE connamespace = current_schema()::regnamespace"""
INDEXES = "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema()"


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresTemplate]:
    with postgres_server() as server:
        if server is None:
            skip_or_fail("pg", "no PostgreSQL server was found, and none could be started")
            return
        template = PostgresTemplate(server, f"corehr_{uuid4().hex}")
        yield template
        template.delete(template.url)


@pytest.fixture
def sqlite_pair(tmp_path) -> tuple[str, str]:
    return f"sqlite:///{tmp_path}/one.db", f"sqlite:///{tmp_path}/two.db"


@pytest.fixture
def postgres_pair(postgres) -> Iterator[tuple[str, str]]:
    pair = (postgres.copy(), postgres.copy())
    yield pair
    for url in pair:
        postgres.delete(url)


@pytest.fixture(params=["sqlite", "postgres"])
def pair(request) -> tuple[str, str]:
    """Two empty databases."""
    return request.getfixturevalue(f"{request.param}_pair")


def schema_objects(url: str) -> set[tuple[object, ...]]:
    """Return every table, column, key and index, without Alembic's own table."""
    if path := sqlite_path(url):
        with closing(sqlite3.connect(path)) as file:
            rows = list(file.execute("SELECT type, name, tbl_name, sql FROM sqlite_master"))
        return {(*row[:3], re.sub(r"\s+", " ", row[3] or "")) for row in rows if row[2] != "alembic_version"}
    with psycopg.connect(url) as connection:
        rows = [row for query in (COLUMNS, CONSTRAINTS, INDEXES) for row in connection.execute(query)]
    return {row for row in rows if row[0] != "alembic_version"}


def test_migrations_create_what_the_code_declares(pair):
    migrated, created = pair
    schema.upgrade(migrated)
    with schema.create_engine(created).begin() as connection:
        declared_metadata().create_all(connection)

    assert schema_objects(migrated) == schema_objects(created), (
        "run  python tools/make_migration.py  (--first while 0001 is unreleased)"
    )


def test_partial_indexes_and_collations_are_among_what_is_compared(sqlite_pair, postgres_pair):
    for url in (sqlite_pair[0], postgres_pair[0]):
        schema.upgrade(url)
    assert any("superseded_at IS NULL" in str(row[-1]) for row in schema_objects(sqlite_pair[0]))
    found = schema_objects(postgres_pair[0])
    assert any("superseded_at IS NULL" in str(row[-1]) for row in found)
    texts = {row[-1] for row in found if len(row) == 7 and row[3] == "text"}
    assert texts == {"C"}


def test_upgrading_again_changes_nothing(pair):
    url = pair[0]
    assert schema.state(url) is SchemaState.EMPTY
    assert schema.upgrade(url) is SchemaState.EMPTY
    before = schema_objects(url)
    assert schema.is_current(url)
    assert schema.upgrade(url) is SchemaState.CURRENT
    assert schema_objects(url) == before


def test_reading_the_state_of_a_missing_file_does_not_create_it(sqlite_pair):
    url = sqlite_pair[0]
    assert schema.state(url) is SchemaState.EMPTY
    with pytest.raises(UsageError, match=f"corehr db upgrade --db {re.escape(url)}"):
        schema.require_current(url)
    path = sqlite_path(url)
    assert path is not None
    assert not path.exists()


def test_a_database_of_another_program_is_left_alone(pair):
    url = pair[0]
    with schema.create_engine(url).begin() as connection:
        connection.execute(sa.text("CREATE TABLE recipes (name TEXT)"))
    before = schema_objects(url)
    assert schema.state(url) is SchemaState.UNRELATED
    with pytest.raises(UsageError, match="another program's tables"):
        schema.upgrade(url)
    assert schema_objects(url) == before


def test_a_database_from_before_the_first_release_is_left_alone(pair):
    url = pair[0]
    schema.upgrade(url)
    with schema.create_engine(url).begin() as connection:
        connection.execute(sa.text("ALTER TABLE processed_day RENAME TO day_lived"))
    before = schema_objects(url)
    for function in (schema.upgrade, schema.require_current):
        with pytest.raises(UsageError, match="before its first release made this database: give corehr a new one"):
            function(url)
    assert schema_objects(url) == before


def test_a_database_of_a_newer_corehr_is_left_alone(pair):
    url = pair[0]
    schema.upgrade(url)
    with schema.create_engine(url).begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    for function in (schema.upgrade, schema.require_current):
        with pytest.raises(UsageError, match="a newer corehr"):
            function(url)


def test_a_database_that_cannot_hold_every_name_is_refused(postgres):
    name = f"corehr_{uuid4().hex}"
    with psycopg.connect(postgres.server, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C'".encode())
    url = urlsplit(postgres.server)._replace(path=f"/{name}").geturl()
    try:
        with pytest.raises(UsageError, match="SQL_ASCII, names need UTF-8"):
            schema.upgrade(url)
    finally:
        postgres.delete(url)


def test_migrations_run_all_or_none(pair, monkeypatch):
    """A migration that fails half-way leaves nothing behind, so that it can be run again."""
    url = pair[0]
    from alembic import op

    create_table = op.create_table

    def fail_half_way(name: str, *args, **kw):
        if name == "event":
            raise RuntimeError("power cut")
        return create_table(name, *args, **kw)

    with monkeypatch.context() as patch:
        patch.setattr(op, "create_table", fail_half_way)
        with pytest.raises(RuntimeError, match="power cut"):
            schema.upgrade(url)
    assert schema.state(url) is SchemaState.EMPTY
    schema.upgrade(url)
    assert schema.is_current(url)


def test_file_names_give_the_last_revision():
    config = Config()
    config.set_main_option("script_location", "corehr:migrations")
    revisions = list(ScriptDirectory.from_config(config).walk_revisions())
    assert [script.revision for script in reversed(revisions)] == list(migrations.REVISIONS)
    assert revisions[0].revision == migrations.HEAD
