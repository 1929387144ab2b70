"""A replay of all events to an empty consumer rebuilds what the read operations answer.

The consumer knows what it is sent and nothing else: from bodies alone how everything stands and, where a body does no
more than name a record, what the record looked like when it was last named.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from corehr.entrypoints import subscriptions
from corehr.hr.contracts.records import contract
from corehr.hr.employments.records import employment
from corehr.hr.job_changes.records import job_change
from corehr.hr.offboardings import records as offboardings
from corehr.hr.offboardings.records import Checklist, Status, offboarding
from corehr.hr.pre_hires.records import pre_hire
from corehr.hr.processes import records as processes
from corehr.hr.processes.records import process
from corehr.kernel.db import Tx
from tests.entrypoints.consumer import (
    CANCELLED,
    DONE,
    OPEN,
    REJECTED,
    Body,
    Consumer,
    ids,
    job_datas,
    readable,
    record,
    tasks_of,
)
from tests.hr.offboardings.offboarding_calls import create_offboarding, day_from_today, edit_ok, fact_of, revoke_ok
from tests.hr.pre_hires.pre_hire_calls import withdraw_ok
from tests.listener import Listener, ReceivedRequest, accept_all, listening
from tests.world import ALL, CORE_IDS, JOB_DATA, World

SINCE_EVER: Final = "0" * 32
CHANGED: Final = "corehr.job_data.changed_v1"

# ---------------------------------------------------------------------------------------------------------- sending


class Subscription:
    """Every event of the company goes to a consumer's server."""

    def __init__(self, world: World, listener: Listener) -> None:
        self._world, self._listener = world, listener
        world.sandbox("PUT", f"apps/{ALL}/webhook", {"url": listener.url, "events": "*"})
        self._read = len(listener.requests)

    def news(self) -> list[Body]:
        """What has come since this was last asked, in its order; nothing is on its way any more."""
        self._world.travel(minutes=1)
        came = self._listener.requests[self._read :]
        self._read += len(came)
        return [heard.json for heard in came]

    def replay(self, since: str | None = None) -> list[Body]:
        """A replay, as it came."""
        asked = {"since": since} if since else {}
        count = self._world.sandbox("POST", f"apps/{ALL}/replay", asked)["count"]
        came = self.news()
        assert len(came) == count
        return came


@pytest.fixture
def subscription(world: World) -> Iterator[Subscription]:
    with listening() as listener:
        yield Subscription(world, listener)


def recorded(world: World) -> list[Any]:
    """Every event there ever was."""
    return world.sandbox("GET", "events", since=SINCE_EVER, limit=10_000)["items"]


# -------------------------------------------------------------------------------------------------------- the stories


def stories(world: World) -> Iterator[str]:
    """A quarter of a company, a chapter at a time."""
    department, job = world.names["departments"]["other"]["id"], world.names["jobs"]["other"]["id"]
    with_approval = {"transfer_mode": 2, "flow_id": world.names["transfer_types"]["internal_transfer"]["flow_id"]}
    active, second = world.person("active")["id"], world.person("active_2")["id"]

    new, newer = (person["id"] for person in world.hire(2))
    yield "two are hired"

    more = {"target_probation_end_date": "2026-09-30", "target_employment_change": {"employee_number": "E-777"}}
    signed = {"target_contract_start_date": world.today(), "target_contract_number": "C-7"}
    one = world.change(active, {"target_department": department, **more, **signed}).data
    other = world.change(active, {"target_job": job, "target_contract_end_date": "2031-12-31"}).data
    yield "one moves twice in a day"

    in_three_days = {"effective_date": day_from_today(world, 3), "transfer_key": "k-1"}
    agreed = world.change(second, {"target_job": job}, **with_approval, **in_three_days).data
    refused = world.change(new, {"target_job": job}, **with_approval).data
    world.change(newer, {"target_department": department}, effective_date=day_from_today(world, 2)).passes()
    abroad = world.change(
        somebody_abroad(world), {"target_department": department}, effective_date=day_from_today(world, 1)
    ).data
    yield "four are asked for"

    world.approve(agreed["process_id"])
    world.approve(refused["process_id"], approve=False)
    yield "their approvers have answered"

    world.sandbox("PUT", "clock", {"now": f"{day_from_today(world, 1)}T00:00:30+08:00"})
    assert record(world, "job_changes", abroad["job_change_id"])["status"] == "NoNeedApproval"
    yield "midnight here"
    world.travel(days=4)
    assert record(world, "job_changes", abroad["job_change_id"])["status"] == "Transformed"
    yield "midnight there, and some more"

    world.revoke(one["job_change_id"]).passes()
    yield "what came first is taken back"
    world.revoke(other["job_change_id"]).passes()
    world.revoke(agreed["job_change_id"]).passes()
    yield "all is taken back"

    edit_ok(
        world,
        fact_of(world, "Approved"),
        {"offboarding_date": day_from_today(world, 1), "reason_explanation": "begins sooner"},
    )
    yield "she will leave sooner"
    world.travel(days=2)
    assert record(world, "offboardings", fact_of(world, "Approved"))["status"] == Status.OFFBOARDED
    yield "she has left"
    for name in ("Approved", "NoNeedApproval", "Approving"):
        revoke_ok(world, fact_of(world, name))
    yield "she stays after all, and others"

    for name in ("under_modification", "under_withdrawal"):
        world.approve(fact_of(world, name, "approval_process_id"))
    yield "second thoughts are agreed to"

    id = create_offboarding(world, new, day_from_today(world, 5), Status.APPROVED)
    hand_over = world.tell(lambda tx: handing_over(world, tx, id, new))
    yield "one hands over"
    world.approve(hand_over)
    world.travel(days=6)
    yield "and leaves"

    withdraw_ok(world, world.names["pre_hires"]["preboarding"]["id"])
    yield "one does not come"
    world.travel(days=60)
    yield "two months pass"


