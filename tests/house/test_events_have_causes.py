"""The fourth law: whoever changes a row of HR records the event, and every event we can record has a cause."""

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
from corehr.entrypoints import demo, schema
from corehr.gateway import spec as gateway_spec
from corehr.gateway.fields import Field
from corehr.hr.offboardings import records as offboardings
from corehr.hr.offboardings.records import Checklist
from corehr.kernel.db import Tx
from tests.conftest import EMPLOYEE_COUNT, NOW
from tests.hr.offboardings.offboarding_calls import create_offboarding, day_from_today, edit_ok, fact_of, revoke_ok
from tests.hr.pre_hires.pre_hire_calls import withdraw_ok
from tests.world import World

PACKAGE: Final = Path(corehr.__file__).parent
SPEC: Final = gateway_spec.load()

PROCESS_EVENTS = (
    "process.approver.updated_v2",
    "process.node.updated_v2",
    "process.status.update_v2",
    "process.updated_v2",
)
JOB_CHANGE_STATUS_EVENTS = ("job_change.status_updated_v2", "job_change.updated_v1")
OFFBOARDING_APPROVAL_EVENTS = ("employee.domain_event_v2", "employment.updated_v1")
OFFBOARDING_STATUS_EVENTS = ("offboarding.status_updated_v2", "offboarding.updated_v1")

PRIMITIVE_EVENTS: Final[Mapping[str, Sequence[str]]] = {
    "contracts.agree": ("contract.created_v1", "contract.updated_v1"),
    "contracts.amend": ("contract.updated_v1",),
    "contracts.close": ("contract.updated_v1",),
    "contracts.sign": ("contract.created_v1",),
    "contracts.take_back": ("contract.created_v1", "contract.deleted_v1", "contract.updated_v1"),
    "job_changes.ask": ("employee.domain_event_v2", *JOB_CHANGE_STATUS_EVENTS),
    "job_changes.move": JOB_CHANGE_STATUS_EVENTS,
    "job_changes.revoke": ("employee.domain_event_v2", *JOB_CHANGE_STATUS_EVENTS),
    "job_changes.take_effect": (*JOB_CHANGE_STATUS_EVENTS, "job_data.changed_v1"),
    "job_datas.begin": ("job_data.created_v1",),
    "job_datas.take_back": ("job_data.updated_v1",),
    "job_datas.write": ("job_data.created_v1", "job_data.updated_v1"),
    "offboardings.ask": (*OFFBOARDING_APPROVAL_EVENTS, *OFFBOARDING_STATUS_EVENTS, "offboarding.updated_v2"),
    "offboardings.decide": (*OFFBOARDING_APPROVAL_EVENTS, *OFFBOARDING_STATUS_EVENTS),
    "offboardings.edit": ("employment.updated_v1", "offboarding.updated_v2"),
    "offboardings.hand_over": ("offboarding.checklist_updated_v2",),
    "offboardings.take_effect": OFFBOARDING_STATUS_EVENTS,
    "offboardings.withdraw": (*OFFBOARDING_APPROVAL_EVENTS, *OFFBOARDING_STATUS_EVENTS, "offboarding.updated_v2"),
    "people.add_employment": ("employment.created_v1",),
    "people.amend": ("employment.updated_v1",),
    "people.leave": ("employment.resigned_v1", "employment.updated_v1"),
    "people.set_end": ("employment.updated_v1",),
    "people.take_back": ("employment.updated_v1",),
    "pre_hires.add_pre_hire": ("pre_hire.onboarding_task_changed_v2", "pre_hire.updated_v1"),
    "pre_hires.withdraw": ("pre_hire.onboarding_task_changed_v2", "pre_hire.updated_v1"),
    "processes.answer": PROCESS_EVENTS,
    "processes.end": PROCESS_EVENTS,
    "processes.start": PROCESS_EVENTS,
}
"""What every primitive that changes rows records, without `corehr.`."""

SEED_ONLY = "set up with a company, before anybody subscribes; no operation makes or changes it yet"
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
            ("working_hours_types", "WORKING_HOURS_TYPE"),
        )
        for verb in ("add", "amend")
    },
    "cost_centers.add_cost_center": SEED_ONLY,
    "custom_fields.add_field": SEED_ONLY,
    "departments.add_department": SEED_ONLY,
    "pre_hires.add_flow": SEED_ONLY,
    "processes.add_flow": SEED_ONLY,
    "processes.add_role": SEED_ONLY,
    "transfer_types.add_transfer_type": SEED_ONLY,
    "workforce_plans.add_plan": SEED_ONLY,
    "offboardings.conclude": "what was proposed is forgotten; what is made of it says so itself",
    "offboardings.propose": "a proposal holds of nothing yet; the process about it says that it began",
    "people.draw": "an index of who reports to whom; what draws the line says so",
    "people.erase": "an index of who reports to whom; what erases the line says so",
    "probation.begin": "the event is about a status that changes, and a hired person's is where it starts",
    "probation.amend": "the event is about a status that changes; the job change that moves the end says so",
    "probation.take_back": "the event is about a status that changes; the job change taken back says so",
}
"""Primitives that change rows and deliberately record nothing, and why."""


