"""`make operation` writes what is left to decide, overwrites nothing, and leaves the build red."""

import json
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from corehr.engines.feature import Feature
from corehr.engines.rulebook import Rulebook
from corehr.kernel.errors import INVALID_FIELD
from corehr.spec import loader
from tools import make_operation

ERRORS = [
    [500, 31, "system error"],
    [400, 32, "The widget doesn't match the job family"],
    [400, 33, "employee is not exist or has offboarded"],
    [500, 34, "employee is not exist or has offboarded"],
    [400, 35, "参数错误"],
    [400, 36, 'say "no"  to {{label}}'],
    [400, 37, "name is required"],
]
FACTS = {
    "method": "POST",
    "updated": "0",
    "deprecated": False,
    "apps": ["custom"],
    "tokens": ["tenant_access_token"],
    "scopes_any_of": ["s"],
    "field_scopes": [],
    "rate": ["5/s"],
    **{section: [] for section in ("path_params", "query", "body", "response")},
    "errors": ERRORS,
}
PATH_OF_ONE = "/open-apis/corehr/v1/widgets/:widget_id"
WIDGETS = Path("src/corehr/hr/basic_data/widgets")


@pytest.fixture
def facts(tmp_path: Path) -> Path:
    folder = tmp_path / "facts"
    operations = [
        FACTS | {"id": "v1.widget.create", "path": "/open-apis/corehr/v1/widgets"},
        FACTS | {"id": "v1.widget.get", "path": "/open-apis/corehr/v1/widgets/:id", "method": "GET", "errors": []},
        FACTS | {"id": "v1.widget.list", "path": "/open-apis/corehr/v1/widgets", "method": "GET", "errors": []},
        FACTS | {"id": "v1.widget.delete", "path": PATH_OF_ONE, "method": "DELETE", "errors": []},
        FACTS | {"id": "v1.widget.close", "path": PATH_OF_ONE, "errors": ERRORS},
        FACTS | {"id": "v2.widget.list", "path": "/open-apis/corehr/v2/widgets", "method": "GET", "errors": []},
    ]
    contents = {"operations/widgets.json": operations, "enums.json": {}, "errors.json": {}}
    for name, content in contents.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(json.dumps(content), "utf-8")
    return folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    spec = tmp_path / "tree" / "src" / "corehr" / "spec"
    spec.mkdir(parents=True)
    ids = [f"v1.widget.{verb}" for verb in ("create", "get", "list", "delete", "close")]
    rows = [f'"{id}" = {{ chapter = "basic_data" }}' for id in (*ids, "v2.widget.list")]
    (spec / "inventory.toml").write_text("\n".join(["[operations]", *rows]), "utf-8")
    return tmp_path / "tree"


def make(facts: Path, root: Path, id: str, *options: str) -> None:
    make_operation.main([str(facts), id, "--root", str(root), *options])


def run_module(path: Path) -> dict[str, Any]:
    """Return the names that a module defines."""
    names: dict[str, Any] = {"__name__": "made_operation"}
    exec(compile(path.read_text("utf-8"), path, "exec", dont_inherit=True), names)
    return names


def test_the_spec_is_imported_into_its_chapter(facts, root):
    make(facts, root, "v1.widget.create")
    spec = root / "src" / "corehr" / "spec"
    assert list(tomllib.loads((spec / "operations/basic_data/widgets.toml").read_text("utf-8"))) == ["v1.widget.create"]
    assert set(loader.load(spec).operations["v1.widget.create"].errors) == {code for _, code, _ in ERRORS}


def test_each_row_is_a_rule_in_the_usual_order_that_is_not_decided(facts, root):
    make(facts, root, "v1.widget.create")
    book = run_module(root / WIDGETS / "rules.py")["CREATE"]
    assert isinstance(book, Rulebook)
    assert book.operation == "v1.widget.create"
    assert [(rule.code, rule.name) for rule in book.rules] == [
        (37, "name_is_required"),
        (33, "employee_is_not_exist_or_has_offboarded"),
        (34, "employee_is_not_exist_or_has_offboarded_34"),
        (32, "widget_does_not_match_job_family"),
        (35, "violation_of_35"),
        (36, "say_no"),
        (31, "system_error"),
    ]
    assert not any(rule.interpretation for rule in book.rules), "tests/architecture refuses a rule without one"
    for rule in book.rules:
        assert callable(rule.raised_by)
        with pytest.raises(NotImplementedError, match=str(rule.code)):
            rule.raised_by(None)


