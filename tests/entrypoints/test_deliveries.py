"""Events reach who subscribes: retried, given up, put right, in order, and each subscriber for itself."""

import asyncio
import json
import threading
from datetime import datetime, timedelta

import pytest

from corehr.entrypoints.app import open_installation
from corehr.gateway import deliveries
from corehr.gateway.apps import set_enabled
from corehr.kernel import outbox, subscribers
from corehr.kernel.event_log import Event
from corehr.kernel.settings import Settings
from corehr.kernel.statements import insert_into, select_by
from tests.listener import accept_all, listening
from tests.world import ALL, NARROW, NONE, PART, STORE, World

STATUS = "corehr.job_change.status_updated_v2"
V1 = "corehr.job_change.updated_v1"
CHANGED = "corehr.job_data.changed_v1"
OFFBOARDING = "corehr.offboarding.updated_v2"
RESIGNED = "corehr.employment.resigned_v1"
REVOKE = "/open-apis/corehr/v2/offboardings/revoke"


@pytest.fixture
def listener():
    with listening() as it:
        yield it


def subscribe(world: World, listener, app=ALL, events="*", **more):
    return world.sandbox("PUT", f"apps/{app}/webhook", {"url": listener.url, "events": events, **more})


def move(world: World, name="active", **body):
    other = world.names["departments"]["other"]["id"]
    return world.change(world.person(name)["id"], {"target_department": other}, **body).data["job_change_id"]


def attempts(world: World, app=ALL, since=None):
    """Per event that is meant for the app: its type, subject, state and attempts."""
    query = {"since": since} if since else {}
    return [
        (e["event_type"], e["subject"], d["state"], d["attempts"])
        for e in world.sandbox("GET", "events", **query)["items"]
        for d in e["deliveries"]
        if d["app_id"] == app
    ]


def said(tries):
    return [t["said"] for t in tries]


def told(listener):
    return [(e["header"]["event_type"], e["event"].get("status")) for e in listener.events]


# -- what is sent ---------------------------------------------------------------------------------------------------


def test_an_event_is_sent_in_its_envelope(world, listener):
    subscribe(world, listener, events=[STATUS], verification_token="mine")
    before = world.sandbox("GET", "clock")["now"]
    id = move(world)
    world.travel(minutes=1)
    first, second = listener.events
    assert list(first) == ["schema", "header", "event"]
    assert first["schema"] == "2.0"
    [stored, _] = world.heard(STATUS)
    assert first["header"] == {
        "event_id": stored["event_id"],
        "token": "mine",
        "create_time": stored["create_time"],
        "event_type": STATUS,
        "tenant_key": world.names["apps"]["store"]["tenant_key"],
        "app_id": ALL,
    }
    at = datetime.fromtimestamp(int(first["header"]["create_time"]) / 1000, datetime.fromisoformat(before).tzinfo)
    assert timedelta() <= at - datetime.fromisoformat(before) < timedelta(minutes=1)
    active = world.person("active")
    assert first["event"]["target_user_id"] == {k: active[k] for k in ("open_id", "union_id", "user_id")}
    assert (first["event"]["job_change_id"], first["event"]["status"], second["event"]["status"]) == (id, 6, 5)
    [raw] = [heard for heard in listener.requests if heard.body.startswith(b'{"schema"')][:1]
    assert json.dumps(first, separators=(",", ":"), ensure_ascii=False).encode() == raw.body
    assert raw.headers["content-type"] == "application/json; charset=utf-8"


def test_each_app_is_told_in_its_own_words(world, listener):
    narrow = world.sandbox(
        "POST", "apps", {"scopes": ["corehr:job_change.status_update_event:read"], "data_range": "all"}
    )["app_id"]
    subscribe(world, listener, events=[STATUS])
    subscribe(world, listener, app=narrow, events=[STATUS])
    move(world)
    world.travel(minutes=1)
    words = {e["header"]["app_id"]: e["event"]["target_user_id"] for e in listener.events}
    assert list(words[ALL]) == ["union_id", "user_id", "open_id"]
    assert list(words[narrow]) == ["union_id", "open_id"]
    assert words[ALL]["union_id"] == words[narrow]["union_id"]
    assert words[ALL]["open_id"] != words[narrow]["open_id"]


