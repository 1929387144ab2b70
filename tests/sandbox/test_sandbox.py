"""The sandbox's clock, snapshots, reset and faults."""

import asyncio
import time
from datetime import datetime, timedelta

import pytest

from corehr.app import schema, tenants
from corehr.app.stores import open_store
from corehr.kernel import tenant_rows
from corehr.kernel.clock import Clock
from corehr.kernel.ids import TimeOrderedIds
from tests.world import CREATE_JOB_CHANGE_PATH, World

REAL_TIME = {("app", "created_at"), ("tenant", "world_time_set_at"), ("tenant", "world_time")}
MALFORMED = [
    ("clock", "PUT", {"now": "2026-03-01"}),
    ("clock", "PUT", {"now": "2026-03-01T00:00:00"}),
    ("clock", "PUT", {"now": 5}),
    ("clock", "PUT", {}),
    ("clock", "PUT", []),
    ("clock", "PUT", b"{"),
    ("clock", "PUT", b"\xff\xfe"),
    ("clock", "PUT", {"now": "9999-12-31T23:59:59Z"}),
    ("clock/advance", "POST", {}),
    ("clock/advance", "POST", {"days": -1}),
    ("clock/advance", "POST", {"days": "1"}),
    ("clock/advance", "POST", {"days": 4000}),
    ("clock/advance", "POST", {"years": 1}),
    ("clock/advance", "POST", None),
    ("faults", "PUT", {"operation": "v1.job_change.create"}),
    ("faults", "PUT", [1]),
    ("apps", "POST", {"type": "other"}),
    ("apps", "POST", {"scopes": "all"}),
    ("apps", "POST", {"data_range": {"departments": ["nowhere"]}}),
    ("apps", "POST", {"data_range": {}}),
    ("apps", "POST", {"name": "a\0b"}),
    ("world/employees", "POST", {"count": 0}),
    ("world/employees", "POST", {"count": 1001}),
    ("world/employees", "POST", {"count": "2"}),
    ("world/employees", "POST", b"[" * 100_000),
    ("world/employees", "POST", b'{"count": "\\ud800"}'),
]
UNDOCUMENTED = [
    {"operation": "v1.job_change.create", "code": 99991669},
    {"operation": "v1.job_change.create", "code": 1161000},
    {"operation": "v1.job_change.create", "code": 10014},
    {"operation": "*", "code": 1160500},
    {"operation": "*", "code": 10014},
    {"operation": "auth.*", "code": 10016},
    {"operation": "auth.v3.tenant_access_token.internal", "code": 99991663},
    {"operation": "auth.v3.tenant_access_token.internal", "code": 10016},
    {"operation": "v1.job_change.create", "http_status": 501},
    {"operation": "v1.job_change.create", "http_status": 502, "cut": True},
    {"operation": "v1.job_change.create", "http_status": 502, "code": 1160500},
    {"operation": "v1.job_change.create", "http_status": 502, "latency_ms": 5},
    {"operation": "v1.job_change.create", "reset": True, "code": 1160500},
    {"operation": "v1.job_change.create", "code": 1160500, "ratelimit_reset": 5},
    {"operation": "v1.job_change.create", "reset": True, "drop": True},
    {"operation": "v1.job_change.create", "drop": True, "executed": False},
    {"operation": "v1.job_change.create", "code": 0},
    {"operation": "v1.nothing.create", "code": 1160500},
    {"operation": "v1.job_change.create"},
    {"operation": "v1.job_change.create", "code": 1160500, "latency_ms": 5},
    {"operation": "v1.job_change.create", "latency_ms": 0},
    {"operation": "v1.job_change.create", "latency_ms": 10**9},
    {"operation": "v1.job_change.create", "drop": True, "times": 0},
    {"operation": "v1.job_change.create", "drop": True, "probability": 1.5},
    {"operation": "v1.job_change.create", "drop": True, "often": True},
    {"code": 1160500},
]


def all_rows(world):
    """Return every row by table, without the columns that hold real time."""
    return {
        name: sorted(repr({k: v for k, v in row.items() if (name, k) not in REAL_TIME}) for row in table)
        for name, table in world.in_transaction(tenant_rows.read).items()
    }


def sandbox_error(world, path, body=None, method="PUT", **query):
    """Call the sandbox, expect an error, and return its status and reason."""
    response = world.request(method, f"/sandbox/{path}", body, query=query)
    assert isinstance(response.json["error"], str)
    assert "\n" not in response.json["error"]
    return response.status, response.json["error"]