def test_each_row_has_a_test_that_fails(facts, root):
    make(facts, root, "v1.widget.create")
    module = run_module(root / "tests" / "hr" / "widgets" / "test_create_rules.py")
    tests = [value for name, value in module.items() if name.startswith("test_")]
    assert len(tests) == len(ERRORS) + 1
    for test in tests:
        assert callable(test)
        with pytest.raises(pytest.fail.Exception, match="not written"):
            test(world=None)


@pytest.mark.parametrize(
    ("id", "kind", "handler"), [("v1.widget.create", "commands", "create_v1"), ("v1.widget.get", "queries", "get_v1")]
)
def test_the_handler_is_a_command_or_a_query(facts, root, id, kind, handler):
    make(facts, root, id)
    text = (root / WIDGETS / "api.py").read_text("utf-8")
    assert f'{kind}={{"{id}": {handler}}}' in text
    compile(text, "api.py", "exec")
    compile((root / WIDGETS / "recipes.py").read_text("utf-8"), "recipes.py", "exec")


def test_a_file_that_exists_is_kept_and_the_text_for_it_is_printed(facts, root, capsys):
    make(facts, root, "v1.widget.create")
    before = {path: path.read_text("utf-8") for path in (root / WIDGETS).iterdir()}
    capsys.readouterr()
    make(facts, root, "v1.widget.get")
    assert {path: path.read_text("utf-8") for path in (root / WIDGETS).iterdir()} == before
    printed = capsys.readouterr().out
    assert f"kept {WIDGETS}/rules.py; add to it:" in printed
    assert "GET: Rulebook[GetCase] = Rulebook(" in printed
    assert (root / "tests" / "hr" / "widgets" / "test_get_rules.py").exists()


def test_rules_of_several_files_get_one_more(facts, root):
    (root / WIDGETS / "rules").mkdir(parents=True)
    make(facts, root, "v1.widget.create")
    assert (root / WIDGETS / "rules" / "create.py").exists()
    assert not (root / WIDGETS / "rules.py").exists()
    assert "from corehr.hr.basic_data.widgets.rules.create import CREATE" in (root / WIDGETS / "api.py").read_text(
        "utf-8"
    )


def test_a_module_of_one_file_is_left_to_move(facts, root, capsys):
    module = (root / WIDGETS).with_suffix(".py")
    module.parent.mkdir(parents=True)
    module.write_text("WIDGET = 1\n", "utf-8")
    user = root / "src" / "corehr" / "user.py"
    user.write_text("from corehr.hr.basic_data.widgets import WIDGET\n", "utf-8")
    make(facts, root, "v1.widget.create")
    printed = capsys.readouterr().out
    assert f"git mv {WIDGETS}.py {WIDGETS}/records.py" in printed
    assert "import corehr.hr.basic_data.widgets.records in src/corehr/user.py" in printed
    assert module.read_text("utf-8") == "WIDGET = 1\n"


MODULE = '''"""Records of widgets."""

from corehr.engines.entity import Entity
from corehr.engines.feature import Feature
from corehr.engines.record_views import view_entity

WIDGET = Entity("widget")
FEATURE = Feature("widgets", record_views={"widgets": view_entity(WIDGET)})
'''


def test_a_read_of_a_resource_of_one_module_is_added_to_it(facts, root, capsys):
    module = (root / WIDGETS).with_suffix(".py")
    module.parent.mkdir(parents=True)
    module.write_text(MODULE, "utf-8")
    make(facts, root, "v1.widget.get")
    assert not (root / WIDGETS).exists()
    assert f"added to {WIDGETS}.py" in capsys.readouterr().out
    names = run_module(module)
    feature, book = names["FEATURE"], names["GET"]
    assert isinstance(feature, Feature)
    assert isinstance(book, Rulebook)
    assert feature.queries == {"v1.widget.get": names["get_v1"]}
    assert feature.rulebooks == (book,)
    assert list(feature.recipes) == ["v1.widget.get"]
    assert list(feature.record_views) == ["widgets"]
    assert [(rule.code, rule.name, rule.evidence) for rule in book.rules] == [
        (INVALID_FIELD, "widget_is_unknown", "inferred")
    ]


def test_a_second_read_is_added_beside_the_first(facts, root):
    module = (root / WIDGETS).with_suffix(".py")
    module.parent.mkdir(parents=True)
    module.write_text(MODULE, "utf-8")
    make(facts, root, "v1.widget.get")
    make(facts, root, "v1.widget.list")
    names = run_module(module)
    feature = names["FEATURE"]
    assert isinstance(feature, Feature)
    assert list(feature.queries) == list(feature.recipes) == ["v1.widget.get", "v1.widget.list"]
    assert feature.rulebooks == (names["GET"], names["LIST_V1"])


RECORDS = '''"""Records of widgets, each of an employment: `employment_id`."""


class Widget:
    """A widget."""


def get(tx: Tx, id: str) -> Widget | None:
    """Return the widget, or None."""
'''


