"""How many rows stand in the tables that a create writes, so that both handlers can be held to the same number."""

from collections.abc import Mapping
from pathlib import Path

import apsw
import psycopg

TABLES = ("job_change", "reporting_line", "process", "process_task", "event", "idempotency")
_COUNT = "SELECT " + ", ".join(f"(SELECT count(*) FROM {table})" for table in TABLES)


def counted(url: str) -> Mapping[str, int]:
    """Rows by table."""
    if url.startswith("sqlite:///"):
        raw = apsw.Connection(str(Path(url.removeprefix("sqlite:///"))), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            found = next(iter(raw.execute(_COUNT)))
        finally:
            raw.close()
    else:
        with psycopg.connect(url, autocommit=True) as connection:
            found = connection.execute(_COUNT.encode()).fetchone() or ()
    return dict(zip(TABLES, (int(str(number)) for number in found), strict=True))


def per_request(before: Mapping[str, int], after: Mapping[str, int], requests: int) -> dict[str, float]:
    """Rows that one request added, by table."""
    return {table: (after[table] - before[table]) / requests for table in TABLES}