def somebody_abroad(world: World) -> str:
    """Somebody who stays, and whose days begin eight hours later."""
    for id in ids(world, employment):
        shown = record(world, "employments", id)
        where = shown["job_data"]["version"] and shown["job_data"]["version"]["body"]["work_location_id"]
        if where and not shown["offboarding_ids"]:
            zone = record(world, "locations", where)["version"]["body"]["zone"]
            if zone == "Europe/London":
                return id
    raise AssertionError("nobody works abroad")


def handing_over(world: World, tx: Tx, id: str, person: str) -> str:
    """The approval of a hand-over begins, as no operation has it begin yet; its process."""
    flow = world.names["flows"]["offboarding"]["id"]
    nodes, approver = processes.flow_nodes(tx, flow), world.person("manager")["id"]
    assert nodes
    about = (offboardings.CHECKLIST, id)
    process_id, _ = processes.start(tx, flow, nodes, about, person, approver, None)
    offboardings.set_checklist_status(tx, offboardings.get_existing(tx, id), Checklist.RUNNING, process_id)
    return process_id


# --------------------------------------------------------------------------------------------- from the bodies alone


def assert_rebuilt(world: World, consumer: Consumer) -> None:
    there = readable(world)
    known = {kind: consumer.known[kind] for kind in there}
    for kind, things in there.items():
        assert known[kind] == things, kind
    people, job_data_of = list(there["employments"]), {}
    for id, shown in job_datas(world).items():
        job_data_of[shown[0]["employment_id"]] = id
    assert job_data_of.keys() == consumer.known["employments"].keys()

    effects = consumer.known["effects"]
    by_status = {status: {id for id, it in there["job_changes"].items() if it["status"] == status} for status in (2, 5)}
    assert by_status[5] <= effects.keys() <= by_status[5] | by_status[2], "what took effect may be taken back"
    for id, told in effects.items():
        person = there["job_changes"][id]["employment_id"]
        assert told == {"employment_id": person, "job_data_id": job_data_of[person]}

    handed = {(id, it["process_id"], it["status"]) for id, it in consumer.known["tasks"].items()}
    statuses = (OPEN, REJECTED, DONE, CANCELLED)
    assert handed == {it for person in people for status in statuses for it in tasks_of(world, person, status)}


def test_bodies_alone_tell_how_everything_stands(world, subscription):
    consumer = Consumer()
    consumer.take(subscription.replay())
    assert_rebuilt(world, consumer)
    for _ in stories(world):
        consumer.take(subscription.news())
    assert_rebuilt(world, consumer)
    late = Consumer()
    late.take(subscription.replay())
    assert late.known == consumer.known


# ------------------------------------------------------------------------------------------- fetching what was named

NAMES: Final[Mapping[str, tuple[str, str]]] = {
    "contract": ("contracts", "contract_id"),
    "employment": ("employments", "employment_id"),
    "job_change": ("job_changes", "job_change_id"),
    "job_data": ("job_datas", "job_data_id"),
    "offboarding": ("offboardings", "offboarding_id"),
    "pre_hire": ("pre_hires", "pre_hire_id"),
    "process": ("processes", "process_id"),
}
"""What events are about by the second word of their names, and the member that names it."""

SILENT: Final = ("proposal", "updated_at", "updated_by")
"""Of an offboarding, what another one's proposal may change before anything of it holds."""


class Mirror:
    """Of each record what was read when an event of its own last named it."""

    def __init__(self, world: World) -> None:
        self._world, self.kept = world, dict[tuple[str, str], Any]()
        self._people: dict[str, str] = {}

    def take(self, envelopes: Iterable[Body]) -> None:
        about = [named_by(envelope) for envelope in envelopes]
        for kind, id in about:
            if kind == "employments" and id not in self._people.values():
                self._people |= dict.fromkeys(job_datas(self._world, id), id)
        for kind, id in dict.fromkeys(it for it in about if it[0]):
            self.kept[kind, id] = self._read(kind, id)

    def _read(self, kind: str, id: str) -> Any:
        if kind == "job_datas":
            return job_datas(self._world, self._people[id])[id]
        return looks(self._world, kind, id)


