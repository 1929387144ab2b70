"""One-line messages for the operator about errors of the database, the file system and the network."""

import errno
import sqlite3

import apsw
import psycopg
import sqlalchemy.exc

_SQLITE = {
    apsw.SQLITE_NOTADB: "is not a database: give --db another file",
    apsw.SQLITE_CORRUPT: "is damaged: restore it from a backup",
    apsw.SQLITE_READONLY: "cannot be written: give yourself the right to write it and its folder",
    apsw.SQLITE_CANTOPEN: "cannot be opened: check that it is a file, and that you may write it and its folder",
    apsw.SQLITE_PERM: "cannot be opened: check that you may write it and its folder",
    apsw.SQLITE_BUSY: "is locked by another program: close that one and try again",
    apsw.SQLITE_LOCKED: "is locked by another program: close that one and try again",
    apsw.SQLITE_FULL: "does not fit: free some space on its disk",
    apsw.SQLITE_IOERR: "cannot be read or written: check its disk",
}

_SYSTEM = {
    errno.EACCES: "may not be written by you: give yourself the right, or give another path",
    errno.EPERM: "may not be written by you: give yourself the right, or give another path",
    errno.EROFS: "is on a file system that cannot be written: give another path",
    errno.ENOENT: "is not there: make it, or give another path",
    errno.EISDIR: "is a folder: give the path of a file",
    errno.ENOSPC: "does not fit: free some space on its disk",
}


def describe_known_error(error: BaseException, db: str = "the database") -> str | None:
    """Return the line for an error that needs no traceback, or None. `db` is the database address it concerns."""
    if isinstance(error, sqlalchemy.exc.DBAPIError) and error.orig is not None:
        error = error.orig
    if isinstance(error, apsw.Error | sqlite3.Error):
        code: int = getattr(error, "result" if isinstance(error, apsw.Error) else "sqlite_errorcode", 0)
        advice = _SQLITE.get(code & 0xFF)  # the higher bits are SQLite's extended code
        return f"{db.removeprefix('sqlite:///')} {advice}" if advice else None
    if isinstance(error, psycopg.Error):
        return _postgresql(error)
    if isinstance(error, OSError) and error.filename and error.errno in _SYSTEM:
        return f"{error.filename} {_SYSTEM[error.errno]}"
    return None


def _postgresql(error: psycopg.Error) -> str | None:
    detail = " ".join(str(error).split())
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        return f"the database does not let this user do that ({detail}): grant it the right, or give --db another user"
    if isinstance(error, psycopg.ProgrammingError) and error.sqlstate is None:
        return f"--db is not an address PostgreSQL understands ({detail}): use postgresql://user@host/db"
    if isinstance(error, psycopg.OperationalError):
        return f"the database cannot be reached ({detail}): check that it runs and that --db names it"
    return None