# ---------------------------------------------------------------------------------------------- read from the source


class FunctionFacts(NamedTuple):
    """What one function does itself: whether it writes, what it records, which others it names."""

    writes: bool
    event_types: frozenset[str]
    references: frozenset[str]


class Module:
    """The functions of one module, by full name; what they name is resolved through its imports."""

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
        events = [call.args[0] for call in calls if isinstance(call.func, ast.Name) and call.func.id == "Event"]
        event_types = {ast.literal_eval(type) for type in events}  # a type that is no literal fails here
        return FunctionFacts(
            any(isinstance(node, ast.Attribute) and node.attr in ("run", "run_many") for node in nodes),
            frozenset(event_types),
            frozenset(full for node in nodes if (full := self._full_name(node))),
        )


def primitives(sources: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """By feature and name, every public function of hr/*/records.py that changes rows, and the events it reaches."""
    modules = [Module(name, text) for name, text in sources.items()]
    functions = {name: facts for module in modules for name, facts in module.functions.items()}

    def reachable(name: str, seen: set[str]) -> Iterator[FunctionFacts]:
        if name in functions and name not in seen:
            seen.add(name)
            yield functions[name]
            for other in functions[name].references:
                yield from reachable(other, seen)

    found = {}
    for module in modules:
        if not module.name.endswith(".records"):
            continue
        feature = module.name.split(".")[-2]
        names_by_alias = {name.removeprefix(f"{module.name}."): name for name in module.functions}
        for alias, factory in module.instances.items():
            names_by_alias |= {
                f"{alias}.{name.rpartition('.')[2]}": name for name in functions if name.startswith(f"{factory}.")
            }
        for local_name, name in names_by_alias.items():
            parts = list(reachable(name, set()))
            if "_" not in {local_name[0], local_name.rpartition(".")[2][0]} and any(part.writes for part in parts):
                found[f"{feature}.{local_name}"] = tuple(sorted({type for part in parts for type in part.event_types}))
    return found


def sources() -> dict[str, str]:
    paths = [*PACKAGE.glob("hr/*/records.py"), *PACKAGE.glob("hr/*/events.py"), *PACKAGE.glob("engines/*.py")]
    path_by_module = {
        ".".join(("corehr", *path.relative_to(PACKAGE).with_suffix("").parts)): path for path in sorted(paths)
    }
    return {name: path.read_text() for name, path in path_by_module.items()}


def expected() -> dict[str, tuple[str, ...]]:
    with_events = {name: tuple(sorted(f"corehr.{type}" for type in types)) for name, types in PRIMITIVE_EVENTS.items()}
    return with_events | dict.fromkeys(EVENTLESS_PRIMITIVES, ())


def test_every_primitive_that_changes_rows_records_its_event_or_says_why_not():
    assert primitives(sources()) == expected()
    assert not PRIMITIVE_EVENTS.keys() & EVENTLESS_PRIMITIVES.keys()


def test_every_event_that_can_be_emitted_has_a_cause():
    emitted = {
        type
        for name, text in sources().items()
        for facts in Module(name, text).functions.values()
        for type in facts.event_types
    }
    assert emitted == {type for types in expected().values() for type in types}
    assert emitted <= SPEC.events.keys()


def test_rows_change_and_events_are_recorded_in_records_alone():
    writers = re.compile(r"\.(run|run_many|emit)\b|\bversions\.(write|say|take_back|drop|move)\b|\bEvent\(")
    others = [path for path in PACKAGE.glob("hr/**/*.py") if path.name not in ("records.py", "events.py")]
    assert others
    assert [str(path) for path in others if writers.search(path.read_text())] == []


FAKE_MODULES = {
    "corehr.hr.toys.events": 'def made(): Event("toy.made_v1", 1, {})\ndef gone(): Event("toy.gone_v1", 1, {})',
    "corehr.engines.boxes": "class Box:\n  def put(self, tx): tx.run(1)\n  def look(self, tx): tx.all(1)",
}


@pytest.mark.parametrize(
    ("records", "found"),
    [
        ("def make(tx):\n  tx.run(_ADD)\n  tx.emit(events.made())", {"toys.make": ("toy.made_v1",)}),
        ("def make(tx):\n  tx.run_many(_ADD, [])", {"toys.make": ()}),
        ("def look(tx):\n  return tx.all(_FIND)", {}),
        ("def _put(tx):\n  tx.run(1)\ndef make(tx):\n  _put(tx)", {"toys.make": ()}),
        (
            "def _tell(tx):\n  tx.emit(events.gone())\ndef drop(tx):\n  _tell(tx); tx.run(1)",
            {"toys.drop": ("toy.gone_v1",)},
        ),
        ("def make(tx):\n  write = tx.run\n  write(1)", {"toys.make": ()}),
        ("BOX = Box()", {"toys.BOX.put": ()}),
        ("BOX = Box()\ndef make(tx):\n  BOX.put(tx)", {"toys.BOX.put": (), "toys.make": ()}),
    ],
    ids=[
        "told",
        "not told",
        "reads only",
        "through a helper",
        "told by a helper",
        "another name",
        "a thing",
        "its use",
    ],
)
def test_what_counts_as_a_primitive(records, found):
    head = "from corehr.hr.toys import events\nfrom corehr.engines.boxes import Box\n"
    assert primitives({**FAKE_MODULES, "corehr.hr.toys.records": head + records}) == found


# ---------------------------------------------------------------------------------------------- seen when it runs


class PrimitiveWatch:
    """Every call of a primitive, while it runs: whether it wrote, and the events that were recorded meanwhile."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.wrote: set[FrameType] = set()
        self.types_by_call: dict[FrameType, set[str]] = defaultdict(set)
        self.events: list[Any] = []
        for name in ("run", "run_many"):
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
        """Name and events of each call that wrote."""
        for frame in self.wrote:
            yield f"{Path(frame.f_code.co_filename).parent.name}.{frame.f_code.co_name}", self.types_by_call[frame]


def primitive_frames() -> Iterator[FrameType]:
    """The calls of public primitives that are under way."""
    frame: FrameType | None = sys._getframe()
    while frame:
        path = Path(frame.f_code.co_filename)
        if path.name == "records.py" and path.parent.parent.name == "hr" and frame.f_code.co_name[0] != "_":
            yield frame
        frame = frame.f_back


def run_scenarios(world: World) -> None:
    """What a company's first day does not hold: taking back, editing, handing over, leaving."""
    employment_id = world.employment("active")["id"]
    contract_start = {"target_contract_start_date": world.today()}
    other_changes = {
        "target_probation_end_date": "2026-09-30",
        "target_employment_change": {"employee_number": "E-777"},
    }
    job_change_id = world.create_job_change(employment_id, {**contract_start, **other_changes}).data["job_change_id"]
    world.create_job_change(employment_id, {**contract_start, "target_contract_number": "C-7"}).assert_ok()
    create_offboarding(world, employment_id, day_from_today(world, 3))
    world.advance(days=4)
    world.revoke(job_change_id).assert_ok()
    id = fact_of(world, "Approved")
    world.in_transaction(
        lambda tx: offboardings.set_checklist_status(tx, offboardings.get_existing(tx, id), Checklist.RUNNING)
    )
    edit_ok(world, id, {"offboarding_date": day_from_today(world, 20)})
    revoke_ok(world, id)
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


def test_a_running_company_records_what_the_table_says(watch):
    types_by_name: dict[str, set[str]] = defaultdict(set)
    for name, types in watch.calls():
        types_by_name[name] |= types
        assert types or name in EVENTLESS_PRIMITIVES, name
    documented = {name: types for name, types in expected().items() if name not in EVENTLESS_PRIMITIVES}
    assert {
        name: tuple(sorted(types)) for name, types in types_by_name.items() if name not in EVENTLESS_PRIMITIVES
    } == documented
    assert not any(types_by_name[name] for name in EVENTLESS_PRIMITIVES)


def test_what_is_recorded_has_the_fields_of_its_page(watch):
    unexpected = {
        f"{event.type}: {field}"
        for event in watch.events
        for field in unexpected_fields(SPEC.events[event.type].body, event.payload)
    }
    assert not unexpected
    assert len({event.type for event in watch.events}) == len({t for types in PRIMITIVE_EVENTS.values() for t in types})


PYTHON_TYPES: Final[Mapping[str, Any]] = {"string": str, "int": int, "list": list, "object": dict}


def unexpected_fields(fields: Sequence[Field], payload: Mapping[str, Any]) -> Iterator[str]:
    """What is missing, more, of another type or no value of its enum; who it is about is put to it when it is told."""
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


# ---------------------------------------------------------------------------------------------- what is said of it


def test_the_page_says_which_events_have_a_cause(request):
    page = (request.config.rootpath / "docs" / "coverage.md").read_text().partition("## Events")[2]
    rows = dict(re.findall(r"^\| `([^`]+)` \|.*\| ([^|]+) \|$", page, re.MULTILINE))
    assert rows.keys() == SPEC.events.keys()
    caused = {type for types in expected().values() for type in types}
    assert {name for name, cause in rows.items() if cause != "nothing yet"} == caused
