"""Every rule and effect that is about today or the start of a day, where days begin before and after the company's.

The company's day is that of Shanghai. `works_behind` works in New York, where days begin 13 hours later, 12 in summer;
`works_ahead` works in Auckland, where they begin 5 hours earlier, 4 from April to September.
"""

from datetime import datetime, timedelta

import pytest

from corehr.hr.organization import departments, locations
from tests.hr.offboardings.offboarding_calls import create_offboarding, edit, edit_ok, record, revoke, revoke_ok
from tests.listener import listening
from tests.world import APP_ONE_DEPARTMENT, COREHR_ID_TYPES, QUERY_JOB_DATA_PATH

EMPLOYMENTS = ("works_behind", "works_ahead", "active")
CHANGED = "corehr.job_data.changed_v1"

MIDNIGHTS = [
    ("works_behind", "2026-01-06", "2026-01-06T13:00:00+08:00"),
    ("active", "2026-01-06", "2026-01-06T00:00:00+08:00"),
    ("works_ahead", "2026-01-06", "2026-01-05T19:00:00+08:00"),
    # the day of the change to summer time has 23 hours in New York
    ("works_behind", "2026-03-08", "2026-03-08T13:00:00+08:00"),
    ("works_behind", "2026-03-09", "2026-03-09T12:00:00+08:00"),
    # the day of the change from summer time has 25 hours in Auckland
    ("works_ahead", "2026-04-05", "2026-04-04T19:00:00+08:00"),
    ("works_ahead", "2026-04-06", "2026-04-05T20:00:00+08:00"),
]
"""When a day begins where the employee works."""


def at(world, instant, **offset):
    """Advance the clock to an instant."""
    world.sandbox("PUT", "clock", {"now": (datetime.fromisoformat(instant) + timedelta(**offset)).isoformat()})


def work_city(world, name):
    return world.named["locations"][name]["id"]


def other_department(world):
    return world.named["departments"]["other"]["id"]


def job(world):
    return world.named["jobs"]["active"]["id"]


def move(world, name, day, info=None, **more):
    """Create a direct job change of a named employment, to department `other` unless `info` is given."""
    info = info or {"target_department": other_department(world)}
    return world.create_job_change(world.employment(name)["id"], info, effective_date=day, **more)


def status_of(world, job_change):
    return world.sandbox("GET", f"records/job_changes/{job_change['job_change_id']}")["status"]


def query_today(world, name, **more):
    """Query the job data of a named employment without naming a day."""
    body = {"employment_ids": [world.employment(name)["id"]]}
    return world.call("POST", QUERY_JOB_DATA_PATH, body, page_size=10, **COREHR_ID_TYPES, **more)


def department_today(world, name):
    [item] = query_today(world, name).data["items"]
    return item["job_datas"][0]["department_id"]


def day_before(day):
    return (datetime.fromisoformat(day) - timedelta(days=1)).date().isoformat()


# -- job changes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "day", "midnight"), MIDNIGHTS)
def test_a_job_change_takes_effect_when_its_day_begins_where_the_employee_works(world, name, day, midnight):
    job_change = move(world, name, day).data
    assert job_change["status"] == 5

    at(world, midnight, seconds=-30)
    assert status_of(world, job_change) == "NoNeedApproval"
    assert department_today(world, name) == world.employment(name)["department"]
    at(world, midnight, seconds=1)
    assert status_of(world, job_change) == "Transformed"
    assert department_today(world, name) == other_department(world)
    [changed] = [e for e in world.events(CHANGED) if e["subject"] == job_change["job_change_id"]]
    assert int(changed["create_time"]) == datetime.fromisoformat(midnight).timestamp() * 1000


