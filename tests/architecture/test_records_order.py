"""Features import only each other's records, and these imports form no cycle."""

from graphlib import CycleError, TopologicalSorter

import grimp
import pytest

RECORD_MODULES = ("records", "events")  # records import events, so a path through another feature's events counts too
OTHER_MODULES = ("api", "commands", "rules", "recipes", "features")


def feature_of(module: str) -> str:
    """Return the resource that a module of `hr/` belongs to: its package, or itself if it is the one module."""
    parts = module.split(".")[2:]
    ends = [index for index, part in enumerate(parts) if part in (*RECORD_MODULES, *OTHER_MODULES)]
    return ".".join(parts[: ends[0]] if ends else parts)


def has_records(module: str) -> bool:
    return not any(part in OTHER_MODULES for part in module.split("."))


def dependencies(graph: grimp.ImportGraph) -> dict[str, set[str]]:
    """Return, for each feature, the features whose modules its records and events import."""
    by_feature: dict[str, set[str]] = {}
    for module in graph.modules:
        if not module.startswith("corehr.hr."):
            continue
        imported_features = by_feature.setdefault(feature_of(module), set())
        if has_records(module):
            imported = graph.find_modules_directly_imported_by(module)
            imported_features |= {feature_of(other) for other in imported if other.startswith("corehr.hr.")}
    return {feature: others - {feature} for feature, others in by_feature.items()}


def find_cycle(imports_by_feature: dict[str, set[str]]) -> list[str]:
    """Return the features of one cycle, or an empty list."""
    try:
        TopologicalSorter(imports_by_feature).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_records_do_not_import_each_other_in_a_cycle():
    cycle = find_cycle(dependencies(grimp.build_graph("corehr", cache_dir=None)))
    assert not cycle, "records import each other in a cycle: " + " <- ".join(cycle)


@pytest.mark.parametrize(
    ("imports", "expected"),
    [
        ([("employments.records", "departments.records")], set()),
        ([("employments.commands", "jobs.records"), ("jobs.commands", "employments.records")], set()),
        ([("employments.records", "jobs.records"), ("jobs.records", "employments.records")], {"employments", "jobs"}),
        ([("employments.records", "jobs.records"), ("jobs.events", "employments.records")], {"employments", "jobs"}),
        ([("a.x.records", "a.y.records"), ("a.y.events", "a.x.records")], {"a.x", "a.y"}),
        ([("a.x", "b.records"), ("b.records", "a.x")], {"a.x", "b"}),
        ([("a.x.records", "a.y.records"), ("b.records", "a.x.records")], set()),
    ],
    ids=[
        "one way",
        "commands may cross",
        "a cycle",
        "a cycle through events",
        "a cycle inside a chapter",
        "a cycle with a resource of one module",
        "two resources of one chapter",
    ],
)
def test_what_counts_as_a_cycle(imports: list[tuple[str, str]], expected: set[str]):
    graph = grimp.ImportGraph()
    for importer, imported in imports:
        for module in (importer, imported):
            graph.add_module(f"corehr.hr.{module}")
        graph.add_import(importer=f"corehr.hr.{importer}", imported=f"corehr.hr.{imported}")
    assert set(find_cycle(dependencies(graph))) == expected
