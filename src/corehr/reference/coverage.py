"""Renders docs/coverage.md: how much of what the platform documents is built, in numbers."""

import ast
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import corehr
from corehr.app.features import COMMANDS, FEATURES, QUERIES, RECIPES, RULEBOOKS
from corehr.spec.loader import Spec

_PACKAGE: Final = Path(corehr.__file__).parent

_INTRO: Final = """\
# Coverage

What the platform documents, and how much of it corehr has. An operation that is not built is answered like an unknown
path. *Routed*: it has a path and a handler. *Shaped*: its request is validated against its page. *Ruled*: the number
of its documented error rows that are decided by a rule, by a failure of the system or by a written reason why the row
cannot occur; *by state*: the number that depend on the state of real records. *Emits*: the number of event types that
the resource records when it changes. *Tested*: the number of documented codes that a recipe of the sandbox raises, run
by a test.
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
    emitting_features = _emitting_features(events)
    built = {*COMMANDS, *QUERIES}
    rows = sum(operations[id]["errors"] for id in built)
    return "\n".join(
        [
            _INTRO,
            "| | built | documented |",
            "|---|---|---|",
            f"| operations | {len(built)} | {len(operations)} |",
            f"| error rows | {rows} | {sum(o['errors'] for o in operations.values())} |",
            f"| event types that are emitted | {len(emitting_features)} | {len(events)} |",
            "",
            "## Operations",
            "",
            "| operation | routed | shaped | ruled | by state | emits | tested |",
            "|---|---|---|---|---|---|---|",
            *(_operation(id, operations[id], spec, emitting_features) for id in sorted(operations)),
            "",
            "## Events",
            "",
            _EVENTS,
            "| event | store apps | data range | any of scopes | emitted by |",
            "|---|---|---|---|---|",
            *(_event(name, spec, emitting_features) for name in sorted(events)),
            "",
        ]
    )


def _operation(id: str, entry: Mapping[str, Any], spec: Spec, emitting_features: Mapping[str, list[str]]) -> str:
    if id not in COMMANDS and id not in QUERIES:
        return f"| `{id}` | - | {'yes' if id in spec.operations else '-'} | - of {entry['errors']} | - | - | - |"
    documented = spec.operations[id].errors
    covered = documented.keys() & {rule.code for rule in RULEBOOKS[id].rules}
    by_state = documented.keys() & {rule.code for rule in RULEBOOKS[id].rules if callable(rule.raised_by)}
    owner = next((f.name for f in FEATURES if id in f.commands), None)
    emitted = sum(1 for features in emitting_features.values() if owner in features)
    tested = len(documented) if id in RECIPES else 0
    ruled = f"{len(covered)} of {len(documented)}"
    return f"| `{id}` | yes | yes | {ruled} | {len(by_state)} | {emitted or '-'} | {tested} |"


def _event(name: str, spec: Spec, emitting_features: Mapping[str, list[str]]) -> str:
    event = spec.events[name]
    store, data_range = ("yes" if applies else "-" for applies in ("isv" in event.app_types, event.data_range))
    emitted_by = ", ".join(emitting_features.get(name, ["nothing yet"]))
    return f"| `{name}` | {store} | {data_range} | {len(event.scopes)} | {emitted_by} |"


def _emitting_features(events: Iterable[str]) -> Mapping[str, list[str]]:
    """Return, by event type, the features whose `events.py` contains its name."""
    found: dict[str, list[str]] = {}
    for path in sorted((_PACKAGE / "hr").glob("**/events.py")):
        constants = {n.value for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Constant)}
        for event in events:
            if event in constants:
                found.setdefault(event, []).append(path.parent.name)
    return found
