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
from tests.conftest import NOW, PEOPLE
from tests.hr.offboardings.offboarding_calls import create_offboarding, day_from_today, edit_ok, fact_of, revoke_ok
from tests.hr.pre_hires.pre_hire_calls import withdraw_ok
from tests.world import World

PACKAGE: Final = Path(corehr.__file__).parent
SPEC: Final = gateway_spec.load()

PROCESS = ("process.approver.updated_v2", "process.node.updated_v2", "process.status.update_v2", "process.updated_v2")
STATUS_OF_CHANGE = ("job_change.status_updated_v2", "job_change.updated_v1")
AGREED = ("employee.domain_event_v2", "employment.updated_v1")
STATUS_OF_LEAVING = ("offboarding.status_updated_v2", "offboarding.updated_v1")

SAYS: Final[Mapping[str, Sequence[str]]] = {
    "contracts.agree": ("contract.created_v1", "contract.updated_v1"),
    "contracts.amend": ("contract.updated_v1",),
    "contracts.close": ("contract.updated_v1",),
    "contracts.sign": ("contract.created_v1",),
    "contracts.take_back": ("contract.created_v1", "contract.deleted_v1", "contract.updated_v1"),
    "job_changes.ask": ("employee.domain_event_v2", *STATUS_OF_CHANGE),
    "job_changes.move": STATUS_OF_CHANGE,
    "job_changes.revoke": ("employee.domain_event_v2", *STATUS_OF_CHANGE),
    "job_changes.take_effect": (*STATUS_OF_CHANGE, "job_data.changed_v1"),
    "job_datas.begin": ("job_data.created_v1",),
    "job_datas.take_back": ("job_data.updated_v1",),
    "job_datas.write": ("job_data.created_v1", "job_data.updated_v1"),
    "offboardings.ask": (*AGREED, *STATUS_OF_LEAVING, "offboarding.updated_v2"),
    "offboardings.decide": (*AGREED, *STATUS_OF_LEAVING),
    "offboardings.edit": ("employment.updated_v1", "offboarding.updated_v2"),
    "offboardings.hand_over": ("offboarding.checklist_updated_v2",),
    "offboardings.take_effect": STATUS_OF_LEAVING,
    "offboardings.withdraw": (*AGREED, *STATUS_OF_LEAVING, "offboarding.updated_v2"),
    "people.add_employment": ("employment.created_v1",),
    "people.amend": ("employment.updated_v1",),
    "people.leave": ("employment.resigned_v1", "employment.updated_v1"),
    "people.set_end": ("employment.updated_v1",),
    "people.take_back": ("employment.updated_v1",),
    "pre_hires.add_pre_hire": ("pre_hire.onboarding_task_changed_v2", "pre_hire.updated_v1"),
    "pre_hires.withdraw": ("pre_hire.onboarding_task_changed_v2", "pre_hire.updated_v1"),
    "processes.answer": PROCESS,
    "processes.end": PROCESS,
    "processes.start": PROCESS,
}
"""What every primitive that changes rows records, without `corehr.`."""

