"""The fourth law: every primitive that changes HR rows emits its event, and every event has a primitive."""

import ast
import re
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, Final, NamedTuple

import pytest

import corehr
from corehr import demo
from corehr.app import schema
from corehr.app.features import FEATURES
from corehr.hr.offboardings import records as offboardings
from corehr.hr.offboardings.records import Checklist
from corehr.kernel.db import Tx
from corehr.spec import loader as gateway_spec
from corehr.spec.fields import Field
from tests.conftest import EMPLOYEE_COUNT, NOW
from tests.hr.offboardings.offboarding_calls import create_offboarding, day_from_today, edit_ok, fact_of, revoke_ok
from tests.hr.pre_hires.pre_hire_calls import withdraw_ok
from tests.world import World

PACKAGE: Final = Path(corehr.__file__).parent
SPEC: Final = gateway_spec.load()

EVENTS_BY_PRIMITIVE: Final[Mapping[str, Sequence[str]]] = {
    f"{feature.name}.{name}": types for feature in FEATURES for name, types in feature.events.items()
}

SEED_ONLY = "created with a company, before any app subscribes; no operation creates or changes it yet"
EVENTLESS_PRIMITIVES: Final[Mapping[str, str]] = {
    **{
        f"{feature}.{name}.{verb}": SEED_ONLY
        for feature, name in (
            ("companies", "COMPANY"),
            ("cost_centers", "COST_CENTER"),
            ("departments", "DEPARTMENT"),
            ("employee_types", "EMPLOYEE_TYPE"),
            ("job_families", "JOB_FAMILY"),
            ("job_grades", "JOB_GRADE"),
            ("job_levels", "JOB_LEVEL"),
            ("jobs", "JOB"),
            ("locations", "LOCATION"),
            ("positions", "POSITION"),
            ("work_calendars", "WORK_CALENDAR"),
            ("working_hours_types", "WORKING_HOURS_TYPE"),
        )
        for verb in ("create", "amend")
    },
    "cost_centers.create": SEED_ONLY,
    "custom_fields.create": SEED_ONLY,
    "departments.create": SEED_ONLY,
    "locations.create": SEED_ONLY,
    "pre_hires.create_flow": SEED_ONLY,
    "processes.create_flow": SEED_ONLY,
    "processes.grant_role": SEED_ONLY,
    "transfer_types.create": SEED_ONLY,
    "workforce_plans.create": SEED_ONLY,
    "employments.insert_reporting_lines": "a projection; the change that adds the reporting line emits the event",
    "employments.delete_reporting_lines": "a projection; the change that removes the reporting line emits the event",
    "employments.hold_numbers": "a projection; the change that sets the number emits the event",
    "employments.release_numbers": "a projection; the change that sets another number emits the event",
    "job_changes.set_targets": "adds what follows from the targets; the change that takes effect emits the event",
    "job_changes.set_zone": "no event tells in which time zone a day begins",
    "offboardings.clear_proposal": "clears the proposed values; applying them emits its own events",
    "offboardings.propose": "a proposal changes no field yet; its approval process emits the events of its start",
    "probation.create": "the event reports a status change, and a new employment has its first status",
    "probation.amend": "the event reports a status change; the job change that moves the end emits its own events",
    "probation.retract": "the event reports a status change; the revoked job change emits its own events",
}
"""Primitives that change rows and deliberately emit no event, with the reason."""


# ---------------------------------------------------------------------------------------------- static analysis


MODULES_WITHOUT_RECORDS: Final = {"__init__", "features", "api", "recipes", "commands", "rules", "events"}
"""The modules of a feature that hold no records; a feature of one module has its records there."""


def module_name(path: Path) -> str:
    return ".".join(("corehr", *path.relative_to(PACKAGE).with_suffix("").parts))


def feature_of_records(module: str) -> str | None:
    """Return the feature whose records the module holds, or None."""
    root, *folders, name = module.removeprefix("corehr.").split(".")
    if root != "hr" or name in MODULES_WITHOUT_RECORDS or "rules" in folders:
        return None
    return folders[-1] if name == "records" else name


class FunctionFacts(NamedTuple):
    """What the body of one function does: whether it writes, which events it emits, which functions it references."""

    writes: bool
    event_types: frozenset[str]
    references: frozenset[str]


