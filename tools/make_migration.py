"""Write the next step of `src/corehr/migrations` from the tables the code declares and the steps do not create yet.

    python tools/make_migration.py "Payroll groups"    the next step
    python tools/make_migration.py --first             the first step again: only while it is not released

Review the result: data migrations, and changes that SQLite can only make by copying a table, are written by hand.
`tests/app/test_migrations.py` checks that code and steps agree.
"""

import argparse
import pkgutil
import re
import subprocess
import sys
import tempfile
from importlib import import_module
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

import corehr
from corehr.kernel.statements import metadata
from corehr.migrations import REVISIONS

VERSIONS = Path(__file__).resolve().parent.parent / "src" / "corehr" / "migrations" / "versions"


def declared_metadata() -> sa.MetaData:
    """Import every module and return the metadata with all their tables."""
    for module in pkgutil.walk_packages(corehr.__path__, "corehr."):
        if not module.name.startswith("corehr.migrations"):
            import_module(module.name)
    return metadata


def write_revision(message: str, revision: str, *, steps: bool) -> Path:
    """Write the difference between the declared tables and a database, empty or made by the steps; return the file."""
    config = Config()
    config.set_main_option("script_location", str(VERSIONS.parent).replace("%", "%%"))
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    with tempfile.TemporaryDirectory() as folder, sa.create_engine(f"sqlite:///{folder}/new.db").begin() as connection:
        config.attributes |= {"connection": connection, "metadata": declared_metadata()}
        if steps:
            command.upgrade(config, "head")
        command.revision(config, message, autogenerate=True, rev_id=revision)
    return next(VERSIONS.glob(f"{revision}_*.py"))


def format_file(file: Path) -> None:
    """Remove the generator's comments and defaults, write a condition once, and format as the project does."""
    text = re.sub(r"\n *# ### .* ###|, unique=False", "", file.read_text())
    text = re.sub(r"sqlite_where=sa\.text\((.+?)\), postgresql_where=sa\.text\(\1\)", r"**where(\1)", text)
    if text.count("\n    op.") > 40:
        text = text.replace("-> None:", "-> None:  # noqa: PLR0915  # one statement per table and index", 1)
    file.write_text(text)
    subprocess.run([sys.executable, "-m", "ruff", "format", "--quiet", str(file)], check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("message", nargs="?", help="what the step adds, in a few words")
    parser.add_argument("--first", action="store_true", help="write the first step again")
    args = parser.parse_args()
    if args.first == bool(args.message):
        parser.error("give either a message or --first")
    if args.first:
        if len(REVISIONS) > 1:
            parser.error("there are later steps: the first one cannot be written again")
        declared_metadata()  # before any file is removed: a module that cannot be imported stops here
        for file in VERSIONS.glob("*.py"):
            file.unlink()
    revision = f"{1 if args.first else int(REVISIONS[-1]) + 1:04}"
    file = write_revision(args.message or "The first tables", revision, steps=not args.first)
    format_file(file)
    print(file)


if __name__ == "__main__":
    main()