def test_who_is_out_of_range_is_not_told_of_where_the_range_is_asked(world, listener):
    """The event of version 1 says itself that it asks for no range; that of version 2 does."""
    subscribe(world, listener, app=PART, events=[STATUS, V1])
    move(world, "outside_range")
    world.travel(minutes=1)
    assert {e["header"]["event_type"] for e in listener.events} == {V1}
    outcomes = {(type, state, *said(tries)) for type, _, state, tries in attempts(world, PART)}
    assert outcomes == {
        (V1, "delivered", "HTTP 200"),
        (STATUS, "withheld", "the person is outside the app's data range"),
    }
    inside = world.names["employments"]["active"]["id"]
    mine = world.names["departments"]["range"]["id"]
    listener.requests.clear()
    world.change(inside, {"target_department": mine}).passes()
    world.travel(minutes=1)
    assert {e["header"]["event_type"] for e in listener.events} == {V1, STATUS}


def test_only_what_was_subscribed_to_is_sent(world, listener):
    subscribe(world, listener, events=[CHANGED])
    move(world)
    world.travel(minutes=1)
    assert [type for type, _ in told(listener)] == [CHANGED]


def test_what_is_unsubscribed_meanwhile_is_withheld(world, listener):
    subscribe(world, listener, events=[STATUS, CHANGED])
    listener.respond = lambda heard: accept_all(heard) if b"challenge" in heard.body else (500, b"not now")
    move(world)
    world.travel(minutes=1)
    listener.respond = accept_all
    subscribe(world, listener, events=[CHANGED])
    world.travel(hours=8)
    assert {(type, state) for type, _, state, _ in attempts(world)} == {(STATUS, "withheld"), (CHANGED, "delivered")}


# -- subscribing ----------------------------------------------------------------------------------------------------


def refusal(world, app, body, status=400):
    answer = world.request("PUT", f"/sandbox/apps/{app}/webhook", body)
    assert answer.status == status, answer.body
    return answer.json["error"]


def test_a_url_must_prove_itself(world, listener):
    listener.respond = lambda heard: (200, b'{"challenge":"another"}')
    assert "challenge" in refusal(world, ALL, {"url": listener.url})
    assert world.request("GET", f"/sandbox/apps/{ALL}/webhook").status == 404
    listener.respond = accept_all
    assert subscribe(world, listener)["url"] == listener.url
    assert world.sandbox("GET", f"apps/{ALL}/webhook")["url"] == listener.url


def test_nothing_is_sent_but_to_this_machine(world):
    assert "--webhook-to" in refusal(world, ALL, {"url": "http://192.0.2.1/events"})
    assert "--webhook-to" in refusal(world, ALL, {"url": "http://[::ffff:192.0.2.1]/events"})


@pytest.mark.parametrize(
    ("settings", "may"),
    [
        ({"sandbox": True}, True),
        ({"sandbox": True, "sandbox_token": "shown by whoever has it"}, False),
        ({"sandbox": True, "sandbox_token": "shown by whoever has it", "webhook_to": ("127.0.0.1",)}, True),
        ({}, False),
        ({"webhook_to": ("127.0.0.1",)}, True),
    ],
    ids=["a sandbox", "one that others may call", "allowed there", "production", "allowed in production"],
)
def test_who_may_have_this_machine_called(db, settings, may):
    house = open_installation(Settings(db, **settings))

    async def verified(url):
        await house.webhooks.open()
        try:
            return await house.webhooks.verify_url(url, "", "token")
        finally:
            await house.webhooks.close()

    try:
        with listening() as near:
            said = asyncio.run(verified(near.url))
    finally:
        house.store.close()
    assert said is None if may else "--webhook-to" in said


def test_an_event_needs_one_of_its_scopes(world, listener):
    assert "corehr:job_change.status_update_event:read" in refusal(
        world, NONE, {"url": listener.url, "events": [STATUS]}
    )
    assert "no scope for any event" in refusal(world, NONE, {"url": listener.url})
    assert "name an event" in refusal(world, ALL, {"url": listener.url, "events": []})
    assert subscribe(world, listener, app=STORE, events=[])["events"] == []
    assert subscribe(world, listener, app=NARROW, events=[STATUS])["events"] == [STATUS]


def test_an_event_must_be_there_and_for_this_kind_of_app(world, listener):
    assert "no event" in refusal(world, ALL, {"url": listener.url, "events": ["corehr.nothing.happened_v1"]})
    custom_only = "corehr.employee.domain_event_v2"
    assert "store" in refusal(world, STORE, {"url": listener.url, "events": [custom_only]})
    assert subscribe(world, listener, events=[custom_only])["events"] == [custom_only]


def test_every_event_there_is(world, listener):
    assert len(subscribe(world, listener)["events"]) == 75
    for_store_apps = {name for name, event in world.house.spec.events.items() if "isv" in event.apps}
    assert set(subscribe(world, listener, app=STORE)["events"]) == for_store_apps
    assert len(for_store_apps) == 71