@pytest.mark.parametrize(
    ("name", "now", "today"),
    [
        ("works_behind", "2026-01-06T12:59:00+08:00", "2026-01-05"),
        ("works_behind", "2026-01-06T13:01:00+08:00", "2026-01-06"),
        ("active", "2026-01-06T12:59:00+08:00", "2026-01-06"),
        ("works_ahead", "2026-01-05T18:59:00+08:00", "2026-01-05"),
        ("works_ahead", "2026-01-05T19:01:00+08:00", "2026-01-06"),
        ("active", "2026-01-05T19:01:00+08:00", "2026-01-05"),
    ],
)
def test_a_job_change_of_today_where_the_employee_works_takes_effect_at_once(world, name, now, today):
    at(world, now)
    tomorrow = move(world, name, (datetime.fromisoformat(today) + timedelta(days=1)).date().isoformat()).data
    assert (tomorrow["status"], status_of(world, tomorrow)) == (5, "NoNeedApproval")
    world.revoke(tomorrow["job_change_id"]).assert_ok()

    assert move(world, name, today).data["status"] == 2
    assert department_today(world, name) == other_department(world)


def test_an_approved_job_change_waits_for_the_day_where_the_employee_works(world):
    flow = world.named["transfer_types"]["internal_transfer"]["flow_id"]
    job_change = move(world, "works_behind", "2026-01-05", transfer_mode=2, flow_id=flow).data

    world.approve(job_change["process_id"])
    assert status_of(world, job_change) == "Approved"
    at(world, "2026-01-05T13:00:01+08:00")
    assert status_of(world, job_change) == "Transformed"


@pytest.mark.parametrize(
    ("name", "to", "midnight", "next_midnight"),
    [
        ("works_behind", "work_city_ahead", "2026-01-08T13:00:00+08:00", "2026-01-10T19:00:00+08:00"),
        ("works_ahead", "work_city_behind", "2026-01-07T19:00:00+08:00", "2026-01-11T13:00:00+08:00"),
    ],
)
def test_a_move_begins_in_the_time_zone_before_it_and_the_next_change_in_the_new_one(
    world, name, to, midnight, next_midnight
):
    moved = move(world, name, "2026-01-08", {"target_work_location": work_city(world, to)}).data
    at(world, midnight, seconds=-30)
    assert status_of(world, moved) == "NoNeedApproval"
    at(world, midnight, seconds=1)
    assert status_of(world, moved) == "Transformed"
    [item] = query_today(world, name).data["items"]
    assert item["job_datas"][0]["work_location_id"] == work_city(world, to)

    changed = move(world, name, "2026-01-11").data
    at(world, next_midnight, seconds=-30)
    assert status_of(world, changed) == "NoNeedApproval"
    at(world, next_midnight, seconds=1)
    assert status_of(world, changed) == "Transformed"


def test_a_day_begins_in_a_time_zone_that_was_opened_later(world):
    """Nobody has worked in this time zone before; its days begin at 18:15 UTC."""

    def create(tx):
        id = tx.new_id()
        body = {"name": {"zh-CN": "加德满都"}, "usages": ["business_site"], "zone": "Asia/Kathmandu"}
        locations.create(tx, id, "2020-01-01", body)
        return id

    location = world.in_transaction(create)
    assert move(world, "active", world.today(), {"target_work_location": location}).data["status"] == 2
    job_change = move(world, "active", "2026-01-06").data
    at(world, "2026-01-06T02:14:30+08:00")
    assert status_of(world, job_change) == "NoNeedApproval"
    at(world, "2026-01-06T02:15:01+08:00")
    assert status_of(world, job_change) == "Transformed"


@pytest.mark.parametrize(
    ("name", "to", "midnight"),
    [
        ("works_behind", "work_city_ahead", "2026-01-08T13:00:00+08:00"),
        ("works_ahead", "work_city_behind", "2026-01-07T19:00:00+08:00"),
    ],
)
def test_changes_of_one_day_take_effect_in_their_order_also_if_the_first_moves_the_employee(world, name, to, midnight):
    home, other = world.employment(name)["department"], other_department(world)
    info = {"target_work_location": work_city(world, to), "target_department": other}
    moved = move(world, name, "2026-01-08", info).data
    back = move(world, name, "2026-01-08", {"target_department": home}).data
    assert [moved["status"], back["status"]] == [5, 5]
    assert back["transfer_info"]["original_department"] == other

    at(world, midnight, seconds=-30)
    assert [status_of(world, c) for c in (moved, back)] == ["NoNeedApproval"] * 2
    at(world, midnight, seconds=1)
    assert [status_of(world, c) for c in (moved, back)] == ["Transformed"] * 2
    assert department_today(world, name) == home


