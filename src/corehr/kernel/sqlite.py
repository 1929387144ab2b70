"""The store on SQLite: one writer thread commits commands in groups, a few reader threads run queries."""

import asyncio
import logging
import queue
import threading
from collections.abc import Awaitable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import apsw

from corehr.kernel.clock import Clock
from corehr.kernel.db import Row, T, Tx, TxFunction
from corehr.kernel.ids import Ids
from corehr.kernel.keys import NO_KEYS, KeyRing
from corehr.kernel.statements import Statement

MAX_COMMANDS_PER_COMMIT = 64
READER_THREADS = 2

_log = logging.getLogger(__name__)


class SqliteConnection:
    """Runs compiled statements on one apsw connection."""

    def __init__(self, path: Path, *, writes: bool) -> None:
        flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE if writes else apsw.SQLITE_OPEN_READONLY
        self.raw = apsw.Connection(str(path), flags=flags, statementcachesize=400)
        self.raw.set_busy_timeout(10_000)
        # keep plans independent of bound values: otherwise SQLite plans again for every new value
        self.raw.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
        if writes:
            self.raw.pragma("journal_mode", "wal")
            self.raw.pragma("synchronous", "full")
            self.raw.pragma("wal_autocheckpoint", 4000)
        self.raw.pragma("cache_size", -65536)
        self.raw.pragma("mmap_size", 1 << 30)
        self.raw.pragma("temp_store", "memory")

    def fetch_all(self, statement: Statement, params: Mapping[str, Any]) -> list[Row]:
        compiled = statement.sqlite
        return compiled.to_rows(self.raw.execute(compiled.sql, compiled.bind(params)))

    def execute(self, statement: Statement, params: Mapping[str, Any]) -> int:
        compiled = statement.sqlite
        self.raw.execute(compiled.sql, compiled.bind(params))
        return self.raw.changes()

    def execute_many(self, statement: Statement, rows: Sequence[Mapping[str, Any]]) -> None:
        compiled = statement.sqlite
        self.raw.executemany(compiled.sql, [compiled.bind(row) for row in rows])

    def lock(self, exclusive: AbstractSet[int], shared: AbstractSet[int]) -> bool:
        return False  # commands run one at a time

    def savepoint(self) -> None: ...

    def roll_back_to_savepoint(self) -> None: ...


class _Job:
    """A command in the writer's queue, with its result or error."""

    __slots__ = ("at", "error", "future", "ids", "loop", "result", "tenant", "work")

    def __init__(
        self,
        tenant: str,
        work: TxFunction[Any],
        at: datetime | None,
        ids: Ids,
        future: "asyncio.Future[Any] | Future[Any]",
        loop: asyncio.AbstractEventLoop | None,
    ) -> None:
        self.tenant, self.work, self.at, self.ids = tenant, work, at, ids
        self.future, self.loop = future, loop
        self.result: Any = None
        self.error: Exception | None = None

    def resolve(self) -> None:
        if self.future.done():  # the caller has cancelled it
            return
        if self.error is None:
            self.future.set_result(self.result)
        else:
            self.future.set_exception(self.error)


def _resolve_all(jobs: Sequence[_Job]) -> None:
    for job in jobs:
        job.resolve()