@pytest.fixture
def package(root: Path) -> Path:
    """Return the package of widgets, which belong to employments and have one operation."""
    folder = root / WIDGETS
    folder.mkdir(parents=True)
    for name, text in {"__init__": "", "records": RECORDS, "api": "FEATURE = Feature()\n"}.items():
        (folder / f"{name}.py").write_text(text, "utf-8")
    return folder


def test_a_command_locks_the_employment_of_its_record_and_checks_the_data_range(facts, root, package, capsys):
    make(facts, root, "v1.widget.delete")
    commands = (package / "commands.py").read_text("utf-8")
    assert "def delete(tx: Tx, widget_id: str, data_range: DataRange) -> None:" in commands
    assert commands.index("employments.lock(tx, widget.employment_id)") < commands.index("return records.get(tx, id)")
    rules = (package / "rules.py").read_text("utf-8")
    assert rules.index('invalid_field(widget_is_unknown, "widget_id")') < rules.index(
        'invalid_field(employment_is_outside_data_range, "widget_id")'
    )
    printed = capsys.readouterr().out
    assert 'commands.delete(tx, call.path["widget_id"], call.data_range)\n        return {}' in printed
    assert "def delete(tx: Tx, widget: Widget) -> None:" in printed
    assert "def get(" not in printed


def test_an_employment_outside_the_data_range_gets_the_code_of_the_row_for_an_unknown_one(facts, root, package):
    make(facts, root, "v1.widget.close")
    rules = (package / "rules.py").read_text("utf-8")
    assert "INVALID_FIELD" not in rules
    unknown = 'Rule(33, employee_is_not_exist_or_has_offboarded, ""),'
    assert rules.partition(unknown)[2].split()[:3] == ["Rule(", "33,", "employment_is_outside_data_range,"]


def test_a_recipe_sends_an_unknown_id_and_a_body_only_where_the_page_has_one(facts, root, package):
    make(facts, root, "v1.widget.delete")
    recipes = run_module(package / "recipes.py")["RECIPES"]["v1.widget.delete"]
    context = SimpleNamespace(fact=lambda kind, name: f"the {name} one of {kind}")
    request: dict[str, Any] = {"method": "DELETE", "query": {}, "body": None}
    path = PATH_OF_ONE.removesuffix(":widget_id")
    assert recipes.valid(context) == {**request, "path": f"{path}the active one of widgets"}
    assert recipes.refused(context) == {INVALID_FIELD: {**request, "path": f"{path}1"}}


def test_only_steps_that_are_left_are_printed(facts, root, package, capsys):
    make(facts, root, "v1.widget.delete")
    printed = capsys.readouterr().out
    assert "run_scenarios" in printed
    assert (
        'and to its FEATURE, into the members that it has:\n\n    commands={"v1.widget.delete": delete_v1}' in printed
    )
    for text in ("FEATURE = ", "pyproject", "features.py", "interpretation"):
        assert text not in printed


def test_names_have_a_version_if_another_page_has_the_same_verb(facts, root):
    make(facts, root, "v1.widget.list")
    make(facts, root, "v2.widget.list")
    rules = (root / WIDGETS / "rules.py").read_text("utf-8")
    assert "class ListV1Case:" in rules
    assert "LIST_V1: Rulebook[ListV1Case] = Rulebook(" in rules
    assert (root / "tests" / "hr" / "widgets" / "test_list_v2_rules.py").exists()


def test_what_cannot_be_made(facts, root):
    with pytest.raises(SystemExit, match=r"drop: not among the 6 operations.* those of widget are v1\.widget\.close"):
        make(facts, root, "v1.widget.drop")
    make(facts, root, "v1.widget.create")
    with pytest.raises(
        SystemExit, match=r"v1\.widget\.create: is in \S+/(api|rules|recipes)\.py already; .* --operation v1"
    ):
        make(facts, root, "v1.widget.create")


def test_a_chapter_of_one_resource_is_its_package(tmp_path: Path):
    hr = tmp_path / "hr"
    for module in ("offboardings/records.py", "employees/job_datas/api.py"):
        (hr / module).parent.mkdir(parents=True)
        (hr / module).write_text("", "utf-8")
    find_package = make_operation.find_package
    assert find_package(hr, "offboardings", "offboardings") == Path("hr/offboardings")
    assert find_package(hr, "leave", "leave") == Path("hr/leave")
    assert find_package(hr, "leave", "leave_types") == Path("hr/leave/leave_types")
    assert find_package(hr, "employees", "persons") == Path("hr/employees/persons")
    with pytest.raises(SystemExit, match="hr/employees/ has several resources"):
        find_package(hr, "employees", "employees")
