"""Features meet in nouns, and nouns form an order: no records may reach their own module again through others'."""

from graphlib import CycleError, TopologicalSorter

import grimp
import pytest

RECORD_MODULES = ("records", "events")  # records import events, so a way through another's events counts too


def feature_of(module: str) -> str:
    return module.split(".")[2]


def dependencies(graph: grimp.ImportGraph) -> dict[str, set[str]]:
    """For each feature, the features whose modules its nouns import."""
    found: dict[str, set[str]] = {}
    for module in graph.modules:
        if not module.startswith("corehr.hr."):
            continue
        imported_features = found.setdefault(feature_of(module), set())
        if module.split(".")[3:4] and module.split(".")[3] in RECORD_MODULES:
            imported = graph.find_modules_directly_imported_by(module)
            imported_features |= {feature_of(other) for other in imported if other.startswith("corehr.hr.")}
    return {feature: others - {feature} for feature, others in found.items()}


def find_cycle(order: dict[str, set[str]]) -> list[str]:
    try:
        TopologicalSorter(order).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_records_do_not_import_each_other_in_a_cycle():
    found = find_cycle(dependencies(grimp.build_graph("corehr", cache_dir=None)))
    assert not found, "records import each other in a circle: " + " <- ".join(found)


@pytest.mark.parametrize(
    ("imports", "expected"),
    [
        ([("people.records", "departments.records")], set()),
        ([("people.commands", "jobs.records"), ("jobs.commands", "people.records")], set()),
        ([("people.records", "jobs.records"), ("jobs.records", "people.records")], {"people", "jobs"}),
        ([("people.records", "jobs.records"), ("jobs.events", "people.records")], {"people", "jobs"}),
    ],
    ids=["one way", "commands may cross", "a circle", "a circle through events"],
)
def test_what_counts_as_a_cycle(imports: list[tuple[str, str]], expected: set[str]):
    graph = grimp.ImportGraph()
    for importer, imported in imports:
        for module in (importer, imported):
            graph.add_module(f"corehr.hr.{module}")
        graph.add_import(importer=f"corehr.hr.{importer}", imported=f"corehr.hr.{imported}")
    assert set(find_cycle(dependencies(graph))) == expected
