"""The stores when locks are waited for, commits fail, connections hang or commands are aborted."""

import asyncio
import logging
import threading
from contextlib import closing, suppress
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from psycopg import errors

from corehr.kernel import postgres
from corehr.kernel.clock import Clock
from corehr.kernel.ids import TimeOrderedIds
from corehr.kernel.postgres import MAX_ATTEMPTS, READER_THREADS, WORKER_THREADS, PostgresStore
from corehr.kernel.sqlite import SqliteStore
from corehr.kernel.statements import statement
from corehr.kernel.tenants import tenant as tenant_row

TENANT = "stores"
TIMEOUT_SECONDS = 60
"""Seconds after which a test fails instead of waiting further."""

_SELECT_TENANTS = statement(sa.select(tenant_row))


def open_sqlite(path) -> SqliteStore:
    return SqliteStore(path, Clock(), TimeOrderedIds(), after_events=())


def open_postgres(url: str, **options: str) -> PostgresStore:
    """Open a store with settings in its URL, beside those that the URL has."""
    given: dict[str, Any] = {**psycopg.conninfo.conninfo_to_dict(url)}
    settings = " ".join(f"-c {name}={value}" for name, value in options.items())
    conninfo = psycopg.conninfo.make_conninfo(**(given | {"options": settings}))
    return PostgresStore(conninfo, Clock(), TimeOrderedIds(), after_events=())


@pytest.fixture
def postgres_db(postgres_template):
    url = postgres_template.copy()
    yield url
    postgres_template.delete(url)


def do_nothing(tx):
    return None


def in_thread(function, *arguments):
    """Run a function in a thread that does not keep the tests from ending; return a function that joins it."""
    results = []

    def run():
        try:
            results.append(function(*arguments))
        except Exception as error:  # noqa: BLE001  # returned to the test
            results.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()

    def join():
        thread.join(TIMEOUT_SECONDS)
        assert results, "it has not ended"
        return results[0]

    return join


# ------------------------------------------------------------------------------------------------------------- SQLite


def running_command(store):
    """Submit a command that runs until it is released; return the two functions that release and join it."""
    started, released = threading.Event(), threading.Event()

    def work(tx):
        started.set()
        assert released.wait(TIMEOUT_SECONDS)

    join = in_thread(store.command_sync, TENANT, work)
    assert started.wait(TIMEOUT_SECONDS)
    return released.set, join


def test_a_store_closes_although_the_commit_before_that_fails(tmp_path):
    store = open_sqlite(tmp_path / "a.db")
    store._connection.raw.set_commit_hook(lambda: True)  # turns every COMMIT into a ROLLBACK and an error
    release, join_command = running_command(store)
    join_close = in_thread(store.close)
    while store._jobs.empty():  # the end mark is behind the running command, in the group of its commit
        threading.Event().wait(0.005)
    release()
    assert isinstance(join_command(), Exception)
    assert join_close() is None
    with pytest.raises(RuntimeError, match="closed"):
        store.command_sync(TENANT, do_nothing)


def test_a_store_closes_although_commit_and_rollback_fail(tmp_path):
    class Failing:
        """A connection whose transactions cannot be ended."""

        def __init__(self, raw):
            self._raw = raw

        def execute(self, sql, *arguments):
            if sql in ("COMMIT", "ROLLBACK"):
                raise OSError("the disk is gone")
            return self._raw.execute(sql, *arguments)

        def __getattr__(self, name):
            return getattr(self._raw, name)

    store = open_sqlite(tmp_path / "a.db")
    connection: Any = store._connection
    connection.raw = Failing(connection.raw)
    for _ in range(2):
        assert in_thread(store.command_sync, TENANT, do_nothing)() is not None
    assert in_thread(store.close)() is None


