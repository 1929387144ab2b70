"""The databases of the tests: a prepared SQLite file or PostgreSQL database, of which each test gets a copy."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit
from uuid import uuid4

import psycopg
import pytest

CANDIDATE_URLS = ("postgresql://postgres@127.0.0.1/postgres", "postgresql://%2Fvar%2Frun%2Fpostgresql/postgres")


def skip_or_fail(requirement: str, reason: str) -> None:
    """Skip the test, or fail it if COREHR_TEST_REQUIRE lists `requirement`."""
    if requirement in os.environ.get("COREHR_TEST_REQUIRE", "").split(","):
        pytest.fail(f"{requirement} is required (COREHR_TEST_REQUIRE) but {reason}")
    pytest.skip(reason)


def in_memory_folder() -> Path:
    """Create a folder, in memory if the system has /dev/shm."""
    memory = Path("/dev/shm")
    return Path(tempfile.mkdtemp(prefix="corehr-test-", dir=memory if os.access(memory, os.W_OK) else None))


@contextmanager
def postgres_server() -> Iterator[str | None]:
    """Yield the URL of a server on which databases can be created, or None.

    It is COREHR_TEST_PG, a candidate that answers, or a server started here and stopped again.
    """
    configured_url = os.environ.get("COREHR_TEST_PG")
    for url in (configured_url,) if configured_url else CANDIDATE_URLS:
        if url and _can_create_databases(url):
            yield url
            return
    folder = Path(tempfile.mkdtemp(prefix="corehr-pg-"))
    started_url = _start_server(folder)
    try:
        yield started_url
    finally:
        if started_url:
            _pg_ctl(folder, "stop", "-m", "immediate")
        shutil.rmtree(folder, ignore_errors=True)


def _can_create_databases(url: str) -> bool:
    with suppress(psycopg.Error), psycopg.connect(url, connect_timeout=3, autocommit=True) as connection:
        row = connection.execute("SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()
        return bool(row and row[0])
    return False


def _postgres_bin_dir() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)
    on_path = shutil.which("initdb")
    return found[0].parent if found else (Path(on_path).parent if on_path else None)


def _run_as_postgres() -> dict[str, Any]:
    """Return arguments of `subprocess.run` that change from root to postgres: initdb refuses to run as root."""
    return {"user": "postgres"} if hasattr(os, "geteuid") and os.geteuid() == 0 else {}


def _pg_ctl(folder: Path, *arguments: str) -> bool:
    bin_dir = _postgres_bin_dir()
    assert bin_dir is not None
    command = [str(bin_dir / "pg_ctl"), "-D", str(folder / "data"), "-w", *arguments]
    return subprocess.run(command, **_run_as_postgres(), capture_output=True, check=False).returncode == 0


def _start_server(folder: Path) -> str | None:
    """Start a server in a folder, listening on a socket there; return its URL, or None if that is not possible."""
    bin_dir = _postgres_bin_dir()
    if bin_dir is None:
        return None
    folder.chmod(0o777)
    initdb = [str(bin_dir / "initdb"), "-D", str(folder / "data"), "-U", "postgres", "-A", "trust", "-E", "UTF8"]
    if subprocess.run(initdb, **_run_as_postgres(), capture_output=True, check=False).returncode:
        return None
    options = f"-k {folder} -c listen_addresses= -c fsync=off"
    if not _pg_ctl(folder, "-o", options, "-l", str(folder / "log"), "start"):
        return None
    return f"postgresql://postgres@{quote(str(folder), safe='')}/postgres"


class Template:
    """A prepared company, of which each test gets its own copy."""

    def copy(self) -> str:
        """Create a copy and return its URL."""
        raise NotImplementedError

    def delete(self, url: str) -> None:
        """Delete a copy."""
        raise NotImplementedError


class SqliteTemplate(Template):
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = f"sqlite:///{folder}/template.db"

    def copy(self) -> str:
        path = self.folder / f"{uuid4().hex}.db"
        shutil.copyfile(self.folder / "template.db", path)
        return f"sqlite:///{path}"

    def delete(self, url: str) -> None:
        path = url.removeprefix("sqlite:///")
        for suffix in ("", "-wal", "-shm", ".lock"):
            Path(path + suffix).unlink(missing_ok=True)


class PostgresTemplate(Template):
    def __init__(self, server: str, name: str) -> None:
        self.server, self.name = server, name
        self.url = self.create(name)

    def copy(self) -> str:
        return self.create(f"corehr_{uuid4().hex}", template=self.name)

    def delete(self, url: str) -> None:
        self._run(f"DROP DATABASE IF EXISTS {self._name_in(url)} WITH (FORCE)")

    def create(self, name: str, template: str = "template0") -> str:
        self._run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        self._run(f"CREATE DATABASE {name} TEMPLATE {template} ENCODING 'UTF8'")
        # the store turns the setting on, whatever the database says; only its URL may turn it off
        parts = urlsplit(self.server)
        query = "&".join(filter(None, (parts.query, "options=-c%20synchronous_commit%3Doff")))
        return parts._replace(path=f"/{name}", query=query).geturl()

    def _name_in(self, url: str) -> str:
        return urlsplit(url).path.removeprefix("/")

    def _run(self, sql: str) -> None:
        for _ in range(50):
            with psycopg.connect(self.server, autocommit=True) as connection:
                try:
                    connection.execute(sql.encode())
                except psycopg.errors.ObjectInUse:  # another test is copying the same template
                    time.sleep(0.05)
                else:
                    return
        raise TimeoutError(sql)