class Module:
    """The functions of one module, by full name; references are resolved through its imports."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        tree = ast.parse(text)
        self._full_names: dict[str, str] = {}
        self.instances: dict[str, str] = {}
        self.functions: dict[str, FunctionFacts] = {}
        defined: list[tuple[str, ast.AST]] = []
        for node in tree.body:
            if isinstance(node, ast.ImportFrom):
                self._full_names |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
            elif isinstance(node, ast.FunctionDef):
                defined.append((node.name, node))
                self._full_names[node.name] = f"{name}.{node.name}"
            elif isinstance(node, ast.ClassDef):
                defined += [(f"{node.name}.{f.name}", f) for f in node.body if isinstance(f, ast.FunctionDef)]
                self._full_names[node.name] = f"{name}.{node.name}"
            elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
                factory = self._full_name(node.value.func)
                self.instances |= {t.id: factory for t in node.targets if isinstance(t, ast.Name) and factory}
        self._full_names |= self.instances
        for local_name, function in defined:
            self.functions[f"{name}.{local_name}"] = self._analyze(function)

    def _full_name(self, node: ast.AST) -> str | None:
        if isinstance(node, ast.Name):
            return self._full_names.get(node.id)
        if isinstance(node, ast.Attribute) and (base := self._full_name(node.value)):
            return f"{base}.{node.attr}"
        return None

    def _analyze(self, function: ast.AST) -> FunctionFacts:
        nodes = list(ast.walk(function))
        calls = [node for node in nodes if isinstance(node, ast.Call)]
        types = [call.args[0] for call in calls if isinstance(call.func, ast.Name) and call.func.id == "Event"]
        event_types = {ast.literal_eval(type) for type in types}  # raises if a type is not a literal
        return FunctionFacts(
            any(isinstance(node, ast.Attribute) and node.attr in ("execute", "execute_many") for node in nodes),
            frozenset(event_types),
            frozenset(full for node in nodes if (full := self._full_name(node))),
        )


def primitives(sources: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Return the public functions of records that change rows, by feature and name, and their events."""
    modules = [Module(name, text) for name, text in sources.items()]
    functions = {name: facts for module in modules for name, facts in module.functions.items()}

    def reachable(name: str, seen: set[str]) -> Iterator[FunctionFacts]:
        if name in functions and name not in seen:
            seen.add(name)
            yield functions[name]
            for other in functions[name].references:
                yield from reachable(other, seen)

    events_by_primitive = {}
    for module in modules:
        feature = feature_of_records(module.name)
        if feature is None:
            continue
        names_by_alias = {name.removeprefix(f"{module.name}."): name for name in module.functions}
        for alias, factory in module.instances.items():
            names_by_alias |= {
                f"{alias}.{name.rpartition('.')[2]}": name for name in functions if name.startswith(f"{factory}.")
            }
        for local_name, name in names_by_alias.items():
            parts = list(reachable(name, set()))
            if "_" not in {local_name[0], local_name.rpartition(".")[2][0]} and any(part.writes for part in parts):
                types = {type for part in parts for type in part.event_types}
                events_by_primitive[f"{feature}.{local_name}"] = tuple(sorted(types))
    return events_by_primitive


def sources() -> dict[str, str]:
    """Return the source of every module that may change rows or build events, by module name."""
    path_by_module = {
        module_name(path): path for path in sorted([*PACKAGE.glob("hr/**/*.py"), *PACKAGE.glob("engines/*.py")])
    }
    return {
        name: path.read_text()
        for name, path in path_by_module.items()
        if name.startswith("corehr.engines.") or name.endswith(".events") or feature_of_records(name)
    }


def expected() -> dict[str, tuple[str, ...]]:
    with_events = {name: tuple(sorted(types)) for name, types in EVENTS_BY_PRIMITIVE.items()}
    return with_events | dict.fromkeys(EVENTLESS_PRIMITIVES, ())


def test_every_primitive_that_changes_rows_emits_its_event_or_has_a_reason():
    assert primitives(sources()) == expected()
    assert not EVENTS_BY_PRIMITIVE.keys() & EVENTLESS_PRIMITIVES.keys()


def test_every_event_that_can_be_emitted_has_a_cause():
    emitted = {
        type
        for name, text in sources().items()
        for facts in Module(name, text).functions.values()
        for type in facts.event_types
    }
    assert emitted == {type for types in expected().values() for type in types}
    assert emitted <= SPEC.events.keys()


