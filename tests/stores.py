"""Where tests keep their companies: a prepared SQLite file to copy, a PostgreSQL database to make others from."""

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
    """Skip, or fail where COREHR_TEST_REQUIRE says that `what` may not be missing."""
    if requirement in os.environ.get("COREHR_TEST_REQUIRE", "").split(","):
        pytest.fail(f"{requirement} is required (COREHR_TEST_REQUIRE) but {reason}")
    pytest.skip(reason)


def in_memory_folder() -> Path:
    """A fresh folder, in memory where the system has such a place."""
    memory = Path("/dev/shm")
    return Path(tempfile.mkdtemp(prefix="corehr-test-", dir=memory if os.access(memory, os.W_OK) else None))


@contextmanager
def postgres_server() -> Iterator[str | None]:
    """The address of a server that lets us make databases: the one named, one found, or one started for now."""
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
    """initdb refuses to run as root."""
    return {"user": "postgres"} if hasattr(os, "geteuid") and os.geteuid() == 0 else {}


def _pg_ctl(folder: Path, *arguments: str) -> bool:
    bin_dir = _postgres_bin_dir()
    assert bin_dir is not None
    command = [str(bin_dir / "pg_ctl"), "-D", str(folder / "data"), "-w", *arguments]
    return subprocess.run(command, **_run_as_postgres(), capture_output=True, check=False).returncode == 0


def _start_server(folder: Path) -> str | None:
    """A server of our own in a folder, listening on a socket there; None where PostgreSQL is not installed."""
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
    """A prepared company, of which every test gets its own copy."""

    def copy(self) -> str:
        """The address of a new copy."""
        raise NotImplementedError

    def delete(self, url: str) -> None:
        """The copy is not needed any more."""
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
        self._run(f"ALTER DATABASE {name} SET synchronous_commit = off")
        return urlsplit(self.server)._replace(path=f"/{name}").geturl()

    def _name_in(self, url: str) -> str:
        return urlsplit(url).path.removeprefix("/")

    def _run(self, sql: str) -> None:
        for _ in range(50):
            with psycopg.connect(self.server, autocommit=True) as connection:
                try:
                    connection.execute(sql.encode())
                except psycopg.errors.ObjectInUse:  # another test is copying the same template just now
                    time.sleep(0.05)
                else:
                    return
        raise TimeoutError(sql)
