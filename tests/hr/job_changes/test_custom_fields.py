"""Custom fields of a job change are values of the person: checked, merged and compared by name, and told as stored."""

import pytest

from corehr.engines.custom_fields import FieldDefinition, FieldType
from corehr.hr.basic_data import custom_fields as definitions
from corehr.hr.employees.job_datas import records as job_datas
from tests.world import CREATE_JOB_CHANGE_PATH

TARGETS = "transfer_info.target_employment_change.custom_fields"
ORIGINALS = "transfer_info.original_employment_change.custom_fields"
UPDATED = "corehr.employment.updated_v1"


def name_of(world, field):
    return world.named["employment_fields"][field]["field_name"]


def custom_fields(world, values):
    """The custom fields of a request; a key of `values` that is no field of the demo company is sent as it is."""
    names = {field: facts["field_name"] for field, facts in world.named["employment_fields"].items()}
    return {
        "custom_fields": [{"custom_api_name": names.get(field, field), "value": text} for field, text in values.items()]
    }


def transfer_info(world, targets, originals=None):
    info = {"target_employment_change": custom_fields(world, targets)}
    return info | ({"original_employment_change": custom_fields(world, originals)} if originals else {})


def change(world, targets, originals=None, *, employment="active", **body):
    employment_id = world.employment(employment)["id"]
    return world.create_job_change(employment_id, transfer_info(world, targets, originals), **body)


def stored(world, employment="active", on=None):
    """The values of the custom fields of an employment on a day, by the names of the demo company."""
    query = {"on": on} if on else {}
    record = world.sandbox("GET", f"records/employments/{world.employment(employment)['id']}", **query)
    body = record["version"]["body"]
    values = {f: body.get(f"custom_fields.{name_of(world, f)}") for f in world.named["employment_fields"]}
    return {field: value for field, value in values.items() if value is not None}


def sides(response):
    """The custom fields in a response as `{name: value}`, the originals and the targets."""
    info = response.data["transfer_info"]
    return tuple(
        {
            item["custom_api_name"]: item["value"]
            for item in info.get(f"{side}_employment_change", {}).get("custom_fields", ())
        }
        for side in ("original", "target")
    )


def assert_invalid(world, response, field, refused_by):
    assert response.error() == (400, 99992402, "field validation failed")
    assert [v["field"] for v in response.json["error"]["field_violations"]] == [field]
    assert world.refused_by() == refused_by


# -- what is refused, and its nearest neighbour ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "refused", "allowed"),
    [
        ("text", "x" * 256, "x" * 255),
        ("multi_line", "x" * 6001, "x" * 6000),
        ("url", "example.com/me", "https://example.com/me"),
        ("bool", "yes", "true"),
        ("number", "2334.005", "2334.00"),
        ("number", "a lot", "-12.5"),
        ("enum", "option_3", "option_2"),
        ("multi_enum", '["option_1","option_3"]', '["option_1","option_2"]'),
        ("multi_enum", "option_1", '["option_1"]'),
        ("date", "2026-02-30", "2026-02-28"),
        ("date", "2026-02-28 09:00:00", "2026-02-28"),
        ("date_time", "2026-02-28 25:00:00", "2026-02-28 09:00:00"),
    ],
)
def test_a_value_that_is_none_of_its_field_is_refused(world, field, refused, allowed):
    before = world.fingerprint()
    assert_invalid(world, change(world, {field: refused}), f"{TARGETS}[0].value", "custom_value_is_invalid")
    assert world.fingerprint() == before
    change(world, {field: allowed}).assert_ok()


def test_an_unknown_field_is_refused_among_targets_and_originals(world):
    unknown = {"text": "Ada", "custom_field_99__c": "x"}
    before = world.fingerprint()
    path = "[1].custom_api_name"
    assert_invalid(world, change(world, unknown), TARGETS + path, "custom_field_is_unknown")
    assert_invalid(world, change(world, {"text": "Ada"}, unknown), ORIGINALS + path, "custom_field_is_unknown")
    assert world.fingerprint() == before
    change(world, {"text": "Ada"}).assert_ok()


def test_a_field_of_another_form_is_unknown(world):
    only_there = world.named["offboarding_fields"]["auto_number"]["field_name"]
    assert only_there == "custom_field_14__c"
    response = change(world, {only_there: "x"})
    assert_invalid(world, response, f"{TARGETS}[0].custom_api_name", "custom_field_is_unknown")


def test_a_field_given_twice_is_refused(world):
    info = transfer_info(world, {"text": "Ada", name_of(world, "text"): "Bob"})
    response = world.create_job_change(world.employment("active")["id"], info)
    assert_invalid(world, response, f"{TARGETS}[1].custom_api_name", "custom_field_is_given_twice")
    change(world, {"text": "Ada", "multi_line": "Ada"}).assert_ok()