def test_rows_change_and_events_are_emitted_in_records_alone():
    writers = re.compile(
        r"\.(execute|execute_many|emit)\b"
        r"|\bversions\.(append|retract|retract_entry|reassign_entry)\b"
        r"|\bEvent\("
    )
    others = [path for path in PACKAGE.glob("hr/**/*.py") if module_name(path) not in sources()]
    assert others
    assert [str(path) for path in others if writers.search(path.read_text())] == []


FAKE_MODULES = {
    "corehr.hr.toys.events": (
        'def created(): Event("toy.created_v1", 1, {})\ndef deleted(): Event("toy.deleted_v1", 1, {})'
    ),
    "corehr.engines.boxes": "class Box:\n  def insert(self, tx): tx.execute(1)\n  def get(self, tx): tx.fetch_all(1)",
}


@pytest.mark.parametrize(
    ("records", "expected_primitives"),
    [
        ("def create(tx):\n  tx.execute(_INSERT)\n  tx.emit(events.created())", {"toys.create": ("toy.created_v1",)}),
        ("def create(tx):\n  tx.execute_many(_INSERT, [])", {"toys.create": ()}),
        ("def get(tx):\n  return tx.fetch_all(_SELECT)", {}),
        ("def _insert(tx):\n  tx.execute(1)\ndef create(tx):\n  _insert(tx)", {"toys.create": ()}),
        (
            "def _emit(tx):\n  tx.emit(events.deleted())\ndef delete(tx):\n  _emit(tx); tx.execute(1)",
            {"toys.delete": ("toy.deleted_v1",)},
        ),
        ("def create(tx):\n  write = tx.execute\n  write(1)", {"toys.create": ()}),
        ("BOX = Box()", {"toys.BOX.insert": ()}),
        ("BOX = Box()\ndef create(tx):\n  BOX.insert(tx)", {"toys.BOX.insert": (), "toys.create": ()}),
    ],
    ids=[
        "event emitted",
        "no event",
        "reads only",
        "write in a private function",
        "event emitted in a private function",
        "write under another name",
        "method of a constant",
        "call of that method",
    ],
)
def test_what_counts_as_a_primitive(records, expected_primitives):
    head = "from corehr.hr.toys import events\nfrom corehr.engines.boxes import Box\n"
    assert primitives({**FAKE_MODULES, "corehr.hr.toys.records": head + records}) == expected_primitives


# ---------------------------------------------------------------------------------------------- at run time


