"""Editing the form of an offboarding: emptied fields, unchanged fields, and what the response tells."""

import pytest

from corehr.engines.custom_fields import FieldDefinition, FieldType, Value
from corehr.hr.basic_data import custom_fields
from corehr.hr.employees.employments import records as employments
from corehr.hr.offboardings import records
from corehr.hr.offboardings.records import Status
from corehr.hr.organization.companies import COMPANY
from corehr.hr.organization.locations import LOCATION
from tests.hr.offboardings.offboarding_calls import (
    UPDATED,
    create_offboarding,
    day_from_today,
    edit,
    edit_ok,
    fact_of,
    field,
    last_update_event,
    record,
    revoke,
)

BLOCKED = {"add_block_list": "true", "block_reason": "dishonesty", "block_reason_explanation": "took the till"}


def noncompete(world):
    return {
        "enforce_noncompete_agreement": "true",
        "noncompete_agreement_company": world.named["companies"]["active"]["id"],
        "noncompete_agreement_start_date": "2026-03-01",
        "noncompete_agreement_end_date": "2027-03-01",
    }


def values_of_every_kind(world):
    person = world.employment("active")["id"]
    values = {
        "text": "another company",
        "multi_line": "keys\nbadge",
        "bool": "true",
        "number": "2334.00",
        "enum": "option_1",
        "multi_enum": '["option_1","option_2"]',
        "date": "2026-02-01",
        "date_time": "2026-02-01 10:30:00",
        "person": person,
        "people": f'["{person}"]',
        "company": world.named["companies"]["active"]["id"],
        "url": "https://example.com/handover",
    }
    return {field(world, name): value for name, value in values.items()}


def form_of(world, id):
    """Return every field of the form that has a value, as a client sends it back."""
    row = record(world, id)
    return {**row["info"], "offboarding_date": row["offboarding_date"]}


def assert_changes_nothing(world, id, fields):
    """Send fields with their present values: the request succeeds and changes nothing but the clock's time."""
    before, events = record(world, id), len(world.all_events(UPDATED))
    assert edit(world, id, fields).code == 0
    assert record(world, id) == before
    assert len(world.all_events(UPDATED)) == events


# -- emptied fields ----------------------------------------------------------------------------------------------


def test_the_empty_text_empties_a_field_of_any_kind(world):
    id, values = fact_of(world, "Approved"), values_of_every_kind(world)
    edit_ok(world, id, values)
    row = edit_ok(world, id, dict.fromkeys(values, ""))
    assert row["info"].keys().isdisjoint(values)
    assert last_update_event(world, id)["updated_fields"] == sorted(values)
    assert_changes_nothing(world, id, dict.fromkeys(values, ""))


def test_the_empty_list_empties_a_field_of_several(world):
    id, values = fact_of(world, "Approved"), values_of_every_kind(world)
    lists = dict.fromkeys((field(world, "multi_enum"), field(world, "people")), "[]")
    edit_ok(world, id, values)
    row = edit_ok(world, id, lists, stored=dict.fromkeys(lists, ""))
    assert row["info"].keys() & values.keys() == values.keys() - lists.keys()
    assert last_update_event(world, id)["updated_fields"] == sorted(lists)


@pytest.mark.parametrize("off", ["false", ""])
def test_off_the_block_list_there_is_no_reason(world, off):
    id = fact_of(world, "Approved")
    edit_ok(world, id, BLOCKED)
    row = edit_ok(world, id, {"add_block_list": off})
    assert {name: value for name, value in row["info"].items() if "block" in name} == (
        {"add_block_list": "false"} if off else {}
    )
    assert last_update_event(world, id)["updated_fields"] == sorted(BLOCKED)
    edit_ok(world, id, BLOCKED)


@pytest.mark.parametrize("off", ["false", ""])
def test_without_the_agreement_there_is_no_company_and_no_period(world, off):
    id, agreement = fact_of(world, "Approved"), noncompete(world)
    edit_ok(world, id, agreement)
    row = edit_ok(world, id, {"enforce_noncompete_agreement": off, "noncompete_agreement_company": ""})
    assert {name for name in row["info"] if "noncompete" in name} == (
        {"enforce_noncompete_agreement"} if off else set()
    )
    assert last_update_event(world, id)["updated_fields"] == sorted(agreement)


