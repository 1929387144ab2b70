"""kill -9 while events are delivered: each one committed arrives, in its subject's order; nothing else does."""

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
from corehr.kernel.statements import of_tenant, statement
from tests.listener import accept_all, listening
from tests.server import serving
from tests.world import ALL, CORE_IDS, CREATE, SECRETS, TOKEN, World

KILLS = 20
CLIENTS = 4
PEOPLE = 60
"""For each client: a kill takes away one of them at most, since nobody knows what became of the last request."""

ANSWERS, RECEIPTS = 20, 300
"""At most so many requests that succeed, and events that are received, are waited for between two kills."""

FAILURES = 2
"""The subscriber refuses one subject so often at most: five times in a row, and events would be given up."""

STATUS_UPDATED = "corehr.job_change.status_updated_v2"
_CHANGES = statement(sa.select(job_change.c.id, job_change.c.status).where(of_tenant(job_change)))


@contextmanager
def chances():
    """Random choices of a seed that is told when they end in a failure."""
    seed = random.randrange(1 << 32)
    try:
        yield random.Random(seed)
    except BaseException as broken:
        broken.add_note(f"seed {seed}")
        raise


# -- the subscriber ---------------------------------------------------------------------------------------------------


class Receipt(NamedTuple):
    event_id: str
    body: bytes
    status: int


def subject_of(event):
    """What an event is about, as its log has it."""
    of_process = event["header"]["event_type"].startswith("corehr.process.")
    names = ["process_id"] if of_process else ["job_change_id", "job_data_id", "employment_id"]
    return next(event["event"][name] for name in names if name in event["event"])


class Moody:
    """Answers now and then late, or with 500; in the order in which it is asked, it writes down what it says."""

    def __init__(self, chance):
        self.chance, self.lock = chance, threading.Lock()
        self.receipts: list[Receipt] = []
        self.refused: dict[str, int] = defaultdict(int)

    def __call__(self, heard):
        event = heard.json
        if "challenge" in event:
            return accept_all(heard)
        with self.lock:
            subject, late = subject_of(event), self.chance.random() < 0.05
            status = 500 if self.refused[subject] < FAILURES and self.chance.random() < 0.1 else 200
            self.refused[subject] += status == 500
            self.receipts.append(Receipt(event["header"]["event_id"], heard.body, status))
            seconds = self.chance.uniform(0, 0.1) if late else 0
        time.sleep(seconds)
        return status, b"{}"


# -- the load ---------------------------------------------------------------------------------------------------------


