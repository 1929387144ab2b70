"""The events of a company against the models of the official Python SDK: the same fields, of the declared types."""

import importlib
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, get_args, get_origin

import pytest

import corehr
from corehr.app.features import FEATURES
from tests.architecture.test_events_have_causes import run_scenarios
from tests.world import World

EMITTED: Final = sorted({type for feature in FEATURES for types in feature.events.values() for type in types})
SPEC: Final = Path(corehr.__file__).parent / "spec"
PAGES: Final[Mapping[str, Any]] = {
    type: entry for path in SPEC.glob("events/*.toml") for type, entry in tomllib.loads(path.read_text()).items()
}
CORRECTIONS: Final[Mapping[str, Any]] = tomllib.loads((SPEC / "corrections.toml").read_text())

BEFORE_FIRST_EVENT: Final = "0" * 32


def model_of(type: str) -> Any:
    """Return the SDK's class of the `event` member of an event type, such as `corehr.job_data.changed_v1`."""
    version = type[-2:]
    module = importlib.import_module(f"lark_oapi.api.corehr.{version}.model.p2_{type.replace('.', '_')}")
    return getattr(module, f"P2{''.join(part.title() for part in type.replace('.', '_').split('_'))}Data")


def declared_fields(model: Any, prefix: str = "") -> Iterator[str]:
    """Yield the paths of the fields that a model declares, at any depth, in the notation of the spec."""
    for name, declared in model._types.items():
        is_list = get_origin(declared) is list
        item = get_args(declared)[0] if is_list else declared
        yield f"{prefix}{name}"
        if hasattr(item, "_types"):
            yield from declared_fields(item, f"{prefix}{name}{'[]' if is_list else ''}.")


def differences(model: Any, body: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Yield the fields that are missing, undeclared or of another type than the model declares."""
    yield from (f"{prefix}{name} is missing" for name in model._types.keys() - body.keys())
    yield from (f"{prefix}{name} is not declared" for name in body.keys() - model._types.keys())
    for name in model._types.keys() & body.keys():
        declared, value = model._types[name], body[name]
        if get_origin(declared) is list:
            if not isinstance(value, list):
                yield f"{prefix}{name} is {value!r}"
                continue
            [declared], values = get_args(declared), value
        else:
            values = [value]
        for item in values:
            if hasattr(declared, "_types") and isinstance(item, dict):
                yield from differences(declared, item, f"{prefix}{name}.")
            elif type(item) is not declared:
                yield f"{prefix}{name} is {item!r}"


def test_every_event_of_a_company_has_the_fields_of_the_sdks_model(world: World):
    run_scenarios(world)
    events = world.sandbox("GET", "events", since=BEFORE_FIRST_EVENT, limit=10_000)["items"]
    found = {
        f"{event['event_type']}: {difference}"
        for event in events
        for difference in differences(model_of(event["event_type"]), event["event"])
    }
    assert not found
    assert sorted({event["event_type"] for event in events}) == EMITTED


@pytest.mark.parametrize("type", EMITTED)
def test_a_field_that_only_the_page_or_only_the_sdk_has_is_corrected_with_its_evidence(type):
    on_page = {line.partition(" ")[0] for line in PAGES[type]["body"]}
    added = {path.removeprefix("body."): evidence for path, _, evidence, _ in CORRECTIONS.get(type, {}).get("add", [])}
    assert on_page ^ set(declared_fields(model_of(type))) == added.keys()
    assert set(added.values()) <= {"sdk"}


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({"pre_hire_id": "1", "field_changes": ["a"]}, []),
        ({"pre_hire_id": "1"}, ["field_changes is missing"]),
        ({"pre_hire_id": "1", "field_changes": [], "more": 1}, ["more is not declared"]),
        ({"pre_hire_id": 1, "field_changes": [2]}, ["field_changes is 2", "pre_hire_id is 1"]),
        ({"pre_hire_id": None, "field_changes": "a"}, ["field_changes is 'a'", "pre_hire_id is None"]),
    ],
)
def test_what_counts_as_a_difference(body, found):
    assert sorted(differences(model_of("corehr.pre_hire.updated_v1"), body)) == found
