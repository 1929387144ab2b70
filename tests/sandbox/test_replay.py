"""A replay of all events to an empty consumer rebuilds what the read operations return.

The consumer uses nothing but events: their bodies alone for statuses and references and, where a body only names a
record, the record as it was read when an event last named it.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from corehr.delivery import subscriptions
from corehr.hr.contracts.records import contract
from corehr.hr.employees.employments.records import employment
from corehr.hr.job_changes.records import job_change
from corehr.hr.offboardings import records as offboardings
from corehr.hr.offboardings.records import Checklist, Status, offboarding
from corehr.hr.pre_hires.records import pre_hire
from corehr.hr.processes import records as processes
from corehr.hr.processes.records import process
from corehr.hr.processes.records import task as process_task
from corehr.kernel.db import Tx
from corehr.kernel.statements import select_by
from tests.hr.offboardings.offboarding_calls import create_offboarding, day_from_today, edit_ok, fact_of, revoke_ok
from tests.hr.pre_hires.pre_hire_calls import withdraw_ok
from tests.listener import Listener, ReceivedRequest, accept_all, listening
from tests.sandbox.consumer import (
    CANCELLED,
    DONE,
    PENDING,
    REJECTED,
    Body,
    Consumer,
    get_job_datas,
    get_record,
    list_ids,
    list_tasks_of_approver,
    read_state,
)
from tests.world import APP_ALL, COREHR_ID_TYPES, QUERY_JOB_DATA_PATH, World

BEFORE_ALL_EVENTS: Final = "0" * 32
CHANGED: Final = "corehr.job_data.changed_v1"

# ---------------------------------------------------------------------------------------------------------- sending


class Subscription:
    """A subscription to every event of the company, with a consumer's server as its webhook."""

    def __init__(self, world: World, listener: Listener) -> None:
        self._world, self._listener = world, listener
        world.sandbox("PUT", f"apps/{APP_ALL}/webhook", {"url": listener.url, "events": "*"})
        self._read_count = len(listener.requests)

    def new_events(self) -> list[Body]:
        """Deliver all waiting events and return those received since the last call, in order."""
        self._world.advance(minutes=1)
        received = self._listener.requests[self._read_count :]
        self._read_count += len(received)
        return [request.json for request in received]

    def replay(self, since: str | None = None) -> list[Body]:
        """Replay the events since an instant, by default all, and return them as they were received."""
        body = {"since": since} if since else {}
        count = self._world.sandbox("POST", f"apps/{APP_ALL}/replay", body)["count"]
        received = self.new_events()
        assert len(received) == count
        return received


@pytest.fixture
def subscription(world: World) -> Iterator[Subscription]:
    with listening() as listener:
        yield Subscription(world, listener)


def list_recorded_events(world: World) -> list[Any]:
    """Return every event in the log."""
    return world.sandbox("GET", "events", since=BEFORE_ALL_EVENTS, limit=10_000)["items"]


# ---------------------------------------------------------------------------------------------------------- scenarios