def test_commands_that_were_submitted_before_the_store_closes_run_and_later_ones_are_refused(tmp_path):
    store = open_sqlite(tmp_path / "a.db")
    release, join_command = running_command(store)
    waiting = [in_thread(store.command_sync, TENANT, lambda tx: "done") for _ in range(5)]
    while store._jobs.qsize() < 5:
        threading.Event().wait(0.005)
    join_close = in_thread(store.close)
    while store._jobs.qsize() < 6:
        threading.Event().wait(0.005)
    with pytest.raises(RuntimeError, match="closed"):
        store.command_sync(TENANT, do_nothing)
    release()
    assert join_command() is None
    assert [join() for join in waiting] == ["done"] * 5
    assert join_close() is None


def test_a_loop_that_is_closed_before_its_command_has_ended_does_not_stop_the_writer(tmp_path):
    store = open_sqlite(tmp_path / "a.db")
    release, join_command = running_command(store)

    async def leave_behind():
        store.command(TENANT, do_nothing)

    asyncio.run(leave_behind())
    release()
    assert join_command() is None
    assert in_thread(store.command_sync, TENANT, lambda tx: "runs on")() == "runs on"
    assert in_thread(store.close)() is None


# --------------------------------------------------------------------------------------------------------- PostgreSQL


def with_raw_connection(store, function):
    def work(tx):
        connection: Any = tx._connection
        return function(connection.raw)

    return store.command_sync(TENANT, work)


def setting(store, name):
    return with_raw_connection(store, lambda raw: raw.execute(f"SHOW {name}".encode()).fetchone()[0])


def test_commits_are_durable_and_waiting_is_limited_whatever_role_and_database_say(postgres_db):
    with psycopg.connect(postgres_db, autocommit=True) as connection:
        name = connection.info.dbname
        for scope in (f"DATABASE {name}", f"ROLE CURRENT_USER IN DATABASE {name}"):
            connection.execute(f"ALTER {scope} SET synchronous_commit = off".encode())
            connection.execute(f"ALTER {scope} SET lock_timeout = 0".encode())
    with closing(open_postgres(postgres_db)) as store:
        assert setting(store, "synchronous_commit") == "on"
        assert setting(store, "lock_timeout") == "20s"
        assert setting(store, "statement_timeout") == "1min"
        assert setting(store, "idle_in_transaction_session_timeout") == "1min"
        parameters = with_raw_connection(store, lambda raw: raw.info.get_parameters())
        assert {"connect_timeout": "10", "keepalives_idle": "30", "tcp_user_timeout": "30000"}.items() <= (
            parameters.items()
        )


def test_the_url_may_say_otherwise(postgres_db):
    with closing(open_postgres(postgres_db, synchronous_commit="remote_apply", lock_timeout="5s")) as store:
        assert (setting(store, "synchronous_commit"), setting(store, "lock_timeout")) == ("remote_apply", "5s")
        assert setting(store, "jit") == "off"
    url = psycopg.conninfo.make_conninfo(postgres_db, connect_timeout="3")
    with closing(PostgresStore(url, Clock(), TimeOrderedIds(), after_events=())) as store:
        parameters = with_raw_connection(store, lambda raw: raw.info.get_parameters())
        assert parameters["connect_timeout"] == "3"


def test_a_command_that_waits_too_long_for_a_lock_fails_and_the_store_closes(postgres_db):
    store = open_postgres(postgres_db, lock_timeout="200ms")
    with psycopg.connect(postgres_db) as other:
        other.execute("LOCK TABLE tenant")
        results = [in_thread(store.command_sync, TENANT, lambda tx: tx.fetch_all(_SELECT_TENANTS)) for _ in range(3)]
        assert {type(join()) for join in results} == {errors.LockNotAvailable}
        assert in_thread(store.close)() is None