def now(world):
    return datetime.fromisoformat(world.sandbox("GET", "clock")["now"])


def request_move(world, name="active", department="other", **body):
    """Request an employee's move to another department and return the response."""
    info = {"target_department": world.named["departments"][department]["id"]}
    return world.create_job_change(world.employment(name)["id"], info, **body)


def move_employee(world, *employee_and_target, **body):
    """Move an employee to another department and return the id of the job change."""
    return request_move(world, *employee_and_target, **body).data["job_change_id"]


# -- the clock -----------------------------------------------------------------------------------------------------


def test_the_clock_starts_at_the_moment_of_the_demo_and_ticks(world):
    started = datetime.fromisoformat("2026-01-05T09:00:00+08:00")

    assert started <= now(world) < started + timedelta(minutes=30)
    assert now(world).utcoffset() == timedelta(hours=8)


def test_the_clock_advances_to_an_instant_and_by_days_hours_and_minutes(world):
    world.sandbox("PUT", "clock", {"now": "2026-02-01T00:00:00Z"})
    assert now(world).isoformat()[:16] == "2026-02-01T08:00"

    clock = world.sandbox("POST", "clock/advance", {"days": 1, "hours": 2, "minutes": 3})

    assert clock["now"][:15] == "2026-02-02T10:03"[:15]


def test_every_day_of_an_advance_is_processed(world):
    waiting = world.named["job_changes"]["NoNeedApproval"]
    world.advance(days=24)
    assert world.sandbox("GET", f"records/job_changes/{waiting['id']}")["status"] == "NoNeedApproval"

    world.advance(days=1)

    record = world.sandbox("GET", f"records/job_changes/{waiting['id']}")
    assert record["status"] == "Transformed"
    assert record["updated_at"].startswith("2026-01-29T16:00:00")


def test_the_clock_does_not_go_back(world):
    status, reason = sandbox_error(world, "clock", {"now": "2025-12-31T00:00:00+08:00"})

    assert status == 409
    assert "snapshot" in reason


def test_malformed_calls_are_refused_in_json(world):
    statuses = [(path, body, sandbox_error(world, path, body, method)[0]) for path, method, body in MALFORMED]

    assert [result for result in statuses if result[2] != 400] == []


def test_the_clock_continues_after_a_restart(db):
    first = World(db)
    first.advance(days=40)
    first.close()

    again = World(db)
    try:
        assert now(again).isoformat().startswith("2026-02-14T09:")
    finally:
        again.close()


# -- snapshots and reset --------------------------------------------------------------------------------------------


def test_a_restore_brings_back_all_rows_and_the_clock(world):
    move_employee(world)
    before, taken_at = all_rows(world), now(world)
    id = world.sandbox("POST", "snapshots")["id"]
    world.advance(days=60)
    move_employee(world, "active_2")
    world.hire(2)

    clock = world.sandbox("POST", f"snapshots/{id}/restore")

    assert all_rows(world) == before
    assert timedelta() <= datetime.fromisoformat(clock["now"]) - taken_at < timedelta(minutes=5)


def test_days_are_processed_again_after_a_restore(world):
    waiting = world.named["job_changes"]["NoNeedApproval"]["id"]
    id = world.sandbox("POST", "snapshots")["id"]

    for _ in range(2):
        world.sandbox("POST", f"snapshots/{id}/restore")
        assert world.sandbox("GET", f"records/job_changes/{waiting}")["status"] == "NoNeedApproval"
        world.advance(days=26)
        assert world.sandbox("GET", f"records/job_changes/{waiting}")["status"] == "Transformed"


def test_a_snapshot_of_a_later_time_can_be_restored(world):
    early = world.sandbox("POST", "snapshots")["id"]
    world.advance(days=26)
    late, later = world.sandbox("POST", "snapshots")["id"], all_rows(world)
    world.sandbox("POST", f"snapshots/{early}/restore")

    world.sandbox("POST", f"snapshots/{late}/restore")

    assert all_rows(world) == later
    assert now(world).isoformat().startswith("2026-01-31")


def test_an_unknown_snapshot_is_not_found(world):
    assert sandbox_error(world, "snapshots/nope/restore", method="POST")[0] == 404


def test_a_reset_makes_the_company_as_it_first_was(world):
    before = all_rows(world)
    move_employee(world)
    world.advance(days=60)
    world.sandbox("PUT", "faults", [{"operation": "v1.job_change.create", "code": 1160500}])

    clock = world.sandbox("POST", "reset")

    assert all_rows(world) == before
    assert clock["now"].startswith("2026-01-05T09:")
    assert world.sandbox("GET", "faults") == []
    assert request_move(world).data["status"] == 2


