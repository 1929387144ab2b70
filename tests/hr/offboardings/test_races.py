"""Concurrent requests on one offboarding: one wins, the others get a documented response, nothing happens twice."""

import pytest

from tests.hr.offboardings.offboarding_calls import (
    EDIT,
    REVOKE,
    create_offboarding,
    day_from_today,
    employment_record,
    event_statuses,
    fact_of,
    record,
    update_data,
)
from tests.world import COREHR_ID_TYPES, CREATE_JOB_CHANGE_PATH

OPERATION = "v2.offboarding.revoke"


def revoke_call(id):
    return "POST", REVOKE, {"offboarding_id": id}


def edit_call(id, **fields):
    return "POST", EDIT, {"offboarding_id": id, "update_data": update_data(fields)}


def job_change_call(world, employment_id):
    info = {"target_department": world.named["departments"]["other"]["id"]}
    return "POST", CREATE_JOB_CHANGE_PATH, world.job_change_body(employment_id, info), COREHR_ID_TYPES


def delay_next(world, operation=OPERATION):
    """Delay the next call of the operation by 200 ms while it holds its locks."""
    world.sandbox("PUT", "faults", [{"operation": operation, "latency_ms": 200, "times": 1}])


@pytest.mark.parametrize("name", ["Approving", "Approved", "NoNeedApproval", "Offboarded"])
def test_one_of_twenty_concurrent_revokes_succeeds(world, name):
    id = fact_of(world, name)
    responses = world.concurrently([revoke_call(id)] * 20)
    codes = sorted(response.code for response in responses)
    assert codes.count(0) == 1
    assert set(codes) <= {0, 1160204, 1160202}
    assert {response.status for response in responses if response.code} == {400}
    assert event_statuses(world, id).count(5) == 1
    assert record(world, id)["status"] == "Withdrawn"


def test_a_concurrent_revoke_is_refused_at_once(world):
    id = fact_of(world, "Approved")
    delay_next(world)
    first, second = world.concurrently([revoke_call(id)] * 2)
    assert (first.code, second.error()) == (0, (400, 1160204, "can not been withrawn in the same time"))
    third = world.call(*revoke_call(id))
    assert third.code == 1160202


def test_different_offboardings_are_revoked_at_once(world):
    delay_next(world)
    responses = world.concurrently(
        [revoke_call(fact_of(world, name)) for name in ("Approved", "NoNeedApproval", "Approving")]
    )
    assert [response.code for response in responses] == [0, 0, 0]


def test_a_refused_revoke_releases_the_offboarding(world):
    id = fact_of(world, "Approved")
    refused = world.call("POST", REVOKE, {"offboarding_id": id, "operator_id": "1"})
    assert refused.code == 1160102
    assert world.call(*revoke_call(id)).code == 0


def test_an_edit_and_a_revoke_have_one_order(world):
    """The edit is before the revoke and counts, or after it and is refused."""
    for person in world.hire(6):
        id = create_offboarding(world, person["id"], day_from_today(world, 30))
        edited, revoked = world.concurrently(
            [edit_call(id, offboarding_date=day_from_today(world, 20)), revoke_call(id)]
        )
        assert (revoked.code, edited.code in (0, 1160623)) == (0, True)
        row = record(world, id)
        assert row["status"] == "Withdrawn"
        assert (row["offboarding_date"] == day_from_today(world, 20)) is (edited.code == 0)
        assert employment_record(world, person["id"])["end_date"] is None


def test_an_edit_and_a_job_change_have_one_outcome(world):
    """In either order the change is refused because of the offboarding, and the last day is the edited one."""
    for person in world.hire(6):
        id = create_offboarding(world, person["id"], day_from_today(world, 30))
        edited, changed = world.concurrently(
            [edit_call(id, offboarding_date=day_from_today(world, 20)), job_change_call(world, person["id"])]
        )
        assert (edited.code, changed.code) == (0, 1160201)
        assert employment_record(world, person["id"])["end_date"] == day_from_today(world, 20)


def test_a_revoke_and_a_job_change_have_one_order(world):
    """The change is before the revoke and refused, or after it and happens."""
    for person in world.hire(6):
        id = create_offboarding(world, person["id"], day_from_today(world, 30))
        revoked, changed = world.concurrently([revoke_call(id), job_change_call(world, person["id"])])
        assert (revoked.code, changed.code in (0, 1160201)) == (0, True)
        department = world.job_data(person["id"], world.today())["department_id"]
        assert (department == world.named["departments"]["other"]["id"]) is (changed.code == 0)


def test_an_approval_and_a_revoke_have_one_order(world):
    """The last approver is before the revoke, or finds the process recalled."""
    id, process = fact_of(world, "Approving"), fact_of(world, "Approving", "process_id")
    (task,) = world.pending_tasks(process)
    world.answer_task(process, task["approver_id"], 3)
    (task,) = world.pending_tasks(process)
    path = f"/open-apis/corehr/v2/processes/{process}/approvers/{task['approver_id']}"
    approved, revoked = world.concurrently([("PUT", path, {"status": 3, "system_approval": True}), revoke_call(id)])
    assert revoked.code == 0
    status = world.sandbox("GET", f"records/processes/{process}")["status"]
    assert (approved.code, status) in ((0, 8), (1161005, 4))
    assert event_statuses(world, id) == ([2, 5] if approved.code == 0 else [5])
    assert employment_record(world, fact_of(world, "Approving", "employment_id"))["end_date"] is None


def test_many_edits_of_one_offboarding_all_count(world):
    id = fact_of(world, "Approved")
    fields = ("reason_explanation", "employee_reason_explanation")
    calls = [edit_call(id, **{fields[n % 2]: f"edit {n}"}) for n in range(20)]
    assert {response.code for response in world.concurrently(calls)} == {0}
    info = record(world, id)["info"]
    assert all(info[name].startswith("edit ") for name in fields)