def test_a_long_connection_is_for_custom_apps_and_has_no_url(world, listener):
    assert "webhook only" in refusal(world, STORE, {"mode": "long_connection"})
    assert "no url" in refusal(world, ALL, {"mode": "long_connection", "url": listener.url})
    assert world.sandbox("PUT", f"apps/{ALL}/webhook", {"mode": "long_connection"})["mode"] == "long_connection"


def test_what_waited_for_who_unsubscribed_is_given_up(world, listener):
    subscribe(world, listener, events=[STATUS])
    listener.stop()
    move(world)
    world.travel(minutes=1)
    world.sandbox("DELETE", f"apps/{ALL}/webhook")
    assert {(state, said(tries)[-1]) for _, _, state, tries in attempts(world)} == {
        ("given_up", "the app unsubscribed")
    }
    listener.start()
    subscribe(world, listener, events=[STATUS])
    world.travel(days=1)
    assert listener.events == []


def test_who_unsubscribes_is_told_of_nothing_more(world, listener):
    subscribe(world, listener)
    world.sandbox("DELETE", f"apps/{ALL}/webhook")
    move(world)
    world.travel(hours=8)
    assert (listener.events, attempts(world)) == ([], [])
    assert refusal(world, "cli_ffffffffffffffff", {"url": listener.url}, 404) == "there is no such app"


# -- again and again ------------------------------------------------------------------------------------------------


def moments(world, tries):
    first = datetime.fromisoformat(tries[0]["at"])
    return [round((datetime.fromisoformat(t["at"]) - first).total_seconds()) for t in tries]


def test_a_subscriber_that_was_down_for_an_hour_gets_everything_by_the_fourth_retry(world, listener):
    subscribe(world, listener)
    listener.stop()
    move(world)
    world.travel(hours=1)
    assert {state for _, _, state, _ in attempts(world)} == {"waiting"}
    listener.start()
    world.travel(hours=7)
    lines: dict = {}
    for type, subject, state, tries in attempts(world):
        assert (state, tries[-1]["said"]) == ("delivered", "HTTP 200"), type
        assert len(tries) <= 5
        lines.setdefault(subject, []).append(tries)
    for head, *_ in lines.values():  # what is behind it goes with it
        assert moments(world, head) == [0, 15, 315, 3915]
    events = [e["event_id"] for e in world.sandbox("GET", "events")["items"]]
    assert sorted(e["header"]["event_id"] for e in listener.events) == sorted(events)


def test_a_subscriber_that_was_down_for_a_day_can_have_it_all_replayed(world, listener):
    subscribe(world, listener)
    listener.stop()
    since = world.sandbox("GET", "clock")["now"]
    move(world)
    world.travel(days=1)
    given_up = attempts(world)
    assert {state for _, _, state, _ in given_up} == {"given_up"}
    heads: dict = {}
    for type, subject, _, tries in given_up:
        assert tries, f"{type} was never tried"
        heads.setdefault(subject, tries)
    for tries in heads.values():
        assert moments(world, tries) == [0, 15, 315, 3915, 25515]
        assert set(said(tries)) == {"connection refused"}
    listed = world.sandbox("GET", "events", delivery="given_up")["items"]
    assert [e["event_id"] for e in listed] == [e["event_id"] for e in world.sandbox("GET", "events")["items"]]

    listener.start()
    assert world.sandbox("POST", f"apps/{ALL}/replay", {"since": since})["count"] == len(given_up)
    world.travel(minutes=1)
    assert {state for _, _, state, _ in attempts(world)} == {"delivered"}
    assert sorted(e["header"]["event_id"] for e in listener.events) == sorted(e["event_id"] for e in listed)
    assert world.sandbox("GET", "events", delivery="given_up")["items"] == []


def test_days_and_retries_come_in_the_order_of_time(world, listener):
    """A change of tomorrow takes effect at midnight: after three retries of what was sent in the evening, and before
    the last one."""
    subscribe(world, listener, events=[STATUS, CHANGED])
    world.travel(hours=10)
    today = move(world)
    tomorrow = move(world, "active_2", effective_date="2026-01-06")
    world.travel(seconds=1)
    listener.requests.clear()
    listener.respond = lambda heard: (503, b"") if CHANGED.encode() in heard.body else accept_all(heard)
    for id in [e["event_id"] for e in world.heard(CHANGED)]:
        world.sandbox("POST", f"events/{id}/redeliver")
    world.travel(days=1)
    midnight = [e["event"]["job_change_id"] for e in listener.events].index(tomorrow)
    assert [e["event"]["job_change_id"] for e in listener.events[:midnight]] == [today] * 4
    assert today in [e["event"]["job_change_id"] for e in listener.events[midnight:]]