def test_a_second_change_of_a_day_that_has_begun_takes_effect_at_once(world):
    """The employee works in New York by now, where the day has not begun."""
    to = {"target_work_location": work_city(world, "work_city_behind")}
    assert move(world, "active", world.today(), to).data["status"] == 2
    assert move(world, "active", world.today()).data["status"] == 2


def test_after_a_move_is_revoked_the_days_of_waiting_changes_begin_where_the_employee_works_then(world):
    to = {"target_work_location": work_city(world, "work_city_behind")}
    moved = move(world, "active", "2026-01-08", to).data
    changed = move(world, "active", "2026-01-10").data

    assert world.revoke(moved["job_change_id"]).data["result"] is True
    at(world, "2026-01-10T00:00:00+08:00", seconds=-30)
    assert status_of(world, changed) == "NoNeedApproval"
    at(world, "2026-01-10T00:00:00+08:00", seconds=1)
    assert status_of(world, changed) == "Transformed"


def test_a_change_whose_day_has_begun_where_the_employee_works_after_a_revocation_takes_effect_at_once(world):
    to = {"target_work_location": work_city(world, "work_city_behind")}
    moved = move(world, "active", "2026-01-08", to).data
    changed, later = (
        move(world, "active", "2026-01-10").data,
        move(world, "active", "2026-01-11", {"target_job": job(world)}).data,
    )
    at(world, "2026-01-10T09:00:00+08:00")
    assert status_of(world, changed) == "NoNeedApproval"

    assert world.revoke(moved["job_change_id"]).data["result"] is True
    assert [status_of(world, c) for c in (changed, later)] == ["Transformed", "NoNeedApproval"]
    assert department_today(world, "active") == other_department(world)


# -- offboardings --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "day", "midnight"), MIDNIGHTS)
def test_a_last_day_ends_where_the_employee_works(world, name, day, midnight):
    id = create_offboarding(world, world.employment(name)["id"], day_before(day))

    at(world, midnight, seconds=-30)
    assert record(world, id)["status"] == "NoNeedApproval"
    at(world, midnight, seconds=1)
    assert record(world, id)["status"] == "Offboarded"


@pytest.mark.parametrize(
    ("name", "to", "midnight"),
    [
        ("works_behind", "work_city_ahead", "2026-01-10T19:00:00+08:00"),
        ("works_ahead", "work_city_behind", "2026-01-11T13:00:00+08:00"),
    ],
)
def test_a_last_day_ends_where_the_employee_works_on_that_day(world, name, to, midnight):
    """The employee moves on the last day itself."""
    assert move(world, name, "2026-01-10", {"target_work_location": work_city(world, to)}).data["status"] == 5
    id = create_offboarding(world, world.employment(name)["id"], "2026-01-10")

    at(world, midnight, seconds=-30)
    assert record(world, id)["status"] == "NoNeedApproval"
    at(world, midnight, seconds=1)
    assert record(world, id)["status"] == "Offboarded"


def test_a_last_day_that_a_revoked_move_brings_to_its_end_is_over_by_the_next_midnight_of_any_time_zone(world):
    """Back in Shanghai the last day is over already, but the midnight of Shanghai has passed."""
    moved = move(world, "active", "2026-01-08", {"target_work_location": work_city(world, "work_city_behind")}).data
    id = create_offboarding(world, world.employment("active")["id"], "2026-01-10")
    at(world, "2026-01-11T09:00:00+08:00")
    assert record(world, id)["status"] == "NoNeedApproval"

    assert world.revoke(moved["job_change_id"]).data["result"] is True
    at(world, "2026-01-11T13:00:01+08:00")
    assert record(world, id)["status"] == "Offboarded"


@pytest.mark.parametrize(
    ("name", "now", "last_day", "status"),
    [
        ("works_behind", "2026-01-06T12:59:00+08:00", "2026-01-05", "NoNeedApproval"),
        ("works_behind", "2026-01-06T13:01:00+08:00", "2026-01-05", "Offboarded"),
        ("works_ahead", "2026-01-05T18:59:00+08:00", "2026-01-05", "NoNeedApproval"),
        ("works_ahead", "2026-01-05T19:01:00+08:00", "2026-01-05", "Offboarded"),
    ],
)
def test_a_last_day_edited_to_a_day_that_is_over_where_the_employee_works_takes_effect_at_once(
    world, name, now, last_day, status
):
    id = create_offboarding(world, world.employment(name)["id"], "2026-02-10")
    at(world, now)
    assert edit_ok(world, id, {"offboarding_date": last_day})["status"] == status


