"""kill -9 while events are delivered: each committed event arrives, in its subject's order, and no other event."""

import asyncio
import json
import random
import threading
import time
from collections import defaultdict
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

import httpx
import sqlalchemy as sa

from corehr.hr.job_changes.events import EVENT_STATUS_CODES
from corehr.hr.job_changes.records import Status, job_change
from corehr.kernel.statements import in_tenant, statement
from tests.listener import accept_all, listening
from tests.server_process import running_server
from tests.world import APP_ALL, APP_SECRETS, COREHR_ID_TYPES, CREATE_JOB_CHANGE_PATH, TENANT_TOKEN_PATH, World

KILLS = 20
CLIENTS = 4
EMPLOYEES_PER_CLIENT = 60
"""For each client: a kill removes one of them at most, since the outcome of the last request is unknown."""

MAX_RESPONSES_BETWEEN_KILLS, MAX_RECEIPTS_BETWEEN_KILLS = 20, 300
"""Maximum numbers of successful requests, and of received events, between two kills."""

MAX_FAILURES_PER_SUBJECT = 2
"""How often the subscriber refuses one subject at most: after five failures in a row its event would be dead."""

STATUS_UPDATED = "corehr.job_change.status_updated_v2"
_SELECT_JOB_CHANGES = statement(sa.select(job_change.c.id, job_change.c.status).where(in_tenant(job_change)))


@contextmanager
def seeded_random():
    """Yield a random generator; its seed is added as a note to a failure."""
    seed = random.randrange(1 << 32)
    try:
        yield random.Random(seed)
    except BaseException as error:
        error.add_note(f"seed {seed}")
        raise


# -- the subscriber ---------------------------------------------------------------------------------------------------


class Receipt(NamedTuple):
    event_id: str
    body: bytes
    status: int


def subject_of(event):
    """Return the subject of an event, as the log has it."""
    of_process = event["header"]["event_type"].startswith("corehr.process.")
    names = ["process_id"] if of_process else ["job_change_id", "job_data_id", "employment_id"]
    return next(event["event"][name] for name in names if name in event["event"])


class FlakyEndpoint:
    """Answers now and then late, or with 500; `receipts` has its responses in the order of the requests."""

    def __init__(self, rng):
        self.rng, self.lock = rng, threading.Lock()
        self.receipts: list[Receipt] = []
        self.rejections: dict[str, int] = defaultdict(int)

    def __call__(self, request):
        event = request.json
        if "challenge" in event:
            return accept_all(request)
        with self.lock:
            subject, late = subject_of(event), self.rng.random() < 0.05
            status = 500 if self.rejections[subject] < MAX_FAILURES_PER_SUBJECT and self.rng.random() < 0.1 else 200
            self.rejections[subject] += status == 500
            self.receipts.append(Receipt(event["header"]["event_id"], request.body, status))
            seconds = self.rng.uniform(0, 0.1) if late else 0
        time.sleep(seconds)
        return status, b"{}"


# -- the load ---------------------------------------------------------------------------------------------------------


