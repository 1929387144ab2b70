"""How a database came to have the tables it has, step by step; `entrypoints/schema.py` runs the steps."""

from pathlib import Path
from typing import Final

REVISIONS: Final = tuple(sorted(file.name[:4] for file in (Path(__file__).parent / "versions").glob("[0-9]*.py")))
"""Every revision, first to last, by file name: read here so that a start need not load Alembic to know the last."""

HEAD: Final = REVISIONS[-1] if REVISIONS else ""
"""The revision a database must be at."""
