"""Loading the spec: our own, small specs for single rules, and invalid ones."""

import datetime as dt
import json
import tomllib
from pathlib import Path

import pytest

from corehr.spec.loader import EventType, Field, Operation, RateLimit, SpecError, load
from tools import import_spec

OPERATION = """
["{id}"]
http = "{http}"
updated = 2024-12-17
apps = ["custom"]
tokens = ["tenant_access_token"]
scopes = ["corehr:corehr"]
rate = "{rate}"
query = {query}
body = {body}
errors = {errors}
"""


EVENT = """
["widget.created_v1"]
updated = 2024-12-17
apps = ["custom"]
scopes = ["corehr:corehr:readonly"]
body = {body}
"""


def spec_folder(folder: Path, *operations: str, corrections: str = "", enums: str = "") -> Path:
    (folder / "operations").mkdir(parents=True, exist_ok=True)
    for number, text in enumerate(operations):
        (folder / "operations" / f"file_{number}.toml").write_text(text, "utf-8")
    (folder / "corrections.toml").write_text(corrections, "utf-8")
    (folder / "enums.toml").write_text(enums, "utf-8")
    return folder


def table(
    *body: str, name: str = "v1.widget.create", http: str = "POST /widgets", rate: str = "5/s", errors: str = "[]"
) -> str:
    return OPERATION.format(id=name, http=http, rate=rate, query="[]", body=json.dumps(body), errors=errors)


def load_operation(folder: Path, *body: str, corrections: str = "", enums: str = "", rate: str = "5/s") -> Operation:
    spec = load(spec_folder(folder, table(*body, rate=rate), corrections=corrections, enums=enums))
    return spec.operations["v1.widget.create"]


def load_event(folder: Path, *body: str, corrections: str) -> EventType:
    spec_folder(folder, table(), corrections=corrections)
    (folder / "events").mkdir()
    (folder / "events" / "widget.toml").write_text(EVENT.format(body=json.dumps(body)), "utf-8")
    return load(folder).events["widget.created_v1"]


def fields_by_name(fields: tuple[Field, ...]) -> dict[str, Field]:
    return {field.name: field for field in fields}


def members_by_name(field: Field) -> dict[str, Field]:
    return fields_by_name(field.item.fields if field.item else field.fields)


# ---------------------------------------------------------------------------------------------- our own


def test_job_change_create_is_as_on_its_page():
    create = load().operations["v1.job_change.create"]

    assert (create.method, create.path) == ("POST", "/open-apis/corehr/v1/job_changes")
    assert (create.updated, create.deprecated) == (dt.date(2024, 12, 17), True)
    assert (create.app_types, create.scopes) == (("custom",), ("corehr:corehr", "corehr:job_change:write"))
    assert create.limits == (RateLimit(100, 60),)
    assert create.errors[1160201] == (400, "Has pending offboarding")
    assert create.errors[1163000] == (400, "Please check department  effective date")
    assert len(create.errors) == 49
    query = fields_by_name(create.query)
    assert query["user_id_type"].default == "open_id"
    assert query["user_id_type"].value_scopes == {"user_id": ("contact:user.employee_id:readonly",)}
    response = members_by_name(fields_by_name(create.response)["transfer_info"])
    assert response["target_compensation_type"].scopes == ("corehr:job_data.compensation_type:read",)


def test_job_change_create_with_our_corrections():
    create = load().operations["v1.job_change.create"]
    body = fields_by_name(create.body)
    request_info = members_by_name(body["transfer_info"])
    response_info = members_by_name(fields_by_name(create.response)["transfer_info"])

    assert body["employment_id"].rulebook_owned
    assert request_info["target_cost_center_rate"].rulebook_owned
    assert not request_info["original_cost_center_rate"].rulebook_owned
    assert not body["transfer_info"].rulebook_owned
    assert not body["transfer_mode"].rulebook_owned
    assert body["effective_date"].format == "date"
    assert request_info["target_contract_end_date"].format == "date"
    assert members_by_name(request_info["target_employment_change"])["seniority_date"].format == "date"
    assert request_info["target_working_calendar"].format is None
    assert body["initiator_id"].id_type == "user_id_type"
    assert (request_info["target_direct_manager"].id_type, request_info["target_direct_manager"].accepts_corehr_id) == (
        "user_id_type",
        True,
    )
    assert response_info["original_dotted_manager"].output_id_type == "corehr"
    assert (
        request_info["target_department"].id_type == response_info["target_department"].id_type == "department_id_type"
    )
    assert request_info["target_social_security_city"].references == ("location",)
    assert request_info["target_contract_type"].enum[0] == "internship_agreement"


