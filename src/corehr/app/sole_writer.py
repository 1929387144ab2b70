"""Ensures that one process serves a database: by locks on a SQLite file, by a session's lock on PostgreSQL."""

import logging
import os
import signal
import struct
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Final

import psycopg

from corehr.app.private_files import open_private
from corehr.app.stores import sqlite_path
from corehr.kernel.errors import UsageError

try:
    import fcntl
except ImportError:  # this system has none: no lock is taken
    fcntl = None  # type: ignore[assignment]

CHECK_SECONDS = 5.0
"""Seconds between two checks that the session with the lock of a PostgreSQL database is still there."""

_FILE_LOCK_OFFSET: Final = 2**62
"""The byte of a SQLite file that is locked: far behind those that SQLite itself locks."""

_LOCK_CLASS: Final = 0x636F7265
_LOCK: Final = f"pg_try_advisory_lock({_LOCK_CLASS}, hashtext(coalesce(current_schema(), '')))"
_HOLDER: Final = (
    "SELECT pid FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database"
    f" WHERE locktype = 'advisory' AND classid = {_LOCK_CLASS} AND objsubid = 2 AND granted"
    " AND objid = (hashtext(coalesce(current_schema(), ''))::bigint & 4294967295)::oid AND datname = current_database()"
)

_log = logging.getLogger(__name__)


@contextmanager
def sole_writer(url: str) -> Iterator[None]:
    """Lock a database for this process; UsageError if another one serves it.

    The lock ends with the process, however it ends.
    """
    path = sqlite_path(url)
    with ExitStack() as locks:
        if path is None:
            locks.enter_context(_PostgresLock(url).held())
        elif fcntl is not None:
            if not path.parent.is_dir():
                raise UsageError(f"the folder {path.parent} does not exist: create it, or give --db another path")
            locks.enter_context(_name_locked(path.resolve()))
            locks.enter_context(_file_locked(path.resolve()))
        yield


@contextmanager
def _name_locked(path: Path) -> Iterator[None]:
    """Lock a file beside the database. It is never removed, since the next process may already have locked it."""
    with _opened(path.with_name(f"{path.name}.lock")) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(lock, 20).decode(errors="replace").strip()
            raise UsageError(_in_use(path, f"number {holder or 'unknown'}")) from None
        except OSError as error:
            _log.warning(
                "this file system has no locks (%s): make sure that no other process serves %s", error.strerror, path
            )
        else:
            with suppress(OSError):  # the process id is needed only for a message
                os.truncate(lock, 0)
                os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
        yield


@contextmanager
def _file_locked(path: Path) -> Iterator[None]:
    """Lock the database file itself, which may have further names (hard links), and ensure that it can be written.

    The lock belongs to the opened file: SQLite, which opens and closes the same file, neither notices nor ends it.
    """
    with _opened(path) as file:
        if hasattr(fcntl, "F_OFD_SETLK"):  # Linux
            lock = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, _FILE_LOCK_OFFSET, 1, 0)
            try:
                fcntl.fcntl(file, fcntl.F_OFD_SETLK, lock)
            except BlockingIOError:
                raise UsageError(_in_use(path, "under another name of the file")) from None
            except OSError as error:
                _log.warning("%s cannot be locked (%s)", path, error.strerror)
        yield


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    """Open a file for reading and writing, and create it if it is not there."""
    file = open_private(path, os.O_RDWR | os.O_CREAT)
    try:
        yield file
    finally:
        os.close(file)


def _in_use(path: Path, holder: str) -> str:
    return f"{path.name} is in use by another corehr process ({holder}): stop that one, or give --db another file"


class _PostgresLock:
    """The lock of a database on PostgreSQL: of a session of its own, which is opened again when it was ended."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._stopped = threading.Event()
        self._own_sessions: set[int] = set()

    @contextmanager
    def held(self) -> Iterator[None]:
        connection = self._acquire()
        keeper = threading.Thread(target=self._keep, args=(connection,), name="corehr-sole-writer", daemon=True)
        keeper.start()
        try:
            yield
        finally:
            self._stopped.set()
            keeper.join()

    def _acquire(self) -> psycopg.Connection:
        """Return a new session that has the lock; UsageError if that of another process has it."""
        connection = psycopg.connect(self._url, autocommit=True, connect_timeout=10, application_name="corehr-lock")
        try:
            if not _fetch_value(connection, f"SELECT {_LOCK}"):
                holder = _fetch_value(connection, _HOLDER)
                if holder in self._own_sessions:
                    raise psycopg.OperationalError("the lock's former session has not ended yet")
                raise UsageError(
                    f"this database is in use by another corehr process (PostgreSQL session {holder or 'unknown'}): "
                    "stop that one, or give --db another database"
                )
            self._own_sessions.add(connection.info.backend_pid)
        except BaseException:
            connection.close()
            raise
        return connection

    def _keep(self, connection: psycopg.Connection) -> None:
        """Check the session until the lock is given back; stop the process when another one has got the lock."""
        while not self._stopped.wait(CHECK_SECONDS):
            try:
                connection.execute("SELECT 1")
            except psycopg.Error:
                connection.close()
                try:
                    connection = self._acquire()
                except psycopg.Error as error:
                    _log.warning("the lock of the database is lost, and tried again: %s", type(error).__name__)
                except UsageError as error:
                    _log.critical("the lock of the database is lost: %s", error)
                    os.kill(os.getpid(), signal.SIGTERM)
                    return
        connection.close()


def _fetch_value(connection: psycopg.Connection, query: str) -> object:
    with closing(connection.execute(query.encode())) as cursor:
        row = cursor.fetchone()
    return row[0] if row else None
