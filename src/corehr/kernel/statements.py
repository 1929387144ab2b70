"""SQL written once with SQLAlchemy Core, compiled once per dialect, run as text on the raw driver."""

from collections.abc import Iterable
from functools import cached_property
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler

metadata = sa.MetaData()
bind = sa.bindparam
_DIALECTS: dict[str, Any] = {
    "sqlite": sqlite.dialect(paramstyle="named"),
    "postgresql": postgresql.dialect(paramstyle="pyformat"),  # type: ignore[no-untyped-call]  # likewise
}


def text_column(name: str, *, key: bool = False, optional: bool = False) -> sa.Column[Any]:
    """A text column; byte order on both stores, so that sorting and paging agree."""
    kind = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    return sa.Column(name, kind, primary_key=key, nullable=optional)


def integer_column(name: str, *, key: bool = False, optional: bool = False) -> sa.Column[Any]:
    """A 64-bit integer column."""
    return sa.Column(name, sa.BigInteger, primary_key=key, nullable=optional, autoincrement=False)


def tenant_table(name: str, *parts: Any) -> sa.Table:
    """A table of one tenant's rows: `tenant` leads its primary key."""
    return sa.Table(name, metadata, text_column("tenant", key=True), *parts)


class InList(sa.ColumnElement[bool]):
    """A column is one of a list of texts that is sent as one parameter."""

    inherit_cache = False
    type = sa.Boolean()

    def __init__(self, column: sa.ColumnElement[Any], name: str) -> None:
        self.column = column
        self.name = name

    def self_group(self, against: Any = None) -> "InList":
        return self  # not "… = 1", which would keep SQLite from its indexes


@compiles(InList, "sqlite")
def _in_list_sqlite(element: InList, compiler: SQLCompiler, **kw: Any) -> str:
    return f"{compiler.process(element.column, **kw)} IN (SELECT value FROM json_each(:{element.name}))"


@compiles(InList, "postgresql")
def _in_list_postgresql(element: InList, compiler: SQLCompiler, **kw: Any) -> str:
    return f"{compiler.process(element.column, **kw)} = ANY(%({element.name})s)"


def in_constants(column: sa.ColumnElement[Any], constants: Iterable[str]) -> sa.ColumnElement[bool]:
    """The column is one of these words of ours, written into the statement so that partial indexes serve it."""
    return column.in_([sa.literal_column(f"'{constant}'") for constant in constants])


class BoundText(sa.ColumnElement[str]):
    """A bound text that is compared and sorted as the columns are: by its bytes."""

    inherit_cache = False
    type = sa.Text()

    def __init__(self, name: str) -> None:
        self.name = name


@compiles(BoundText, "sqlite")
def _bound_text_sqlite(element: BoundText, compiler: SQLCompiler, **kw: Any) -> str:
    return f":{element.name}"


@compiles(BoundText, "postgresql")
def _bound_text_postgresql(element: BoundText, compiler: SQLCompiler, **kw: Any) -> str:
    return f'%({element.name})s::TEXT COLLATE "C"'


def in_list(column: sa.ColumnElement[Any], name: str) -> sa.ColumnElement[bool]:
    """`column` is one of the list of texts bound to `name`."""
    return InList(column, name)


class CompiledStatement:
    """One statement's text for one dialect, its constants and the names of the columns it returns."""

    def __init__(self, clause: Any, dialect: str) -> None:
        compiled = clause.compile(dialect=_DIALECTS[dialect])
        self.sql = str(compiled)
        self.constants = {k: v for k, v in compiled.construct_params(_check=False).items() if v is not None}
        self.columns: tuple[str, ...] = tuple(c.name for c in getattr(clause, "selected_columns", ()))


class Statement:
    """A query or change with named parameters; `tenant` is filled in by the transaction."""

    def __init__(self, clause: Any) -> None:
        self._clause = clause

    @cached_property
    def sqlite(self) -> CompiledStatement:
        return CompiledStatement(self._clause, "sqlite")

    @cached_property
    def postgresql(self) -> CompiledStatement:
        return CompiledStatement(self._clause, "postgresql")


def statement(clause: Any) -> Statement:
    return Statement(clause)


def of_tenant(table: sa.Table) -> sa.ColumnElement[bool]:
    """The rows of the transaction's own tenant."""
    return table.c.tenant == bind("tenant")


def matches(table: sa.Table, *columns: str) -> tuple[sa.ColumnElement[bool], ...]:
    """The tenant's rows in which each named column equals the parameter of its own name."""
    return (of_tenant(table), *(table.c[column] == bind(column) for column in columns))


def select_by(table: sa.Table, *columns: str) -> Statement:
    """Select whole rows by the named columns."""
    return statement(sa.select(table).where(*matches(table, *columns)))


def insert_into(table: sa.Table) -> Statement:
    """Insert one row with a parameter for every column."""
    return statement(sa.insert(table))


def update_columns(table: sa.Table, *columns: str, by: tuple[str, ...] = ("id",)) -> Statement:
    """Set the named columns of the rows found by `by`."""
    return statement(sa.update(table).where(*matches(table, *by)).values({column: bind(column) for column in columns}))


def delete_by(table: sa.Table, *columns: str) -> Statement:
    """Delete the rows found by the named columns."""
    return statement(sa.delete(table).where(*matches(table, *columns)))
