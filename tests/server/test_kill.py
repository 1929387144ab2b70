"""kill -9 in the middle of many creates: each one acknowledged is stored with its events, none is stored in part."""

import asyncio
import contextlib
import http.client
import random
import threading
import time
from datetime import date, timedelta

import httpx

from corehr.engines.effective_dating import last_processed_days
from corehr.kernel.clock import local_date
from tests.server_process import running_server
from tests.world import APP_ALL, APP_SECRETS, COREHR_ID_TYPES, CREATE_JOB_CHANGE_PATH, TENANT_TOKEN_PATH, World

CREATES = 500


async def create_until_killed(server, bodies, kill_after):
    """Create with 16 clients, kill the server after `kill_after` acknowledgements, and return the keys by id."""
    acknowledged, queue = {}, list(bodies)
    async with httpx.AsyncClient(base_url=server.url, timeout=20) as client:
        token = (
            await client.post(TENANT_TOKEN_PATH, json={"app_id": APP_ALL, "app_secret": APP_SECRETS[APP_ALL]})
        ).json()
        headers = {"authorization": f"Bearer {token['tenant_access_token']}"}

        async def run_client():
            while queue:
                body = queue.pop()
                try:
                    response = await client.post(
                        CREATE_JOB_CHANGE_PATH, json=body, params=COREHR_ID_TYPES, headers=headers
                    )
                except httpx.TransportError:
                    return
                assert response.json()["code"] == 0, response.text
                acknowledged[response.json()["data"]["job_change_id"]] = body["transfer_key"]
                if len(acknowledged) == kill_after:
                    server.kill()

        await asyncio.gather(*[run_client() for _ in range(16)])
    return acknowledged


def test_nothing_acknowledged_is_lost_and_nothing_is_stored_in_part(db):
    with running_server(db) as server:
        hired = [server.sandbox("POST", "world/employees", {"count": 50})["employments"] for _ in range(CREATES // 50)]
        employments = [employment for batch in hired for employment in batch.values()]
        names = server.sandbox("GET", "world")
        today = server.sandbox("GET", "clock")["now"][:10]
        flow = names["transfer_types"]["internal_transfer"]["flow_id"]
        bodies = [
            {
                "transfer_mode": 2,
                "flow_id": flow,
                "employment_id": employments[n]["id"],
                "transfer_type_unique_identifier": "internal_transfer",
                "effective_date": today,
                "transfer_key": f"key-{n}",
                "transfer_info": {"target_department": names["departments"]["other"]["id"]},
            }
            for n in range(CREATES)
        ]
        acknowledged = asyncio.run(create_until_killed(server, bodies, random.randint(50, CREATES - 100)))
        assert 50 <= len(acknowledged) < CREATES

    world = World(db)
    try:
        rows = world.in_transaction(lambda tx: tx.fetch_all(_select_job_changes()))
        by_id = {r["id"]: r for r in rows}
        assert acknowledged.keys() <= by_id.keys()
        event_subjects = {e["subject"] for e in world.all_events("corehr.job_change.status_updated_v2")}
        for id, row in by_id.items():
            if not row["transfer_key"]:
                continue
            assert id in event_subjects
            process = world.sandbox("GET", f"records/processes/{row['process_id']}")
            assert [t["status"] for t in process["tasks"]] == [1, 0]
        keys = {r["transfer_key"] for r in rows if r["transfer_key"]}
        assert set(acknowledged.values()) <= keys
        assert len(event_subjects & by_id.keys()) == len([s for s in event_subjects if s in by_id])
        assert all(s in by_id for s in event_subjects)
    finally:
        world.close()


def test_days_are_not_ahead_of_the_clock_after_a_kill(db):
    """The clock is on its way through a year when the process is killed; the next one goes on from where it was."""
    with running_server(db) as server:
        names = server.sandbox("GET", "world")
        started = server.sandbox("GET", "clock")["now"]
        advancing = threading.Thread(target=_advance_until_killed, args=(server,), daemon=True)
        advancing.start()
        deadline = time.monotonic() + 60
        while server.sandbox("GET", "clock")["now"][:7] == started[:7] and time.monotonic() < deadline:
            time.sleep(0.02)
        server.kill()
        advancing.join(30)
    world = World(db)
    try:
        zones = world.in_transaction(last_processed_days)
        now = world.installation.clock.now(world.installation.tenant.id)
        assert all(day <= local_date(now, zone) for zone, day in zones.items())
        assert world.today() > started[:10]
        change = world.create_job_change(
            names["employments"]["active"]["id"],
            {"target_department": names["departments"]["other"]["id"]},
            effective_date=(date.fromisoformat(world.today()) + timedelta(days=2)).isoformat(),
        ).data["job_change_id"]
        world.advance(days=3)
        assert world.sandbox("GET", f"records/job_changes/{change}")["status"] == "Transformed"
    finally:
        world.close()


def _advance_until_killed(server):
    with contextlib.suppress(OSError, http.client.HTTPException):
        server.sandbox("POST", "clock/advance", {"days": 365})


def _select_job_changes():
    import sqlalchemy as sa

    from corehr.hr.job_changes.records import job_change
    from corehr.kernel.statements import in_tenant, statement

    return statement(sa.select(job_change).where(in_tenant(job_change)))