class SqliteStore:
    """A SQLite file. A command's future is resolved after the commit that made its rows durable.

    A command that emitted events runs each of `after_events` with the `seqs` of its events.
    """

    def __init__(
        self, path: Path, clock: Clock, ids: Ids, *, after_events: Sequence[Statement], keys: KeyRing = NO_KEYS
    ) -> None:
        self.path, self.clock, self.ids, self._after_events = path, clock, ids, after_events
        self.keys = keys
        self._connection = SqliteConnection(path, writes=True)
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._readers = ThreadPoolExecutor(READER_THREADS, thread_name_prefix="corehr-reader")
        self._local = threading.local()
        self._reader_connections: list[SqliteConnection] = []
        self._closed = False
        self._submitting = threading.Lock()
        self.has_failed = False
        self._writer = threading.Thread(target=self._write, name="corehr-writer", daemon=True)
        self._writer.start()

    def command(self, tenant: str, work: TxFunction[T], at: datetime | None = None) -> Awaitable[T]:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._submit(_Job(tenant, work, at, self.ids, future, loop))
        return future

    def command_sync(self, tenant: str, work: TxFunction[T], at: datetime | None = None, ids: Ids | None = None) -> T:
        future: Future[T] = Future()
        self._submit(_Job(tenant, work, at, ids or self.ids, future, None))
        return future.result()

    def query(self, tenant: str, work: TxFunction[T]) -> Awaitable[T]:
        return asyncio.get_running_loop().run_in_executor(self._readers, self._read, tenant, work)

    def execute_script(self, sql: Sequence[str]) -> None:
        connection = SqliteConnection(self.path, writes=True)
        try:
            for statement in sql:
                connection.raw.execute(statement)
        finally:
            connection.raw.close()

    def close(self) -> None:
        with self._submitting:
            self._closed = True
            self._jobs.put(None)  # the last in the queue
        self._writer.join()
        self._readers.shutdown(wait=True)
        for connection in (*self._reader_connections, self._connection):
            connection.raw.close()

    def _submit(self, job: _Job) -> None:
        with self._submitting:
            if self._closed:
                raise RuntimeError("the store is closed")
            self._jobs.put(job)

    def _read(self, tenant: str, work: TxFunction[T]) -> T:
        connection: SqliteConnection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = SqliteConnection(self.path, writes=False)
            self._reader_connections.append(connection)
        connection.raw.execute("BEGIN")
        try:
            return work(Tx(connection, tenant, self.clock.now(tenant), self.ids, keys=self.keys))
        finally:
            connection.raw.execute("ROLLBACK")

    def _write(self) -> None:
        while (first := self._jobs.get()) is not None:
            jobs = [first]
            try:
                self._run_group(jobs)
            except Exception as error:  # noqa: BLE001  # the commit failed: so has every command of the group
                self.has_failed = True
                for job in jobs:
                    job.error = error
                self._roll_back()
            self._resolve_futures(jobs)

    def _run_group(self, jobs: list[_Job]) -> None:
        """Run and commit queued commands together, with the rows of failed ones rolled back.

        Appends them to `jobs`, which holds the first.
        """
        raw = self._connection.raw
        raw.execute("BEGIN IMMEDIATE")
        self._run_one(jobs[0])
        while len(jobs) < MAX_COMMANDS_PER_COMMIT:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                break
            if job is None:
                self._jobs.put(None)  # ends the writer after this group, whether it commits or fails
                break
            jobs.append(job)
            self._run_one(job)
        raw.execute("COMMIT")

    def _roll_back(self) -> None:
        try:
            if self._connection.raw.in_transaction:
                self._connection.raw.execute("ROLLBACK")
        except Exception:  # noqa: BLE001  # the next group fails and tries again; the writer must not end
            _log.exception("a failed transaction could not be rolled back")

    def _run_one(self, job: _Job) -> None:
        raw = self._connection.raw
        raw.execute("SAVEPOINT command")
        try:
            now = job.at or self.clock.now(job.tenant)
            tx = Tx(self._connection, job.tenant, now, job.ids, self._after_events, keys=self.keys)
            job.result = job.work(tx)
            tx.flush_events()
        except Exception as error:  # any error is raised in the caller
            if not raw.in_transaction:  # SQLite itself has rolled back the whole group, as on a full disk
                raise
            job.error = error
            self.has_failed |= isinstance(error, apsw.Error)
            raw.execute("ROLLBACK TO command")
        raw.execute("RELEASE command")

    def _resolve_futures(self, jobs: Sequence[_Job]) -> None:
        by_loop: dict[asyncio.AbstractEventLoop | None, list[_Job]] = {}
        for job in jobs:
            by_loop.setdefault(job.loop, []).append(job)
        for loop, loop_jobs in by_loop.items():
            if loop is None:
                _resolve_all(loop_jobs)
            else:
                with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                    loop.call_soon_threadsafe(_resolve_all, loop_jobs)