def test_one_event_is_delivered_again(world, listener):
    subscribe(world, listener, events=[CHANGED])
    move(world)
    world.travel(minutes=1)
    [event] = listener.events
    id = event["header"]["event_id"]
    assert world.sandbox("POST", f"events/{id}/redeliver") == {"app_ids": [ALL]}
    world.travel(minutes=1)
    assert listener.events == [event, event]
    for wrong in ("0" * 32, "zz", id[:-1] + ("0" if id[-1] != "0" else "1")):
        assert world.request("POST", f"/sandbox/events/{wrong}/redeliver").status == 404
    answer = world.request("POST", f"/sandbox/events/{id}/redeliver", {"app_id": NONE})
    assert (answer.status, "does not subscribe" in answer.json["error"]) == (404, True)


def test_a_new_subscriber_can_have_the_past(world, listener):
    move(world)
    subscribe(world, listener, events=[CHANGED])
    world.travel(minutes=1)
    assert listener.events == []
    assert world.request("POST", f"/sandbox/apps/{NARROW}/replay", {}).status == 409
    count = world.sandbox("POST", f"apps/{ALL}/replay")["count"]
    assert count > 1, "the history of the demo company has some"
    world.travel(minutes=1)
    listener.wait_for(lambda: len(listener.events) == count)
    ids = [e["header"]["event_id"] for e in listener.events]
    assert len(set(ids)) == count


# -- order ------------------------------------------------------------------------------------------------------------


def test_the_events_of_one_subject_keep_their_order(world, listener):
    """The first one fails twice: what comes after it waits, and nobody else does."""
    subscribe(world, listener, events=[STATUS])
    bad, fails = world.person("active")["id"].encode(), iter([500, 500])
    listener.respond = lambda heard: (next(fails, 200) if bad in heard.body else 200, b"busy")
    one, two = move(world), move(world, "active_2")
    world.travel(seconds=1)
    assert statuses(listener, one) == [6]
    assert statuses(listener, two) == [6, 5]
    world.travel(minutes=6)
    assert statuses(listener, one) == [6, 6, 6, 5]
    assert statuses(listener, two) == [6, 5]


def statuses(listener, job_change):
    return [e["event"]["status"] for e in listener.events if e["event"]["job_change_id"] == job_change]


def test_an_event_nobody_can_take_lets_the_next_one_by_in_the_end(world, listener):
    """A handler that fails on one type: what waits behind it is sent when that one is given up."""
    subscribe(world, listener, events=[V1, STATUS])
    listener.respond = lambda heard: (500, b"no processor") if V1.encode() in heard.body else accept_all(heard)
    id = move(world)
    world.travel(hours=8)
    outcomes = [(type, state, len(tries)) for type, subject, state, tries in attempts(world) if subject == id]
    assert outcomes == [
        (V1, "given_up", 5),
        (STATUS, "delivered", 1),
        (V1, "given_up", 1),
        (STATUS, "delivered", 1),
    ]
    assert said(attempts(world)[0][3])[0] == "HTTP 500: no processor"


def test_a_slow_subscriber_holds_up_nobody_else(world, listener):
    let_go = threading.Event()
    with listening() as slow:
        subscribe(world, slow, app=STORE, events=[STATUS])
        slow.respond = lambda heard: (200 if let_go.wait(30) else 500, b"")
        subscribe(world, listener, events=[STATUS])
        id = move(world)
        world.run(asyncio.to_thread(listener.wait_for, lambda: statuses(listener, id) == [6, 5]))
        assert {state for _, _, state, _ in attempts(world, STORE)} == {"waiting"}
        let_go.set()


def test_a_disabled_app_is_told_of_nothing_until_it_is_enabled(world, listener):
    subscribe(world, listener, events=[STATUS])
    world.tell(lambda tx: set_enabled(tx, ALL, enabled=False))
    world.run(asyncio.sleep(1.1))  # apps are known for a second
    world.sandbox("POST", f"apps/{ALL}/replay")
    world.travel(hours=1)
    assert listener.events == []
    world.tell(lambda tx: set_enabled(tx, ALL, enabled=True))
    world.run(asyncio.sleep(1.1))
    world.travel(minutes=1)
    assert listener.events


def test_an_app_that_is_disabled_in_the_middle_is_told_no_more(world, listener, monkeypatch):
    monkeypatch.setattr(deliveries, "BATCH", 1)
    subscribe(world, listener, events=[CHANGED])
    house = world.house

    def disable(heard):
        house.store.command_sync(house.tenant.id, lambda tx: set_enabled(tx, ALL, enabled=False))
        monkeypatch.setattr(house.apps, "_read_at", float("-inf"))  # as if a second had passed
        return 200, b""

    listener.respond = disable
    assert world.sandbox("POST", f"apps/{ALL}/replay")["count"] > 1
    world.travel(minutes=1)
    assert len(listener.events) == 1