SET_UP = "set up with a company, before anybody subscribes; no operation makes or changes it yet"
SILENT: Final[Mapping[str, str]] = {
    **{
        f"{feature}.{name}.{verb}": SET_UP
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
    "cost_centers.add_cost_center": SET_UP,
    "custom_fields.add_field": SET_UP,
    "departments.add_department": SET_UP,
    "pre_hires.add_flow": SET_UP,
    "processes.add_flow": SET_UP,
    "processes.add_role": SET_UP,
    "transfer_types.add_transfer_type": SET_UP,
    "workforce_plans.add_plan": SET_UP,
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


class Known(NamedTuple):
    """What one function does itself: whether it writes, what it records, which others it names."""

    writes: bool
    says: frozenset[str]
    names: frozenset[str]


class Module:
    """The functions of one module, by full name; what they name is resolved through its imports."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        tree = ast.parse(text)
        self._named: dict[str, str] = {}
        self.instances: dict[str, str] = {}
        self.functions: dict[str, Known] = {}
        defined: list[tuple[str, ast.AST]] = []
        for node in tree.body:
            if isinstance(node, ast.ImportFrom):
                self._named |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
            elif isinstance(node, ast.FunctionDef):
                defined.append((node.name, node))
                self._named[node.name] = f"{name}.{node.name}"
            elif isinstance(node, ast.ClassDef):
                defined += [(f"{node.name}.{f.name}", f) for f in node.body if isinstance(f, ast.FunctionDef)]
                self._named[node.name] = f"{name}.{node.name}"
            elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
                made_by = self._full(node.value.func)
                self.instances |= {t.id: made_by for t in node.targets if isinstance(t, ast.Name) and made_by}
        self._named |= self.instances
        for called, function in defined:
            self.functions[f"{name}.{called}"] = self._known(function)

    def _full(self, node: ast.AST) -> str | None:
        if isinstance(node, ast.Name):
            return self._named.get(node.id)
        if isinstance(node, ast.Attribute) and (of := self._full(node.value)):
            return f"{of}.{node.attr}"
        return None

    def _known(self, function: ast.AST) -> Known:
        inside = list(ast.walk(function))
        calls = [node for node in inside if isinstance(node, ast.Call)]
        events = [call.args[0] for call in calls if isinstance(call.func, ast.Name) and call.func.id == "Event"]
        says = {ast.literal_eval(type) for type in events}  # a type that is no literal fails here
        return Known(
            any(isinstance(node, ast.Attribute) and node.attr in ("run", "run_many") for node in inside),
            frozenset(says),
            frozenset(full for node in inside if (full := self._full(node))),
        )


def primitives(sources: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """By feature and name, every public function of hr/*/records.py that changes rows, and the events it reaches."""
    modules = [Module(name, text) for name, text in sources.items()]
    known = {name: it for module in modules for name, it in module.functions.items()}

    def reached(name: str, seen: set[str]) -> Iterator[Known]:
        if name in known and name not in seen:
            seen.add(name)
            yield known[name]
            for other in known[name].names:
                yield from reached(other, seen)

    found = {}
    for module in modules:
        if not module.name.endswith(".records"):
            continue
        feature = module.name.split(".")[-2]
        here = {name.removeprefix(f"{module.name}."): name for name in module.functions}
        for alias, made_by in module.instances.items():
            here |= {f"{alias}.{name.rpartition('.')[2]}": name for name in known if name.startswith(f"{made_by}.")}
        for called, name in here.items():
            parts = list(reached(name, set()))
            if "_" not in {called[0], called.rpartition(".")[2][0]} and any(part.writes for part in parts):
                found[f"{feature}.{called}"] = tuple(sorted({type for part in parts for type in part.says}))
    return found


def sources() -> dict[str, str]:
    paths = [*PACKAGE.glob("hr/*/records.py"), *PACKAGE.glob("hr/*/events.py"), *PACKAGE.glob("engines/*.py")]
    named = {".".join(("corehr", *path.relative_to(PACKAGE).with_suffix("").parts)): path for path in sorted(paths)}
    return {name: path.read_text() for name, path in named.items()}


def expected() -> dict[str, tuple[str, ...]]:
    told = {name: tuple(sorted(f"corehr.{type}" for type in types)) for name, types in SAYS.items()}
    return told | dict.fromkeys(SILENT, ())


def test_every_primitive_that_changes_rows_records_its_event_or_says_why_not():
    assert primitives(sources()) == expected()
    assert not SAYS.keys() & SILENT.keys()


def test_every_event_that_can_be_made_has_a_cause():
    made = {
        type for name, text in sources().items() for it in Module(name, text).functions.values() for type in it.says
    }
    assert made == {type for types in expected().values() for type in types}
    assert made <= SPEC.events.keys()


def test_rows_change_and_events_are_recorded_in_records_alone():
    writers = re.compile(r"\.(run|run_many|emit)\b|\bversions\.(write|say|take_back|drop|move)\b|\bEvent\(")
    others = [path for path in PACKAGE.glob("hr/**/*.py") if path.name not in ("records.py", "events.py")]
    assert others
    assert [str(path) for path in others if writers.search(path.read_text())] == []


TOYS = {
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
    assert primitives({**TOYS, "corehr.hr.toys.records": head + records}) == found


# ---------------------------------------------------------------------------------------------- seen when it runs


class Watch:
    """Every call of a primitive, while it runs: whether it wrote, and the events that were recorded meanwhile."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.wrote: set[FrameType] = set()
        self.said: dict[FrameType, set[str]] = defaultdict(set)
        self.events: list[Any] = []
        for name in ("run", "run_many"):
            patch.setattr(Tx, name, self._writing(getattr(Tx, name)))
        patch.setattr(Tx, "emit", self._recording(Tx.emit))

    def _writing(self, write: Any) -> Any:
        def watched(tx: Tx, *args: Any, **params: Any) -> Any:
            self.wrote.update(frames())
            return write(tx, *args, **params)

        return watched

    def _recording(self, emit: Any) -> Any:
        def watched(tx: Tx, event: Any) -> None:
            self.events.append(event)
            for frame in frames():
                self.said[frame].add(event.type)
            emit(tx, event)

        return watched

    def calls(self) -> Iterator[tuple[str, set[str]]]:
        """Name and events of each call that wrote."""
        for frame in self.wrote:
            yield f"{Path(frame.f_code.co_filename).parent.name}.{frame.f_code.co_name}", self.said[frame]


def frames() -> Iterator[FrameType]:
    """The calls of public primitives that are under way."""
    frame: FrameType | None = sys._getframe()
    while frame:
        path = Path(frame.f_code.co_filename)
        if path.name == "records.py" and path.parent.parent.name == "hr" and frame.f_code.co_name[0] != "_":
            yield frame
        frame = frame.f_back


def live(world: World) -> None:
    """What a company's first day does not hold: taking back, editing, handing over, leaving."""
    person = world.person("active")["id"]
    start = {"target_contract_start_date": world.today()}
    more = {"target_probation_end_date": "2026-09-30", "target_employment_change": {"employee_number": "E-777"}}
    signed = world.change(person, {**start, **more}).data["job_change_id"]
    world.change(person, {**start, "target_contract_number": "C-7"}).passes()
    create_offboarding(world, person, day_from_today(world, 3))
    world.travel(days=4)
    world.revoke(signed).passes()
    id = fact_of(world, "Approved")
    world.tell(lambda tx: offboardings.set_checklist_status(tx, offboardings.get_existing(tx, id), Checklist.RUNNING))
    edit_ok(world, id, {"offboarding_date": day_from_today(world, 20)})
    revoke_ok(world, id)
    world.approve(fact_of(world, "under_modification", "approval_process_id"))
    withdraw_ok(world, world.names["pre_hires"]["preboarding"]["id"])


@pytest.fixture(scope="module")
def watch(tmp_path_factory: pytest.TempPathFactory) -> Watch:
    url = f"sqlite:///{tmp_path_factory.mktemp('watched')}/company.db"
    schema.upgrade(url)
    with pytest.MonkeyPatch.context() as patch:
        watch = Watch(patch)
        demo.prepare(url, employees=PEOPLE, seed=1, now=NOW)
        world = World(url)
        try:
            live(world)
        finally:
            world.close()
    return watch


def test_a_company_that_lives_records_what_the_table_says(watch):
    said: dict[str, set[str]] = defaultdict(set)
    for name, types in watch.calls():
        said[name] |= types
        assert types or name in SILENT, name
    told = {name: types for name, types in expected().items() if name not in SILENT}
    assert {name: tuple(sorted(types)) for name, types in said.items() if name not in SILENT} == told
    assert not any(said[name] for name in SILENT)


def test_what_is_recorded_has_the_fields_of_its_page(watch):
    strays = {
        f"{event.type}: {stray}"
        for event in watch.events
        for stray in strays_in(SPEC.events[event.type].body, event.payload)
    }
    assert not strays
    assert len({event.type for event in watch.events}) == len({t for types in SAYS.values() for t in types})


TYPES: Final[Mapping[str, Any]] = {"string": str, "int": int, "list": list, "object": dict}


def strays_in(fields: Sequence[Field], facts: Mapping[str, Any]) -> Iterator[str]:
    """What is missing, more, of another type or no value of its enum; who it is about is put to it when it is told."""
    named = {field.name: field for field in fields if field.name != "target_user_id"}
    yield from named.keys() ^ facts.keys()
    for name in named.keys() & facts.keys():
        yield from (f"{name}{stray}" for stray in stray(named[name], facts[name]))


def stray(field: Field, value: Any) -> Iterator[str]:
    if not isinstance(value, TYPES[field.type]):
        yield f" is {value!r}"
    elif field.item is not None:
        for each in value:
            yield from stray(field.item, each)
    elif field.type == "object":
        yield from (f".{more}" for more in strays_in(field.fields, value))
    elif field.enum and value not in field.enum:
        yield f" is {value!r}"


# ---------------------------------------------------------------------------------------------- what is said of it


def test_the_page_says_which_events_have_a_cause(request):
    page = (request.config.rootpath / "docs" / "coverage.md").read_text().partition("## Events")[2]
    rows = dict(re.findall(r"^\| `([^`]+)` \|.*\| ([^|]+) \|$", page, re.MULTILINE))
    assert rows.keys() == SPEC.events.keys()
    caused = {type for types in expected().values() for type in types}
    assert {name for name, by in rows.items() if by != "nothing yet"} == caused