def test_a_company_that_is_not_a_demo_is_not_reset(tmp_path):
    url = f"sqlite:///{tmp_path}/real.db"
    schema.upgrade(url)
    store = open_store(url, Clock(), TimeOrderedIds())
    store.command_sync("1", lambda tx: tenants.create_tenant(tx, "A company", "Europe/Berlin"))
    store.close()
    world = World(url)
    try:
        assert sandbox_error(world, "reset", method="POST")[0] == 409
        assert sandbox_error(world, "world/employees", {"count": 1}, "POST")[0] == 409
        assert world.sandbox("GET", "world") == {"recipes": {}}
    finally:
        world.close()


# -- faults --------------------------------------------------------------------------------------------------------


def test_a_fault_returns_a_documented_error_and_changes_nothing(world):
    world.sandbox("PUT", "faults", [{"operation": "v1.job_change.create", "code": 1163012, "times": 1}])
    before = world.fingerprint()

    assert request_move(world).error() == (400, 1163012, "Insufficient headcount")
    assert world.fingerprint() == before
    assert world.sandbox("GET", "faults") == []
    assert request_move(world).code == 0


def test_an_undocumented_fault_is_refused_and_nothing_is_set(world):
    world.sandbox("PUT", "faults", [{"operation": "v1.job_change.create", "code": 1160500}])

    assert [fault for fault in UNDOCUMENTED if sandbox_error(world, "faults", [fault])[0] != 400] == []
    assert world.sandbox("GET", "faults") == [{"operation": "v1.job_change.create", "code": 1160500}]


def test_faults_can_be_deleted(world):
    world.sandbox("PUT", "faults", [{"operation": "v1.job_change.create", "code": 1160500}])
    world.sandbox("DELETE", "faults")

    assert request_move(world).code == 0


def test_a_fault_of_probability_zero_never_happens(world):
    world.sandbox("PUT", "faults", [{"operation": "v1.job_change.create", "code": 1160500, "probability": 0}])

    assert request_move(world).code == 0


def test_latency_passes_while_locks_are_held(world):
    world.sandbox("PUT", "faults", [{"operation": "v1.job_change.create", "latency_ms": 300}])
    employment_id = world.employment("active")["id"]
    body = world.job_change_body(employment_id, {"target_department": world.named["departments"]["other"]["id"]})
    ids = {"user_id_type": "people_corehr_id"}
    started = time.monotonic()

    first, second = world.concurrently(
        [("POST", CREATE_JOB_CHANGE_PATH, body, ids), ("POST", CREATE_JOB_CHANGE_PATH, body, ids)]
    )

    # the second request waited for the lock on the employment, and then changed nothing
    assert time.monotonic() - started >= 0.3
    assert sorted([first.code, second.code]) == [0, 1160601]


def test_a_dropped_response_is_lost_but_its_command_is_committed(world):
    world.sandbox("PUT", "faults", [{"operation": "v1.job_change.create", "drop": True, "times": 1}])
    target = world.named["departments"]["other"]["id"]

    with pytest.raises(ConnectionResetError):
        request_move(world)

    assert world.job_data(world.employment("active")["id"], world.today())["department_id"] == target
    assert request_move(world).code == 1160601


def test_times_are_counted_under_load(world):
    world.sandbox("PUT", "faults", [{"operation": "v2.approver.list", "code": 1160500, "times": 3}])
    query = {"user_id": world.employment("manager")["id"], "user_id_type": "people_corehr_id", "page_size": 10}

    responses = world.concurrently([("GET", "/open-apis/corehr/v2/approvers", None, query)] * 8)

    assert sorted(response.code for response in responses) == [0] * 5 + [1160500] * 3


def test_while_the_world_is_reset_requests_wait(world):
    employment_id = world.employment("active")["id"]
    body = world.job_change_body(employment_id, {"target_department": world.named["departments"]["other"]["id"]})

    query, app = {"user_id_type": "people_corehr_id"}, "cli_a000000000000001"

    async def both():
        reset = asyncio.ensure_future(world._request("POST", "/sandbox/reset", None))
        responses = []
        while not reset.done():
            responses.append(await world._request("POST", CREATE_JOB_CHANGE_PATH, body, query=query, app=app))
        return responses, await reset

    responses, reset = world.await_(both())

    assert reset.status == 200
    assert {response.code for response in responses} <= {0, 1160601}
    # a request that arrived during the reset was served from the new company
    assert responses[-1].code == 0