class PrimitiveWatch:
    """Records, for each call of a primitive, whether it wrote and which events were emitted during it."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.wrote: set[FrameType] = set()
        self.types_by_call: dict[FrameType, set[str]] = defaultdict(set)
        self.events: list[Any] = []
        for name in ("execute", "execute_many"):
            patch.setattr(Tx, name, self._watch_write(getattr(Tx, name)))
        patch.setattr(Tx, "emit", self._watch_emit(Tx.emit))

    def _watch_write(self, write: Any) -> Any:
        def watched(tx: Tx, *args: Any, **params: Any) -> Any:
            self.wrote.update(primitive_frames())
            return write(tx, *args, **params)

        return watched

    def _watch_emit(self, emit: Any) -> Any:
        def watched(tx: Tx, event: Any) -> None:
            self.events.append(event)
            for frame in primitive_frames():
                self.types_by_call[frame].add(event.type)
            emit(tx, event)

        return watched

    def calls(self) -> Iterator[tuple[str, set[str]]]:
        """Yield the name and the event types of each call that wrote."""
        for frame in self.wrote:
            feature = feature_of_records(module_name(Path(frame.f_code.co_filename)))
            yield f"{feature}.{frame.f_code.co_name}", self.types_by_call[frame]


def primitive_frames() -> Iterator[FrameType]:
    """Yield the frames of the public primitives on the call stack."""
    frame: FrameType | None = sys._getframe()
    while frame:
        path, name = Path(frame.f_code.co_filename), frame.f_code.co_name
        if path.is_relative_to(PACKAGE) and feature_of_records(module_name(path)) and name[0] != "_":
            yield frame
        frame = frame.f_back


def run_scenarios(world: World) -> None:
    """Run what the seed of a company does not: revoking, editing, a hand-over, an offboarding that takes effect."""
    employment_id = world.employment("active")["id"]
    contract_start = {"target_contract_start_date": world.today()}
    other_changes = {
        "target_probation_end_date": "2026-09-30",
        "target_employment_change": {"employee_number": "E777"},
    }
    job_change_id = world.create_job_change(employment_id, {**contract_start, **other_changes}).data["job_change_id"]
    world.create_job_change(employment_id, {**contract_start, "target_contract_number": "C-7"}).assert_ok()
    create_offboarding(world, employment_id, day_from_today(world, 3))
    world.advance(days=4)
    world.revoke(job_change_id).assert_ok()
    offboarding_id = fact_of(world, "Approved")
    world.in_transaction(
        lambda tx: offboardings.set_checklist_status(
            tx, offboardings.get_existing(tx, offboarding_id), Checklist.RUNNING
        )
    )
    edit_ok(world, offboarding_id, {"offboarding_date": day_from_today(world, 20)})
    revoke_ok(world, offboarding_id)
    world.approve(fact_of(world, "under_modification", "approval_process_id"))
    withdraw_ok(world, world.named["pre_hires"]["preboarding"]["id"])


@pytest.fixture(scope="module")
def watch(tmp_path_factory: pytest.TempPathFactory) -> PrimitiveWatch:
    url = f"sqlite:///{tmp_path_factory.mktemp('watched')}/company.db"
    schema.upgrade(url)
    with pytest.MonkeyPatch.context() as patch:
        watch = PrimitiveWatch(patch)
        demo.prepare(url, employees=EMPLOYEE_COUNT, seed=1, now=NOW)
        world = World(url)
        try:
            run_scenarios(world)
        finally:
            world.close()
    return watch


def test_a_running_company_emits_the_events_of_the_table(watch):
    types_by_name: dict[str, set[str]] = defaultdict(set)
    for name, types in watch.calls():
        types_by_name[name] |= types
        assert types or name in EVENTLESS_PRIMITIVES, name
    documented = {name: types for name, types in expected().items() if name not in EVENTLESS_PRIMITIVES}
    assert not documented.keys() - types_by_name.keys(), "run_scenarios calls no primitive of these names: add a call"
    assert {
        name: tuple(sorted(types)) for name, types in types_by_name.items() if name not in EVENTLESS_PRIMITIVES
    } == documented, "what run_scenarios makes a primitive emit is not what EVENTS_BY_PRIMITIVE says"
    assert not any(types_by_name[name] for name in EVENTLESS_PRIMITIVES)


def test_every_payload_has_the_fields_of_its_page(watch):
    unexpected = {
        f"{event.type}: {field}"
        for event in watch.events
        for field in unexpected_fields(SPEC.events[event.type].body, event.payload)
    }
    assert not unexpected
    assert len({event.type for event in watch.events}) == len(
        {type for types in EVENTS_BY_PRIMITIVE.values() for type in types}
    )


PYTHON_TYPES: Final[Mapping[str, Any]] = {"string": str, "int": int, "list": list, "object": dict}


def unexpected_fields(fields: Sequence[Field], payload: Mapping[str, Any]) -> Iterator[str]:
    """Yield the fields that are missing, extra, of another type or not in their enum.

    `target_user_id` is not expected: it is added on delivery.
    """
    field_by_name = {field.name: field for field in fields if field.name != "target_user_id"}
    yield from field_by_name.keys() ^ payload.keys()
    for name in field_by_name.keys() & payload.keys():
        yield from (f"{name}{problem}" for problem in value_problems(field_by_name[name], payload[name]))


def value_problems(field: Field, value: Any) -> Iterator[str]:
    if not isinstance(value, PYTHON_TYPES[field.type]):
        yield f" is {value!r}"
    elif field.item is not None:
        for item in value:
            yield from value_problems(field.item, item)
    elif field.type == "object":
        yield from (f".{problem}" for problem in unexpected_fields(field.fields, value))
    elif field.enum and value not in field.enum:
        yield f" is {value!r}"


# ---------------------------------------------------------------------------------------------- documentation


def test_the_page_says_which_events_have_a_cause(request):
    page = (request.config.rootpath / "docs" / "coverage.md").read_text().partition("## Events")[2]
    rows = dict(re.findall(r"^\| `([^`]+)` \|.*\| ([^|]+) \|$", page, re.MULTILINE))
    assert rows.keys() == SPEC.events.keys()
    caused = {type for types in expected().values() for type in types}
    assert {name for name, cause in rows.items() if cause != "nothing yet"} == caused
