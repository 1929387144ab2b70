"""The store on PostgreSQL: commands run on a small pool of threads, each with its own connection."""

import asyncio
import threading
from collections.abc import Awaitable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import psycopg
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict

from corehr.kernel.clock import Clock
from corehr.kernel.db import Row, T, Tx, TxFunction
from corehr.kernel.ids import Ids
from corehr.kernel.keys import NO_KEYS, KeyRing
from corehr.kernel.statements import Statement

WORKER_THREADS = 16
MAX_ATTEMPTS = 3
"""How often a command runs at most, when PostgreSQL aborts it for a deadlock or a serialization failure."""

_OPTIONS = "-c plan_cache_mode=force_generic_plan -c jit=off -c enable_seqscan=off"
"""Every statement has an index: a plan made while a table was small must not scan it once it is large."""


class PostgresConnection:
    """Runs compiled statements on one psycopg connection."""

    def __init__(self, url: str) -> None:
        url_options = conninfo_to_dict(url).get("options") or ""
        self.raw = psycopg.connect(url, options=f"{url_options} {_OPTIONS}", prepare_threshold=0, autocommit=True)

    def fetch_all(self, statement: Statement, params: Mapping[str, Any]) -> list[Row]:
        compiled = statement.postgresql
        return compiled.to_rows(self.raw.execute(compiled.sql.encode(), compiled.bind(params)))

    def execute(self, statement: Statement, params: Mapping[str, Any]) -> int:
        compiled = statement.postgresql
        return self.raw.execute(compiled.sql.encode(), compiled.bind(params)).rowcount

    def execute_many(self, statement: Statement, rows: Sequence[Mapping[str, Any]]) -> None:
        compiled = statement.postgresql
        with self.raw.cursor() as cursor:
            cursor.executemany(compiled.sql.encode(), [compiled.bind(row) for row in rows])

    def lock(self, keys: Sequence[int], *, shared: bool) -> bool:
        self.raw.execute(_LOCK[shared], (list(keys),))
        return True


_LOCK = {
    shared: f"SELECT pg_advisory_xact_lock{'_shared' if shared else ''}(key) FROM unnest(%s::bigint[]) AS key".encode()
    for shared in (True, False)
}


class PostgresStore:
    """A PostgreSQL server. Row locks taken before the first rule make commands about one employment sequential.

    A command that emitted events runs each of `after_events` with the `seqs` of its events.
    """

    def __init__(
        self, url: str, clock: Clock, ids: Ids, *, after_events: Sequence[Statement], keys: KeyRing = NO_KEYS
    ) -> None:
        self.url, self.clock, self.ids, self._after_events = url, clock, ids, after_events
        self.keys = keys
        self._workers = ThreadPoolExecutor(WORKER_THREADS, thread_name_prefix="corehr-pg")
        self._local = threading.local()
        self._open_connections: list[PostgresConnection] = []

    def command(self, tenant: str, work: TxFunction[T], at: datetime | None = None) -> Awaitable[T]:
        loop = asyncio.get_running_loop()
        return loop.run_in_executor(self._workers, self.command_sync, tenant, work, at)

    def query(self, tenant: str, work: TxFunction[T]) -> Awaitable[T]:
        return asyncio.get_running_loop().run_in_executor(self._workers, self._read, tenant, work)

    def command_sync(self, tenant: str, work: TxFunction[T], at: datetime | None = None, ids: Ids | None = None) -> T:
        for attempt in range(1, MAX_ATTEMPTS + 1):
            try:
                return self._write(tenant, work, at, ids or self.ids)
            except (errors.DeadlockDetected, errors.SerializationFailure):
                if attempt == MAX_ATTEMPTS:
                    raise
        raise AssertionError("unreachable")

    def execute_script(self, sql: Sequence[str]) -> None:
        with psycopg.connect(self.url, autocommit=True) as raw:
            for statement in sql:
                raw.execute(statement.encode())

    def close(self) -> None:
        self._workers.shutdown(wait=True)
        for connection in self._open_connections:
            connection.raw.close()

    def _connection(self) -> PostgresConnection:
        connection: PostgresConnection | None = getattr(self._local, "connection", None)
        if connection is None or connection.raw.closed:
            connection = self._local.connection = PostgresConnection(self.url)
            self._open_connections.append(connection)
        return connection

    def _write(self, tenant: str, work: TxFunction[T], at: datetime | None, ids: Ids) -> T:
        connection = self._connection()
        connection.raw.execute("BEGIN")
        try:
            tx = Tx(connection, tenant, at or self.clock.now(tenant), ids, self._after_events, keys=self.keys)
            result = work(tx)
            tx.flush_events()
        except BaseException:
            if not connection.raw.closed:
                connection.raw.execute("ROLLBACK")
            raise
        connection.raw.execute("COMMIT")
        return result

    def _read(self, tenant: str, work: TxFunction[T]) -> T:
        connection = self._connection()
        connection.raw.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        try:
            return work(Tx(connection, tenant, self.clock.now(tenant), self.ids, keys=self.keys))
        finally:
            if not connection.raw.closed:
                connection.raw.execute("ROLLBACK")
