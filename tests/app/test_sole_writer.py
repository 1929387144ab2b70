"""One process serves a database: the locks of a SQLite file and of a PostgreSQL database."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner

from corehr.app import sole_writer as sole_writer_module
from corehr.app.failures import describe_known_error
from corehr.app.sole_writer import sole_writer
from corehr.cli.main import cli
from corehr.kernel.errors import UsageError
from tests.server_process import running_server
from tests.server_thread import wait_until

HOLD = """
import sys
from corehr.app.sole_writer import sole_writer
with sole_writer(sys.argv[1]):
    print("locked", flush=True)
    sys.stdin.read()
"""


@contextmanager
def locked_by_another_process(url: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "locked\n"
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def test_a_second_process_is_refused_until_the_first_has_ended(db):
    in_use = pytest.raises(UsageError, match="in use by another corehr process")
    with locked_by_another_process(db), in_use, sole_writer(db):
        pass
    with sole_writer(db):
        pass


@pytest.mark.parametrize(
    "command", [("serve", "--port", "0"), ("demo", "--port", "0"), ("db", "upgrade")], ids=" ".join
)
def test_a_second_command_ends_with_2_and_one_line(db, command):
    with running_server(db):
        result = CliRunner().invoke(cli, (*command, "--db", db))
    assert result.exit_code == 2
    line, *others = result.stderr.splitlines()
    assert "in use by another corehr process" in line
    assert not others


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has locks of open files")
def test_a_hard_link_is_the_same_database(sqlite_template, tmp_path):
    url = sqlite_template.copy()
    path = Path(url.removeprefix("sqlite:///"))
    other_name, copy = path.with_name(f"linked-{path.name}"), path.with_name(f"copied-{path.name}")
    other_name.hardlink_to(path)
    shutil.copyfile(path, copy)
    with locked_by_another_process(url):
        with pytest.raises(UsageError, match="under another name of the file"), sole_writer(f"sqlite:///{other_name}"):
            pass
        with sole_writer(f"sqlite:///{copy}"):
            pass


def test_sqlite_ends_no_lock_when_it_closes_the_file(sqlite_template):
    url = sqlite_template.copy()
    path = Path(url.removeprefix("sqlite:///"))
    other_name = path.with_name(f"linked-{path.name}")
    other_name.hardlink_to(path)
    with running_server(url), pytest.raises(UsageError), sole_writer(f"sqlite:///{other_name}"):
        pass


def test_a_file_that_may_only_be_read_is_refused_with_one_line():
    folder = Path(tempfile.mkdtemp())
    path = folder / "company.db"
    try:
        path.touch()
        folder.chmod(0o777)
        path.chmod(0o444)
        with as_ordinary_user(), pytest.raises(PermissionError) as refused, sole_writer(f"sqlite:///{path}"):
            pass
    finally:
        shutil.rmtree(folder)
    assert describe_known_error(refused.value) == (
        f"{path} may not be written by you: give yourself the right, or give another path"
    )


@contextmanager
def as_ordinary_user() -> Iterator[None]:
    """Run as nobody if the tests run as root, who may write everything."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


# ----------------------------------------------------------------------------------------------------------- PostgreSQL


def end_sessions(url: str, *, kept: int = 0) -> None:
    """End every other session of the database but one, as a restart of the server does."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid NOT IN (pg_backend_pid(), %s)",
            (kept,),
        )


def holder(url: str) -> object:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(sole_writer_module._HOLDER.encode()).fetchone()
    return row and row[0]


@pytest.fixture
def postgres_db(postgres_template) -> Iterator[str]:
    url = postgres_template.copy()
    yield url
    postgres_template.delete(url)


def test_a_lock_whose_session_was_ended_is_taken_again(postgres_db, monkeypatch):
    monkeypatch.setattr(sole_writer_module, "CHECK_SECONDS", 0.05)
    with sole_writer(postgres_db):
        before = holder(postgres_db)
        assert before
        end_sessions(postgres_db)
        wait_until(lambda: holder(postgres_db) not in (None, before))
        with pytest.raises(UsageError, match="PostgreSQL session"), sole_writer(postgres_db):
            pass
    assert holder(postgres_db) is None


def test_a_process_whose_lock_another_one_got_stops(postgres_db, monkeypatch, caplog):
    signals: list[int] = []
    monkeypatch.setattr(sole_writer_module, "CHECK_SECONDS", 0.05)
    monkeypatch.setattr(os, "kill", lambda process, number: signals.append(number))
    with sole_writer(postgres_db), psycopg.connect(postgres_db, autocommit=True) as other:
        waiting = sole_writer_module._LOCK.replace("pg_try_advisory_lock", "pg_advisory_lock")
        queued = threading.Thread(target=lambda: other.execute(f"SELECT {waiting}".encode()))
        queued.start()
        wait_until(lambda: waiters(postgres_db) == 1)
        end_sessions(postgres_db, kept=other.info.backend_pid)
        queued.join()
        wait_until(lambda: bool(signals))
    assert signals == [signal.SIGTERM]
    assert "the lock of the database is lost: this database is in use by another corehr process" in caplog.text


def waiters(url: str) -> object:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'advisory'"
        ).fetchone()
    return row and row[0]
