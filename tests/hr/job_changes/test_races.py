"""Concurrent commands: one succeeds, the others get a documented error, and nothing happens twice."""

import asyncio
import time

import psycopg
import pytest
import sqlalchemy as sa

from corehr.engines.versions import version
from corehr.hr.employees.employments.records import reporting_line
from corehr.kernel.event_log import event
from corehr.kernel.postgres import WORKER_THREADS
from corehr.kernel.statements import bind, in_tenant, select_by, statement
from tests.world import APP_ALL, APP_SECRETS, COREHR_ID_TYPES, CREATE_JOB_CHANGE_PATH, QUERY_JOB_DATA_PATH

_SELECT_LINES = statement(
    sa.select(reporting_line.c.line, reporting_line.c.employment_id, reporting_line.c.manager_id).where(
        in_tenant(reporting_line),
        reporting_line.c.valid_from <= bind("today"),
        reporting_line.c.valid_to > bind("today"),
    )
)


def count(world, sql_table, **where):
    """Return how many rows of a table have these values."""
    from corehr.kernel.statements import metadata, select_by

    return len(world.in_transaction(lambda tx: tx.fetch_all(select_by(metadata.tables[sql_table], *where), **where)))


def test_fifty_creates_with_one_transfer_key_make_one_record(world):
    employment_id = world.employment("active")["id"]
    info = {"target_department": world.named["departments"]["other"]["id"]}
    body = world.job_change_body(employment_id, info, transfer_key="transfer_1")
    before = count(world, "job_change", employment_id=employment_id)
    responses = world.concurrently([("POST", CREATE_JOB_CHANGE_PATH, body, COREHR_ID_TYPES)] * 50)
    assert {response.body for response in responses} == {responses[0].body}
    assert responses[0].code == 0
    assert count(world, "job_change", employment_id=employment_id) == before + 1
    assert len(world.events("corehr.job_data.changed_v1")) == len(
        {e["subject"] for e in world.events("corehr.job_data.changed_v1")}
    )


def test_a_repeated_create_answers_in_the_id_type_of_the_repetition(world):
    employment = world.employment("active")
    body = world.job_change_body(
        employment["id"], {"target_department": world.named["departments"]["other"]["id"]}, transfer_key="k"
    )
    first = world.call("POST", CREATE_JOB_CHANGE_PATH, body, **COREHR_ID_TYPES).data
    body |= {"transfer_info": {}, "employment_id": employment["open_id"]}
    repeated = world.call("POST", CREATE_JOB_CHANGE_PATH, body, user_id_type="open_id").data
    assert repeated["job_change_id"] == first["job_change_id"]
    assert (first["employment_id"], repeated["employment_id"]) == (employment["id"], employment["open_id"])


def test_a_failed_attempt_leaves_its_transfer_key_free(world):
    employment_id = world.employment("active")["id"]
    response = world.create_job_change(employment_id, {}, transfer_key="k")
    assert response.code == 1160600
    info = {"target_department": world.named["departments"]["other"]["id"]}
    assert world.create_job_change(employment_id, info, transfer_key="k").data["status"] == 2


def test_two_people_made_each_others_manager_at_one_moment(world):
    for a, b in zip(*[iter(world.hire(8))] * 2, strict=True):
        calls = [
            (
                "POST",
                CREATE_JOB_CHANGE_PATH,
                world.job_change_body(a["id"], {"target_direct_manager": b["id"]}),
                COREHR_ID_TYPES,
            ),
            (
                "POST",
                CREATE_JOB_CHANGE_PATH,
                world.job_change_body(b["id"], {"target_direct_manager": a["id"]}),
                COREHR_ID_TYPES,
            ),
        ]
        assert sorted(x.code for x in world.concurrently(calls)) == [0, 1160400]


def test_three_people_made_a_circular_reporting_line_at_one_moment(world):
    for a, b, c in zip(*[iter(world.hire(9))] * 3, strict=True):
        calls = [
            (
                "POST",
                CREATE_JOB_CHANGE_PATH,
                world.job_change_body(x["id"], {"target_direct_manager": y["id"]}),
                COREHR_ID_TYPES,
            )
            for x, y in ((a, b), (b, c), (c, a))
        ]
        assert sorted(x.code for x in world.concurrently(calls)) == [0, 0, 1160400]


def circular_lines(world):
    """Return the employments that stand above themselves on a line, with the line."""
    rows = world.in_transaction(lambda tx: tx.fetch_all(_SELECT_LINES, today=world.today()))
    above = {(row["line"], row["employment_id"]): row["manager_id"] for row in rows}

    def is_circular(line, start):
        at, seen = above.get((line, start)), set()
        while at is not None and at not in seen:
            if at == start:
                return True
            seen.add(at)
            at = above.get((line, at))
        return False

    return [key for key in above if is_circular(*key)]