def test_events_have_the_fields_of_the_event_member():
    event = load().events["corehr.job_change.updated_v1"]
    assert [field.name for field in event.body][:2] == ["employment_id", "target_user_id"]
    assert members_by_name(event.body[1])["user_id"].scopes == ("contact:user.employee_id:readonly",)


def test_every_documented_event_is_there():
    events = load().events
    assert len(events) == 75
    assert events["corehr.employee.domain_event_v2"].app_types == ("custom",)
    assert events["corehr.contract.updated_v1"].app_types == ("custom", "isv")
    changed = fields_by_name(events["corehr.company.updated_v2"].body)["sub_events"]
    assert members_by_name(changed)["opt_type"].enum == (1, 2, 3)


def test_events_about_one_employee_respect_the_data_range():
    """The only exceptions are the events whose page says otherwise."""
    events = load().events
    about_one = {name for name, event in events.items() if "employment_id" in fields_by_name(event.body)}
    exempt = {"corehr.offboarding.updated_v1", "corehr.job_change.updated_v1"}
    assert {name for name, event in events.items() if event.data_range} == about_one - exempt
    assert not events["corehr.process.approver.updated_v2"].data_range


@pytest.mark.parametrize("path", sorted((import_spec.DEFAULT_OUT / "operations").rglob("*.toml")), ids=lambda p: p.stem)
def test_the_inventory_counts_the_error_rows_of_every_operation(path: Path):
    """`tools/import_spec.py` writes both."""
    inventory = tomllib.loads((import_spec.DEFAULT_OUT / "inventory.toml").read_text("utf-8"))["operations"]
    rows = {id: len(entry["errors"]) for id, entry in tomllib.loads(path.read_text("utf-8")).items()}
    assert {id: inventory[id]["errors"] for id in rows} == rows


# ---------------------------------------------------------------------------------------------- the notation


def test_every_word_of_a_line(tmp_path: Path):
    enums = '["colour"]\nvalues = ["red", "green"]\n'
    lines = [
        "mode int! {1|-2} =1",
        "size number 0.5..100",
        "least int 3..",
        "name string len:1..50 pattern:^[a-z]+$ deprecated",
        "kind string {a|b} open required-in-prose",
        "colour string enum:colour",
        "gender string enum:person.gender",
        "day string format:date",
        "manager string id:user_id_type also:corehr out:corehr ref:employment,person scope:a:read,b:read",
        "type string scope[x]:s:read scope[y]:t:read,u:read",
        "free string rulebook",
        "numbers int[] =[1] len:0..3 {1|2}",
    ]
    fields = fields_by_name(load_operation(tmp_path, *lines, enums=enums).body)

    assert (fields["mode"].type, fields["mode"].required) == ("int", True)
    assert (fields["mode"].enum, fields["mode"].default) == ((1, -2), 1)
    assert [fields[name].range for name in ("size", "least", "mode")] == [(0.5, 100), (3, None), None]
    assert (fields["name"].length, fields["name"].pattern, fields["name"].deprecated) == ((1, 50), "^[a-z]+$", True)
    assert (fields["kind"].open_enum, fields["kind"].required_in_prose, fields["kind"].required) == (True, True, False)
    assert (fields["colour"].enum_name, fields["colour"].enum) == ("colour", ("red", "green"))
    assert (fields["gender"].enum_name, fields["gender"].enum) == ("person.gender", ())
    assert fields["day"].format == "date"
    manager = fields["manager"]
    assert (manager.id_type, manager.accepts_corehr_id, manager.output_id_type) == ("user_id_type", True, "corehr")
    assert (manager.references, manager.scopes) == (("employment", "person"), ("a:read", "b:read"))
    assert fields["type"].value_scopes == {"x": ("s:read",), "y": ("t:read", "u:read")}
    assert fields["free"].rulebook_owned
    numbers = fields["numbers"]
    assert (numbers.type, numbers.default, numbers.length, numbers.enum) == ("list", [1], (0, 3), ())
    assert numbers.item is not None
    assert (numbers.item.type, numbers.item.enum) == ("int", (1, 2))


