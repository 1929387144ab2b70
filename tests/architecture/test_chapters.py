"""Resources lie in the chapters of the platform's documentation: `hr/<chapter>` and `spec/operations/<chapter>`."""

import tomllib
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path

import corehr
from corehr.app.features import COMMANDS, QUERIES
from corehr.apps.handlers import Handler

PACKAGE = Path(corehr.__path__[0])
CHAPTERS: Mapping[str, str] = {
    id: entry["chapter"]
    for id, entry in tomllib.loads((PACKAGE / "spec" / "inventory.toml").read_text("utf-8"))["operations"].items()
}


def module_of(handler: Handler) -> str:
    """Return the module that defines a handler; some are partial functions."""
    return handler.func.__module__ if isinstance(handler, partial) else handler.__module__


def misplaced_handlers(modules: Mapping[str, str]) -> list[str]:
    """Return a sentence for each operation whose handler is defined outside its chapter; `modules` is by operation."""
    return [
        f"{id} is handled in {module}, but belongs to corehr.hr.{CHAPTERS[id]}"
        for id, module in modules.items()
        if module.split(".")[:3] != ["corehr", "hr", CHAPTERS[id]]
    ]


def misplaced_operations(files: Iterable[tuple[str, Iterable[str]]]) -> list[str]:
    """Return a sentence for each operation of the spec outside its chapter; a file is its path and its operations."""
    return [
        f"{id} is in spec/operations/{path}, but belongs to spec/operations/{CHAPTERS[id]}/"
        for path, ids in files
        for id in ids
        if path.rpartition("/")[0] != CHAPTERS[id]
    ]


def test_every_operation_is_handled_in_its_chapter():
    modules = {id: module_of(handler) for id, handler in (*COMMANDS.items(), *QUERIES.items())}
    assert not misplaced_handlers(modules)


def test_every_operation_of_the_spec_is_in_a_file_of_its_chapter():
    folder = PACKAGE / "spec" / "operations"
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*.toml")}
    assert files
    assert not misplaced_operations((name, tomllib.loads(path.read_text("utf-8"))) for name, path in files.items())


def test_every_room_of_hr_is_a_chapter():
    rooms = {path.parent.name for path in (PACKAGE / "hr").glob("*/__init__.py")}
    assert rooms
    assert rooms <= set(CHAPTERS.values())


def test_what_is_misplaced():
    assert CHAPTERS["v2.offboarding.edit"] == "offboardings"
    assert misplaced_handlers({"v2.offboarding.edit": "corehr.hr.offboardings.api"}) == []
    assert misplaced_handlers({"v2.offboarding.edit": "corehr.hr.job_changes.api"}) == [
        "v2.offboarding.edit is handled in corehr.hr.job_changes.api, but belongs to corehr.hr.offboardings"
    ]
    assert misplaced_operations([("offboardings/offboardings.toml", ["v2.offboarding.edit"])]) == []
    (sentence,) = misplaced_operations([("offboardings.toml", ["v2.offboarding.edit"])])
    assert sentence.startswith("v2.offboarding.edit is in spec/operations/offboardings.toml, but belongs to")