def test_24_callers_make_six_people_one_anothers_managers(world):
    """No line becomes circular, and no command is aborted as a deadlock; revokes lock the lines as creates do."""
    six = [employment["id"] for employment in world.hire(6)]
    pairs = [(a, b) for a in six for b in six if a != b]
    admin = world.employment("process_admin")["id"]
    changes: list[str] = []
    codes: set[int] = set()
    for start in (0, 12, 24):
        creates = [
            (
                "POST",
                CREATE_JOB_CHANGE_PATH,
                world.job_change_body(a, {"target_direct_manager": b, "target_dotted_manager": c}),
                COREHR_ID_TYPES,
            )
            for (a, b), (_, c) in zip(
                pairs[start:] + pairs[:start], pairs[start + 7 :] + pairs[: start + 7], strict=True
            )
            if a != c
        ][:24]
        revokes = [
            ("POST", f"/open-apis/corehr/v2/job_changes/{id}/revoke", {"operator_id": admin}, COREHR_ID_TYPES)
            for id in changes[:8]
        ]
        changes = changes[8:]
        responses = world.concurrently([*revokes, *creates])
        codes |= {response.code for response in responses}
        changes += [r.data["job_change_id"] for r in responses[len(revokes) :] if r.code == 0]
        assert circular_lines(world) == []
    assert codes <= {0, 1160400, 1160401, 1160601}
    assert {0, 1160400} <= codes
    assert getattr(world.installation.store, "repeated_attempts", 0) == 0


def test_reads_and_readiness_do_not_wait_for_commands_that_wait(world):
    """Twenty changes wait for one employment, which another transaction has locked."""
    if not world.url.startswith("postgresql"):
        pytest.skip("commands on SQLite have one thread and wait for no lock")
    (employment, other) = (employment["id"] for employment in world.hire(2))
    info = {"target_department": world.named["departments"]["other"]["id"]}
    body = world.job_change_body(employment, info)

    async def run(locking):
        def send(method, path, body=None, **query):
            return asyncio.ensure_future(world._request(method, path, body, query=query, app=APP_ALL))

        waiting = [send("POST", CREATE_JOB_CHANGE_PATH, body, **COREHR_ID_TYPES) for _ in range(20)]
        async with asyncio.timeout(60):
            await asyncio.to_thread(await_waiting_commands, world.url)
            query = {"employment_ids": [other], "data_date": "2026-01-05"}
            read = await send("POST", QUERY_JOB_DATA_PATH, query, page_size=10, **COREHR_ID_TYPES)
            ready = await send("GET", "/readyz")
        assert not any(task.done() for task in waiting)
        locking.rollback()
        return read, ready, [response.code for response in await asyncio.gather(*waiting)]

    with psycopg.connect(world.url) as locking:
        locking.execute("SELECT FROM employment WHERE id = %s FOR UPDATE", (employment,))
        read, ready, codes = world.await_(run(locking))
    assert (read.code, ready.status) == (0, 200)
    assert len(read.data["items"]) == 1
    assert sorted(codes) == [0] + [1160601] * 19