def test_members_of_objects_of_lists_and_of_lists_of_lists(tmp_path: Path):
    lines = ["a object", "a.b object[]!", "a.b[].c string", "rows object[][] len:1..9", "rows[][].x int", "any object"]
    fields = fields_by_name(load_operation(tmp_path, *lines).body)
    b = members_by_name(fields["a"])["b"]
    assert (b.type, b.required, list(members_by_name(b))) == ("list", True, ["c"])
    rows = fields["rows"]
    assert (rows.type, rows.length) == ("list", (1, 9))
    assert rows.item is not None
    assert (rows.item.type, rows.item.length, list(members_by_name(rows.item))) == ("list", None, ["x"])
    assert (fields["any"].type, fields["any"].fields) == ("object", ())


@pytest.mark.parametrize(
    ("rate", "limits"),
    [
        ("20/min", (RateLimit(20, 60),)),
        ("5/s", (RateLimit(5, 1),)),
        ("1000/min & 50/s", (RateLimit(1000, 60), RateLimit(50, 1))),
        ("special", ()),
    ],
)
def test_rates(tmp_path: Path, rate: str, limits: tuple[RateLimit, ...]):
    assert load_operation(tmp_path, rate=rate).limits == limits


# ---------------------------------------------------------------------------------------------- corrections


def test_a_correction_amends_adds_and_makes_a_field_rulebook_owned(tmp_path: Path):
    corrections = """
    ["v1.widget.create"]
    rulebook_owned = [["body.id", "doc", "its code is 1"]]
    amend = [
      ["body.info.*_date", "format:date", "inferred", "a date"],
      ["body.size", "number! 1..9", "recorded", "seen"],
    ]
    add = [["body.info.new", "string ref:widget", "sdk", "there"], ["response.id", "string", "doc", "there"]]
    """
    lines = [
        "id string!",
        "info object",
        "info.a_date string",
        "info.b_date string",
        "info.c string",
        "size int 1..5 =2",
    ]
    operation = load_operation(tmp_path, *lines, corrections=corrections)
    fields = fields_by_name(operation.body)

    assert fields["id"].rulebook_owned
    assert [name for name, field in members_by_name(fields["info"]).items() if field.format] == ["a_date", "b_date"]
    assert list(members_by_name(fields["info"])) == ["a_date", "b_date", "c", "new"]
    size = fields["size"]
    assert (size.type, size.required, size.range, size.default) == ("number", True, (1, 9), 2)
    assert [field.name for field in operation.response] == ["id"]


@pytest.mark.parametrize(
    ("corrections", "message"),
    [
        ('["v1.other"]\n', "corrections.toml: v1.other: no such operation or event"),
        ('["v1.widget.create"]\nrulebook_owned = [["body.nix", "doc", "why"]]', "body.nix: no such field"),
        ('["v1.widget.create"]\namend = [["answer.id", "format:date", "doc", "why"]]', "answer.id: no such field"),
        ('["v1.widget.create"]\nadd = [["body.id", "string", "doc", "why"]]', "body.id: it is there already"),
        ('["v1.widget.create"]\nadd = [["body.new.x", "string", "doc", "why"]]', "above the members of 'new'"),
        ('["v1.widget.create"]\namend = [["body.id", "format:date", "doc"]]', "ends with its evidence"),
        ('["v1.widget.create"]\namend = [["body.id", "format:date", "hearsay", "why"]]', "ends with its evidence"),
        ('["v1.widget.create"]\nadd = [["answer.new", "string", "doc", "why"]]', "answer.new: no such field"),
        ('["v1.widget.create"]\nforget = [["body.id", "doc", "why"]]', "'forget' is no correction"),
        ('["v1.widget.create"]\ndata_range = [true, "doc", "why"]', "'data_range' is no correction"),
    ],
)
def test_a_correction_that_corrects_nothing(tmp_path: Path, corrections: str, message: str):
    with pytest.raises(SpecError, match=message.replace(".", r"\.")) as caught:
        load_operation(tmp_path, "id string", corrections=corrections)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("restricted", [True, False])