def scenarios(world: World) -> Iterator[str]:
    """Run a quarter of a company's changes, and yield the name of each step after it."""
    department, job = world.named["departments"]["other"]["id"], world.named["jobs"]["other"]["id"]
    with_approval = {"transfer_mode": 2, "flow_id": world.named["transfer_types"]["internal_transfer"]["flow_id"]}
    active, second = world.employment("active")["id"], world.employment("active_2")["id"]

    new, second_new = (facts["id"] for facts in world.hire(2))
    yield "two employees hired"

    more = {"target_probation_end_date": "2026-09-30", "target_employment_change": {"employee_number": "E777"}}
    contract_terms = {"target_contract_start_date": world.today(), "target_contract_number": "C-7"}
    first_change = world.create_job_change(active, {"target_department": department, **more, **contract_terms}).data
    second_change = world.create_job_change(active, {"target_job": job, "target_contract_end_date": "2031-12-31"}).data
    yield "two job changes of one employee in a day"

    in_three_days = {"effective_date": day_from_today(world, 3), "transfer_key": "k-1"}
    approved = world.create_job_change(second, {"target_job": job}, **with_approval, **in_three_days).data
    rejected = world.create_job_change(new, {"target_job": job}, **with_approval).data
    world.create_job_change(
        second_new, {"target_department": department}, effective_date=day_from_today(world, 2)
    ).assert_ok()
    abroad = world.create_job_change(
        world.employment("works_behind")["id"],
        {"target_department": department},
        effective_date=day_from_today(world, 1),
    ).data
    yield "four job changes requested"

    world.approve(approved["process_id"])
    world.approve(rejected["process_id"], approve=False)
    yield "approvals answered"

    world.sandbox("PUT", "clock", {"now": f"{day_from_today(world, 1)}T00:00:30+08:00"})
    assert get_record(world, "job_changes", abroad["job_change_id"])["status"] == "NoNeedApproval"
    yield "midnight in the time zone of the company"
    world.advance(days=4)
    assert get_record(world, "job_changes", abroad["job_change_id"])["status"] == "Transformed"
    yield "midnight abroad, and three more days"

    world.revoke(first_change["job_change_id"]).assert_ok()
    yield "first job change revoked"
    world.revoke(second_change["job_change_id"]).assert_ok()
    world.revoke(approved["job_change_id"]).assert_ok()
    yield "all job changes revoked"

    edit_ok(
        world,
        fact_of(world, "Approved"),
        {"offboarding_date": day_from_today(world, 1), "reason_explanation": "begins sooner"},
    )
    yield "offboarding date moved"
    world.advance(days=2)
    assert get_record(world, "offboardings", fact_of(world, "Approved"))["status"] == Status.OFFBOARDED
    yield "employee offboarded"
    for name in ("Approved", "NoNeedApproval", "Approving"):
        revoke_ok(world, fact_of(world, name))
    yield "offboardings revoked"

    for name in ("under_modification", "under_withdrawal"):
        world.approve(fact_of(world, name, "approval_process_id"))
    yield "modification and withdrawal approved"

    id = create_offboarding(world, new, day_from_today(world, 5), Status.APPROVED)
    checklist_process = world.in_transaction(lambda tx: start_checklist_approval(world, tx, id, new))
    yield "checklist approval started"
    world.approve(checklist_process)
    world.advance(days=6)
    yield "employee with a checklist offboarded"

    withdraw_ok(world, world.named["pre_hires"]["preboarding"]["id"])
    yield "onboarding withdrawn"
    world.advance(days=60)
    yield "two months later"


def start_checklist_approval(world: World, tx: Tx, id: str, employment_id: str) -> str:
    """Start the approval of a hand-over checklist, for which there is no operation yet, and return its process id."""
    flow = world.named["flows"]["offboarding"]["id"]
    nodes, approver = processes.flow_nodes(tx, flow), world.employment("manager")["id"]
    assert nodes
    subject = (offboardings.CHECKLIST, id)
    process_id, _ = processes.start(tx, flow, nodes, subject, employment_id, approver, None)
    offboardings.set_checklist_status(tx, offboardings.get_existing(tx, id), Checklist.RUNNING, process_id)
    return process_id


# --------------------------------------------------------------------------------------------------- from bodies alone


def assert_rebuilt(world: World, consumer: Consumer) -> None:
    """Assert that the state of the consumer is the one that the read operations return."""
    expected = read_state(world)
    rebuilt = {kind: consumer.state[kind] for kind in expected}
    for kind, entities in expected.items():
        assert rebuilt[kind] == entities, kind
    employment_ids, job_data_of = list(expected["employments"]), {}
    for id, job_data_versions in get_job_datas(world).items():
        job_data_of[job_data_versions[0]["employment_id"]] = id
    assert job_data_of.keys() == consumer.state["employments"].keys()

    effects = consumer.state["effects"]
    by_status = {
        status: {id for id, facts in expected["job_changes"].items() if facts["status"] == status} for status in (2, 5)
    }
    assert by_status[5] <= effects.keys() <= by_status[5] | by_status[2], "an effective job change may be revoked"
    for id, effect in effects.items():
        employment_id = expected["job_changes"][id]["employment_id"]
        assert effect == {"employment_id": employment_id, "job_data_id": job_data_of[employment_id]}

    tasks = {(id, task["process_id"], task["status"]) for id, task in consumer.state["tasks"].items()}
    statuses = (PENDING, REJECTED, DONE, CANCELLED)
    assert {task for task in tasks if task[0] not in answered_by_the_system(world)} == {
        task
        for employment_id in employment_ids
        for status in statuses
        for task in list_tasks_of_approver(world, employment_id, status)
    }


