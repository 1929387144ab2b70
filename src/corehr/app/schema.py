"""The schema of a database: whether it has the tables this program needs, and the upgrade that creates them."""

import sqlite3
from enum import Enum
from typing import Any, Final, LiteralString

import apsw
import sqlalchemy as sa

from corehr.app.private_files import prepare_sqlite_file
from corehr.app.stores import sqlite_path
from corehr.kernel import postgres
from corehr.kernel.errors import UsageError
from corehr.migrations import HEAD, REVISIONS

TIMEOUT_SECONDS = 10
"""Seconds to wait for another program to unlock a file."""

_PRERELEASE_TABLE: Final = "day_lived"
"""A table of the first revision as it was before its names were settled; no such database is upgraded."""

_LOCK: Final = 0x636F7265  # serializes the upgrades of one PostgreSQL database


class SchemaState(Enum):
    """How the schema of a database compares to what this program needs; the value is a clause for messages."""

    EMPTY = "it holds no tables yet"
    CURRENT = "it is what this program needs"
    OLD = "an older corehr made it"
    NEWER = "a newer corehr made it"
    PRERELEASE = "a corehr before its first release made it"
    UNRELATED = "it holds tables that are not corehr's"


def state(url: str) -> SchemaState:
    """Return the state of the schema; a SQLite file that does not exist is EMPTY and is not created."""
    revision, tables = _read_sqlite(url) if sqlite_path(url) else _read_postgresql(url)
    if revision is None:
        return SchemaState.UNRELATED if tables else SchemaState.EMPTY
    if _PRERELEASE_TABLE in tables:
        return SchemaState.PRERELEASE
    if revision == HEAD:
        return SchemaState.CURRENT
    return SchemaState.OLD if revision in REVISIONS else SchemaState.NEWER


def is_current(url: str) -> bool:
    """Return whether the database has exactly the tables that this program needs."""
    return state(url) is SchemaState.CURRENT


def require_current(url: str) -> None:
    """Raise UsageError, naming the command that helps, unless the schema is current."""
    found = state(url)
    if found in (SchemaState.EMPTY, SchemaState.OLD):
        raise UsageError(f"this database is not ready, {found.value}: run  corehr db upgrade --db {url}")
    _require_ours(found)


def upgrade(url: str) -> SchemaState:
    """Create the tables this program needs, all or none, and return the state before.

    UsageError if the tables are another program's or a newer version's.
    """
    found = state(url)
    _require_ours(found)
    if found is not SchemaState.CURRENT:
        _run_migrations(url)
    return found


def _require_ours(found: SchemaState) -> None:
    if found is SchemaState.NEWER:
        raise UsageError("a newer corehr made this database: install that version, or give --db another database")
    if found is SchemaState.PRERELEASE:
        raise UsageError("a corehr before its first release made this database: give corehr a new one with --db")
    if found is SchemaState.UNRELATED:
        raise UsageError("this database holds another program's tables: give corehr one of its own with --db")


def create_engine(url: str) -> sa.Engine:
    """Return a SQLAlchemy engine, for schema changes only; its transactions cover them on SQLite too."""
    if path := sqlite_path(url):
        engine = sa.create_engine(
            "sqlite://",
            creator=lambda: sqlite3.connect(path, timeout=TIMEOUT_SECONDS, isolation_level=None),
            poolclass=sa.NullPool,
        )
        # by itself the driver begins a transaction before a change of rows only, not of tables
        sa.event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
        return engine
    # the driver itself parses the address, so that it means here exactly what it means to the store
    return sa.create_engine("postgresql+psycopg://", creator=lambda: postgres.connect(url), poolclass=sa.NullPool)


def _run_migrations(url: str) -> None:
    # Alembic takes 0.1 s to load: it is imported only by a start that needs it
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "corehr:migrations")
    if path := sqlite_path(url):
        prepare_sqlite_file(path)
    with create_engine(url).begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _read_sqlite(url: str) -> tuple[str | None, list[str]]:
    """Return the revision of the file's schema, and the names of its tables."""
    path = sqlite_path(url)
    if path is None or not path.exists():
        return None, []
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        connection.set_busy_timeout(TIMEOUT_SECONDS * 1000)
        names = [str(name) for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        revision = _revision(connection.execute, "alembic_version" in names)
    finally:
        connection.close()
    return revision, names


def _read_postgresql(url: str) -> tuple[str | None, list[str]]:
    """Return revision and tables of the search path's first schema; UsageError unless encoded in UTF-8."""
    with postgres.connect(url) as connection:
        if (encoding := connection.info.parameter_status("server_encoding")) != "UTF8":
            raise UsageError(
                f"this database keeps text as {encoding}, names need UTF-8: "
                "make one with  createdb --template template0 --encoding UTF8 NAME"
            )
        rows = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")
        names = [str(name) for (name,) in rows]
        return _revision(connection.execute, "alembic_version" in names), names


def _revision(execute: Any, has_table: bool) -> str | None:
    query: LiteralString = "SELECT version_num FROM alembic_version"
    row = next(iter(execute(query)), None) if has_table else None
    return str(row[0]) if row else None