def test_a_correction_of_an_event(tmp_path: Path, restricted: bool):
    corrections = f"""
    ["widget.created_v1"]
    data_range = [{str(restricted).lower()}, "inferred", "about one employee"]
    amend = [["body.day", "format:date", "inferred", "a date"]]
    add = [["body.size", "int", "sdk", "there"]]
    """
    event = load_event(tmp_path, "employment_id string", "day string", corrections=corrections)
    fields = fields_by_name(event.body)
    assert event.data_range is restricted
    assert fields["day"].format == "date"
    assert list(fields) == ["employment_id", "day", "size"]


def test_an_event_without_a_correction_ignores_the_data_range(tmp_path: Path):
    assert not load_event(tmp_path, "employment_id string", corrections="").data_range


@pytest.mark.parametrize(
    ("correction", "message"),
    [
        ('data_range = [true, "doc", "why"]', "no employment_id in its body to check against the data range"),
        ('data_range = ["yes", "doc", "why"]', "give true or false, its evidence"),
        ('data_range = [true, "hearsay", "why"]', "give true or false, its evidence"),
        ('data_range = [true, ["doc"], "why"]', "give true or false, its evidence"),
        ('data_range = [true, "doc", ""]', "give true or false, its evidence"),
        ('data_range = [true, "doc"]', "give true or false, its evidence"),
        ("data_range = true", "give true or false, its evidence"),
        ('data_range = [[true, "doc", "why"]]', "give true or false, its evidence"),
        ('amend = [["body.nix", "format:date", "doc", "why"]]', "body.nix: no such field"),
        ('add = [["response.id", "string", "doc", "why"]]', "response.id: no such field"),
        ('add = [["body.id", "string", "doc", "why"]]', "body.id: it is there already"),
        ('rulebook_owned = [["body.id", "doc", "why"]]', "'rulebook_owned' is no correction"),
    ],
)
def test_a_correction_of_an_event_that_corrects_nothing(tmp_path: Path, correction: str, message: str):
    with pytest.raises(SpecError) as caught:
        load_event(tmp_path, "id string", corrections=f'["widget.created_v1"]\n{correction}')
    assert message in str(caught.value)
    assert "widget.created_v1: " in str(caught.value)
    assert "\n" not in str(caught.value)


# ---------------------------------------------------------------------------------------------- contradictions


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["id"], "'' is no type"),
        (["id text"], "'text' is no type"),
        (["id string[x]"], "is no type"),
        (["id string {}"], "an enum without values"),
        (["id string {a||b}"], "an enum without values"),
        (["id string enum:colour"], "enum 'colour' has no values in enums.toml"),
        (["id int {a}"], "invalid literal"),
        (["id string shiny"], "'shiny' is no word of the notation"),
        (["id string shiny:x"], "'shiny:x' is no word of the notation"),
        (["id string ref:"], "'ref:' is no word of the notation"),
        (["id string  ref:x"], "'' is no word of the notation"),
        (["id string format:time"], "date is the only format"),
        (["id string len:1..2 len:1..3"], "sets length again"),
        (["id int[] =1"], "is no JSON list"),
        (["id string pattern:("], "id string pattern"),
        (["id string", "id int"], "a name comes twice"),
        (["a object", "a.b string", "a.b int"], "a name comes twice"),
        (["a string", "a.b string"], "has members but is no object"),
        (["a object[]", "a.b string"], "no object above the members of 'a'"),
        (["a.b string", "a object"], "no object above the members of 'a'"),
        (["a object", "a.b string =x"], "a member has a default"),
    ],
)
def test_an_ill_formed_line(tmp_path: Path, lines: list[str], message: str):
    with pytest.raises(SpecError) as caught:
        load_operation(tmp_path, *lines)
    assert message in str(caught.value)
    assert str(caught.value).startswith("file_0.toml: v1.widget.create.body")
    assert "\n" not in str(caught.value)


def test_one_id_in_two_files(tmp_path: Path):
    with pytest.raises(SpecError, match=r"file_1\.toml: v1\.widget\.create: this id is in two files"):
        load(spec_folder(tmp_path, table(), table(http="PUT /widgets")))


