"""An offboarding is judged by the person as agreed on the last day, with every job change in effect by then."""

from typing import Any

from corehr.hr.organization.departments import DEPARTMENT
from tests.hr.offboardings.offboarding_calls import create_offboarding, day_from_today, edit
from tests.world import World


def leaver_with_agreed_move(world: World, **info: Any) -> str:
    """Return the id of an offboarding, in 30 days, of someone who moves to another department in 10 days."""
    [person] = world.hire(1)
    target = {"target_department": world.named["departments"]["other"]["id"]}
    world.create_job_change(person["id"], target | info, effective_date=day_from_today(world, 10)).assert_ok()
    return str(create_offboarding(world, person["id"], day_from_today(world, 30)))


def move_last_day(world: World, id: str, days: int) -> Any:
    return edit(world, id, {"offboarding_date": day_from_today(world, days)})


def test_the_agreed_contract_is_that_of_the_last_day(world):
    start, end = day_from_today(world, 10), day_from_today(world, 35)
    id = leaver_with_agreed_move(world, target_contract_start_date=start, target_contract_end_date=end)
    before = world.fingerprint()
    assert move_last_day(world, id, 36).code == 1160608
    assert world.fingerprint() == before
    move_last_day(world, id, 35).assert_ok()


def test_the_agreed_department_is_that_of_the_last_day(world):
    id, other = leaver_with_agreed_move(world), world.named["departments"]["other"]["id"]
    world.in_transaction(lambda tx: DEPARTMENT.amend(tx, other, day_from_today(world, 40), {"active": False}))
    assert move_last_day(world, id, 40).code == 1160300
    move_last_day(world, id, 39).assert_ok()