def test_an_approved_change_that_switches_a_flag_off_empties_its_dependants(world):
    id, process = fact_of(world, "under_modification"), fact_of(world, "under_modification", "approval_process_id")

    def propose(tx):
        offboarding = records.get_existing(tx, id)
        blocked: dict[str, Value] = {"add_block_list": True, "block_reason": "other"}
        records.propose(tx, records.edit(tx, offboarding, blocked, None), {"add_block_list": False})

    world.in_transaction(propose)
    world.approve(process)
    assert record(world, id)["info"]["add_block_list"] == "false"
    assert "block_reason" not in record(world, id)["info"]


# -- unchanged fields --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "Offboarded",
        "approving_change",
        "contract_closed",
        "contract_ended",
        "contract_future",
        "contract_starts_later",
        "department_disabled",
        "fixed_term",
        "probation_later",
    ],
)
def test_the_whole_form_sent_back_changes_nothing_whatever_a_rule_would_say_of_its_last_day(world, name):
    id = fact_of(world, name)
    assert_changes_nothing(world, id, form_of(world, id))


def test_the_whole_form_after_leaving_with_one_field_changed(world):
    id = fact_of(world, "Offboarded")
    form = form_of(world, id) | {"reason": "other"}
    edit_ok(world, id, form)
    assert last_update_event(world, id)["updated_fields"] == ["reason"]
    moved = form | {"offboarding_date": day_from_today(world, -34)}
    assert edit(world, id, moved).code == 1160631


def test_values_that_the_form_no_longer_takes_are_sent_back(world):
    """An option that is gone, a text that is too long by now, a company disabled since, a person who has left."""
    company, person = world.named["companies"]["active"]["id"], world.employment("active")["id"]
    info = {
        "reason": "reason_of_last_year",
        "employee_reason": "",
        "noncompete_agreement_company": company,
        field(world, "text"): "x" * 300,
        field(world, "multi_enum"): ["option_0", "option_1"],
        field(world, "people"): [person],
    }
    id = create_offboarding(world, world.employment("active_2")["id"], day_from_today(world, 9), info=info)
    world.in_transaction(lambda tx: COMPANY.amend(tx, company, "2026-01-01", {"active": False}))
    world.in_transaction(lambda tx: employments.set_end_date(tx, person, "2026-01-01"))
    assert_changes_nothing(world, id, form_of(world, id))
    multi_enum = field(world, "multi_enum")
    assert edit(world, id, {multi_enum: '["option_00", "option_1"]'}).code == 1160619
    edit_ok(world, id, {multi_enum: '["option_0","option_2"]'})  # what it has may stay when another is chosen
    assert edit(world, id, {field(world, "company"): company}).code == 1160304


def test_people_who_are_added_to_a_list_are_checked_and_those_on_it_are_not(world):
    one, two = world.employment("active")["id"], world.employment("active_2")["id"]
    people = field(world, "people")
    id = create_offboarding(world, one, day_from_today(world, 9), info={people: ["7999999999999999999"]})
    edit_ok(world, id, {people: f'["7999999999999999999","{two}"]'})
    assert edit(world, id, {people: '["7999999999999999999","7999999999999999998"]'}).code == 1160636


def test_a_contradiction_that_was_stored_is_no_reason_to_refuse_other_fields(world):
    info = {"add_block_list": True, "enforce_noncompete_agreement": True}
    id = create_offboarding(world, world.employment("active")["id"], day_from_today(world, 9), info=info)
    edit_ok(world, id, {"add_block_list": "true", "enforce_noncompete_agreement": "true", "reason": "other"})
    assert edit(world, id, {"block_reason_explanation": "took the till"}).code == 1160710


def test_an_empty_attachment_is_none_and_a_locked_field_is_refused_with_any_value(world):
    id = fact_of(world, "Approved")
    assert_changes_nothing(world, id, {"signature_file": "", field(world, "attachment"): ""})
    assert edit(world, id, {"status": record(world, id)["status"]}).code == 1160623


# -- the response ------------------------------------------------------------------------------------------------