def await_waiting_commands(url):
    """Return when every thread for commands waits for a lock."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    with psycopg.connect(url, autocommit=True) as connection:
        while connection.execute(query).fetchall() != [(WORKER_THREADS,)]:
            time.sleep(0.02)


def test_a_revoke_that_would_make_the_reporting_line_circular_is_refused_and_changes_nothing(world):
    """The former manager now reports to the employee; without the change each would report to the other."""
    (a, b), top = world.hire(2), world.employment("top")["id"]
    world.create_job_change(b["id"], {"target_direct_manager": top}).assert_ok()
    old = world.job_data(a["id"], world.today())["direct_manager"]["employment_id"]
    change = world.create_job_change(a["id"], {"target_direct_manager": b["id"]}).data["job_change_id"]
    world.create_job_change(old, {"target_direct_manager": a["id"]}).assert_ok()
    before = world.fingerprint()
    data = world.revoke(change).data
    assert (data["result"], bool(data["message"])) == (False, True)
    assert world.fingerprint() == before
    world.create_job_change(old, {"target_direct_manager": top}).assert_ok()
    assert world.revoke(change).data["result"] is True


def test_pending_changes_count_for_the_reporting_line(world):
    """Each change alone is allowed; together they would make the reporting line circular from the later day on."""
    a, b = world.hire(2)
    world.create_job_change(a["id"], {"target_direct_manager": b["id"]}, effective_date="2026-03-01").assert_ok()
    later = world.create_job_change(b["id"], {"target_direct_manager": a["id"]}, effective_date="2026-04-01")
    assert later.code == 1160400
    earlier = world.create_job_change(b["id"], {"target_direct_manager": a["id"]}, effective_date="2026-02-01")
    assert earlier.code == 1160400


def test_approved_and_revoked_at_one_moment_have_one_order(world):
    flow = world.named["transfer_types"]["internal_transfer"]["flow_id"]
    info = {"target_department": world.named["departments"]["other"]["id"]}
    for employment in world.hire(6):
        created = world.create_job_change(employment["id"], info, transfer_mode=2, flow_id=flow).data
        process, change = created["process_id"], created["job_change_id"]
        while len(world.sandbox("GET", f"records/processes/{process}")["tasks"]) > sum(
            t["status"] in (1, 3) for t in world.sandbox("GET", f"records/processes/{process}")["tasks"]
        ):
            world.answer_task(process, world.pending_tasks(process)[0]["approver_id"], 3).assert_ok()
        (task,) = world.pending_tasks(process)
        approve = (
            "PUT",
            f"/open-apis/corehr/v2/processes/{process}/approvers/{task['approver_id']}",
            {"status": 3, "system_approval": True},
        )
        revoke = (
            "POST",
            f"/open-apis/corehr/v2/job_changes/{change}/revoke",
            {"operator_id": world.employment("process_admin")["id"]},
            COREHR_ID_TYPES,
        )
        approved, revoked = world.concurrently([approve, revoke])
        assert revoked.data["result"] is True
        status = world.sandbox("GET", f"records/processes/{process}")["status"]
        assert (approved.code, status) in ((0, 8), (1161005, 4))
        statuses = [
            e["event"]["status"] for e in world.events("corehr.job_change.status_updated_v2") if e["subject"] == change
        ]
        assert statuses == ([1, 4, 5, 2] if approved.code == 0 else [1, 2])


def test_one_headcount_two_people(world):
    """Two concurrent changes need the last free headcount: one gets it."""
    from corehr.hr.workforce_plans import records as workforce_plans

    department = world.named["departments"]["other"]["id"]
    a, b = world.hire(2)

    def leave_one_place(tx):
        from corehr.hr.employees.job_datas import records as job_datas

        headcount = job_datas.count_employments(tx, {"department_id": department}, world.today(), "")
        workforce_plans.create(
            tx, tx.new_id(), {"department_id": department}, headcount + 1, "2020-01-01", "9999-12-31"
        )

    day = world.today()
    world.today = lambda: day
    world.in_transaction(leave_one_place)
    info = {"target_department": department}
    calls = [
        ("POST", CREATE_JOB_CHANGE_PATH, world.job_change_body(employment["id"], info), COREHR_ID_TYPES)
        for employment in (a, b)
    ]
    assert sorted(x.code for x in world.concurrently(calls)) == [0, 1163012]


def test_a_transfer_key_belongs_to_its_job_change_for_good(world):
    employment_id = world.employment("active")["id"]
    info = {"target_department": world.named["departments"]["other"]["id"]}
    first = world.create_job_change(employment_id, info, transfer_key="k").data
    world.advance(days=400)
    world.await_(world.installation.prune())
    assert world.create_job_change(employment_id, info, transfer_key="k").data == first
    world.revoke(first["job_change_id"])
    repeated = world.create_job_change(employment_id, info, transfer_key="k").data
    assert (repeated["job_change_id"], repeated["status"]) == (first["job_change_id"], 4)
    assert count(world, "job_change", employment_id=employment_id, transfer_key="k") == 1


def test_a_transfer_key_is_not_given_to_a_change_of_another_employee(world):
    info = {"target_department": world.named["departments"]["other"]["id"]}
    world.create_job_change(world.employment("active")["id"], info, transfer_key="k").assert_ok()
    before = world.fingerprint()
    refused = world.create_job_change(world.employment("active_2")["id"], info, transfer_key="k")
    assert refused.json["error"]["field_violations"][0]["field"] == "transfer_key"
    assert world.fingerprint() == before
    world.create_job_change(world.employment("active_2")["id"], info, transfer_key="k2").assert_ok()


def test_what_waits_for_a_lock_is_recorded_when_it_has_it(world):
    """Simultaneous changes of one employee are recorded in the order in which they are made."""
    employment = world.employment("active")
    bodies = [
        world.job_change_body(employment["id"], {"target_weekly_working_hours": str(hours)}) for hours in range(10, 34)
    ]
    responses = world.concurrently([("POST", CREATE_JOB_CHANGE_PATH, body, COREHR_ID_TYPES) for body in bodies])
    assert {response.code for response in responses} == {0}
    by_job = {"entity_id": employment["job_data_id"]}
    rows = world.in_transaction(lambda tx: tx.fetch_all(select_by(version, *by_job), **by_job))
    assert all(row["recorded_at"] <= row["superseded_at"] for row in rows if row["superseded_at"])
    created = {"type": "corehr.job_change.updated_v1"}
    events = world.in_transaction(lambda tx: tx.fetch_all(select_by(event, *created), **created))
    times = [row["recorded_at"] for row in sorted(events, key=lambda row: row["seq"])]
    assert times == sorted(times)


def test_a_transfer_key_is_of_one_app(world, monkeypatch):
    employment_id = world.employment("active")["id"]
    info = {"target_department": world.named["departments"]["other"]["id"]}
    first = world.create_job_change(employment_id, info, transfer_key="k").data["job_change_id"]
    other_app = world.sandbox("POST", "apps", {"name": "another"})
    monkeypatch.setitem(APP_SECRETS, other_app["app_id"], other_app["app_secret"])
    other = {"target_department": world.named["departments"]["active"]["id"]}
    second = world.create_job_change(employment_id, other, transfer_key="k", app=other_app["app_id"])
    assert second.data["job_change_id"] != first
