"""The store on PostgreSQL: commands run on a small pool of threads, each with its own connection."""

import asyncio
import logging
import threading
import time
from collections.abc import Awaitable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from typing import Any, LiteralString

import psycopg
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict

from corehr.kernel.clock import Clock
from corehr.kernel.db import Row, T, Tx, TxFunction
from corehr.kernel.ids import Ids, random_fraction
from corehr.kernel.keys import NO_KEYS, KeyRing
from corehr.kernel.statements import Statement

WORKER_THREADS = 16
READER_THREADS = 8
MAX_ATTEMPTS = 5
"""How often a command runs at most, when PostgreSQL aborts it for a deadlock or a serialization failure."""

FIRST_PAUSE_SECONDS = 0.02
"""The longest pause before the second attempt; it doubles with each further one."""

_CONNECTION_DEFAULTS = {
    "connect_timeout": "10",
    "keepalives": "1",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
}
"""Parameters that the URL may override. They end a connection whose server has vanished within a minute."""

_DURABLE = "-c synchronous_commit=on"
_TIMEOUTS = "-c lock_timeout=20s -c statement_timeout=60s -c idle_in_transaction_session_timeout=60s"

_PLANS = "-c plan_cache_mode=force_generic_plan -c jit=off -c enable_seqscan=off"
"""Every statement has an index: a plan made while a table was small must not scan it once it is large."""

_log = logging.getLogger(__name__)


def connect(url: str, defaults: str = "", settings: str = "", **parameters: Any) -> psycopg.Connection:
    """Return a connection whose commits are durable, and that ends if its server has vanished.

    The options of the URL override `defaults` and durability, and `settings` override them; what role and database
    are set to does not count.
    """
    given = conninfo_to_dict(url)
    options = f"{_DURABLE} {defaults} {given.pop('options', None) or ''} {settings}"
    merged: dict[str, Any] = {**_CONNECTION_DEFAULTS, **given, **parameters}
    return psycopg.connect(**merged, options=options)


class PostgresConnection:
    """Runs compiled statements on one psycopg connection."""

    def __init__(self, url: str) -> None:
        self.raw = connect(url, _TIMEOUTS, _PLANS, prepare_threshold=0, autocommit=True)

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

    def lock(self, exclusive: AbstractSet[int], shared: AbstractSet[int]) -> bool:
        keys = sorted(exclusive | shared)
        self.raw.execute(_LOCK, (keys, [key in shared for key in keys]))
        return True

    def savepoint(self) -> None:
        self.raw.execute("SAVEPOINT locks")

    def roll_back_to_savepoint(self) -> None:
        self.raw.execute("ROLLBACK TO SAVEPOINT locks")


_LOCK = b"""\
SELECT CASE WHEN shared THEN pg_advisory_xact_lock_shared(key) ELSE pg_advisory_xact_lock(key) END
FROM unnest(%s::bigint[], %s::bool[]) AS wanted (key, shared)"""


class PostgresStore:
    """A PostgreSQL server. Row locks taken before the first rule make commands about one employment sequential.

    Queries have threads of their own, so that they run while every thread for commands waits for a lock.
    `repeated_attempts` counts the attempts that repeated a command because PostgreSQL had aborted it.
    A command that emitted events runs each of `after_events` with the `seqs` of its events.
    """

    def __init__(
        self, url: str, clock: Clock, ids: Ids, *, after_events: Sequence[Statement], keys: KeyRing = NO_KEYS
    ) -> None:
        self.url, self.clock, self.ids, self._after_events = url, clock, ids, after_events
        self.keys = keys
        self._workers = ThreadPoolExecutor(WORKER_THREADS, thread_name_prefix="corehr-pg")
        self._readers = ThreadPoolExecutor(READER_THREADS, thread_name_prefix="corehr-pg-reader")
        self.repeated_attempts = 0
        self._counting = threading.Lock()
        self._local = threading.local()
        self._open_connections: list[PostgresConnection] = []
        self.has_failed = False

    def command(self, tenant: str, work: TxFunction[T], at: datetime | None = None) -> Awaitable[T]:
        loop = asyncio.get_running_loop()
        return loop.run_in_executor(self._workers, self.command_sync, tenant, work, at)

    def query(self, tenant: str, work: TxFunction[T]) -> Awaitable[T]:
        return asyncio.get_running_loop().run_in_executor(self._readers, self._read, tenant, work)

    def command_sync(self, tenant: str, work: TxFunction[T], at: datetime | None = None, ids: Ids | None = None) -> T:
        for attempt in range(1, MAX_ATTEMPTS + 1):
            try:
                return self._write(tenant, work, at, ids or self.ids)
            except (errors.DeadlockDetected, errors.SerializationFailure) as error:
                if attempt == MAX_ATTEMPTS:
                    raise
                self._pause(attempt, error)
            except psycopg.Error:
                self.has_failed = True
                raise
        raise AssertionError("unreachable")

    def execute_script(self, sql: Sequence[str]) -> None:
        with connect(self.url, autocommit=True) as raw:
            for statement in sql:
                raw.execute(statement.encode())

    def close(self) -> None:
        for threads in (self._workers, self._readers):
            threads.shutdown(wait=True)
        for connection in self._open_connections:
            connection.raw.close()

    def _pause(self, attempt: int, error: psycopg.Error) -> None:
        """Count and log the next attempt, and sleep for a random time, so that commands do not collide again."""
        with self._counting:
            self.repeated_attempts += 1
        _log.warning(
            "PostgreSQL aborted a command (%s); it runs again, attempt %d of %d, the %d. repetition since the start",
            type(error).__name__,
            attempt + 1,
            MAX_ATTEMPTS,
            self.repeated_attempts,
        )
        time.sleep(random_fraction() * FIRST_PAUSE_SECONDS * 2 ** (attempt - 1))

    def _connection(self) -> PostgresConnection:
        connection: PostgresConnection | None = getattr(self._local, "connection", None)
        if connection is None or connection.raw.closed:
            if connection is not None:
                self._open_connections.remove(connection)
            connection = self._local.connection = PostgresConnection(self.url)
            self._open_connections.append(connection)
        return connection

    def _begin(self, statement: LiteralString) -> PostgresConnection:
        """Begin a transaction on this thread's connection, and on a new one if PostgreSQL has ended that meanwhile."""
        connection = self._connection()
        try:
            connection.raw.execute(statement)
        except psycopg.OperationalError:
            if not connection.raw.closed:
                raise
            connection = self._connection()
            connection.raw.execute(statement)
        return connection

    def _write(self, tenant: str, work: TxFunction[T], at: datetime | None, ids: Ids) -> T:
        connection = self._begin("BEGIN")
        try:
            clock = None if at else partial(self.clock.now, tenant)
            now = at or self.clock.now(tenant)
            tx = Tx(connection, tenant, now, ids, self._after_events, clock, keys=self.keys)
            result = work(tx)
            tx.flush_events()
        except BaseException:
            if not connection.raw.closed:
                connection.raw.execute("ROLLBACK")
            raise
        connection.raw.execute("COMMIT")
        return result

    def _read(self, tenant: str, work: TxFunction[T]) -> T:
        connection = self._begin("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        try:
            return work(Tx(connection, tenant, self.clock.now(tenant), self.ids, keys=self.keys))
        finally:
            if not connection.raw.closed:
                connection.raw.execute("ROLLBACK")
