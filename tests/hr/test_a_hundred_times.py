"""The races of the five operations, a hundred times each: one documented outcome every time."""

from tests.hr.offboardings.leavers import EDIT, REVOKE, day, leaving, pairs, record
from tests.hr.pre_hires import newcomers
from tests.world import CORE_IDS, CREATE

ROUNDS = 100


def revoking(id):
    return "POST", REVOKE, {"offboarding_id": id}


def moving_the_last_day(world, id):
    return "POST", EDIT, {"offboarding_id": id, "update_data": pairs({"offboarding_date": day(world, 20)})}


def leavers(world):
    return [(p["id"], leaving(world, p["id"], day(world, 30))) for p in world.hire(ROUNDS)]


def test_twenty_revokes_of_one_offboarding(world):
    for _, id in leavers(world):
        codes = sorted(a.code for a in world.together([revoking(id)] * 20))
        assert codes[0] == 0
        assert set(codes[1:]) <= {1160202, 1160204}


def test_twenty_withdrawals_of_one_pre_hire(world):
    for _ in range(ROUNDS):
        id = newcomers.expect(world)
        codes = sorted(a.code for a in world.together([newcomers.asking(id)] * 20))
        assert codes[0] == 0
        assert set(codes[1:]) <= {1161116, 1161129}


def test_an_edit_racing_a_revoke(world):
    for _, id in leavers(world):
        edited, revoked = world.together([moving_the_last_day(world, id), revoking(id)])
        assert revoked.code == 0
        assert edited.code in (0, 1160623)
        row = record(world, id)
        assert row["status"] == "Withdrawn"
        assert (row["offboarding_date"] == day(world, 20)) is (edited.code == 0)


def test_a_job_change_racing_an_edit(world):
    info = {"target_department": world.names["departments"]["other"]["id"]}
    for person, id in leavers(world):
        change = "POST", CREATE, world.asking(person, info), CORE_IDS
        changed, edited = world.together([change, moving_the_last_day(world, id)])
        assert (changed.code, edited.code) == (1160201, 0)


def test_a_job_change_racing_a_revoke(world):
    info = {"target_department": world.names["departments"]["other"]["id"]}
    for person, id in leavers(world):
        change = "POST", CREATE, world.asking(person, info), CORE_IDS
        changed, revoked = world.together([change, revoking(id)])
        assert (changed.code in (0, 1160201), revoked.code) == (True, 0)
