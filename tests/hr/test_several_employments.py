"""A person with several employments: rehired after leaving, or with two at the same time.

Every operation is about one employment, and what holds of one says nothing about the other.
"""

import pytest

from corehr.hr.employees.employments import records as employments
from corehr.hr.employees.job_datas import records as job_datas
from corehr.hr.processes import records as processes
from corehr.hr.workforce_plans import records as workforce_plans
from tests.hr.offboardings.offboarding_calls import (
    add_days,
    create_offboarding,
    day_from_today,
    edit,
    edit_ok,
    record,
    revoke,
    revoke_ok,
)
from tests.world import APP_ONE_DEPARTMENT, COREHR_ID_TYPES, CREATE_JOB_CHANGE_PATH, QUERY_JOB_DATA_PATH

FIRST_AND_SECOND = [("rehired_before", "rehired"), ("two_employments", "two_employments_second")]


def department(world, name="other"):
    return world.named["departments"][name]["id"]


def move(world, name, day=None, info=None, **more):
    info = info or {"target_department": department(world)}
    return world.create_job_change(world.employment(name)["id"], info, effective_date=day, **more)


def query(world, body, **more):
    return world.call("POST", QUERY_JOB_DATA_PATH, body, page_size=100, **(COREHR_ID_TYPES | more))


# -- ids and queries -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("first", "second"), FIRST_AND_SECOND)
@pytest.mark.parametrize("id_type", ["open_id", "union_id", "user_id"])
def test_each_employment_has_its_own_ids_and_job_data(world, first, second, id_type):
    names = (first, second)
    ids = [world.employment(name)[id_type] for name in names]

    items = query(world, {"employment_ids": ids}, user_id_type=id_type).data["items"]

    assert len(set(ids)) == 2
    found = {item["employment_id"]: item["job_datas"][0]["job_data_id"] for item in items}
    assert found == {world.employment(name)[id_type]: world.employment(name)["job_data_id"] for name in names}


def test_job_data_of_a_day_are_those_of_the_employments_that_have_begun_by_then(world):
    first, second = world.employment("rehired_before")["id"], world.employment("rehired")
    body = {"employment_ids": [first, second["id"]]}

    def found(day):
        return {item["employment_id"] for item in query(world, {**body, "data_date": day}).data["items"]}

    assert found(add_days(second["onboarding_date"], -1)) == {first}
    assert found(second["onboarding_date"]) == {first, second["id"]}


def test_an_app_sees_the_employment_in_its_data_range_and_not_the_other_one(world):
    """The app has the department of the second employment of `rehired`, and of the first of `two_employments`."""
    for inside, outside in (("rehired", "rehired_before"), ("two_employments", "two_employments_second")):
        codes = [
            query(world, {"employment_ids": [world.employment(name)["id"]]}, app=APP_ONE_DEPARTMENT).code
            for name in (inside, outside)
        ]
        assert codes == [0, 1160023]
        assert move(world, outside, app=APP_ONE_DEPARTMENT).code == 1160200
        move(world, inside, app=APP_ONE_DEPARTMENT).assert_ok()


# -- rehired -------------------------------------------------------------------------------------------------------


def test_the_offboarding_of_the_first_employment_does_not_concern_the_second(world):
    first = world.employment("rehired_before")

    assert move(world, "rehired_before", world.today()).code == 1160502
    assert move(world, "rehired", world.today()).data["status"] == 2
    assert edit(world, first["offboarding_id"], {"offboarding_date": world.today()}).code == 1160631
    id = create_offboarding(world, world.employment("rehired")["id"], day_from_today(world, 10))
    assert edit_ok(world, id, {"offboarding_date": day_from_today(world, 5)})["status"] == "NoNeedApproval"


def test_a_rehired_person_leaves_again_and_returns(world):
    first, second = world.employment("rehired_before"), world.employment("rehired")
    before = record(world, first["offboarding_id"])
    id = create_offboarding(world, second["id"], world.today())

    world.advance(days=1)
    assert record(world, id)["status"] == "Offboarded"
    resigned = [e["subject"] for e in world.events("corehr.employment.resigned_v1")]
    assert resigned[-1] == second["id"]
    assert revoke_ok(world, id)["status"] == "Withdrawn"
    ends = [world.sandbox("GET", f"records/employments/{e['id']}")["end_date"] for e in (first, second)]
    assert ends == [first["end_date"], None]
    assert record(world, first["offboarding_id"]) == before


def test_a_rehired_person_may_manage_by_the_second_employment_only(world):
    for wire, code in (("target_direct_manager", 1164001), ("target_dotted_manager", 1165000)):
        assert move(world, "active_2", info={wire: world.employment("rehired_before")["id"]}).code == code
        move(world, "active_2", info={wire: world.employment("rehired")["id"]}).assert_ok()