def named_by(envelope: Body) -> tuple[str, str]:
    body = envelope["event"]
    kind, member = NAMES.get(envelope["header"]["event_type"].split(".")[1], ("", ""))
    return kind, str(body.get(member) or body.get("offboarding_info_id"))


def looks(world: World, kind: str, id: str) -> Any:
    shown = record(world, kind, id)
    match kind:
        case "employments":
            return shown["end_date"], shown["versions"]
        case "contracts":
            return shown and shown["versions"]
        case "offboardings":
            return {name: value for name, value in shown.items() if name not in SILENT}
    return shown


def everything(world: World) -> dict[tuple[str, str], Any]:
    """The same read in full."""
    found: dict[tuple[str, str], Any] = {("job_datas", id): shown for id, shown in job_datas(world).items()}
    for kind, table in (
        ("contracts", contract),
        ("employments", employment),
        ("job_changes", job_change),
        ("offboardings", offboarding),
        ("pre_hires", pre_hire),
        ("processes", process),
    ):
        found |= {(kind, id): looks(world, kind, id) for id in ids(world, table)}
    return found


def test_nothing_changes_without_an_event_of_its_own(world, subscription):
    """Fetching what is named, and only that, is as good as reading everything again after each story."""
    mirror = Mirror(world)
    mirror.take(subscription.replay())
    assert mirror.kept == everything(world)
    for chapter in stories(world):
        mirror.take(subscription.news())
        there = everything(world)
        stale = [it for it in there if mirror.kept.get(it) != there[it]]
        assert (stale, mirror.kept.keys() - there.keys()) == ([], set()), chapter


# --------------------------------------------------------------------------------------------------- again and again


def test_a_second_replay_is_whole_in_order_and_changes_nothing(world, subscription, monkeypatch):
    """In the order of each subject, that is; subjects are sent side by side."""
    monkeypatch.setattr(subscriptions, "AT_A_TIME", 100)
    first, consumer = subscription.replay(), Consumer()
    for _ in stories(world):
        first += subscription.news()
    consumer.take(first)
    known = repr(consumer.known)
    again = subscription.replay()
    assert by_id(again) == by_id(first)
    consumer.take(again)
    assert repr(consumer.known) == known

    subject_of = {it["event_id"]: it["subject"] for it in recorded(world)}
    lines: dict[str, list[str]] = {}
    for envelope in again:
        id = envelope["header"]["event_id"]
        lines.setdefault(subject_of[id], []).append(id)
    assert sorted(id for line in lines.values() for id in line) == sorted(subject_of)
    assert all(line == sorted(line) for line in lines.values())
    assert max(len(line) for line in lines.values()) > 5


def by_id(envelopes: Iterable[Body]) -> dict[str, Body]:
    return {envelope["header"]["event_id"]: envelope for envelope in envelopes}


def test_a_replay_from_a_moment_on_has_what_was_recorded_since(world, subscription):
    """The moment itself counts; a thousandth of a second later does not."""
    subscription.news()
    there = recorded(world)
    of_one = [it for it in there if it["subject"] == world.names["pre_hires"]["withdrawn"]["id"]]
    moment = datetime.fromtimestamp(int(of_one[-1]["create_time"]) / 1000, UTC)
    for since, included in ((moment, True), (moment + timedelta(milliseconds=1), False)):
        wanted = {it["event_id"] for it in there if int(it["create_time"]) >= since.timestamp() * 1000}
        came = by_id(subscription.replay(since.isoformat())).keys()
        assert came == wanted
        assert (of_one[-1]["event_id"] in came) is included
    assert subscription.replay(world.sandbox("GET", "clock")["now"]) == []


# ------------------------------------------------------------------------------------------- fetching before answering


def test_a_handler_may_fetch_before_it_answers(world):
    """Also while the clock is moved: what it is told of can be read, and that does not wait for the journey's end."""
    department, day = world.names["departments"]["other"]["id"], "2026-01-06"
    read: list[str] = []

    def fetch(heard: ReceivedRequest) -> tuple[int, bytes]:
        if b"challenge" not in heard.body:
            asked = {"employment_ids": [heard.json["event"]["employment_id"]], "data_date": day}
            calling = world._request("POST", JOB_DATA, asked, query={"page_size": 10, **CORE_IDS}, app=ALL)
            answer = asyncio.run_coroutine_threadsafe(calling, world._runner.get_loop()).result(2)
            read.append(answer.data["items"][0]["job_datas"][0]["department_id"])
        return accept_all(heard)

    def delivered() -> list[Any]:
        deliveries = [delivery for it in world.heard(CHANGED) for delivery in it["deliveries"]]
        return [(it["state"], len(it["attempts"])) for it in deliveries]

    with listening(fetch) as listener:
        world.sandbox("PUT", f"apps/{ALL}/webhook", {"url": listener.url, "events": [CHANGED]})
        world.change(world.person("active")["id"], {"target_department": department}).passes()
        world.travel(seconds=1)
        assert delivered() == [("delivered", 1)]
        world.change(world.person("active_2")["id"], {"target_department": department}, effective_date=day).passes()
        world.travel(days=1)
        assert delivered() == [("delivered", 1)] * 2
    assert read == [department] * 2
