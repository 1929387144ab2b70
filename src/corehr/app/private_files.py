"""Files that only their owner may read and write, whatever the umask: a database file, its keys, its lock."""

import logging
import os
from pathlib import Path
from typing import Final

PRIVATE_FILE: Final = 0o600
"""Read and written by the owner only."""

_SQLITE_SUFFIXES: Final = ("", "-wal", "-shm", "-journal")

_log = logging.getLogger(__name__)


def open_private(path: Path, flags: int) -> int:
    """Open a file, private from the moment it exists, and return its descriptor; `flags` are those of `os.open`."""
    descriptor = os.open(path, flags | getattr(os, "O_CLOEXEC", 0), PRIVATE_FILE)
    _restrict(path)
    return descriptor


def prepare_sqlite_file(path: Path) -> None:
    """Create the file unless it exists, and make it private, with what SQLite wrote beside it.

    SQLite gives the files that it creates later the mode of this one.
    """
    if not path.exists():
        os.close(open_private(path, os.O_RDWR | os.O_CREAT))
    for suffix in _SQLITE_SUFFIXES:
        _restrict(path.with_name(path.name + suffix))


def warn_if_others_read(path: Path) -> None:
    """Log a warning if users outside the owner's group may read the file."""
    if path.stat().st_mode & 0o004:
        _log.warning("every user of this machine may read %s: do  chmod 600 %s", path, path)


def replace_private(path: Path, text: str) -> None:
    """Write a private file, whole or not at all, over one that exists."""
    new = path.with_name(f"{path.name}.new")
    descriptor = open_private(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def _restrict(path: Path) -> None:
    """Make a file private if it exists; one that may not be changed keeps its mode, with a warning."""
    if not path.exists() or path.stat().st_mode & 0o777 == PRIVATE_FILE:
        return
    try:
        path.chmod(PRIVATE_FILE)
    except OSError as error:
        _log.warning("%s could not be made private (%s): let its owner do  chmod 600", path, error.strerror)
