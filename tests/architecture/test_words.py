"""Identifiers use the field's standard terms: the words below stay out of them."""

import ast
import re
from collections.abc import Iterator

import pytest

PRIVATE_WORDS = frozenset(
    [
        "asked",
        "told",
        "tell",
        "tells",
        "heard",
        "hear",
        "hears",
        "said",
        "speak",
        "speaks",
        "spoken",
        "spelt",
        "lives",
        "lived",
        "thing",
        "things",
        "house",
        "door",
        "veil",
        "almanac",
        "settle",
        "settled",
        "believe",
        "believed",
        "whoever",
        "nudge",
        "traveller",
        "travellers",
    ]
)
PRIVATE_PHRASES = ("take_back", "takes_back", "taken_back", "come_due", "comes_due", "given_up", "give_up")
UNQUALIFIED = re.compile(r"(?<![a-z])(?<!job_)grades?(?![a-z])")
"""A job grade is a term of HR; how sure an interpretation is, is its `evidence`."""


def snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def private_words(name: str) -> list[str]:
    """The words of an identifier, whatever its case, that are not to be used in one."""
    words = snake(name).split("_")
    found = [word for word in words if word in PRIVATE_WORDS]
    found += [phrase for phrase in PRIVATE_PHRASES if f"_{phrase}_" in f"_{snake(name)}_"]
    return found + UNQUALIFIED.findall(snake(name))


def identifiers(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Every name that the code gives: definitions, parameters, variables, attributes that are set, import aliases."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.name, node.lineno
            case ast.arg():
                yield node.arg, node.lineno
            case ast.Name(ctx=ast.Store()):
                yield node.id, node.lineno
            case ast.Attribute(ctx=ast.Store()):
                yield node.attr, node.lineno
            case ast.alias(asname=str(name)):
                yield name, node.lineno
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
                yield name, node.lineno
            case _:
                pass


def test_no_identifier_uses_a_private_word(request):
    root = request.config.rootpath
    files = sorted(path for folder in ("src", "tests", "bench", "tools") for path in (root / folder).rglob("*.py"))
    assert len(files) > 100
    found = [
        f"{path.relative_to(root)}:{line}: {name} ({', '.join(words)})"
        for path in files
        if "node_modules" not in path.parts
        for name, line in identifiers(ast.parse(path.read_text()))
        if (words := private_words(name))
    ]
    found += [str(path.relative_to(root)) for path in files if private_words(path.stem)]
    assert not found, "use the words of CONTRIBUTING.md:\n" + "\n".join(found)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("job_grade_id", []),
        ("JOB_GRADES", []),
        ("grade", ["grade"]),
        ("evidence_grades", ["grades"]),
        ("body_asked_for", ["asked"]),
        ("take_back", ["take_back"]),
        ("TakeBack", ["take_back"]),
        ("warehouse", []),
        ("_Told", ["told"]),
        ("settlement", []),
        ("db_upgrade", []),
    ],
)
def test_what_counts_as_a_private_word(name: str, words: list[str]):
    assert private_words(name) == words


def test_every_way_to_give_a_name_is_seen():
    source = """
import os as told
class Told: pass
def told(told, *, said=1): pass
told = self.told = [said for said in ()]
try: pass
except OSError as told: pass
"""
    assert [name for name, _ in identifiers(ast.parse(source))].count("told") == 6
