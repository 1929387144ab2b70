"""No files of corehr import each other in a circle, whether at the top, inside a function or for types only."""

from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

import grimp
import pytest


def imports_by_module(graph: grimp.ImportGraph) -> dict[str, set[str]]:
    return {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}


def find_circles(imports: Mapping[str, set[str]]) -> list[Sequence[str]]:
    """Return circles of files: each file imports the next one, and the last is the first again.

    The last import of a circle is removed before the next circle is searched, so that all knots are found.
    """
    remaining = {module: set(imported) for module, imported in imports.items()}
    circles: list[Sequence[str]] = []
    while True:
        try:
            TopologicalSorter(remaining).prepare()
        except CycleError as error:
            imported_first: Sequence[str] = error.args[1]
            circle = list(reversed(imported_first))
            start = circle.index(min(circle))
            circle = [*circle[start:-1], *circle[: start + 1]]
            circles.append(circle)
            remaining[circle[-2]].discard(circle[-1])
            continue
        return circles


def as_text(circle: Sequence[str]) -> str:
    return " -> ".join(circle)


def test_no_files_import_each_other_in_a_circle():
    graph = grimp.build_graph("corehr", exclude_type_checking_imports=False, cache_dir=None)
    circles = [as_text(circle) for circle in find_circles(imports_by_module(graph))]
    assert not circles, "files import each other in a circle:\n  " + "\n  ".join(circles)


@pytest.mark.parametrize(
    ("imports", "expected"),
    [
        ({"a": {"b", "c"}, "b": {"c"}, "c": set()}, []),
        ({"a": {"b"}, "b": {"a"}}, ["a -> b -> a"]),
        ({"c": {"a"}, "b": {"c"}, "a": {"b"}}, ["a -> b -> c -> a"]),
        ({"a": {"b"}, "b": {"a"}, "d": {"c"}, "c": {"d"}}, ["a -> b -> a", "c -> d -> c"]),
    ],
    ids=["none", "two files", "three files", "two circles"],
)
def test_what_counts_as_a_circle(imports: dict[str, set[str]], expected: list[str]):
    assert sorted(as_text(circle) for circle in find_circles(imports)) == expected


@pytest.mark.parametrize(
    "source",
    [
        "from circular import b\n",
        "def f():\n    from circular import b\n",
        "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    from circular import b\n",
    ],
    ids=["at the top", "inside a function", "for types only"],
)
def test_every_kind_of_import_counts(source: str, tmp_path, monkeypatch):
    package = tmp_path / "circular"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "a.py").write_text(source)
    (package / "b.py").write_text("from circular import a\n")
    monkeypatch.syspath_prepend(tmp_path)
    graph = grimp.build_graph("circular", exclude_type_checking_imports=False, cache_dir=None)
    assert [as_text(circle) for circle in find_circles(imports_by_module(graph))] == [
        "circular.a -> circular.b -> circular.a"
    ]
