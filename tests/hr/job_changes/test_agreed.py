"""A change that is agreed for the future is a fact about that day: for every rule, and for what a response tells."""

from datetime import date, timedelta
from typing import Any

import pytest

from tests.world import World


def in_days(world: World, days: int) -> str:
    return (date.fromisoformat(world.today()) + timedelta(days=days)).isoformat()


def move(world: World, employment_id: str, department: str, days: int, **info: Any) -> Any:
    """Create a direct change to a named department, effective in some days."""
    target = {"target_department": world.named["departments"][department]["id"]}
    return world.create_job_change(employment_id, target | info, effective_date=in_days(world, days))


def revoke(world: World, response: Any) -> None:
    assert world.revoke(response.data["job_change_id"]).data["result"] is True


def status_of(world: World, response: Any) -> str:
    return str(world.sandbox("GET", f"records/job_changes/{response.data['job_change_id']}")["status"])


def department_on(world: World, employment_id: str, day: str) -> str:
    return str(world.job_data(employment_id, day)["department_id"])


@pytest.fixture
def person(world: World) -> Any:
    [hired] = world.hire(1)
    return hired


@pytest.fixture
def home(world: World, person: Any) -> str:
    return department_on(world, person["id"], world.today())


def test_back_after_an_agreed_move_is_a_change(world, person, home):
    move(world, person["id"], "other", 10).assert_ok()
    back = world.create_job_change(person["id"], {"target_department": home}, effective_date=in_days(world, 20))
    assert back.data["transfer_info"]["original_department"] == world.named["departments"]["other"]["id"]
    world.advance(days=21)
    assert department_on(world, person["id"], in_days(world, -5)) == world.named["departments"]["other"]["id"]
    assert department_on(world, person["id"], world.today()) == home


def test_to_where_an_agreed_move_leads_is_no_change(world, person):
    move(world, person["id"], "other", 10).assert_ok()
    before = world.fingerprint()
    assert move(world, person["id"], "other", 20).code == 1160601
    assert world.fingerprint() == before


def test_an_original_is_that_of_the_effective_date(world, person, home):
    move(world, person["id"], "other", 10).assert_ok()
    other = world.named["departments"]["other"]["id"]
    assert move(world, person["id"], "active", 20, original_department=home).code == 1160700
    move(world, person["id"], "active", 20, original_department=other).assert_ok()


def test_queries_answer_what_has_taken_effect(world, person, home):
    move(world, person["id"], "other", 10).assert_ok()
    assert department_on(world, person["id"], in_days(world, 15)) == home


def test_after_the_first_is_revoked_the_second_still_gives_its_values(world, person, home):
    first = move(world, person["id"], "other", 10)
    back = world.create_job_change(
        person["id"],
        {"target_department": home, "target_weekly_working_hours": "33"},
        effective_date=in_days(world, 20),
    )
    revoke(world, first)
    world.advance(days=21)
    assert status_of(world, back) == "Transformed"
    assert department_on(world, person["id"], world.today()) == home


def test_a_change_that_fits_no_more_is_cancelled_when_its_day_comes(world, person):
    """The level fits the family of the first change only; without it the second cannot take effect."""
    family, level = world.named["job_families"]["active"], world.named["job_levels"]["other"]
    compatible_family = world.named["job_families"]["other"]["id"]
    current = world.job_data(person["id"], world.today())
    assert current["job_family_id"] != compatible_family
    to_family = world.create_job_change(
        person["id"],
        {"target_job_family": family["id"], "target_job_level": world.named["job_levels"]["active"]["id"]},
        effective_date=in_days(world, 5),
    )
    to_family.assert_ok()
    refused = world.create_job_change(
        person["id"], {"target_job_level": level["id"]}, effective_date=in_days(world, 20)
    )
    assert refused.code == 1163010  # the agreed family has no pathway in common with the level
    first = world.create_job_change(
        person["id"], {"target_job_family": compatible_family}, effective_date=in_days(world, 10)
    )
    second = world.create_job_change(person["id"], {"target_job_level": level["id"]}, effective_date=in_days(world, 20))
    second.assert_ok()
    revoke(world, first)
    world.advance(days=21)
    assert status_of(world, second) == "Cancelled"
    assert world.job_data(person["id"], world.today())["job_level_id"] == world.named["job_levels"]["active"]["id"]
    last = world.all_events("corehr.job_change.status_updated_v2")[-1]["event"]
    assert (last["job_change_id"], last["status"]) == (second.data["job_change_id"], 2)


