"""A SQLite file has one writing process: who serves it holds a lock on a file beside it."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from corehr.kernel.settings import UsageError, sqlite_path

try:
    import fcntl
except ImportError:  # not on this system: there nobody is kept away
    fcntl = None  # type: ignore[assignment]

_log = logging.getLogger(__name__)


@contextmanager
def sole_writer(url: str) -> Iterator[None]:
    """Be the one process that serves a SQLite file; WrongUse when another one does. Servers need no such lock.

    The system lets go of the lock when the process ends, however it ends. The file beside stays: whoever removed it
    could remove one that the next process had already locked.
    """
    path = sqlite_path(url)
    if path is None or fcntl is None:
        yield
        return
    if not path.parent.is_dir():
        raise UsageError(f"the folder {path.parent} does not exist: make it, or give --db another path")
    path = path.resolve()
    lock = os.open(path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
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
        _log.warning("this file system has no locks (%s): make sure that nobody else serves %s", error.strerror, path)
        return
    with suppress(OSError):  # who it is matters only to a message
        os.truncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
