"""Where an installation has its keys: in a file, or in the environment; never in its database."""

import os
from pathlib import Path
from typing import Final

from corehr.app.private_files import replace_private, warn_if_others_read
from corehr.delivery import subscribers
from corehr.kernel import tenants
from corehr.kernel.db import Tx
from corehr.kernel.errors import UsageError
from corehr.kernel.keys import KeyRing, generate_key

KEY_VARIABLE: Final = "COREHR_KEY"
"""The environment variable that may hold the keys, the first one first, with white space between."""

DEFAULT_FILE_NAME: Final = "corehr.key"
"""The name of the key file beside a SQLite file."""


def load(sqlite_file: Path | None, key_file: str | None) -> KeyRing:
    """Return the keys of the file, else of the environment, else of the file beside a SQLite file.

    The ring is empty when there are none, which is right only as long as the database has no tenant. UsageError when a
    named file cannot be read, when a key is malformed, and when file and variable are both given.
    """
    in_environment = keys_in_environment()
    if key_file and in_environment:
        raise UsageError(f"keys are given twice: leave out --key-file or {KEY_VARIABLE}")
    if in_environment:
        return KeyRing(in_environment, f"give {KEY_VARIABLE} the key that this database was made with")
    if key_file:
        path = Path(key_file)
        return KeyRing(_read(path), f"give --key-file the file that this database was made with, not {path}")
    if sqlite_file is None:
        return KeyRing((), f"give --key-file FILE, which  corehr key create FILE  makes, or {KEY_VARIABLE}")
    default = default_file(sqlite_file)
    keys = _read(default) if default.exists() else ()
    return KeyRing(keys, f"restore {default}, or give --key-file or {KEY_VARIABLE}")


def keys_in_environment() -> list[str]:
    """Return the keys that the environment has; an empty variable has none."""
    return os.environ.get(KEY_VARIABLE, "").split()


def load_or_create(sqlite_file: Path | None, key_file: str | None) -> KeyRing:
    """Return the keys, after creating the file beside a SQLite file if there are none; for a new tenant."""
    ring = load(sqlite_file, key_file)
    if not ring and sqlite_file is not None:
        create_file(default_file(sqlite_file))
        ring = load(sqlite_file, key_file)
    return ring


def default_file(sqlite_file: Path) -> Path:
    """Return the key file beside a SQLite file."""
    return sqlite_file.with_name(DEFAULT_FILE_NAME)


def create_file(path: Path) -> None:
    """Write a new key to a new file; UsageError if the file exists, since a lost key makes a database unreadable."""
    if path.exists():
        raise UsageError(f"{path} exists already: name a new file, or use  corehr key rotate")
    replace_private(path, f"{generate_key()}\n")


def add_first_key(path: Path) -> None:
    """Write a new key before those of a file, which stay: backups, and other databases, are encrypted under them."""
    replace_private(path, "\n".join([generate_key(), *_read(path), ""]))


def encrypt_again(tx: Tx) -> None:
    """Encrypt every secret of the tenant under the first key."""
    tenants.encrypt_again(tx)
    subscribers.encrypt_again(tx)


def _read(path: Path) -> list[str]:
    try:
        warn_if_others_read(path)
        keys = path.read_text(encoding="ascii").split()
    except (OSError, UnicodeDecodeError) as error:
        detail = getattr(error, "strerror", None) or "it is not text"
        raise UsageError(
            f"the key file {path} cannot be read ({detail}): give --key-file another, or make one with  "
            f"corehr key create {path}"
        ) from None
    if not keys:
        raise UsageError(f"the key file {path} is empty: restore it from a copy")
    return keys