def test_an_operator_acts_by_the_employment_that_is_given(world):
    """The role of a process administrator is of an employment."""
    id = world.employment("two_employments")["id"]
    world.in_transaction(lambda tx: processes.grant_role(tx, id, processes.PROCESS_ADMINISTRATOR))
    flow = world.named["transfer_types"]["internal_transfer"]["flow_id"]
    job_change = move(world, "active", transfer_mode=2, flow_id=flow).data["job_change_id"]

    assert world.revoke(job_change, world.employment("two_employments_second")["id"]).data["result"] is False
    assert world.revoke(job_change, world.employment("two_employments")["id"]).data["result"] is True


# -- two at the same time ------------------------------------------------------------------------------------------


def test_leaving_one_of_two_employments_leaves_the_other_as_it_is(world):
    first, second = world.employment("two_employments"), world.employment("two_employments_second")
    create_offboarding(world, second["id"], world.today())

    assert move(world, "two_employments_second").code == 1160201
    move(world, "two_employments", day_from_today(world, 30)).assert_ok()
    world.advance(days=2)
    records = [world.sandbox("GET", f"records/employments/{e['id']}") for e in (first, second)]
    assert [r["version"]["body"].get("employment_status") for r in records] == [None, "terminated"]
    assert [r["end_date"] for r in records] == [None, "2026-01-05"]
    contracts = [world.sandbox("GET", f"records/contracts/{r['contract_ids'][0]}") for r in records]
    assert ["actual_end_date" in c["versions"][-1]["body"] for c in contracts] == [False, True]
    department_of_first = world.job_data(first["id"], day_from_today(world, 40))["department_id"]
    assert department_of_first == department(world, "home")


def test_a_job_change_of_one_employment_does_not_concern_the_other(world):
    in_20_days = day_from_today(world, 20)
    move(world, "two_employments_second", in_20_days).assert_ok()

    assert move(world, "two_employments_second", day_from_today(world, 10)).code == 1160202
    move(world, "two_employments", day_from_today(world, 10)).assert_ok()
    id = create_offboarding(world, world.employment("two_employments")["id"], day_from_today(world, 60))
    edit_ok(world, id, {"offboarding_date": day_from_today(world, 15)})


def test_a_user_id_names_one_employment(world):
    """The rules are those of the employment whose `user_id` is given."""
    user_ids = {name: world.employment(name)["user_id"] for name in ("rehired_before", "rehired")}

    for name, code in (("rehired_before", 1160502), ("rehired", 0)):
        body = world.job_change_body(user_ids[name], {"target_job": world.named["jobs"]["active"]["id"]})
        assert world.call("POST", CREATE_JOB_CHANGE_PATH, body, user_id_type="user_id").code == code


# -- headcount -----------------------------------------------------------------------------------------------------


def test_a_rehired_person_takes_one_place_and_two_employments_take_two(world):
    """The ended employment of a rehired person has given its place back."""
    team = department(world)
    names = ("rehired_before", "rehired", "two_employments", "two_employments_second")

    def assign_all(tx):
        for name in names:
            employment = employments.get_existing(tx, world.employment(name)["id"])
            patch = {"department_id": team}
            job_datas.append(
                tx, employment.job_data_id, employment.id, employment.onboarding_date, patch, ("import", employment.id)
            )

    def places_on(day):
        return world.in_transaction(lambda tx: job_datas.count_employments(tx, {"department_id": team}, day, ""))

    today, last_day = world.today(), world.employment("rehired_before")["end_date"]
    before = [places_on(day) for day in (last_day, add_days(last_day, 1), today)]
    world.in_transaction(assign_all)
    after = [places_on(day) for day in (last_day, add_days(last_day, 1), today)]
    assert [b - a for a, b in zip(before, after, strict=True)] == [3, 2, 3]

    world.in_transaction(
        lambda tx: workforce_plans.create(
            tx, tx.new_id(), {"department_id": team}, after[-1] + 1, "2020-01-01", "9999-12-31"
        )
    )
    move(world, "active", info={"target_department": team}).assert_ok()
    assert move(world, "active_2", info={"target_department": team}).code == 1163012


def test_a_first_offboarding_that_is_revoked_reinstates_only_its_own_employment(world):
    """Both employments run then: no rule compares them, since there is no record of persons yet."""
    first, second = world.employment("rehired_before"), world.employment("rehired")
    second_before = world.sandbox("GET", f"records/employments/{second['id']}")

    assert revoke(world, first["offboarding_id"]).code == 0
    assert world.sandbox("GET", f"records/employments/{first['id']}")["end_date"] is None
    assert world.sandbox("GET", f"records/employments/{second['id']}") == second_before
