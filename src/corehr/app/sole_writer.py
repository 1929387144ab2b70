"""Ensures that one process serves a SQLite file, by a lock on a file beside it."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from corehr.app.private_files import open_private
from corehr.app.stores import sqlite_path
from corehr.kernel.errors import UsageError

try:
    import fcntl
except ImportError:  # this system has none: no lock is taken
    fcntl = None  # type: ignore[assignment]

_log = logging.getLogger(__name__)


@contextmanager
def sole_writer(url: str) -> Iterator[None]:
    """Lock a SQLite file for this process; UsageError if another one holds it. Database servers need no such lock.

    The system releases the lock when the process ends, however it ends. The lock file is never removed, since the next
    process may already have locked it.
    """
    path = sqlite_path(url)
    if path is None or fcntl is None:
        yield
        return
    if not path.parent.is_dir():
        raise UsageError(f"the folder {path.parent} does not exist: create it, or give --db another path")
    path = path.resolve()
    lock = open_private(path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT)
    try:
        _acquire(lock, path)
        yield
    finally:
        os.close(lock)


def _acquire(lock: int, path: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.read(lock, 20).decode(errors="replace").strip()
        raise UsageError(
            f"{path.name} is in use by another corehr process (number {holder or 'unknown'}): "
            "stop that one, or give --db another file"
        ) from None
    except OSError as error:
        _log.warning(
            "this file system has no locks (%s): make sure that no other process serves %s", error.strerror, path
        )
        return
    with suppress(OSError):  # the process id is needed only for a message
        os.truncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