def test_two_operations_with_one_route(tmp_path: Path):
    first = table(http="GET /widgets/:id")
    with pytest.raises(SpecError, match=r"v1\.b: has the route of v1\.widget\.create"):
        load(spec_folder(tmp_path, first, table(name="v1.b", http="GET /widgets/:widget_id")))
    assert len(load(spec_folder(tmp_path, first, table(name="v1.b", http="PUT /widgets/:id"))).operations) == 2


def test_an_error_row_twice(tmp_path: Path):
    with pytest.raises(SpecError, match="error 7 is listed twice"):
        load(spec_folder(tmp_path, table(errors='[[400, 7, "a"], [500, 7, "b"]]')))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[", "not TOML"),
        ('["v1.widget"]\nhttp = "GET /x"\n', "missing or ill-formed 'rate'"),
        (table(rate="5/h"), "is not like 100/min"),
        (table(http="GET"), "missing or ill-formed"),
    ],
)
def test_an_ill_formed_entry(tmp_path: Path, text: str, message: str):
    with pytest.raises(SpecError, match=message):
        load(spec_folder(tmp_path, text))


def test_a_folder_without_a_spec(tmp_path: Path):
    with pytest.raises(SpecError, match="no operations/ in it"):
        load(tmp_path)


# ---------------------------------------------------------------------------------------------- the importer