def test_queries_run_while_all_threads_for_commands_wait(postgres_db):
    async def run():
        store = open_postgres(postgres_db)
        released, running = threading.Event(), threading.Semaphore(0)

        def wait(tx):
            running.release()
            assert released.wait(TIMEOUT_SECONDS)

        commands = [asyncio.ensure_future(store.command(TENANT, wait)) for _ in range(2 * WORKER_THREADS)]
        try:
            for _ in range(WORKER_THREADS):
                assert await asyncio.to_thread(running.acquire, timeout=TIMEOUT_SECONDS)
            async with asyncio.timeout(TIMEOUT_SECONDS):
                queries = [store.query(TENANT, lambda tx: "read") for _ in range(2 * READER_THREADS)]
                assert set(await asyncio.gather(*queries)) == {"read"}
            assert not any(command.done() for command in commands)
        finally:
            released.set()
            await asyncio.gather(*commands)
            await asyncio.to_thread(store.close)

    asyncio.run(run())


@pytest.mark.parametrize("error", [errors.DeadlockDetected, errors.SerializationFailure])
def test_an_aborted_command_is_run_again_after_a_pause_counted_and_logged(postgres_db, monkeypatch, caplog, error):
    pauses: list[float] = []
    monkeypatch.setattr("corehr.kernel.postgres.time.sleep", pauses.append)
    attempts = []

    def abort(times):
        def work(tx):
            attempts.append(tx)
            if len(attempts) <= times:
                raise error("aborted")
            return "done"

        return work

    with closing(open_postgres(postgres_db)) as store, caplog.at_level(logging.WARNING, "corehr.kernel.postgres"):
        assert store.command_sync(TENANT, abort(2)) == "done"
        assert (len(attempts), store.repeated_attempts) == (3, 2)
        assert [record.getMessage() for record in caplog.records] == [
            f"PostgreSQL aborted a command ({error.__name__}); it runs again, attempt {attempt} of {MAX_ATTEMPTS}, "
            f"the {attempt - 1}. repetition since the start"
            for attempt in (2, 3)
        ]
        attempts.clear()
        with pytest.raises(error):
            store.command_sync(TENANT, abort(MAX_ATTEMPTS))
        assert (len(attempts), store.repeated_attempts) == (MAX_ATTEMPTS, 2 + MAX_ATTEMPTS - 1)
    limits = [postgres.FIRST_PAUSE_SECONDS * 2**n for n in (0, 1, *range(MAX_ATTEMPTS - 1))]
    assert all(0 <= pause < limit for pause, limit in zip(pauses, limits, strict=True))
    assert len(set(pauses)) > 1  # they differ, so that two commands do not meet again


def test_names_of_one_call_are_locked_in_one_order(postgres_db):
    """Calls name them in opposite orders and modes, many times at once; none is aborted as a deadlock."""
    names = [f"line/{n}" for n in range(6)]

    def lock(number):
        def work(tx):
            order = names[number % 6 :] + names[: number % 6]
            assert tx.lock_names(order[:1], order[1:] if number % 2 else reversed(order))

        return work

    async def run():
        store = open_postgres(postgres_db)
        try:
            await asyncio.gather(*(store.command(TENANT, lock(n)) for n in range(300)))
            assert store.repeated_attempts == 0
        finally:
            await asyncio.to_thread(store.close)

    asyncio.run(run())


def test_locks_that_were_obtained_since_a_savepoint_can_be_released(postgres_db):
    def is_free(name):
        with closing(open_postgres(postgres_db, lock_timeout="100ms")) as other:
            with suppress(errors.LockNotAvailable):
                return other.command_sync(TENANT, lambda tx: tx.lock_names([name]))
            return False

    def work(tx):
        tx.lock_names(["before"])
        tx.savepoint()
        tx.lock_names(["after"])
        locked = is_free("before"), is_free("after")
        tx.unlock_to_savepoint()
        unlocked = is_free("before"), is_free("after")
        tx.lock_names(["after"])
        return locked, unlocked, is_free("after")

    with closing(open_postgres(postgres_db)) as store:
        assert store.command_sync(TENANT, work) == ((False, False), (False, True), False)