def answered_by_the_system(world):
    """Return the ids of the tasks that the system answered: events have them, their approvers see them no more."""
    answered = {"by_system": 1}
    rows = world.in_transaction(lambda tx: tx.fetch_all(select_by(process_task, *answered), **answered))
    return {row["id"] for row in rows}


def test_bodies_alone_rebuild_the_full_state(world, subscription):
    consumer = Consumer()
    consumer.consume(subscription.replay())
    assert_rebuilt(world, consumer)
    for _ in scenarios(world):
        consumer.consume(subscription.new_events())
    assert_rebuilt(world, consumer)
    late = Consumer()
    late.consume(subscription.replay())
    assert late.state == consumer.state


# ------------------------------------------------------------------------------------------- fetching named records

RECORD_OF_EVENT: Final[Mapping[str, tuple[str, str]]] = {
    "contract": ("contracts", "contract_id"),
    "employment": ("employments", "employment_id"),
    "job_change": ("job_changes", "job_change_id"),
    "job_data": ("job_datas", "job_data_id"),
    "offboarding": ("offboardings", "offboarding_id"),
    "pre_hire": ("pre_hires", "pre_hire_id"),
    "process": ("processes", "process_id"),
}
"""By the second part of an event type: the kind of its record, and the member with the record's id."""

FIELDS_WITHOUT_EVENT: Final = ("proposal", "updated_at", "updated_by")
"""Members of an offboarding that a proposed modification changes without an event, before it is approved."""


class StateMirror:
    """Keeps each record as it was read when an event of its own last named it."""

    def __init__(self, world: World) -> None:
        self._world, self.records = world, dict[tuple[str, str], Any]()
        self._employment_of_job_data: dict[str, str] = {}

    def consume(self, envelopes: Iterable[Body]) -> None:
        """Read every record that these events name."""
        references = [record_named_by(envelope) for envelope in envelopes]
        for kind, id in references:
            if kind == "employments" and id not in self._employment_of_job_data.values():
                self._employment_of_job_data |= dict.fromkeys(get_job_datas(self._world, id), id)
        for kind, id in dict.fromkeys(reference for reference in references if reference[0]):
            self.records[kind, id] = self._read(kind, id)

    def _read(self, kind: str, id: str) -> Any:
        if kind == "job_datas":
            return get_job_datas(self._world, self._employment_of_job_data[id])[id]
        return comparable_record(self._world, kind, id)


def record_named_by(envelope: Body) -> tuple[str, str]:
    """Return kind and id of the record that an event names; the kind is empty for other events."""
    body = envelope["event"]
    kind, member = RECORD_OF_EVENT.get(envelope["header"]["event_type"].split(".")[1], ("", ""))
    return kind, str(body.get(member) or body.get("offboarding_info_id"))


def comparable_record(world: World, kind: str, id: str) -> Any:
    """Return the part of a record that never changes without an event."""
    record = get_record(world, kind, id)
    match kind:
        case "employments":
            return record["end_date"], record["versions"]
        case "contracts":
            return record and record["versions"]
        case "offboardings":
            return {name: value for name, value in record.items() if name not in FIELDS_WITHOUT_EVENT}
    return record


def full_state(world: World) -> dict[tuple[str, str], Any]:
    """Return all records, by kind and id, as `StateMirror` keeps them."""
    found: dict[tuple[str, str], Any] = {
        ("job_datas", id): job_data_versions for id, job_data_versions in get_job_datas(world).items()
    }
    for kind, table in (
        ("contracts", contract),
        ("employments", employment),
        ("job_changes", job_change),
        ("offboardings", offboarding),
        ("pre_hires", pre_hire),
        ("processes", process),
    ):
        found |= {(kind, id): comparable_record(world, kind, id) for id in list_ids(world, table)}
    return found


