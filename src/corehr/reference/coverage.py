"""Renders docs/coverage.md: how much of what the platform documents is built, in numbers."""

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import corehr
from corehr.app.features import COMMANDS, FEATURES, QUERIES, RECIPES, RULEBOOKS
from corehr.engines.feature import Feature
from corehr.spec.loader import Spec

_PACKAGE: Final = Path(corehr.__file__).parent

_INTRO: Final = """\
# Coverage

What the platform documents, and how much of it corehr has.
"""

_BUILT: Final = """\
*Ruled*: the number of documented error rows that are decided by a rule, by a failure of the system or by a written
reason why the row cannot occur. *By state*: the number of codes that the state of real records raises, 99992402
included where a rule is bound to it. *Events of its records*: for an operation that changes records, the number of
event types that changes of the records of its resource emit, by this operation or by others. *Tested*: the number of
codes that a recipe of the sandbox raises, run by a test.
"""

_MISSING: Final = """\
Each is answered like an unknown path: HTTP 404, `404 page not found`. The numbers of documented error rows are in
brackets.
"""

_EVENTS: Final = """\
Events are recorded with the change that emits them. Those that nothing emits yet never occur. *Store apps*: store apps
may receive the event too, otherwise only custom apps. *Data range*: an app receives only events about people in its
range. *Any of scopes*: the number of scopes of which an app needs one.
"""


def coverage_page(spec: Spec) -> str:
    """Return the page, without the line that marks it as generated."""
    inventory = tomllib.loads((_PACKAGE / "spec" / "inventory.toml").read_text())
    operations, events = inventory["operations"], inventory["events"]
    features_by_event = emitting_features()
    built = {*COMMANDS, *QUERIES}
    rows = sum(operations[id]["errors"] for id in built)
    return "\n".join(
        [
            _INTRO,
            "| | built | documented |",
            "|---|---|---|",
            f"| operations | {len(built)} | {len(operations)} |",
            f"| error rows | {rows} | {sum(o['errors'] for o in operations.values())} |",
            f"| event types that are emitted | {len(features_by_event)} | {len(events)} |",
            "",
            "## Operations that are built",
            "",
            _BUILT,
            "| operation | ruled | by state | events of its records | tested |",
            "|---|---|---|---|---|",
            *(_operation(id, spec) for id in sorted(built)),
            "",
            "## Operations that are not built",
            "",
            _MISSING,
            *_missing({id: entry for id, entry in operations.items() if id not in built}),
            "",
            "## Events",
            "",
            _EVENTS,
            "| event | store apps | data range | any of scopes | emitted by |",
            "|---|---|---|---|---|",
            *(_event(name, spec, features_by_event) for name in sorted(events)),
            "",
        ]
    )


def _missing(operations: Mapping[str, Mapping[str, Any]]) -> Sequence[str]:
    """Return a line for each resource: its operations by verb and version."""
    by_resource: dict[str, list[str]] = {}
    for id in sorted(operations, key=lambda id: (id.split(".", 1)[1], id)):
        version, resource, verb = id.split(".", 2)
        by_resource.setdefault(resource, []).append(f"{version} {verb} ({operations[id]['errors']})")
    return [f"- **{resource}**: {', '.join(verbs)}" for resource, verbs in sorted(by_resource.items())]


def _operation(id: str, spec: Spec) -> str:
    documented = spec.operations[id].errors.keys()
    covered = documented & {rule.code for rule in RULEBOOKS[id].rules}
    by_state = RULEBOOKS[id].violation_codes()
    emitted = sum(len(_events_of(feature)) for feature in FEATURES if id in feature.commands)
    tested = len(documented | by_state) if id in RECIPES else 0
    ruled = f"{len(covered)} of {len(documented)}"
    return f"| `{id}` | {ruled} | {len(by_state)} | {emitted or '-'} | {tested} |"


def _event(name: str, spec: Spec, features_by_event: Mapping[str, Sequence[str]]) -> str:
    event = spec.events[name]
    store, data_range = ("yes" if applies else "-" for applies in ("isv" in event.app_types, event.data_range))
    emitted_by = ", ".join(features_by_event.get(name, ["nothing yet"]))
    return f"| `{name}` | {store} | {data_range} | {len(event.scopes)} | {emitted_by} |"


def emitting_features() -> Mapping[str, Sequence[str]]:
    """Return, by event type, the features whose primitives emit it."""
    found: dict[str, list[str]] = {}
    for feature in FEATURES:
        for event in _events_of(feature):
            found.setdefault(event, []).append(feature.name)
    return found


def _events_of(feature: Feature) -> frozenset[str]:
    return frozenset(event for events in feature.events.values() for event in events)
