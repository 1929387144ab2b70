"""The pages for people who change corehr name only files and names that exist."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
PAGES = (
    "README.md",
    "CONTRIBUTING.md",
    "docs/architecture.md",
    "docs/first-operation.md",
    "docs/glossary.md",
    *sorted(f"docs/adr/{path.name}" for path in (ROOT / "docs" / "adr").glob("*.md")),
)
PAGES_OF_NAMES = (
    "docs/architecture.md",
    "docs/first-operation.md",
    "docs/glossary.md",
    "docs/adr/0035-rooms-and-floors.md",
)
NAMES_NOT_USED = {"utils", "helpers", "manager", "service"}
"""What architecture.md says no module is called."""

PLACEHOLDERS = ("<", "…", "hr/x", "*")
"""Parts of a path that stands for many; `hr/x` is the package of any resource."""

NOT_A_FILE = re.compile(r"/|v[12]/|\.\./shared/|text/plain$|world/employees$|auth/v3/|app_ticket/|[A-Z]+ ")
"""How paths of the wire, of the sandbox and outside the repository begin."""

PATH = re.compile(r"[\w.-]*(/[\w.-]*)+|[\w-]+\.(py|md|toml)")
NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
BARE_FILES = {path.name for folder in ("src", "tools", "tests", "docs") for path in (ROOT / folder).rglob("*.*")}


def source_words() -> set[str]:
    """Return every word of the code, of its data and of its build."""
    files = [path for folder in ("src", "tests", "tools", "bench") for path in (ROOT / folder).rglob("*.py")]
    files += [ROOT / "Makefile", ROOT / "pyproject.toml", *(ROOT / "src").rglob("*.toml"), ROOT / ".ci" / "run"]
    this_file = Path(__file__).resolve()
    return {word for path in files if path != this_file for word in re.findall(r"\w+", path.read_text("utf-8"))}


def spans(text: str) -> Iterator[str]:
    """Return what stands between backticks, outside of blocks of code."""
    text = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    yield from re.findall(r"`([^`\n]+)`", text)


def files_in_blocks(text: str) -> list[str]:
    """Return the Python files that blocks of code name, such as those of a tree."""
    blocks = re.findall(r"^```.*?^```", text, flags=re.MULTILINE | re.DOTALL)
    return [file for block in blocks for file in re.findall(r"\b\w+\.py\b", block)]


def links(text: str) -> Iterator[str]:
    yield from re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text)


def missing_paths(paths: Iterable[str], page: Path) -> list[str]:
    """Return the paths that exist neither beside the page, nor in the repository, nor in the package."""
    missing = []
    for path in paths:
        if not PATH.fullmatch(path) or NOT_A_FILE.match(path) or any(part in path for part in PLACEHOLDERS):
            continue
        bases = (page.parent, ROOT, ROOT / "src" / "corehr", ROOT / "docs")
        attribute_of_file = re.sub(r"\.[A-Za-z_]\w*$", ".py", path)
        found = any((base / name).exists() for base in bases for name in (path, attribute_of_file))
        if not found and not ("/" not in path and path in BARE_FILES):
            missing.append(path)
    return missing


def missing_names(names: Iterable[str], words: set[str]) -> list[str]:
    """Return the dotted names of which a part is no word of the code."""
    return [
        name
        for name in names
        if NAME.fullmatch(name) and not PATH.fullmatch(name) and not set(name.split(".")) <= words
    ]


@pytest.mark.parametrize("page", PAGES)
def test_every_path_of_a_page_exists(page):
    text = (ROOT / page).read_text("utf-8")
    own_links = [link for link in links(text) if "://" not in link]
    assert not missing_paths((*spans(text), *own_links, *files_in_blocks(text)), ROOT / page)


@pytest.mark.parametrize("page", PAGES_OF_NAMES)
def test_every_name_of_a_page_exists(page):
    names = [span for span in spans((ROOT / page).read_text("utf-8")) if span not in NAMES_NOT_USED]
    assert not missing_names(names, source_words())


def test_what_is_missing():
    page = ROOT / "docs" / "architecture.md"
    assert missing_paths(["kernel/db.py", "hr/", "glossary.md", "tests/world.py", "spec/loader.load"], page) == []
    assert (
        missing_paths(["v2/approvers", "/sandbox/world", "spec/<chapter>", "hr/x/rules.py", "and/or nothing"], page)
        == []
    )
    assert missing_paths(["kernel/outbox2.py", "nothing.py", "gone/"], page) == [
        "kernel/outbox2.py",
        "nothing.py",
        "gone/",
    ]
    assert files_in_blocks("```\n  db.py  tx\n```\n`other.py`") == ["db.py"]
    assert missing_names(["Tx.emit", "Tx.emits", "POST x"], {"Tx", "emit"}) == ["Tx.emits"]