class Clients:
    """Clients that create, approve, reject and revoke job changes; `acknowledged` has the id and status of each event
    that the responses imply."""

    def __init__(self, server, listener, rng):
        self.server, self.listener, self.rng = server, listener, rng
        self.acknowledged: set[tuple[str, str]] = set()
        self.names = server.sandbox("GET", "world")
        self.today = server.sandbox("GET", "clock")["now"][:10]
        self.employments = list(
            server.sandbox("POST", "world/employees", {"count": CLIENTS * EMPLOYEES_PER_CLIENT})["employments"].values()
        )
        self.responses, self.stopped, self.server_up = 0, False, asyncio.Event()
        self.response_received = asyncio.Condition()
        self.server_up.set()

    async def run(self) -> None:
        """Run the clients until the last kill."""
        async with httpx.AsyncClient(base_url=self.server.url, timeout=60) as self.http:
            token = (
                await self.http.post(TENANT_TOKEN_PATH, json={"app_id": APP_ALL, "app_secret": APP_SECRETS[APP_ALL]})
            ).json()
            self.http.headers["authorization"] = f"Bearer {token['tenant_access_token']}"
            async with asyncio.TaskGroup() as group:
                for n in range(CLIENTS):
                    group.create_task(self.run_client(self.employments[n::CLIENTS]))
                for _ in range(KILLS):
                    await self.kill()
                self.stopped = True

    async def kill(self) -> None:
        """Kill the server after some more responses and events, and start it again."""
        responses = self.responses + self.rng.randint(0, MAX_RESPONSES_BETWEEN_KILLS)
        receipts = len(self.listener.requests) + self.rng.randint(0, MAX_RECEIPTS_BETWEEN_KILLS)
        async with self.response_received:
            await self.response_received.wait_for(lambda: self.responses >= responses)
        await asyncio.to_thread(self.listener.wait_for, lambda: len(self.listener.requests) >= receipts, 120)
        await asyncio.sleep(self.rng.uniform(0, 0.1))
        self.server_up.clear()
        self.server.kill()
        await asyncio.to_thread(self.server.start)
        self.server_up.set()

    async def run_client(self, employments) -> None:
        in_other_department = {employment["id"]: False for employment in employments}
        while not self.stopped:
            await self.server_up.wait()
            await asyncio.sleep(self.rng.uniform(0, 0.15))  # so that deliveries keep up with the load
            id = self.rng.choice(list(in_other_department)[:3])
            try:
                in_other_department[id] = await self.change_department(id, in_other_department[id])
            except httpx.TransportError:
                del in_other_department[id]

    async def change_department(self, employment_id: str, in_other_department: bool) -> bool:
        """Create a job change to another department, and maybe reject or revoke it; return whether the employee is in
        `other` then."""
        departments = self.names["departments"]
        body: dict[str, Any] = {
            "transfer_mode": self.rng.choice([1, 2]),
            "employment_id": employment_id,
            "transfer_type_unique_identifier": "internal_transfer",
            "effective_date": self.today,
            "transfer_info": {"target_department": departments["range" if in_other_department else "other"]["id"]},
        }
        if body["transfer_mode"] == 2:
            body["flow_id"] = self.names["transfer_types"]["internal_transfer"]["flow_id"]
        change = await self.call("POST", CREATE_JOB_CHANGE_PATH, body, **COREHR_ID_TYPES)
        id, process = change["job_change_id"], change["process_id"]
        if not process:
            self.expect_events(id, Status.NO_NEED_APPROVAL, Status.TRANSFORMED)
        else:
            self.expect_events(id, Status.APPROVING)
            decision = self.rng.choice([2, 3, 3, None])
            if decision:
                await self.answer_tasks(process, decision)
                self.expect_events(id, *([Status.APPROVED, Status.TRANSFORMED] if decision == 3 else [Status.REJECTED]))
            if decision == 2:
                return in_other_department
            if decision is None:
                await self.revoke(id)
                return in_other_department
        if self.rng.random() < 0.3:
            await self.revoke(id)
            return in_other_department
        return not in_other_department

    async def answer_tasks(self, process: str, decision: int) -> None:
        """Answer every pending task in turn, until none is left."""
        path = f"/open-apis/corehr/v2/processes/{process}/approvers"
        body = {"status": decision, "system_approval": True, "reason": "as a test wants it"}
        while True:
            tasks = (await self.http.get(f"/sandbox/records/processes/{process}")).json()["tasks"]
            task = next((task for task in tasks if task["status"] == 1), None)
            if task is None:
                return
            await self.call("PUT", f"{path}/{task['approver_id']}", body, user_id_type="people_corehr_id")

    async def revoke(self, id: str) -> None:
        body = {"operator_id": self.names["employments"]["process_admin"]["id"]}
        data = await self.call("POST", f"/open-apis/corehr/v2/job_changes/{id}/revoke", body, **COREHR_ID_TYPES)
        assert data["result"], data
        self.expect_events(id, Status.CANCELLED)

    def expect_events(self, id: str, *statuses: Status) -> None:
        self.acknowledged |= {(id, status) for status in statuses}

    async def call(self, method: str, path: str, body: Any, **query: str) -> Any:
        response = await self.http.request(method, path, json=body, params=query)
        assert response.json()["code"] == 0, response.text
        async with self.response_received:
            self.responses += 1
            self.response_received.notify_all()
        return response.json()["data"]


# -- checks -----------------------------------------------------------------------------------------------------------


def list_events(server, since):
    """Return the events in the log after the event `since`."""
    found: list[Any] = []
    while page := server.sandbox("GET", f"events?limit=1000&since={since}")["items"]:
        found += page
        since = page[-1]["event_id"]
    return found


def has_waiting(server):
    """Return whether any delivery is waiting."""
    return server.sandbox("GET", "events?delivery=waiting&limit=1")["items"] != []


def drain(server):
    """Advance the clock, hour by hour, until every delivery has been retried."""
    for _ in range(8):
        if has_waiting(server):
            httpx.post(f"{server.url}/sandbox/clock/advance", json={"hours": 1}, timeout=600).raise_for_status()
    assert not has_waiting(server)


def check_in_order(log, receipts):
    """Check that no event was sent before every earlier one of its subject was accepted, and that all were accepted."""
    positions: dict[str, tuple[str, int]] = {}
    counts: dict[str, int] = defaultdict(int)
    accepted: dict[str, int] = defaultdict(int)
    for event in log:
        positions[event["event_id"]] = (event["subject"], counts[event["subject"]])
        counts[event["subject"]] += 1
    for receipt in receipts:
        subject, position = positions[receipt.event_id]
        assert position <= accepted[subject], f"{receipt.event_id} of {subject} came before its turn"
        if receipt.status == 200 and position == accepted[subject]:
            accepted[subject] += 1
    assert accepted == counts