def test_the_response_has_what_is_stored_under_the_names_that_were_sent(world):
    id, number, several, time = (
        fact_of(world, "Approved"),
        *(field(world, n) for n in ("number", "multi_enum", "date_time")),
    )
    sent = {
        "reason_for_offboarding": "other",
        "offboarding_date": "2026-02-01",
        "apply_finish_time": "2026-01-03",
        "retain_account": "true",
        number: "-0",
        several: ' ["option_2", "option_1", "option_2"] ',
        time: "2026-02-01",
        field(world, "text"): "",
    }
    stored = sent | {
        "apply_finish_time": "2026-01-03 00:00:00",
        number: "0.00",
        several: '["option_2","option_1"]',
        time: "2026-02-01 00:00:00",
    }
    row = edit_ok(world, id, sent, stored=stored)
    assert (
        row["info"].items() >= {"reason": "other", **{name: stored[name] for name in (number, several, time)}}.items()
    )
    edit_ok(world, id, sent, stored=stored)


# -- the operator, where they work -------------------------------------------------------------------------------


def move_to(world, person, zone):
    """Make the person work in a city of this time zone."""

    def create_city(tx):
        id = tx.new_id()
        LOCATION.create(tx, id, "2020-01-01", {"name": {"en-US": zone}, "usages": ["business_site"], "zone": zone})
        return id

    city = world.in_transaction(create_city)
    world.create_job_change(person, {"target_work_location": city}).assert_ok()


@pytest.mark.parametrize(
    ("zone", "last_minute"),
    [("Europe/London", "2026-01-11T07:59:00+08:00"), ("Pacific/Auckland", "2026-01-10T18:59:00+08:00")],
)
def test_an_operator_is_employed_until_the_last_day_is_over_where_they_work(world, zone, last_minute):
    operator, id = world.hire()[0]["id"], fact_of(world, "Approved")
    move_to(world, operator, zone)
    create_offboarding(world, operator, "2026-01-10", Status.APPROVED)
    world.sandbox("PUT", "clock", {"now": last_minute})
    edit_ok(world, id, {"reason": "other"}, operator=operator)
    world.advance(minutes=2)
    assert edit(world, id, {"reason": "voluntary"}, operator=operator).code == 1160624
    assert revoke(world, id, operator=operator).code == 1160102


def test_an_operator_is_employed_from_the_onboarding_date_on(world):
    operator, id = world.employment("future_hire"), fact_of(world, "Approved")
    world.sandbox("PUT", "clock", {"now": f"{operator['onboarding_date']}T00:01:00+08:00"})
    edit_ok(world, id, {"last_attendance_date": "2026-02-04"}, operator=operator["id"])


# -- the end of time ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("day", ["9999-12-30", "9999-12-31"])
def test_the_last_day_of_all_is_a_day_like_others(world, day):
    """Of a person whose contract has no end, of one whose contract ends then, and of an agreement."""
    agreement = noncompete(world) | {"noncompete_agreement_end_date": day}
    id = fact_of(world, "Approved")
    edit_ok(world, id, {"offboarding_date": day, "expected_offboarding_date": day})
    edit_ok(world, id, {"offboarding_date": "2026-02-01"})
    edit_ok(world, id, agreement)
    world.in_transaction(lambda tx: COMPANY.create(tx, "7000000000000000001", day, {}))
    company = {field(world, "company"): "7000000000000000001"}
    assert edit(world, id, company).code == 1160304
    edit_ok(
        world, id, noncompete(world) | {"noncompete_agreement_start_date": day, "noncompete_agreement_end_date": day}
    )
    edit_ok(world, id, {"offboarding_date": day, **company})


def test_a_company_s_own_definition_may_make_a_field_mandatory(world):
    definition = FieldDefinition("last_attendance_date", FieldType.DATE, required=True)
    world.in_transaction(lambda tx: custom_fields.create(tx, records.FORM, definition, "最后出勤日", "Last attendance"))
    id = fact_of(world, "Approved")
    assert_changes_nothing(world, id, {"last_attendance_date": ""})
    edit_ok(world, id, {"last_attendance_date": "2026-02-01"})
    assert edit(world, id, {"last_attendance_date": ""}).code == 1160638