@pytest.mark.parametrize("field", ["person", "attachment", "auto_number", "locked"])
def test_a_field_that_a_job_change_cannot_set_is_refused(world, field):
    value = world.employment("manager")["id"]
    response = change(world, {field: value})
    assert_invalid(world, response, f"{TARGETS}[0].custom_api_name", "custom_field_is_not_settable")
    change(world, {"text": value}).assert_ok()


def test_null_is_no_value(world):
    response = change(world, {"text": None})
    assert response.code == 99992402
    assert response.json["error"]["field_violations"][0]["field"] == f"{TARGETS}[0].value"


# -- merged, compared and emptied by name ----------------------------------------------------------------------------


def test_a_field_that_is_not_named_keeps_its_value(world):
    change(world, {"text": "Ada", "number": "120"}).assert_ok()
    response = change(world, {"enum": "option_1"})
    assert sides(response) == ({}, {name_of(world, "enum"): "option_1"})
    assert stored(world) == {"text": "Ada", "number": "120.00", "enum": "option_1"}


def test_only_the_named_originals_are_compared(world):
    change(world, {"text": "Ada", "number": "120", "multi_enum": '["option_1","option_2"]'}).assert_ok()
    assert change(world, {"text": "Bob"}, {"text": "Eve"}).code == 1160700
    assert change(world, {"text": "Bob"}, {"date": "2026-02-28"}).code == 1160700
    response = change(world, {"text": "Bob"}, {"multi_enum": '["option_2","option_1"]', "text": "Ada", "date": ""})
    assert sides(response) == (
        {
            name_of(world, "multi_enum"): '["option_2","option_1"]',
            name_of(world, "text"): "Ada",
            name_of(world, "date"): "",
        },
        {name_of(world, "text"): "Bob"},
    )


def test_the_current_value_is_no_change_however_it_is_written(world):
    change(world, {"number": "120", "multi_enum": '["option_1","option_2"]', "date": "2026-02-28"}).assert_ok()
    for same in ({"number": "120.0"}, {"multi_enum": '["option_2","option_1"]'}, {"date": '"2026-02-28"'}):
        assert change(world, same).code == 1160601
    change(world, {"number": "120.5"}).assert_ok()


@pytest.mark.parametrize("empty", ["", '""'])
def test_an_empty_text_empties_a_field(world, empty):
    change(world, {"date": "2026-02-28", "text": "Ada"}).assert_ok()
    response = change(world, {"date": empty})
    assert sides(response) == ({name_of(world, "date"): "2026-02-28"}, {name_of(world, "date"): ""})
    assert stored(world) == {"text": "Ada"}
    assert change(world, {"date": empty}).code == 1160601


def test_an_empty_list_empties_a_list(world):
    change(world, {"multi_enum": '["option_1"]', "bool": "false"}).assert_ok()
    change(world, {"multi_enum": "[]"}).assert_ok()
    assert stored(world) == {"bool": False}
    change(world, {"bool": ""}).assert_ok()
    assert stored(world) == {}


def test_a_json_string_is_read_like_its_text(world):
    """The guides quote texts for some interfaces and not for others; a text that has quotes is quoted in the answer."""
    change(world, {"text": '"231"', "enum": '"option_1"', "bool": '"true"', "number": '"2334.00"'}).assert_ok()
    assert stored(world) == {"text": "231", "enum": "option_1", "bool": True, "number": "2334.00"}
    quoted = '"\\"Ada\\""'
    assert sides(change(world, {"text": quoted}))[1] == {name_of(world, "text"): quoted}
    assert stored(world)["text"] == '"Ada"'
    change(world, {"text": 'x"'}, {"text": quoted}).assert_ok()


# -- told as stored --------------------------------------------------------------------------------------------------


def test_the_response_has_names_types_and_stored_values(world):
    change(world, {"number": "120"}).assert_ok()
    info = change(world, {"number": "125.5", "bool": "true"}).data["transfer_info"]

    def item(field, zh, en, type, value):
        return {
            "custom_api_name": name_of(world, field),
            "name": {"zh_cn": zh, "en_us": en},
            "type": type,
            "value": value,
        }

    assert info["original_employment_change"]["custom_fields"] == [
        item("number", "通勤补贴", "Travel allowance", 3, "120.00")
    ]
    assert info["target_employment_change"]["custom_fields"] == [
        item("number", "通勤补贴", "Travel allowance", 3, "125.50"),
        item("bool", "可远程办公", "May work from home", 2, "true"),
    ]


def test_the_answer_can_be_sent_back_as_originals(world):
    values = {"text": "Ada", "multi_enum": '["option_1"]', "number": "1", "date_time": "2026-02-28"}
    answered = change(world, values).data["transfer_info"]["target_employment_change"]
    response = world.create_job_change(
        world.employment("active")["id"],
        {"original_employment_change": answered, **transfer_info(world, {"text": "Bob"})},
    )
    response.assert_ok()


