"""All rows of a tenant, in every table that has tenants: deleted, read or replaced."""

from collections.abc import Collection, Mapping
from typing import Final

import sqlalchemy as sa

from corehr.kernel.db import Row, Tx
from corehr.kernel.statements import Statement, in_tenant, insert_into, metadata, statement

RowsByTable = Mapping[str, list[Row]]
"""Rows by the name of their table."""

IDENTITY_TABLES: Final = frozenset({"tenant", "app"})
"""The tables that hold the tenant itself and its apps."""


def delete_rows(tx: Tx, excluding_tables: Collection[str] = ()) -> None:
    """Delete all rows of the tenant, its own row included, except in the tables named in `excluding_tables`."""
    for table in _tables():
        if table.name not in excluding_tables:
            tx.execute(statement(sa.delete(table).where(in_tenant(table))))


def delete_tenant_rows(tx: Tx) -> None:
    """Delete the rows of the tenant in `IDENTITY_TABLES` and keep all others."""
    delete_rows(tx, [table.name for table in _tables() if table.name not in IDENTITY_TABLES])


def read(tx: Tx) -> RowsByTable:
    """Return all rows of the tenant."""
    return {table.name: tx.fetch_all(_select_all(table)) for table in _tables()}


def replace_rows(tx: Tx, rows: RowsByTable) -> None:
    """Replace all rows of the tenant with these."""
    delete_rows(tx)
    for table in _tables():
        tx.execute_many(insert_into(table), rows.get(table.name, []))


def _tables() -> list[sa.Table]:
    return [table for table in metadata.sorted_tables if "tenant" in table.c]


def _select_all(table: sa.Table) -> Statement:
    return statement(sa.select(table).where(in_tenant(table)))