def facts_folder(folder: Path) -> Path:
    fields = [
        {"name": "kind", "type": "enum[]", "enum_of": "colour", "fields": [{"name": "enum_name", "type": "string"}]},
        {"name": "size", "type": "number(float)", "required": True, "default": "1", "range": [None, 9]},
        {"name": "texts", "type": "string[]", "len": [0, 3], "default": "[]", "enum": ["a", "b"], "enum_open": True},
        {"name": "id", "type": "string", "id": "user_id_type", "ref": ["job", "job_level"], "field_scope": ["s:read"]},
        {"name": "day", "type": "string", "pattern": "^\\d\"'[|]{2}$", "required_in_prose": True, "deprecated": True},
        {"name": "as", "type": "string", "default": "", "value_scope": {"user_id": ["t:read"]}},
    ]
    operation = {
        "method": "POST",
        "path": "/open-apis/widgets",
        "updated": "1734431976000",
        "deprecated": True,
        "apps": ["isv"],
    }
    operation |= {"tokens": ["tenant_access_token"], "scopes_any_of": ["s"], "field_scopes": ["t"], "path_params": []}
    operation |= {"rate": ["1000/min", "50/s"], "query": [], "body": fields, "response": [], "binary": True}
    operation |= {"errors": [[400, 7, 'say "no"\\\n']], "more_errors": "shared", "retired_errors": [8]}
    event = {"event": "widget.created_v1", "deprecated": False, "updated": "0", "apps": ["custom"]}
    event |= {"scopes_any_of": ["s"], "field_scopes": []}
    event |= {"push": "Webhook", "body": [{"name": "event", "type": "-", "fields": fields[3:4]}]}
    for name, content in {
        "operations/widgets.json": [operation | {"id": "v1.b"}, operation | {"id": "v1.a", "path": "/open-apis/a/:id"}],
        "events/widget.json": [event],
        "enums.json": {"colour": ["red"], "unused": ["x"]},
        "errors.json": {"shared": [[9, "more"], [None, None]]},
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(json.dumps(content), "utf-8")
    return folder


def pages_folder(folder: Path, chapter: str = "basic-infomation") -> Path:
    for path in ("/widgets", "/a/:widget_id"):
        page = folder / "corehr-v1" / chapter / "widget" / f"{path.count('/')}.md"
        page.parent.mkdir(parents=True, exist_ok=True)
        url = f"https://open.feishu.cn/open-apis{path}"
        page.write_text(f"| HTTP URL | {url} |\n| HTTP Method | POST |\n", "utf-8")
    return folder


def write_inventory(facts: Path, out: Path) -> None:
    pages = pages_folder(facts.parent / "pages")
    import_spec.main([str(facts), "--inventory", str(pages), "--out", str(out)])


def test_what_is_imported_survives(tmp_path: Path):
    facts, out = facts_folder(tmp_path / "facts"), tmp_path / "spec"
    write_inventory(facts, out)
    import_spec.main([str(facts), "--all", "--out", str(out)])
    spec = load(out)
    operation = spec.operations["v1.b"]
    fields = fields_by_name(operation.body)

    assert (operation.updated, operation.deprecated, operation.binary) == (dt.date(2024, 12, 17), True, True)
    assert operation.limits == (RateLimit(1000, 60), RateLimit(50, 1))
    assert operation.errors == {7: (400, 'say "no"\\\n')}
    assert (operation.shared_errors, operation.retired_errors) == (((9, "more"), (0, "")), (8,))
    assert members_by_name(fields["kind"])["enum_name"].enum == ("red",)
    assert (fields["size"].required, fields["size"].default, fields["size"].range) == (True, 1, (None, 9))
    texts = fields["texts"]
    assert texts.item is not None
    assert (texts.length, texts.default, texts.item.enum, texts.item.open_enum) == ((0, 3), [], ("a", "b"), True)
    assert (fields["id"].id_type, fields["id"].references, fields["id"].scopes) == (
        "user_id_type",
        ("job", "job_level"),
        ("s:read",),
    )
    assert (fields["day"].pattern, fields["day"].required_in_prose) == ("^\\d\"'[|]{2}$", True)
    assert (fields["as"].default, fields["as"].value_scopes) == ("", {"user_id": ("t:read",)})
    assert [field.name for field in spec.events["widget.created_v1"].body] == ["id"]


def test_importing_keeps_what_is_not_named_and_repeats_itself_exactly(tmp_path: Path):
    facts, out = facts_folder(tmp_path / "facts"), tmp_path / "spec"
    file = out / "operations" / "basic_data" / "widgets.toml"
    write_inventory(facts, out)
    import_spec.main([str(facts), "--operation", "v1.b", "--out", str(out)])
    import_spec.main([str(facts), "--operation", "v1.a", "--out", str(out)])
    assert sorted(load(out).operations) == ["v1.a", "v1.b"]
    text = file.read_text("utf-8")
    import_spec.main([str(facts), "--operation", "v1.a", "--operation", "v1.b", "--out", str(out)])
    assert file.read_text("utf-8") == text
    inventory = (out / "inventory.toml").read_text("utf-8")
    (out / "inventory.toml").write_text(inventory.replace("errors = 1 }", "errors = 5 }"), "utf-8")
    import_spec.main([str(facts), "--operation", "v1.a", "--operation", "v1.b", "--out", str(out)])
    assert (out / "inventory.toml").read_text("utf-8") == inventory, "the number of error rows is counted again"
    assert "unused" not in (out / "enums.toml").read_text("utf-8")


def test_importing_what_is_not_there(tmp_path: Path):
    facts, out = facts_folder(tmp_path / "facts"), tmp_path / "spec"
    with pytest.raises(SystemExit, match=r"inventory\.toml: missing; write it first with --inventory PAGES"):
        import_spec.main([str(facts), "--operation", "v1.a", "--out", str(out)])
    write_inventory(facts, out)
    with pytest.raises(SystemExit, match=r"v1\.c: not among the 2 operations"):
        import_spec.main([str(facts), "--operation", "v1.c", "--out", str(out)])


def test_the_inventory_has_the_chapter_of_a_page_or_of_its_successor(tmp_path: Path):
    facts, out = facts_folder(tmp_path / "facts"), tmp_path / "spec"
    no_pages = tmp_path / "no_pages"
    with pytest.raises(SystemExit, match=r"v1\.a: has no page in corehr-v1/; add widgets to CHAPTERS_OF_OLD_PAGES"):
        import_spec.main([str(facts), "--inventory", str(no_pages), "--out", str(out)])
    (facts / "operations" / "widgets.json").rename(facts / "operations" / "persons.json")
    import_spec.main([str(facts), "--inventory", str(no_pages), "--out", str(out)])
    assert import_spec.read_inventory_chapters(out) == {"v1.a": "employees", "v1.b": "employees"}
    import_spec.main([str(facts), "--inventory", str(pages_folder(tmp_path, "leave")), "--out", str(out)])
    assert import_spec.read_inventory_chapters(out) == {"v1.a": "leave", "v1.b": "leave"}
