"""Migrations: the revisions of the database schema; `app/schema.py` runs them."""

from pathlib import Path
from typing import Final

REVISIONS: Final = tuple(sorted(file.name[:4] for file in (Path(__file__).parent / "versions").glob("[0-9]*.py")))
"""Every revision, first to last, taken from file names so that a server starts without loading Alembic."""

HEAD: Final = REVISIONS[-1] if REVISIONS else ""
"""The revision that a database must have."""
