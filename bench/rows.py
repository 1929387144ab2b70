"""Counts the rows of a database, to check that both handlers write the same number."""

from collections.abc import Mapping
from pathlib import Path

import apsw
import psycopg

TABLES = ("job_change", "reporting_line", "process", "process_task", "event", "employee_number")
"""The tables that a create writes."""

_COUNT = "SELECT " + ", ".join(f"(SELECT count(*) FROM {table})" for table in TABLES)


def count_rows(url: str) -> Mapping[str, int]:
    """Return the number of rows by table."""
    return dict(zip(TABLES, query_numbers(url, _COUNT), strict=True))


def query_numbers(url: str, query: str) -> list[int]:
    """Return the numbers in the first row of the result."""
    if url.startswith("sqlite:///"):
        sqlite = apsw.Connection(str(Path(url.removeprefix("sqlite:///"))), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            found = next(iter(sqlite.execute(query)))
        finally:
            sqlite.close()
    else:
        with psycopg.connect(url, autocommit=True) as connection:
            found = connection.execute(query.encode()).fetchone() or ()
    return [int(str(number)) for number in found]


def per_request(before: Mapping[str, int], after: Mapping[str, int], requests: int) -> dict[str, float]:
    """Return the rows that one request added, by table."""
    return {table: (after[table] - before[table]) / requests for table in TABLES}