def test_a_change_that_still_fits_takes_effect(world, person):
    level = world.named["job_levels"]["other"]["id"]
    compatible_family = world.named["job_families"]["other"]["id"]
    world.create_job_change(
        person["id"], {"target_job_family": compatible_family}, effective_date=in_days(world, 10)
    ).assert_ok()
    second = world.create_job_change(person["id"], {"target_job_level": level}, effective_date=in_days(world, 20))
    world.advance(days=21)
    assert status_of(world, second) == "Transformed"


def test_a_pathway_of_a_level_that_did_not_come_is_cancelled_when_its_day_comes(world, person):
    later, level = to_level_then_pathway(world, person)
    revoke(world, level)
    before = world.job_data(person["id"], world.today())["pathway_id"]
    world.advance(days=21)
    assert status_of(world, later) == "Cancelled"
    assert world.job_data(person["id"], world.today())["pathway_id"] == before


def test_a_pathway_of_a_level_that_came_takes_effect(world, person):
    later, _ = to_level_then_pathway(world, person)
    world.advance(days=21)
    assert status_of(world, later) == "Transformed"


def to_level_then_pathway(world: World, person: Any) -> tuple[Any, Any]:
    """Create a change of the pathway that waits for another level, and the change to that level."""
    levels, family = world.named["job_levels"], world.named["job_families"]["other"]["id"]
    info = {"target_job_family": family, "target_job_level": levels["active"]["id"]}
    world.create_job_change(person["id"], info).assert_ok()
    level = world.create_job_change(
        person["id"], {"target_job_level": levels["other"]["id"]}, effective_date=in_days(world, 10)
    )
    info = {"target_pathway": levels["other"]["pathway_ids"][0], "target_weekly_working_hours": "33"}
    return world.create_job_change(person["id"], info, effective_date=in_days(world, 20)), level


def test_what_follows_from_a_change_is_found_again_when_its_day_comes(world, person):
    """The pathway follows from the level that the second change gives again, since the first one is revoked."""
    family, level = world.named["job_families"]["other"]["id"], world.named["job_levels"]["other"]
    world.create_job_change(person["id"], {"target_job_family": family}).assert_ok()
    first = world.create_job_change(person["id"], {"target_job_level": level["id"]}, effective_date=in_days(world, 10))
    assert first.data["transfer_info"]["target_pathway"] == level["pathway_ids"][0]
    info = {"target_job_level": level["id"], "target_weekly_working_hours": "33"}
    second = world.create_job_change(person["id"], info, effective_date=in_days(world, 20))
    assert "target_pathway" not in second.data["transfer_info"]
    revoke(world, first)
    world.advance(days=21)
    record = world.sandbox("GET", f"records/job_changes/{second.data['job_change_id']}")
    assert (record["status"], record["targets"]["pathway_id"]) == ("Transformed", level["pathway_ids"][0])
    assert world.job_data(person["id"], world.today())["pathway_id"] == level["pathway_ids"][0]


def test_a_subtype_of_another_type_is_emptied_when_the_day_of_a_change_comes(world, person):
    employee_type = world.named["employee_types"]["other"]
    info = {"target_workforce_type": employee_type["id"], "target_employee_subtype": employee_type["subtype_ids"][0]}
    first = world.create_job_change(person["id"], info, effective_date=in_days(world, 10))
    info = {"target_workforce_type": employee_type["id"], "target_weekly_working_hours": "33"}
    world.create_job_change(person["id"], info, effective_date=in_days(world, 20)).assert_ok()
    revoke(world, first)
    world.advance(days=21)
    body = world.sandbox("GET", f"records/job_datas/{person['job_data_id']}")["version"]["body"]
    assert (body["employee_type_id"], body["employee_subtype_id"]) == (employee_type["id"], None)


