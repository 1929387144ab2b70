"""The sandbox: time that moves, worlds that come back, faults on demand, the past shown, and who may do all that."""

import asyncio
import time
from datetime import datetime, timedelta

import pytest

from corehr.entrypoints import schema, tenants
from corehr.entrypoints.demo import rows
from corehr.kernel.clock import Clock
from corehr.kernel.ids import TimeOrderedIds
from corehr.kernel.settings import open_store
from tests.world import CREATE, World

REAL_TIME = {("app", "created_at"), ("tenant", "world_set_at"), ("tenant", "world_now")}
SENSELESS = [
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
    {"operation": "v1.job_change.create", "code": 99991400},
    {"operation": "v1.job_change.create", "code": 99991663},
    {"operation": "v1.job_change.create", "code": 99992402},
    {"operation": "v1.job_change.create", "code": 1161000},
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


def contents(world):
    """Every row, but for what holds real time."""
    return {
        name: sorted(repr({k: v for k, v in row.items() if (name, k) not in REAL_TIME}) for row in table)
        for name, table in world.tell(rows.read).items()
    }


def asked(world, path, body=None, method="PUT", **query):
    """A call of the sandbox that is expected to be refused: its status and why."""
    answer = world.request(method, f"/sandbox/{path}", body, query=query)
    assert isinstance(answer.json["error"], str)
    assert "\n" not in answer.json["error"]
    return answer.status, answer.json["error"]


def now(world):
    return datetime.fromisoformat(world.sandbox("GET", "clock")["now"])


def move(world, name="active", to="other", **body):
    """Somebody moves to another department."""
    info = {"target_department": world.names["departments"][to]["id"]}
    return world.change(world.person(name)["id"], info, **body)


def moved(world, *who, **body):
    """They did."""
    return move(world, *who, **body).data["job_change_id"]


# -- the clock -----------------------------------------------------------------------------------------------------


def test_the_clock_starts_where_the_demo_was_told_to_and_ticks(world):
    started = datetime.fromisoformat("2026-01-05T09:00:00+08:00")

    assert started <= now(world) < started + timedelta(minutes=30)
    assert now(world).utcoffset() == timedelta(hours=8)


def test_time_goes_forward_to_a_moment_and_by_days_hours_and_minutes(world):
    world.sandbox("PUT", "clock", {"now": "2026-02-01T00:00:00Z"})
    assert now(world).isoformat()[:16] == "2026-02-01T08:00"

    answer = world.sandbox("POST", "clock/advance", {"days": 1, "hours": 2, "minutes": 3})

    assert answer["now"][:15] == "2026-02-02T10:03"[:15]


def test_every_day_in_between_is_lived(world):
    waiting = world.names["job_changes"]["NoNeedApproval"]
    world.travel(days=24)
    assert world.sandbox("GET", f"records/job_changes/{waiting['id']}")["status"] == "NoNeedApproval"

    world.travel(days=1)

    shown = world.sandbox("GET", f"records/job_changes/{waiting['id']}")
    assert shown["status"] == "Transformed"
    assert shown["updated_at"].startswith("2026-01-29T16:00:00")


def test_time_does_not_go_back(world):
    status, why = asked(world, "clock", {"now": "2025-12-31T00:00:00+08:00"})

    assert status == 409
    assert "snapshot" in why


def test_what_makes_no_sense_is_said_to_in_json(world):
    answered = [(path, body, asked(world, path, body, method)[0]) for path, method, body in SENSELESS]

    assert [one for one in answered if one[2] != 400] == []


def test_a_restart_finds_the_clock_where_it_was(db):
    first = World(db)
    first.travel(days=40)
    first.close()

    again = World(db)
    try:
        assert now(again).isoformat().startswith("2026-02-14T09:")
    finally:
        again.close()


# -- worlds that come back -----------------------------------------------------------------------------------------


def test_a_snapshot_brings_everything_back_and_time_with_it(world):
    moved(world)
    before, at = contents(world), now(world)
    id = world.sandbox("POST", "snapshots")["id"]
    world.travel(days=60)
    moved(world, "active_2")
    world.hire(2)

    answer = world.sandbox("POST", f"snapshots/{id}/restore")

    assert contents(world) == before
    assert timedelta() <= datetime.fromisoformat(answer["now"]) - at < timedelta(minutes=5)


def test_days_are_lived_again_after_a_restore(world):
    waiting = world.names["job_changes"]["NoNeedApproval"]["id"]
    id = world.sandbox("POST", "snapshots")["id"]

    for _ in range(2):
        world.sandbox("POST", f"snapshots/{id}/restore")
        assert world.sandbox("GET", f"records/job_changes/{waiting}")["status"] == "NoNeedApproval"
        world.travel(days=26)
        assert world.sandbox("GET", f"records/job_changes/{waiting}")["status"] == "Transformed"


def test_a_snapshot_can_lie_ahead(world):
    early = world.sandbox("POST", "snapshots")["id"]
    world.travel(days=26)
    late, later = world.sandbox("POST", "snapshots")["id"], contents(world)
    world.sandbox("POST", f"snapshots/{early}/restore")

    world.sandbox("POST", f"snapshots/{late}/restore")

    assert contents(world) == later
    assert now(world).isoformat().startswith("2026-01-31")


def test_an_unknown_snapshot_is_not_found(world):
    assert asked(world, "snapshots/nope/restore", method="POST")[0] == 404


def test_a_reset_makes_the_company_as_it_first_was(world):
    before = contents(world)
    moved(world)
    world.travel(days=60)
    world.sandbox("PUT", "faults", [{"operation": "v1.job_change.create", "code": 1160500}])

    answer = world.sandbox("POST", "reset")

    assert contents(world) == before
    assert answer["now"].startswith("2026-01-05T09:")
    assert world.sandbox("GET", "faults") == []
    assert move(world).data["status"] == 2


def test_a_company_that_no_demo_made_is_not_reset(tmp_path):
    url = f"sqlite:///{tmp_path}/real.db"
    schema.upgrade(url)
    store = open_store(url, Clock(), TimeOrderedIds())
    store.command_sync("1", lambda tx: tenants.create_tenant(tx, "A company", "Europe/Berlin"))
    store.close()
    world = World(url)
    try:
        assert asked(world, "reset", method="POST")[0] == 409
        assert asked(world, "world/employees", {"count": 1}, "POST")[0] == 409
        assert world.sandbox("GET", "world") == {"recipes": {}}
    finally:
        world.close()


# -- faults --------------------------------------------------------------------------------------------------------


def test_a_fault_answers_a_documented_error_and_changes_nothing(world):
    world.sandbox("PUT", "faults", [{"operation": "v1.job_change.create", "code": 1163012, "times": 1}])
    before = world.fingerprint()

    assert move(world).says() == (400, 1163012, "Insufficient headcount")
    assert world.fingerprint() == before
    assert world.sandbox("GET", "faults") == []
    assert move(world).code == 0


def test_an_undocumented_fault_is_refused_and_nothing_is_set(world):
    world.sandbox("PUT", "faults", [{"operation": "v1.job_change.create", "code": 1160500}])

    assert [fault for fault in UNDOCUMENTED if asked(world, "faults", [fault])[0] != 400] == []
    assert world.sandbox("GET", "faults") == [{"operation": "v1.job_change.create", "code": 1160500}]


def test_faults_can_be_taken_away(world):
    world.sandbox("PUT", "faults", [{"operation": "v1.job_change.create", "code": 1160500}])
    world.sandbox("DELETE", "faults")

    assert move(world).code == 0


def test_a_fault_that_is_never_likely_never_happens(world):
    world.sandbox("PUT", "faults", [{"operation": "v1.job_change.create", "code": 1160500, "probability": 0}])

    assert move(world).code == 0


def test_latency_passes_while_locks_are_held(world):
    world.sandbox("PUT", "faults", [{"operation": "v1.job_change.create", "latency_ms": 300}])
    person = world.person("active")["id"]
    body = world.asking(person, {"target_department": world.names["departments"]["other"]["id"]})
    ids = {"user_id_type": "people_corehr_id"}
    started = time.monotonic()

    first, second = world.together([("POST", CREATE, body, ids), ("POST", CREATE, body, ids)])

    # the other one waited for the person, and then found that nothing would change
    assert time.monotonic() - started >= 0.3
    assert sorted([first.code, second.code]) == [0, 1160601]


def test_a_dropped_answer_is_lost_and_the_work_is_done(world):
    world.sandbox("PUT", "faults", [{"operation": "v1.job_change.create", "drop": True, "times": 1}])
    target = world.names["departments"]["other"]["id"]

    with pytest.raises(ConnectionResetError):
        move(world)

    assert world.job_data(world.person("active")["id"], world.today())["department_id"] == target
    assert move(world).code == 1160601


def test_times_are_counted_under_load(world):
    world.sandbox("PUT", "faults", [{"operation": "v2.approver.list", "code": 1160500, "times": 3}])
    query = {"user_id": world.person("manager")["id"], "user_id_type": "people_corehr_id", "page_size": 10}

    answers = world.together([("GET", "/open-apis/corehr/v2/approvers", None, query)] * 8)

    assert sorted(answer.code for answer in answers) == [0] * 5 + [1160500] * 3


def test_while_a_world_is_exchanged_requests_wait(world):
    person = world.person("active")["id"]
    body = world.asking(person, {"target_department": world.names["departments"]["other"]["id"]})

    query, app = {"user_id_type": "people_corehr_id"}, "cli_a000000000000001"

    async def both():
        reset = asyncio.ensure_future(world._request("POST", "/sandbox/reset", None))
        answers = []
        while not reset.done():
            answers.append(await world._request("POST", CREATE, body, query=query, app=app))
        return answers, await reset

    answers, reset = world.run(both())

    assert reset.status == 200
    assert {answer.code for answer in answers} <= {0, 1160601}
    # who came while it was going on was served by the new company
    assert answers[-1].code == 0