def check_each_arrived(log, receipts):
    """Check that exactly the events of the log were received, each time with the same bytes."""
    bodies = defaultdict(set)
    for receipt in receipts:
        bodies[receipt.event_id].add(receipt.body)
    recorded = {event["event_id"] for event in log}
    assert recorded - bodies.keys() == set(), "recorded, and not received"
    assert bodies.keys() - recorded == set(), "received, and not recorded"
    assert [payloads for payloads in bodies.values() if len(payloads) > 1] == []
    for event in log:
        payload = json.loads(*bodies[event["event_id"]])
        assert payload["event"] == event["event"]
        assert payload["header"]["event_type"] == event["event_type"]
        assert subject_of(payload) == event["subject"]
        assert [d["state"] for d in event["deliveries"]] == ["delivered"]


def check_against_job_changes(log, acknowledged, before, after):
    """Check that the events have every acknowledged status, and the last status of exactly the new job changes.

    `before` and `after` are the statuses of job changes by id.
    """
    statuses = [(e["event"]["job_change_id"], e["event"]["status"]) for e in log if e["event_type"] == STATUS_UPDATED]
    assert {(id, EVENT_STATUS_CODES[status]) for id, status in acknowledged} <= set(statuses)
    assert dict(statuses) == {id: EVENT_STATUS_CODES[status] for id, status in after.items() if id not in before}


def job_change_statuses(db):
    world = World(db)
    try:
        return {row["id"]: row["status"] for row in world.in_transaction(lambda tx: tx.fetch_all(_SELECT_JOB_CHANGES))}
    finally:
        world.close()


def test_twenty_kills_lose_no_event_and_mix_up_none(db):
    with seeded_random() as rng:
        before, endpoint = job_change_statuses(db), FlakyEndpoint(random.Random(rng.random()))
        with running_server(db) as server, listening(endpoint) as listener:
            clients = Clients(server, listener, rng)
            since = list_events(server, "0" * 32)[-1]["event_id"]
            server.sandbox("PUT", f"apps/{APP_ALL}/webhook", {"url": listener.url, "events": "*"})
            asyncio.run(clients.run())
            drain(server)
            log = list_events(server, since)
        check_each_arrived(log, endpoint.receipts)
        check_in_order(log, endpoint.receipts)
        check_against_job_changes(log, clients.acknowledged, before, job_change_statuses(db))
        assert len(endpoint.receipts) > len(log)


def test_what_was_received_but_not_marked_comes_again_and_once_marked_never(db):
    """The server is killed while it delivers the first event: the event is received and its response is lost."""
    killed = threading.Event()
    with running_server(db) as server, listening() as listener:
        employment_id = server.sandbox("GET", "world")["employments"]["active"]["id"]
        department_id = server.sandbox("GET", "world")["departments"]["other"]["id"]
        server.sandbox("PUT", f"apps/{APP_ALL}/webhook", {"url": listener.url, "events": [STATUS_UPDATED]})
        since = list_events(server, "0" * 32)[-1]["event_id"]

        def kill_first(request):
            if not killed.is_set():
                server.kill()
                killed.set()
            return accept_all(request)

        listener.respond = kill_first
        with httpx.Client(base_url=server.url, timeout=60) as client:
            token = client.post(TENANT_TOKEN_PATH, json={"app_id": APP_ALL, "app_secret": APP_SECRETS[APP_ALL]}).json()
            body = {
                "transfer_mode": 1,
                "employment_id": employment_id,
                "transfer_type_unique_identifier": "internal_transfer",
                "effective_date": server.sandbox("GET", "clock")["now"][:10],
                "transfer_info": {"target_department": department_id},
            }
            headers = {"authorization": f"Bearer {token['tenant_access_token']}"}
            with suppress(httpx.TransportError):  # the response may come before the kill, or not at all
                client.post(CREATE_JOB_CHANGE_PATH, json=body, params=COREHR_ID_TYPES, headers=headers)
        assert killed.wait(30)
        for _ in range(2):
            server.start()
            server.sandbox("POST", "clock/advance", {"hours": 8})
            assert not has_waiting(server)
            requests = [request for request in listener.requests if b"challenge" not in request.body]
            assert [received.json["event"]["status"] for received in requests] == [6, 6, 5]
            assert requests[0].body == requests[1].body
            log = [event for event in list_events(server, since) if event["event_type"] == STATUS_UPDATED]
            assert [event["event_id"] for event in log] == [
                received.json["header"]["event_id"] for received in requests[1:]
            ]
            assert [[t["detail"] for t in d["attempts"]] for e in log for d in e["deliveries"]] == [["HTTP 200"]] * 2
            server.kill()
