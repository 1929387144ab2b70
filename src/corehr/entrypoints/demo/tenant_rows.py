"""Every row that a tenant has, in whatever tables there are: to take away, to keep, to put back."""

from collections.abc import Collection, Mapping
from typing import Final

import sqlalchemy as sa

from corehr.kernel.db import Row, Tx
from corehr.kernel.statements import Statement, insert_into, metadata, of_tenant, statement

RowsByTable = Mapping[str, list[Row]]
"""Rows by table."""

IDENTITY_TABLES: Final = frozenset({"tenant", "app"})
"""The tables that say that there is a tenant, and who may call."""


def delete_rows(tx: Tx, excluding: Collection[str] = ()) -> None:
    """The tenant has nothing any more, not even itself; except in the tables of these names."""
    for table in _tables():
        if table.name not in excluding:
            tx.execute(statement(sa.delete(table).where(of_tenant(table))))


def delete_tenant_rows(tx: Tx) -> None:
    """The tenant is no more; what it has stays."""
    delete_rows(tx, [table.name for table in _tables() if table.name not in IDENTITY_TABLES])


def read(tx: Tx) -> RowsByTable:
    """Everything the tenant has."""
    return {table.name: tx.fetch_all(_select_all(table)) for table in _tables()}


def replace_rows(tx: Tx, rows: RowsByTable) -> None:
    """The tenant has these rows and no others."""
    delete_rows(tx)
    for table in _tables():
        tx.execute_many(insert_into(table), rows.get(table.name, []))


def _tables() -> list[sa.Table]:
    return [table for table in metadata.sorted_tables if "tenant" in table.c]


def _select_all(table: sa.Table) -> Statement:
    return statement(sa.select(table).where(of_tenant(table)))