def test_the_end_of_a_probation_that_is_over_sent_unchanged_begins_no_other(world, person):
    ends = in_days(world, 5)
    info = {"target_weekly_working_hours": "33", "target_probation_end_date": ends}
    world.create_job_change(person["id"], info).assert_ok()
    started = world.today()
    world.advance(days=10)
    info = {"target_weekly_working_hours": "34", "target_probation_end_date": ends}
    world.create_job_change(person["id"], info).assert_ok()
    assert probation_of(world, person)[-1] == {"probation_start_date": started, "probation_end_date": ends}
    info = {"target_weekly_working_hours": "35", "target_probation_end_date": in_days(world, 20)}
    world.create_job_change(person["id"], info).assert_ok()
    assert probation_of(world, person)[-1]["probation_start_date"] == world.today()


def probation_of(world: World, person: Any) -> list[Any]:
    found = world.sandbox("GET", f"records/employments/{person['id']}")["probation"]["versions"]
    return [version["body"] for version in found]


def test_an_agreed_contract_is_the_one_in_force_on_its_day(world, person):
    start, end = in_days(world, 10), in_days(world, 375)
    move(world, person["id"], "other", 10, target_contract_start_date=start, target_contract_end_date=end).assert_ok()
    later = {"target_contract_start_date": in_days(world, 376), "target_contract_end_date": in_days(world, 700)}
    assert move(world, person["id"], "active", 20, **later).code == 1165001
    later["target_contract_start_date"] = end
    assert move(world, person["id"], "active", 20, **later).data["transfer_info"]["original_contract_end_date"] == end


def test_an_agreed_move_into_another_time_zone_decides_where_the_next_day_begins(world, person):
    there = world.named["locations"]["work_city_ahead"]["id"]
    move(world, person["id"], "other", 10, target_work_location=there).assert_ok()
    second = move(world, person["id"], "active", 20)
    record = world.sandbox("GET", f"records/job_changes/{second.data['job_change_id']}")
    assert record["zone"] == "Pacific/Auckland"


# -- what belongs together -------------------------------------------------------------------------------------------


def test_a_subtype_of_another_type_is_refused_also_when_it_is_the_present_one(world, person):
    """The subtype is given and not different, but the type beside it is another."""
    current, other = world.job_data(person["id"], world.today()), world.named["employee_types"]["other"]
    info = {"target_workforce_type": other["id"], "target_employee_subtype": current["employee_subtype_id"]}
    before = world.fingerprint()
    assert world.create_job_change(person["id"], info).code == 1160308
    assert world.fingerprint() == before
    info["target_employee_subtype"] = other["subtype_ids"][0]
    world.create_job_change(person["id"], info).assert_ok()


def test_a_pathway_that_the_new_level_does_not_list_is_refused_also_when_it_is_the_present_one(world, person):
    current = world.job_data(person["id"], world.today())
    info = {
        "target_job_level": world.named["job_levels"]["other"]["id"],
        "target_job_family": world.named["job_families"]["other"]["id"],
        "target_pathway": current["pathway_id"],
    }
    assert world.create_job_change(person["id"], info).code == 99992402
    followed = world.create_job_change(person["id"], info | {"target_pathway": ""})
    assert followed.data["transfer_info"]["target_pathway"] != current["pathway_id"]


def test_a_change_that_names_neither_type_nor_subtype_leaves_them(world, person):
    """A waiting change of the subtype will be cancelled, since the change of the type before it was revoked."""
    other, subtype = world.named["employee_types"]["other"], world.job_data(person["id"], world.today())
    to_type = world.create_job_change(
        person["id"], {"target_workforce_type": other["id"]}, effective_date=in_days(world, 1)
    )
    world.create_job_change(
        person["id"], {"target_employee_subtype": other["subtype_ids"][1]}, effective_date=in_days(world, 3)
    ).assert_ok()
    revoke(world, to_type)
    moved = move(world, person["id"], "other", 4)
    assert "target_employee_subtype" not in moved.data["transfer_info"]
    world.advance(days=5)
    assert world.job_data(person["id"], world.today())["employee_subtype_id"] == subtype["employee_subtype_id"]