def test_an_event_that_is_not_known_any_more_holds_up_nothing(world, listener):
    """As after another version was installed: what nobody knows is withheld, the rest goes on."""
    subscribe(world, listener, events=[STATUS])
    gone = "corehr.payslip.printed_v1"
    world.tell(lambda tx: tx.execute(insert_into(subscribers.subscription), type=gone, app_id=ALL))
    world.tell(lambda tx: tx.emit(Event(gone, "1", {})))
    move(world)
    world.travel(seconds=1)
    assert [(type, state) for type, _, state, _ in attempts(world)] == [
        (gone, "withheld"),
        (STATUS, "delivered"),
        (STATUS, "delivered"),
    ]


def test_who_moves_the_clock_waits_for_what_is_on_its_way_and_for_no_more(world, listener):
    """Two events of one subject, and a subscriber that takes its time over the first."""
    subscribe(world, listener, events=[STATUS])
    asked, go = threading.Event(), threading.Event()

    def slowly(heard):
        asked.set()
        return (200 if go.wait(30) else 500, b"")

    listener.respond = slowly
    id = move(world)
    world.run(asyncio.to_thread(asked.wait, 30))

    async def travelling():
        async with world.house.delivery_worker.paused():
            return statuses(listener, id)

    async def arriving():
        journey = asyncio.create_task(travelling())
        await asyncio.sleep(0)
        go.set()
        return await journey

    assert world.run(arriving()) == [6]
    world.travel(seconds=1)
    assert statuses(listener, id) == [6, 5]


# -- long connections that nobody opens --------------------------------------------------------------------------------


def test_without_a_connection_events_wait_and_are_given_up_in_the_end(world):
    world.sandbox("PUT", f"apps/{ALL}/webhook", {"mode": "long_connection", "events": [STATUS]})
    move(world)
    world.travel(hours=7)
    assert {(state, len(tries)) for _, _, state, tries in attempts(world)} == {("waiting", 0)}
    world.travel(hours=1)
    assert {(state, *said(tries)) for _, _, state, tries in attempts(world)} == {("given_up", "no connection was open")}


def test_a_connection_that_is_lost_again_costs_no_attempt(world, monkeypatch):
    world.sandbox("PUT", f"apps/{ALL}/webhook", {"mode": "long_connection", "events": [STATUS]})
    there = iter([True])  # when it is looked for; when something is to be sent, no longer
    monkeypatch.setattr(world.house.connections, "connected", lambda app_id: next(there, False))
    move(world)
    world.travel(seconds=1)
    assert next(there, None) is None
    assert [(state, tries) for _, _, state, tries in attempts(world)] == [("waiting", [])] * 2
    leases = world.tell(lambda tx: tx.fetch_all(select_by(outbox.delivery, "app_id"), app_id=ALL))
    assert {row["leased_until"] for row in leases} == {0}


# -- worlds that are exchanged -----------------------------------------------------------------------------------------


def test_a_restored_world_delivers_what_it_had_still_to_deliver(world, listener):
    subscribe(world, listener, events=[CHANGED])
    listener.stop()
    move(world)
    world.travel(minutes=1)
    kept = world.sandbox("POST", "snapshots")["id"]
    world.travel(days=1)
    assert [state for _, _, state, _ in attempts(world)] == ["given_up"]
    listener.start()
    world.sandbox("POST", f"snapshots/{kept}/restore")
    world.travel(hours=2)
    assert [(state, len(tries)) for _, _, state, tries in attempts(world)] == [("delivered", 3)]
    world.sandbox("POST", "reset")
    assert world.request("GET", f"/sandbox/apps/{ALL}/webhook").status == 404


def test_what_an_offboarding_says_in_the_night(world, listener):
    """Somebody's last day passes: midnight announces it, at midnight."""
    subscribe(world, listener, events=[RESIGNED])
    world.travel(days=120)
    stamps = [int(e["header"]["create_time"]) for e in listener.events]
    assert stamps
    assert stamps == sorted(stamps)
    assert {state for _, _, state, _ in attempts(world)} == {"delivered"}
    recorded = [(e["create_time"], e["deliveries"][0]["attempts"][0]["at"]) for e in world.heard(RESIGNED)]
    for at, attempt in recorded:
        assert int(datetime.fromisoformat(attempt).timestamp() * 1000) == int(at)
