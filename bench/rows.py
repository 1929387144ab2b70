"""How many rows stand in a database, so that handlers can be held to what they were asked to write."""

from collections.abc import Mapping
from pathlib import Path

import apsw
import psycopg

TABLES = ("job_change", "reporting_line", "process", "process_task", "event", "idempotency")
"""The tables that a create writes."""

_COUNT = "SELECT " + ", ".join(f"(SELECT count(*) FROM {table})" for table in TABLES)


def count_rows(url: str) -> Mapping[str, int]:
    """Rows by table."""
    return dict(zip(TABLES, query_numbers(url, _COUNT), strict=True))


def query_numbers(url: str, query: str) -> list[int]:
    """The numbers in the first row of an answer."""
    if url.startswith("sqlite:///"):
        raw = apsw.Connection(str(Path(url.removeprefix("sqlite:///"))), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            found = next(iter(raw.execute(query)))
        finally:
            raw.close()
    else:
        with psycopg.connect(url, autocommit=True) as connection:
            found = connection.execute(query.encode()).fetchone() or ()
    return [int(str(number)) for number in found]


def per_request(before: Mapping[str, int], after: Mapping[str, int], requests: int) -> dict[str, float]:
    """Rows that one request added, by table."""
    return {table: (after[table] - before[table]) / requests for table in TABLES}
