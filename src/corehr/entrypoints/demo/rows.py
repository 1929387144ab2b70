"""Every row that a tenant has, in whatever tables there are: to take away, to keep, to put back."""

from collections.abc import Collection, Mapping
from typing import Final

import sqlalchemy as sa

from corehr.kernel.db import Row, Tx
from corehr.kernel.statements import Statement, insert_into, metadata, of_tenant, statement

Rows = Mapping[str, list[Row]]
"""Rows by table."""

ITSELF: Final = frozenset({"tenant", "app"})
"""The tables that say that there is a tenant, and who may call."""


def take_away(tx: Tx, but: Collection[str] = ()) -> None:
    """The tenant has nothing any more, not even itself; except in the tables of these names."""
    for table in _tables():
        if table.name not in but:
            tx.execute(statement(sa.delete(table).where(of_tenant(table))))


def take_away_itself(tx: Tx) -> None:
    """The tenant is no more; what it has stays."""
    take_away(tx, [table.name for table in _tables() if table.name not in ITSELF])


def read(tx: Tx) -> Rows:
    """Everything the tenant has."""
    return {table.name: tx.fetch_all(_all(table)) for table in _tables()}


def put_back(tx: Tx, rows: Rows) -> None:
    """The tenant has these rows and no others."""
    take_away(tx)
    for table in _tables():
        tx.execute_many(insert_into(table), rows.get(table.name, []))


def _tables() -> list[sa.Table]:
    return [table for table in metadata.sorted_tables if "tenant" in table.c]


def _all(table: sa.Table) -> Statement:
    return statement(sa.select(table).where(of_tenant(table)))