@pytest.mark.parametrize(
    ("now", "refused"),
    [
        ("2026-01-05T18:59:00+08:00", ()),
        ("2026-01-05T19:01:00+08:00", ("works_ahead",)),
        ("2026-01-06T00:01:00+08:00", ("works_ahead", "active")),
        ("2026-01-06T12:59:00+08:00", ("works_ahead", "active")),
        ("2026-01-06T13:01:00+08:00", ("works_ahead", "active", "works_behind")),
    ],
)
def test_revoking_an_offboarding_needs_a_department_that_is_in_force_today_where_the_employee_works(
    world, now, refused
):
    """All work in a department that is disabled from 6 January on."""
    department = world.employment("active")["department"]
    ids = {name: create_offboarding(world, world.employment(name)["id"], "2026-02-10") for name in EMPLOYMENTS}
    world.in_transaction(lambda tx: departments.DEPARTMENT.amend(tx, department, "2026-01-06", {"active": False}))
    at(world, now)
    for name, id in ids.items():
        if name in refused:
            assert revoke(world, id).code == 1160203
        else:
            assert revoke_ok(world, id)["status"] == "Withdrawn"


# -- the data range ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "day", "midnight"), MIDNIGHTS[:3])
def test_a_change_of_department_leaves_the_data_range_when_its_day_begins_where_the_employee_works(
    world, name, day, midnight
):
    """The range of this app is the old department and not the new one."""
    move(world, name, day).assert_ok()
    offboarding = create_offboarding(world, world.employment(name)["id"], "2026-02-10")

    def codes():
        """The codes of a query, an edit and a job change by the app with the range."""
        return (
            query_today(world, name, app=APP_ONE_DEPARTMENT).code,
            edit(world, offboarding, {"reason_explanation": "x"}, app=APP_ONE_DEPARTMENT).code,
            move(world, name, "2026-01-07", app=APP_ONE_DEPARTMENT).code,
        )

    at(world, midnight, seconds=-30)
    assert codes() == (0, 0, 1160201)
    at(world, midnight, seconds=1)
    assert codes() == (1160023, 1160610, 1160200)


@pytest.mark.parametrize(("name", "day", "midnight"), MIDNIGHTS[:3])
def test_an_event_is_of_the_day_where_the_employee_works(world, name, day, midnight):
    """The employee leaves the data range, and the event about it is recorded at the midnight at which this happens."""
    with listening() as listener:
        world.sandbox(
            "PUT",
            f"apps/{APP_ONE_DEPARTMENT}/webhook",
            {"url": listener.url, "verification_token": "v-token", "events": ["corehr.job_change.status_updated_v2"]},
        )
        move(world, name, day).assert_ok()
        at(world, midnight, seconds=30)
        statuses = [event["event"]["status"] for event in listener.events]
    assert statuses == [6]


# -- the query of job data -----------------------------------------------------------------------------------------


def test_a_query_without_a_date_is_about_today_where_each_employee_works(world):
    """All change their department on 6 January; at noon in Shanghai that day has not begun in New York."""
    for name in EMPLOYMENTS:
        move(world, name, "2026-01-06").assert_ok()

    def moved(**body):
        """Return the names of those who are found in department `other`."""
        body = {"department_id": other_department(world), **body}
        items = world.call("POST", QUERY_JOB_DATA_PATH, body, page_size=100, **COREHR_ID_TYPES).data["items"]
        ids = {item["employment_id"] for item in items}
        return [name for name in EMPLOYMENTS if world.employment(name)["id"] in ids]

    assert moved() == []
    at(world, "2026-01-05T19:01:00+08:00")
    assert (moved(), moved(data_date="2026-01-05")) == (["works_ahead"], [])
    at(world, "2026-01-06T12:00:00+08:00")
    assert moved() == ["works_ahead", "active"]
    at(world, "2026-01-06T13:01:00+08:00")
    assert moved() == list(EMPLOYMENTS)
