"""Every row that a tenant has, in whatever tables there are: to take away, to keep, to put back."""

from collections.abc import Mapping

import sqlalchemy as sa

from corehr.kernel.db import Row, Tx
from corehr.kernel.statements import Statement, add, metadata, mine, statement

Rows = Mapping[str, list[Row]]
"""Rows by table."""


def take_away(tx: Tx) -> None:
    """The tenant has nothing any more, not even itself."""
    for table in _tables():
        tx.run(statement(sa.delete(table).where(mine(table))))


def read(tx: Tx) -> Rows:
    """Everything the tenant has."""
    return {table.name: tx.all(_all(table)) for table in _tables()}


def put_back(tx: Tx, rows: Rows) -> None:
    """The tenant has these rows and no others."""
    take_away(tx)
    for table in _tables():
        tx.run_many(add(table), rows.get(table.name, []))


def _tables() -> list[sa.Table]:
    return [table for table in metadata.sorted_tables if "tenant" in table.c]


def _all(table: sa.Table) -> Statement:
    return statement(sa.select(table).where(mine(table)))
