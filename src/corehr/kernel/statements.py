"""SQL: written once with SQLAlchemy Core, compiled once per dialect, run as text on the raw driver."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import visitors
from sqlalchemy.sql.compiler import SQLCompiler

_encode_json = msgspec.json.Encoder().encode

metadata = sa.MetaData()
bind = sa.bindparam
_DIALECTS: dict[str, Any] = {
    "sqlite": sqlite.dialect(paramstyle="named"),
    "postgresql": postgresql.dialect(paramstyle="pyformat"),  # type: ignore[no-untyped-call]  # untyped in SQLAlchemy
}


def text_column(name: str, *, key: bool = False, optional: bool = False) -> sa.Column[Any]:
    """Return a text column that sorts by bytes on both stores, so that order and paging agree."""
    text_type = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    return sa.Column(name, text_type, primary_key=key, nullable=optional)


def integer_column(name: str, *, key: bool = False, optional: bool = False) -> sa.Column[Any]:
    """Return a 64-bit integer column."""
    return sa.Column(name, sa.BigInteger, primary_key=key, nullable=optional, autoincrement=False)


class JsonText(sa.Text):
    """Text that holds JSON. Statements encode its parameters and decode the values they select; NULL stays None."""

    def __init__(self, value_type: Any = Any, collation: str | None = None) -> None:
        super().__init__(collation=collation)
        self.value_type = value_type  # SQLAlchemy copies a type by its constructor's arguments
        self.decode: Callable[[str], Any] = msgspec.json.Decoder(value_type).decode


def json_column(name: str, value_type: Any = Any, *, optional: bool = False) -> sa.Column[Any]:
    """Return a column whose values are encoded as JSON when they are written, and decoded to a type when read."""
    json_type = JsonText(value_type).with_variant(JsonText(value_type, collation="C"), "postgresql")
    return sa.Column(name, json_type, nullable=optional)


def tenant_table(name: str, *parts: Any) -> sa.Table:
    """Return a table whose primary key begins with `tenant`."""
    return sa.Table(name, metadata, text_column("tenant", key=True), *parts)


def partial_index(name: str, *columns: str, where: str) -> sa.Index:
    """Return an index that holds only the rows for which the SQL condition is true."""
    return sa.Index(name, *columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))


class InList(sa.ColumnElement[bool]):
    """A condition: the column is one of a list of texts, which is passed as one parameter."""

    inherit_cache = False
    type = sa.Boolean()

    def __init__(self, column: sa.ColumnElement[Any], name: str) -> None:
        self.column = column
        self.name = name

    def self_group(self, against: Any = None) -> "InList":
        return self  # the default, "… = 1", would keep SQLite from using its indexes


@compiles(InList, "sqlite")
def _in_list_sqlite(element: InList, compiler: SQLCompiler, **kw: Any) -> str:
    return f"{compiler.process(element.column, **kw)} IN (SELECT value FROM json_each(:{element.name}))"


@compiles(InList, "postgresql")
def _in_list_postgresql(element: InList, compiler: SQLCompiler, **kw: Any) -> str:
    return f"{compiler.process(element.column, **kw)} = ANY(%({element.name})s)"


def in_constants(column: sa.ColumnElement[Any], constants: Iterable[str]) -> sa.ColumnElement[bool]:
    """Return the condition that the column is one of `constants`.

    They are written into the statement, so that partial indexes can be used; they must be trusted text.
    """
    return column.in_([sa.literal_column(f"'{constant}'") for constant in constants])


class BoundText(sa.ColumnElement[str]):
    """A bound text that is compared and sorted by its bytes, like the columns."""

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
    """Return the condition that `column` is one of the list of texts bound to `name`."""
    return InList(column, name)


class CompiledStatement:
    """A statement for one dialect: its text, its constants, the columns it returns, and which values are JSON.

    The list of an `in_list` is an array on PostgreSQL and JSON on SQLite.
    """

    def __init__(self, clause: Any, dialect: str) -> None:
        compiled = clause.compile(dialect=_DIALECTS[dialect])
        self.sql = str(compiled)
        self.constants = {k: v for k, v in compiled.construct_params(_check=False).items() if v is not None}
        selected = getattr(clause, "selected_columns", ())
        self.columns: tuple[str, ...] = tuple(c.name for c in selected)
        self._json_columns = [(c.name, c.type.decode) for c in selected if isinstance(c.type, JsonText)]
        self._json_params = [name for name, param in compiled.binds.items() if isinstance(param.type, JsonText)]
        if dialect == "sqlite":
            self._json_params += {e.name for e in visitors.iterate(clause) if isinstance(e, InList)}

    def bind(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values of all parameters: the constants and `params`, as JSON where the column is."""
        bound = {**self.constants, **params}
        for name in self._json_params:
            if (value := bound[name]) is not None:
                bound[name] = _encode_json(value).decode()
        return bound

    def to_rows(self, values: Iterable[Sequence[Any]]) -> list[dict[str, Any]]:
        """Return the selected values as rows by column name."""
        columns = self.columns
        rows = [dict(zip(columns, row, strict=True)) for row in values]
        for name, decode in self._json_columns:
            for row in rows:
                if (value := row[name]) is not None:
                    row[name] = decode(value)
        return rows


class Statement:
    """A query or change with named parameters, compiled when first used; the transaction sets `tenant`."""

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


def in_tenant(table: sa.Table) -> sa.ColumnElement[bool]:
    """Return the condition that a row belongs to the transaction's tenant."""
    return table.c.tenant == bind("tenant")


def matches(table: sa.Table, *columns: str) -> tuple[sa.ColumnElement[bool], ...]:
    """Return the conditions that a row is of the tenant and each named column equals the parameter of its name."""
    return (in_tenant(table), *(table.c[column] == bind(column) for column in columns))


def select_by(table: sa.Table, *columns: str) -> Statement:
    """Return a statement that selects whole rows by the named columns."""
    return statement(sa.select(table).where(*matches(table, *columns)))


def insert_into(table: sa.Table) -> Statement:
    """Return a statement that inserts one row, with a parameter for every column."""
    return statement(sa.insert(table))


def update_columns(table: sa.Table, *columns: str, by: tuple[str, ...] = ("id",)) -> Statement:
    """Return a statement that sets the named columns of the rows found by the columns `by`."""
    return statement(sa.update(table).where(*matches(table, *by)).values({column: bind(column) for column in columns}))


def delete_by(table: sa.Table, *columns: str) -> Statement:
    """Return a statement that deletes the rows found by the named columns."""
    return statement(sa.delete(table).where(*matches(table, *columns)))