class Clients:
    """They move people, ask, approve, reject and revoke; `acknowledged` is what the answers promise to be told of."""

    def __init__(self, server, listener, chance):
        self.server, self.listener, self.chance = server, listener, chance
        self.acknowledged: set[tuple[str, str]] = set()
        self.names = server.sandbox("GET", "world")
        self.today = server.sandbox("GET", "clock")["now"][:10]
        self.people = list(
            server.sandbox("POST", "world/employees", {"count": CLIENTS * PEOPLE})["employments"].values()
        )
        self.answers, self.stopped, self.up = 0, False, asyncio.Event()
        self.answered = asyncio.Condition()
        self.up.set()

    async def run(self) -> None:
        """Until nobody has to be killed any more."""
        async with httpx.AsyncClient(base_url=self.server.url, timeout=60) as self.http:
            token = (await self.http.post(TOKEN, json={"app_id": ALL, "app_secret": SECRETS[ALL]})).json()
            self.http.headers["authorization"] = f"Bearer {token['tenant_access_token']}"
            async with asyncio.TaskGroup() as group:
                for n in range(CLIENTS):
                    group.create_task(self.client(self.people[n::CLIENTS]))
                for _ in range(KILLS):
                    await self.kill()
                self.stopped = True

    async def kill(self) -> None:
        """After some answers and some events more; the server is there again when this returns."""
        answers = self.answers + self.chance.randint(0, ANSWERS)
        receipts = len(self.listener.requests) + self.chance.randint(0, RECEIPTS)
        async with self.answered:
            await self.answered.wait_for(lambda: self.answers >= answers)
        await asyncio.to_thread(self.listener.wait_for, lambda: len(self.listener.requests) >= receipts, 120)
        await asyncio.sleep(self.chance.uniform(0, 0.1))
        self.up.clear()
        self.server.kill()
        await asyncio.to_thread(self.server.start)
        self.up.set()

    async def client(self, people) -> None:
        there = {person["id"]: False for person in people}
        while not self.stopped:
            await self.up.wait()
            await asyncio.sleep(self.chance.uniform(0, 0.15))  # so that deliveries keep up with the load
            person = self.chance.choice(list(there)[:3])
            try:
                there[person] = await self.story(person, there[person])
            except httpx.TransportError:
                del there[person]

    async def story(self, person: str, there: bool) -> bool:
        """Somebody moves to another department, or is kept from it; whether they are in `other` then."""
        departments = self.names["departments"]
        asked: dict[str, Any] = {
            "transfer_mode": self.chance.choice([1, 2]),
            "employment_id": person,
            "transfer_type_unique_identifier": "internal_transfer",
            "effective_date": self.today,
            "transfer_info": {"target_department": departments["range" if there else "other"]["id"]},
        }
        if asked["transfer_mode"] == 2:
            asked["flow_id"] = self.names["transfer_types"]["internal_transfer"]["flow_id"]
        change = await self.call("POST", CREATE, asked, **CORE_IDS)
        id, process = change["job_change_id"], change["process_id"]
        if not process:
            self.promise(id, Status.NO_NEED_APPROVAL, Status.TRANSFORMED)
        else:
            self.promise(id, Status.APPROVING)
            verdict = self.chance.choice([2, 3, 3, None])
            if verdict:
                await self.answer(process, verdict)
                self.promise(id, *([Status.APPROVED, Status.TRANSFORMED] if verdict == 3 else [Status.REJECTED]))
            if verdict == 2:
                return there
            if verdict is None:
                await self.revoke(id)
                return there
        if self.chance.random() < 0.3:
            await self.revoke(id)
            return there
        return not there

    async def answer(self, process: str, verdict: int) -> None:
        """Every approver in turn, until nobody is left to ask."""
        path = f"/open-apis/corehr/v2/processes/{process}/approvers"
        asked = {"status": verdict, "system_approval": True, "reason": "as a test wants it"}
        while True:
            tasks = (await self.http.get(f"/sandbox/records/processes/{process}")).json()["tasks"]
            task = next((task for task in tasks if task["status"] == 1), None)
            if task is None:
                return
            await self.call("PUT", f"{path}/{task['approver_id']}", asked, user_id_type="people_corehr_id")

    async def revoke(self, id: str) -> None:
        asked = {"operator_id": self.names["employments"]["process_admin"]["id"]}
        said = await self.call("POST", f"/open-apis/corehr/v2/job_changes/{id}/revoke", asked, **CORE_IDS)
        assert said["result"], said
        self.promise(id, Status.CANCELLED)

    def promise(self, id: str, *statuses: Status) -> None:
        self.acknowledged |= {(id, status) for status in statuses}

    async def call(self, method: str, path: str, body: Any, **query: str) -> Any:
        answer = await self.http.request(method, path, json=body, params=query)
        assert answer.json()["code"] == 0, answer.text
        async with self.answered:
            self.answers += 1
            self.answered.notify_all()
        return answer.json()["data"]


# -- what became of it ------------------------------------------------------------------------------------------------


def pages(server, since):
    """The events in the log after one."""
    found: list[Any] = []
    while page := server.sandbox("GET", f"events?limit=1000&since={since}")["items"]:
        found += page
        since = page[-1]["event_id"]
    return found


def waits(server):
    """Whether anything is still to be delivered."""
    return server.sandbox("GET", "events?delivery=waiting&limit=1")["items"] != []


def drain(server):
    """Let the hours pass in which everything is tried again."""
    for _ in range(8):
        if waits(server):
            httpx.post(f"{server.url}/sandbox/clock/advance", json={"hours": 1}, timeout=600).raise_for_status()
    assert not waits(server)


def check_in_order(log, receipts):
    """No event is sent, taken or not, before every earlier one of its subject was taken; in the end all of them are."""
    places: dict[str, tuple[str, int]] = {}
    numbers: dict[str, int] = defaultdict(int)
    taken: dict[str, int] = defaultdict(int)
    for event in log:
        places[event["event_id"]] = (event["subject"], numbers[event["subject"]])
        numbers[event["subject"]] += 1
    for receipt in receipts:
        subject, place = places[receipt.event_id]
        assert place <= taken[subject], f"{receipt.event_id} of {subject} came before its turn"
        if receipt.status == 200 and place == taken[subject]:
            taken[subject] += 1
    assert taken == numbers


