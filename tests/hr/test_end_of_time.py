"""The last day of the calendar is a day like the one before, in every operation that takes a date."""

import pytest

from tests.world import World

pytestmark = pytest.mark.parametrize("day", ["9999-12-30", "9999-12-31"])


def test_a_job_change_on_that_day(world: World, day: str) -> None:
    person, department = world.employment("active")["id"], world.named["departments"]["other"]["id"]
    before = world.job_data(person, day)
    targets = {"target_department": department, "target_direct_manager": world.employment("top")["id"]}
    world.create_job_change(person, targets, effective_date=day).assert_ok()
    assert before["department_id"] == world.job_data(person, "2026-01-06")["department_id"] != department
    assert before["expiration_time"] == "9999-12-31 00:00:00"


def test_a_contract_that_ends_on_that_day(world: World, day: str) -> None:
    person = world.hire()[0]["id"]
    world.create_job_change(
        person,
        {"target_department": world.named["departments"]["other"]["id"], "target_contract_end_date": day},
    ).assert_ok()
    renewal = {
        "target_department": world.named["departments"]["root"]["id"],
        "original_contract_end_date": day,
        "target_contract_start_date": "2031-01-01",
        "target_contract_end_date": "2032-01-01",
    }
    world.create_job_change(person, renewal).assert_ok()
