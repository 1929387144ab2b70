"""Races of commands on job changes, offboardings and pre-hires, a hundred times each, with one outcome every time."""

from tests.hr.offboardings.offboarding_calls import (
    EDIT,
    REVOKE,
    create_offboarding,
    day_from_today,
    record,
    update_data,
)
from tests.hr.pre_hires import pre_hire_calls
from tests.world import COREHR_ID_TYPES, CREATE_JOB_CHANGE_PATH

ROUNDS = 100


def revoke_call(id):
    return "POST", REVOKE, {"offboarding_id": id}


def change_date_call(world, id):
    return (
        "POST",
        EDIT,
        {"offboarding_id": id, "update_data": update_data({"offboarding_date": day_from_today(world, 20)})},
    )


def hire_with_offboardings(world):
    return [
        (employment["id"], create_offboarding(world, employment["id"], day_from_today(world, 30)))
        for employment in world.hire(ROUNDS)
    ]


def test_twenty_revokes_of_one_offboarding(world):
    for _, id in hire_with_offboardings(world):
        codes = sorted(response.code for response in world.concurrently([revoke_call(id)] * 20))
        assert codes[0] == 0
        assert set(codes[1:]) <= {1160202, 1160204}


def test_twenty_withdrawals_of_one_pre_hire(world):
    for _ in range(ROUNDS):
        id = pre_hire_calls.create_pre_hire(world)
        codes = sorted(response.code for response in world.concurrently([pre_hire_calls.withdraw_call(id)] * 20))
        assert codes[0] == 0
        assert set(codes[1:]) <= {1161116, 1161129}


def test_an_edit_racing_a_revoke(world):
    for _, id in hire_with_offboardings(world):
        edited, revoked = world.concurrently([change_date_call(world, id), revoke_call(id)])
        assert revoked.code == 0
        assert edited.code in (0, 1160623)
        row = record(world, id)
        assert row["status"] == "Withdrawn"
        assert (row["offboarding_date"] == day_from_today(world, 20)) is (edited.code == 0)


def test_a_job_change_racing_an_edit(world):
    info = {"target_department": world.named["departments"]["other"]["id"]}
    for employment_id, id in hire_with_offboardings(world):
        change = "POST", CREATE_JOB_CHANGE_PATH, world.job_change_body(employment_id, info), COREHR_ID_TYPES
        changed, edited = world.concurrently([change, change_date_call(world, id)])
        assert (changed.code, edited.code) == (1160201, 0)


def test_a_job_change_racing_a_revoke(world):
    info = {"target_department": world.named["departments"]["other"]["id"]}
    for employment_id, id in hire_with_offboardings(world):
        change = "POST", CREATE_JOB_CHANGE_PATH, world.job_change_body(employment_id, info), COREHR_ID_TYPES
        changed, revoked = world.concurrently([change, revoke_call(id)])
        assert (changed.code in (0, 1160201), revoked.code) == (True, 0)