def check_each_arrived(log, receipts):
    """What was received is what is in the log, no more and no less; the same bytes each time."""
    bodies = defaultdict(set)
    for receipt in receipts:
        bodies[receipt.event_id].add(receipt.body)
    recorded = {event["event_id"] for event in log}
    assert recorded - bodies.keys() == set(), "recorded, and not received"
    assert bodies.keys() - recorded == set(), "received, and not recorded"
    assert [sent for sent in bodies.values() if len(sent) > 1] == []
    for event in log:
        said = json.loads(*bodies[event["event_id"]])
        assert said["event"] == event["event"]
        assert said["header"]["event_type"] == event["event_type"]
        assert subject_of(said) == event["subject"]
        assert [d["state"] for d in event["deliveries"]] == ["delivered"]


def check_against_changes(log, acknowledged, before, after):
    """Each status that was acknowledged was told, each change is told of, and none but those: `before` and `after`
    are their statuses by id."""
    told = [(e["event"]["job_change_id"], e["event"]["status"]) for e in log if e["event_type"] == STATUS_UPDATED]
    assert {(id, EVENT_STATUS_CODES[status]) for id, status in acknowledged} <= set(told)
    assert dict(told) == {id: EVENT_STATUS_CODES[status] for id, status in after.items() if id not in before}


def changes(db):
    world = World(db)
    try:
        return {row["id"]: row["status"] for row in world.tell(lambda tx: tx.fetch_all(_CHANGES))}
    finally:
        world.close()


def test_twenty_kills_lose_no_event_and_mix_up_none(db):
    with chances() as chance:
        before, moody = changes(db), Moody(random.Random(chance.random()))
        with serving(db) as server, listening(moody) as listener:
            clients = Clients(server, listener, chance)
            since = pages(server, "0" * 32)[-1]["event_id"]
            server.sandbox("PUT", f"apps/{ALL}/webhook", {"url": listener.url, "events": "*"})
            asyncio.run(clients.run())
            drain(server)
            log = pages(server, since)
        check_each_arrived(log, moody.receipts)
        check_in_order(log, moody.receipts)
        check_against_changes(log, clients.acknowledged, before, changes(db))
        assert len(moody.receipts) > len(log)


def test_what_was_received_but_not_marked_comes_again_and_once_marked_never(db):
    """The subscriber's machine takes the server down with it: the first event is received and never answered."""
    killed = threading.Event()
    with serving(db) as server, listening() as listener:
        person = server.sandbox("GET", "world")["employments"]["active"]["id"]
        other = server.sandbox("GET", "world")["departments"]["other"]["id"]
        server.sandbox("PUT", f"apps/{ALL}/webhook", {"url": listener.url, "events": [STATUS_UPDATED]})
        since = pages(server, "0" * 32)[-1]["event_id"]

        def kill_first(heard):
            if not killed.is_set():
                server.kill()
                killed.set()
            return accept_all(heard)

        listener.respond = kill_first
        with httpx.Client(base_url=server.url, timeout=60) as client:
            token = client.post(TOKEN, json={"app_id": ALL, "app_secret": SECRETS[ALL]}).json()
            asked = {
                "transfer_mode": 1,
                "employment_id": person,
                "transfer_type_unique_identifier": "internal_transfer",
                "effective_date": server.sandbox("GET", "clock")["now"][:10],
                "transfer_info": {"target_department": other},
            }
            headers = {"authorization": f"Bearer {token['tenant_access_token']}"}
            with suppress(httpx.TransportError):  # the answer may come before the kill, or not at all
                client.post(CREATE, json=asked, params=CORE_IDS, headers=headers)
        assert killed.wait(30)
        for _ in range(2):
            server.start()
            server.sandbox("POST", "clock/advance", {"hours": 8})
            assert not waits(server)
            told = [heard for heard in listener.requests if b"challenge" not in heard.body]
            assert [heard.json["event"]["status"] for heard in told] == [6, 6, 5]
            assert told[0].body == told[1].body
            log = [event for event in pages(server, since) if event["event_type"] == STATUS_UPDATED]
            assert [event["event_id"] for event in log] == [heard.json["header"]["event_id"] for heard in told[1:]]
            assert [[t["said"] for t in d["attempts"]] for e in log for d in e["deliveries"]] == [["HTTP 200"]] * 2
            server.kill()