def test_a_probation_is_not_ended_alone(world):
    person = world.employment("on_probation")["id"]
    assert world.create_job_change(person, {"probation_exist": False}).code == 1160601
    move(world, person, "other", 0, probation_exist=False).assert_ok()


# -- headcount ------------------------------------------------------------------------------------------------------


def plan_of(world: World, department: str, value: int) -> None:
    from corehr.hr.workforce_plans import records as workforce_plans

    id = world.named["departments"][department]["id"]
    world.in_transaction(
        lambda tx: workforce_plans.create(tx, tx.new_id(), {"department_id": id}, value, "2000-01-01", "9999-12-31")
    )


def test_who_is_agreed_to_leave_a_department_frees_a_place_from_that_day_on(world):
    leaver, joiner = world.hire(2)
    move(world, leaver["id"], "other", 0).assert_ok()
    occupied = len(world.in_transaction(lambda tx: people_in(tx, world.named["departments"]["other"]["id"], world)))
    plan_of(world, "other", occupied)
    move(world, leaver["id"], "active", 10).assert_ok()
    assert move(world, joiner["id"], "other", 9).code == 1163012
    move(world, joiner["id"], "other", 10).assert_ok()


def test_who_is_agreed_to_join_holds_the_place_from_now_on(world):
    first, second = world.hire(2)
    occupied = len(world.in_transaction(lambda tx: people_in(tx, world.named["departments"]["other"]["id"], world)))
    plan_of(world, "other", occupied + 1)
    joining = move(world, first["id"], "other", 30)
    assert move(world, second["id"], "other", 5).code == 1163012
    revoke(world, joining)
    move(world, second["id"], "other", 5).assert_ok()


def test_who_is_agreed_to_join_and_to_leave_again_holds_the_place_in_between(world):
    """Also before either change has taken effect, when the employee is still elsewhere."""
    passing, joiner = world.hire(2)
    occupied = len(world.in_transaction(lambda tx: people_in(tx, world.named["departments"]["other"]["id"], world)))
    plan_of(world, "other", occupied + 1)
    move(world, passing["id"], "other", 10).assert_ok()
    move(world, passing["id"], "active", 20).assert_ok()
    for days in (5, 10, 19):
        assert move(world, joiner["id"], "other", days).code == 1163012
    move(world, joiner["id"], "other", 20).assert_ok()


def test_a_change_of_the_past_needs_a_place_today(world):
    """Who has joined since its effective date holds a place; who has left since then does not."""
    first, second = world.hire(2)
    occupied = len(world.in_transaction(lambda tx: people_in(tx, world.named["departments"]["other"]["id"], world)))
    plan_of(world, "other", occupied + 1)
    move(world, first["id"], "other", 0).assert_ok()
    assert move(world, second["id"], "other", -5).code == 1163012
    world.advance(days=5)
    move(world, first["id"], "active", 0).assert_ok()
    move(world, second["id"], "other", -2).assert_ok()


def test_a_new_job_inside_a_department_counts_against_its_plan(world, person, home):
    from corehr.hr.workforce_plans import records as workforce_plans

    job = world.named["jobs"]["other"]["id"]
    dimensions = {"department_id": home, "job_id": job}
    world.in_transaction(lambda tx: workforce_plans.create(tx, tx.new_id(), dimensions, 1, "2000-01-01", "9999-12-31"))
    [colleague] = world.hire(1)
    world.create_job_change(colleague["id"], {"target_job": job}, effective_date=in_days(world, 30)).assert_ok()
    to_job = {"target_job": job}
    assert world.create_job_change(person["id"], to_job, effective_date=in_days(world, 5)).code == 1163012
    world.create_job_change(
        person["id"], {"target_job": world.named["jobs"]["active"]["id"]}, effective_date=in_days(world, 5)
    ).assert_ok()


def people_in(tx: Any, department_id: str, world: World) -> Any:
    from corehr.hr.employees.job_datas import records as job_datas

    today = world.today()
    return range(job_datas.count_employments(tx, {"department_id": department_id}, today, ""))