def test_the_event_names_each_field_that_changed(world):
    change(world, {"text": "Ada", "number": "120"}).assert_ok()
    change(world, {"text": "Bob"}).assert_ok()
    assert [e["event"]["field_changes"] for e in world.events(UPDATED)] == [
        sorted([name_of(world, "text"), name_of(world, "number")]),
        [name_of(world, "text")],
    ]


# -- over time -------------------------------------------------------------------------------------------------------


def test_revoking_one_change_leaves_what_others_set(world):
    first = change(world, {"text": "Ada", "number": "120"}).data["job_change_id"]
    second = change(world, {"text": "Bob", "enum": "option_1"}).data["job_change_id"]
    assert stored(world) == {"text": "Bob", "number": "120.00", "enum": "option_1"}
    assert world.revoke(first).data["result"] is True
    assert stored(world) == {"text": "Bob", "enum": "option_1"}
    assert world.revoke(second).data["result"] is True
    assert stored(world) == {}


def test_revoking_the_later_change_restores_the_values_before_it(world):
    change(world, {"text": "Ada", "date": "2026-02-28"}).assert_ok()
    second = change(world, {"text": "Bob", "date": ""}).data["job_change_id"]
    assert stored(world) == {"text": "Bob"}
    assert world.revoke(second).data["result"] is True
    assert stored(world) == {"text": "Ada", "date": "2026-02-28"}


def test_a_change_that_waits_for_its_day_keeps_what_is_set_meanwhile(world):
    """Values are merged on the effective date, with those of that day."""
    flow = world.named["transfer_types"]["internal_transfer"]["flow_id"]
    change(world, {"text": "Ada", "number": "1"}).assert_ok()
    body = {"transfer_mode": 2, "flow_id": flow, "effective_date": "2026-02-01"}
    waiting = change(world, {"text": "Bob"}, **body).data
    world.approve(waiting["process_id"])
    later = change(world, {"number": "2"}, effective_date="2026-02-01")
    later.assert_ok()
    assert stored(world) == {"text": "Ada", "number": "1.00"}
    world.advance(days=40)
    assert stored(world, on="2026-01-31") == {"text": "Ada", "number": "1.00"}
    assert stored(world, on="2026-02-01") == {"text": "Bob", "number": "2.00"}
    assert world.revoke(waiting["job_change_id"]).data["result"] is True
    assert stored(world, on="2026-02-01") == {"text": "Ada", "number": "2.00"}


# -- options, calendars and numbers ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "allowed"),
    [("work_shift", "work_shift"), ("compensation_type", "hourly"), ("compensation_type", "daily")],
)
def test_an_option_that_the_field_does_not_have_is_refused(world, field, allowed):
    active = world.employment("active")["id"]
    before = world.fingerprint()
    response = world.create_job_change(active, {f"target_{field}": "foo"})
    assert_invalid(world, response, f"transfer_info.target_{field}", f"{field}_is_unknown")
    assert world.fingerprint() == before
    world.create_job_change(active, {f"target_{field}": allowed}).assert_ok()
    assert world.job_data(active, world.today())[field]["enum_name"] == allowed
    assert world.job_data(active, world.today())[field]["display"][0]["value"] != allowed


def test_a_company_may_have_options_of_its_own(world):
    active = world.employment("active")["id"]
    own = FieldDefinition("compensation_type", FieldType.OPTION, options=("salary", "weekly"))
    world.in_transaction(lambda tx: definitions.create(tx, job_datas.FORM, own, "薪资类型", "Compensation type"))
    response = world.create_job_change(active, {"target_compensation_type": "hourly"})
    assert_invalid(world, response, "transfer_info.target_compensation_type", "compensation_type_is_unknown")
    world.create_job_change(active, {"target_compensation_type": "weekly"}).assert_ok()


def test_a_work_calendar_must_be_one_in_force(world):
    active, calendars = world.employment("active")["id"], world.named["work_calendars"]
    for id in ("7999999999999999999", "foo", calendars["disabled"]["id"]):
        response = world.create_job_change(active, {"target_working_calendar": id})
        assert_invalid(
            world, response, "transfer_info.target_working_calendar", "target_working_calendar_is_unknown_or_disabled"
        )
    assert world.create_job_change(active, {"target_working_calendar": calendars["standard"]["id"]}).code == 1160601
    world.create_job_change(active, {"target_working_calendar": calendars["other"]["id"]}).assert_ok()


def test_an_employee_number_has_digits_and_letters(world):
    for number in ("E-7", "7 7", "工7", "x\n"):
        body = world.job_change_body(
            world.employment("active")["id"], {"target_employment_change": {"employee_number": number}}
        )
        response = world.call("POST", CREATE_JOB_CHANGE_PATH, body, user_id_type="people_corehr_id")
        assert response.code == 99992402, number
        [violation] = response.json["error"]["field_violations"]
        assert violation["field"] == "transfer_info.target_employment_change.employee_number"
    change_info = {"target_employment_change": {"employee_number": "E7"}}
    world.create_job_change(world.employment("active")["id"], change_info).assert_ok()