def test_nothing_changes_without_an_event_of_its_own(world, subscription):
    """Reading only the named records after each step gives the same as reading all records."""
    mirror = StateMirror(world)
    mirror.consume(subscription.replay())
    assert mirror.records == full_state(world)
    for step in scenarios(world):
        mirror.consume(subscription.new_events())
        expected = full_state(world)
        stale = [reference for reference in expected if mirror.records.get(reference) != expected[reference]]
        assert (stale, mirror.records.keys() - expected.keys()) == ([], set()), step


# ------------------------------------------------------------------------------------------------------------ replays


def test_a_second_replay_is_complete_in_order_and_changes_nothing(world, subscription, monkeypatch):
    """The order is that of each subject; different subjects are delivered in parallel."""
    monkeypatch.setattr(subscriptions, "REPLAY_BATCH_SIZE", 100)
    first, consumer = subscription.replay(), Consumer()
    for _ in scenarios(world):
        first += subscription.new_events()
    consumer.consume(first)
    state = repr(consumer.state)
    again = subscription.replay()
    assert events_by_id(again) == events_by_id(first)
    consumer.consume(again)
    assert repr(consumer.state) == state

    subject_of = {event["event_id"]: event["subject"] for event in list_recorded_events(world)}
    lanes: dict[str, list[str]] = {}
    for envelope in again:
        id = envelope["header"]["event_id"]
        lanes.setdefault(subject_of[id], []).append(id)
    assert sorted(id for lane in lanes.values() for id in lane) == sorted(subject_of)
    assert all(lane == sorted(lane) for lane in lanes.values())
    assert max(len(lane) for lane in lanes.values()) > 5


def events_by_id(envelopes: Iterable[Body]) -> dict[str, Body]:
    return {envelope["header"]["event_id"]: envelope for envelope in envelopes}


def test_a_replay_since_an_instant_has_the_events_recorded_from_then_on(world, subscription):
    """An event recorded at the instant itself is included; a millisecond later it is not."""
    subscription.new_events()
    events = list_recorded_events(world)
    of_subject = [event for event in events if event["subject"] == world.named["pre_hires"]["withdrawn"]["id"]]
    instant = datetime.fromtimestamp(int(of_subject[-1]["create_time"]) / 1000, UTC)
    for since, included in ((instant, True), (instant + timedelta(milliseconds=1), False)):
        expected = {e["event_id"] for e in events if int(e["create_time"]) >= since.timestamp() * 1000}
        received = events_by_id(subscription.replay(since.isoformat())).keys()
        assert received == expected
        assert (of_subject[-1]["event_id"] in received) is included
    assert subscription.replay(world.sandbox("GET", "clock")["now"]) == []


# ------------------------------------------------------------------------------------------ fetching before responding


def test_a_handler_may_fetch_before_it_responds(world):
    """While the clock advances too: the record of a delivered event can be read before the advance ends."""
    department, day = world.named["departments"]["other"]["id"], "2026-01-06"
    department_ids: list[str] = []

    def fetch(request: ReceivedRequest) -> tuple[int, bytes]:
        if b"challenge" not in request.body:
            body = {"employment_ids": [request.json["event"]["employment_id"]], "data_date": day}
            call = world._request(
                "POST", QUERY_JOB_DATA_PATH, body, query={"page_size": 10, **COREHR_ID_TYPES}, app=APP_ALL
            )
            response = asyncio.run_coroutine_threadsafe(call, world._runner.get_loop()).result(2)
            department_ids.append(response.data["items"][0]["job_datas"][0]["department_id"])
        return accept_all(request)

    def delivered() -> list[Any]:
        deliveries = [delivery for event in world.events(CHANGED) for delivery in event["deliveries"]]
        return [(delivery["state"], len(delivery["attempts"])) for delivery in deliveries]

    with listening(fetch) as listener:
        world.sandbox("PUT", f"apps/{APP_ALL}/webhook", {"url": listener.url, "events": [CHANGED]})
        world.create_job_change(world.employment("active")["id"], {"target_department": department}).assert_ok()
        world.advance(seconds=1)
        assert delivered() == [("delivered", 1)]
        world.create_job_change(
            world.employment("active_2")["id"], {"target_department": department}, effective_date=day
        ).assert_ok()
        world.advance(days=1)
        assert delivered() == [("delivered", 1)] * 2
    assert department_ids == [department] * 2
