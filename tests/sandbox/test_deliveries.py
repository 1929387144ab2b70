"""Deliveries to subscribers: rendered, retried, dead, replayed, in order, and independent of each other."""

import asyncio
import json
import threading
from datetime import datetime, timedelta

import pytest

from corehr.app.settings import Settings
from corehr.apps.registry import set_enabled
from corehr.delivery import subscribers, worker
from corehr.delivery.outbox_statements import delivery
from corehr.kernel.event_log import Event
from corehr.kernel.statements import insert_into, select_by
from corehr.server.asgi import open_application
from tests.listener import accept_all, listening
from tests.world import APP_ALL, APP_NO_FIELD_SCOPES, APP_NO_SCOPES, APP_ONE_DEPARTMENT, APP_STORE, World

STATUS = "corehr.job_change.status_updated_v2"
V1 = "corehr.job_change.updated_v1"
CHANGED = "corehr.job_data.changed_v1"
OFFBOARDING = "corehr.offboarding.updated_v2"
RESIGNED = "corehr.employment.resigned_v1"
REVOKE = "/open-apis/corehr/v2/offboardings/revoke"


@pytest.fixture
def listener():
    with listening() as server:
        yield server


def subscribe(world: World, listener, app=APP_ALL, events="*", **members):
    return world.sandbox("PUT", f"apps/{app}/webhook", {"url": listener.url, "events": events, **members})


def move(world: World, name="active", **body):
    other = world.named["departments"]["other"]["id"]
    return world.create_job_change(world.employment(name)["id"], {"target_department": other}, **body).data[
        "job_change_id"
    ]


def list_attempts(world: World, app=APP_ALL, since=None):
    """Return type, subject, state and attempts of each delivery to the app."""
    query = {"since": since} if since else {}
    return [
        (e["event_type"], e["subject"], d["state"], d["attempts"])
        for e in world.sandbox("GET", "events", **query)["items"]
        for d in e["deliveries"]
        if d["app_id"] == app
    ]


def details(attempts):
    return [t["detail"] for t in attempts]


def received(listener):
    return [(e["header"]["event_type"], e["event"].get("status")) for e in listener.events]


# -- payloads -------------------------------------------------------------------------------------------------------


def test_an_event_is_sent_in_its_envelope(world, listener):
    subscribe(world, listener, events=[STATUS], verification_token="mine")
    before = world.sandbox("GET", "clock")["now"]
    id = move(world)
    world.advance(minutes=1)
    first, second = listener.events
    assert list(first) == ["schema", "header", "event"]
    assert first["schema"] == "2.0"
    [stored, _] = world.events(STATUS)
    assert first["header"] == {
        "event_id": stored["event_id"],
        "token": "mine",
        "create_time": stored["create_time"],
        "event_type": STATUS,
        "tenant_key": world.named["apps"]["store"]["tenant_key"],
        "app_id": APP_ALL,
    }
    created_at = datetime.fromtimestamp(
        int(first["header"]["create_time"]) / 1000, datetime.fromisoformat(before).tzinfo
    )
    assert timedelta() <= created_at - datetime.fromisoformat(before) < timedelta(minutes=1)
    active = world.employment("active")
    assert first["event"]["target_user_id"] == {k: active[k] for k in ("open_id", "union_id", "user_id")}
    assert (first["event"]["job_change_id"], first["event"]["status"], second["event"]["status"]) == (id, 6, 5)
    [raw] = [request for request in listener.requests if request.body.startswith(b'{"schema"')][:1]
    assert json.dumps(first, separators=(",", ":"), ensure_ascii=False).encode() == raw.body
    assert raw.headers["content-type"] == "application/json; charset=utf-8"


def test_each_app_receives_its_own_rendering(world, listener):
    narrow = world.sandbox(
        "POST", "apps", {"scopes": ["corehr:job_change.status_update_event:read"], "data_range": "all"}
    )["app_id"]
    subscribe(world, listener, events=[STATUS])
    subscribe(world, listener, app=narrow, events=[STATUS])
    move(world)
    world.advance(minutes=1)
    target_user_ids = {e["header"]["app_id"]: e["event"]["target_user_id"] for e in listener.events}
    assert list(target_user_ids[APP_ALL]) == ["union_id", "user_id", "open_id"]
    assert list(target_user_ids[narrow]) == ["union_id", "open_id"]
    assert target_user_ids[APP_ALL]["union_id"] == target_user_ids[narrow]["union_id"]
    assert target_user_ids[APP_ALL]["open_id"] != target_user_ids[narrow]["open_id"]


def test_an_employee_outside_the_data_range_is_skipped_where_the_event_checks_it(world, listener):
    """The spec states that the event of version 1 does not check the data range, and that the one of version 2 does."""
    subscribe(world, listener, app=APP_ONE_DEPARTMENT, events=[STATUS, V1])
    move(world, "outside_range")
    world.advance(minutes=1)
    assert {e["header"]["event_type"] for e in listener.events} == {V1}
    outcomes = {(type, state, *details(tries)) for type, _, state, tries in list_attempts(world, APP_ONE_DEPARTMENT)}
    assert outcomes == {
        (V1, "delivered", "HTTP 200"),
        (STATUS, "skipped", "the employment is outside the app's data range"),
    }
    inside = world.named["employments"]["active"]["id"]
    mine = world.named["departments"]["range"]["id"]
    listener.requests.clear()
    world.create_job_change(inside, {"target_department": mine}).assert_ok()
    world.advance(minutes=1)
    assert {e["header"]["event_type"] for e in listener.events} == {V1, STATUS}


def test_an_app_that_may_not_see_pre_hires_receives_nothing_about_them(world, listener):
    blind = world.sandbox("POST", "apps", {"pre_hires": "none"})["app_id"]
    subscribe(world, listener)
    subscribe(world, listener, app=blind)
    body = {"pre_hire_id": world.named["pre_hires"]["preboarding"]["id"], "withdraw_reason": "another offer"}
    world.call("POST", "/open-apis/corehr/v2/pre_hires/withdraw_onboarding", body).assert_ok()
    world.advance(minutes=1)
    assert {e["header"]["app_id"] for e in listener.events} == {APP_ALL}
    assert {details(tries)[0] for _, _, state, tries in list_attempts(world, blind)} == {
        "the app may not see pre-hires"
    }


def test_only_subscribed_types_are_sent(world, listener):
    subscribe(world, listener, events=[CHANGED])
    move(world)
    world.advance(minutes=1)
    assert [type for type, _ in received(listener)] == [CHANGED]


def test_a_type_that_is_unsubscribed_meanwhile_is_skipped(world, listener):
    subscribe(world, listener, events=[STATUS, CHANGED])
    listener.respond = lambda request: accept_all(request) if b"challenge" in request.body else (500, b"not now")
    move(world)
    world.advance(minutes=1)
    listener.respond = accept_all
    subscribe(world, listener, events=[CHANGED])
    world.advance(hours=8)
    assert {(type, state) for type, _, state, _ in list_attempts(world)} == {
        (STATUS, "skipped"),
        (CHANGED, "delivered"),
    }


# -- subscribing ----------------------------------------------------------------------------------------------------


def subscribe_error(world, app, body, status=400):
    response = world.request("PUT", f"/sandbox/apps/{app}/webhook", body)
    assert response.status == status, response.body
    return response.json["error"]


def test_a_url_must_be_verified(world, listener):
    listener.respond = lambda request: (200, b'{"challenge":"another"}')
    assert "challenge" in subscribe_error(world, APP_ALL, {"url": listener.url})
    assert world.request("GET", f"/sandbox/apps/{APP_ALL}/webhook").status == 404
    listener.respond = accept_all
    assert subscribe(world, listener)["url"] == listener.url
    assert world.sandbox("GET", f"apps/{APP_ALL}/webhook")["url"] == listener.url


def test_a_webhook_must_be_on_this_machine(world):
    assert "--allow-webhook-host" in subscribe_error(world, APP_ALL, {"url": "http://192.0.2.1/events"})
    assert "--allow-webhook-host" in subscribe_error(world, APP_ALL, {"url": "http://[::ffff:192.0.2.1]/events"})


@pytest.mark.parametrize(
    ("settings", "allowed"),
    [
        ({"sandbox": True}, True),
        ({"sandbox": True, "sandbox_token": "secret"}, False),
        ({"sandbox": True, "sandbox_token": "secret", "webhook_hosts": ("127.0.0.1",)}, True),
        ({}, False),
        ({"webhook_hosts": ("127.0.0.1",)}, True),
    ],
    ids=["sandbox", "sandbox with a token", "allowed there", "production", "allowed in production"],
)
def test_which_settings_allow_loopback_webhooks(db, settings, allowed):
    installation = open_application(Settings(db, **settings)).installation

    async def verify(url):
        await installation.webhooks.open()
        try:
            return await installation.webhooks.verify_url(url, "", "token")
        finally:
            await installation.webhooks.close()

    try:
        with listening() as server:
            reason = asyncio.run(verify(server.url))
    finally:
        installation.store.close()
    assert reason is None if allowed else "--allow-webhook-host" in reason


def test_an_event_needs_one_of_its_scopes(world, listener):
    assert "corehr:job_change.status_update_event:read" in subscribe_error(
        world, APP_NO_SCOPES, {"url": listener.url, "events": [STATUS]}
    )
    assert "no scope for any event" in subscribe_error(world, APP_NO_SCOPES, {"url": listener.url})
    assert "name an event" in subscribe_error(world, APP_ALL, {"url": listener.url, "events": []})
    assert subscribe(world, listener, app=APP_STORE, events=[])["events"] == []
    assert subscribe(world, listener, app=APP_NO_FIELD_SCOPES, events=[STATUS])["events"] == [STATUS]


def test_an_event_must_exist_and_be_available_to_the_app_type(world, listener):
    assert "no event" in subscribe_error(
        world, APP_ALL, {"url": listener.url, "events": ["corehr.nothing.happened_v1"]}
    )
    custom_only = "corehr.employee.domain_event_v2"
    assert "store" in subscribe_error(world, APP_STORE, {"url": listener.url, "events": [custom_only]})
    assert subscribe(world, listener, events=[custom_only])["events"] == [custom_only]


def test_all_events_can_be_subscribed_to(world, listener):
    assert len(subscribe(world, listener)["events"]) == 75
    for_store_apps = {name for name, event in world.installation.spec.events.items() if "isv" in event.app_types}
    assert set(subscribe(world, listener, app=APP_STORE)["events"]) == for_store_apps
    assert len(for_store_apps) == 71


def test_a_long_connection_is_for_custom_apps_and_has_no_url(world, listener):
    assert "webhook only" in subscribe_error(world, APP_STORE, {"mode": "long_connection"})
    assert "no url" in subscribe_error(world, APP_ALL, {"mode": "long_connection", "url": listener.url})
    assert world.sandbox("PUT", f"apps/{APP_ALL}/webhook", {"mode": "long_connection"})["mode"] == "long_connection"


def test_waiting_events_of_an_unsubscribed_app_become_dead(world, listener):
    subscribe(world, listener, events=[STATUS])
    listener.stop()
    move(world)
    world.advance(minutes=1)
    world.sandbox("DELETE", f"apps/{APP_ALL}/webhook")
    assert {(state, details(tries)[-1]) for _, _, state, tries in list_attempts(world)} == {
        ("dead", "the app unsubscribed")
    }
    listener.start()
    subscribe(world, listener, events=[STATUS])
    world.advance(days=1)
    assert listener.events == []


def test_an_unsubscribed_app_receives_nothing_more(world, listener):
    subscribe(world, listener)
    world.sandbox("DELETE", f"apps/{APP_ALL}/webhook")
    move(world)
    world.advance(hours=8)
    assert (listener.events, list_attempts(world)) == ([], [])
    assert subscribe_error(world, "cli_ffffffffffffffff", {"url": listener.url}, 404) == "there is no such app"


# -- retries and replays -------------------------------------------------------------------------------------------


def seconds_since_first(world, attempts):
    first = datetime.fromisoformat(attempts[0]["at"])
    return [round((datetime.fromisoformat(t["at"]) - first).total_seconds()) for t in attempts]


def test_a_subscriber_that_was_down_for_an_hour_receives_everything_by_the_fourth_retry(world, listener):
    subscribe(world, listener)
    listener.stop()
    move(world)
    world.advance(hours=1)
    assert {state for _, _, state, _ in list_attempts(world)} == {"waiting"}
    listener.start()
    world.advance(hours=7)
    lanes: dict = {}
    for type, subject, state, tries in list_attempts(world):
        assert (state, tries[-1]["detail"]) == ("delivered", "HTTP 200"), type
        assert len(tries) <= 5
        lanes.setdefault(subject, []).append(tries)
    for head, *_ in lanes.values():  # events behind the head of a lane are sent right after it
        assert seconds_since_first(world, head) == [0, 15, 315, 3915]
    events = [e["event_id"] for e in world.sandbox("GET", "events")["items"]]
    assert sorted(e["header"]["event_id"] for e in listener.events) == sorted(events)


def test_a_subscriber_that_was_down_for_a_day_can_have_everything_replayed(world, listener):
    subscribe(world, listener)
    listener.stop()
    since = world.sandbox("GET", "clock")["now"]
    move(world)
    world.advance(days=1)
    dead = list_attempts(world)
    assert {state for _, _, state, _ in dead} == {"dead"}
    heads: dict = {}
    for type, subject, _, tries in dead:
        assert tries, f"{type} was never tried"
        heads.setdefault(subject, tries)
    for tries in heads.values():
        assert seconds_since_first(world, tries) == [0, 15, 315, 3915, 25515]
        assert set(details(tries)) == {"connection refused"}
    listed = world.sandbox("GET", "events", delivery="dead")["items"]
    assert [e["event_id"] for e in listed] == [e["event_id"] for e in world.sandbox("GET", "events")["items"]]

    listener.start()
    assert world.sandbox("POST", f"apps/{APP_ALL}/replay", {"since": since})["count"] == len(dead)
    world.advance(minutes=1)
    assert {state for _, _, state, _ in list_attempts(world)} == {"delivered"}
    assert sorted(e["header"]["event_id"] for e in listener.events) == sorted(e["event_id"] for e in listed)
    assert world.sandbox("GET", "events", delivery="dead")["items"] == []


def test_days_and_retries_are_processed_in_time_order(world, listener):
    """A job change takes effect at midnight, after three retries of an event of the evening and before the last one."""
    subscribe(world, listener, events=[STATUS, CHANGED])
    world.advance(hours=10)
    today = move(world)
    tomorrow = move(world, "active_2", effective_date="2026-01-06")
    world.advance(seconds=1)
    listener.requests.clear()
    listener.respond = lambda request: (503, b"") if CHANGED.encode() in request.body else accept_all(request)
    for id in [e["event_id"] for e in world.events(CHANGED)]:
        world.sandbox("POST", f"events/{id}/redeliver")
    world.advance(days=1)
    midnight = [e["event"]["job_change_id"] for e in listener.events].index(tomorrow)
    assert [e["event"]["job_change_id"] for e in listener.events[:midnight]] == [today] * 4
    assert today in [e["event"]["job_change_id"] for e in listener.events[midnight:]]


def test_one_event_is_redelivered(world, listener):
    subscribe(world, listener, events=[CHANGED])
    move(world)
    world.advance(minutes=1)
    [event] = listener.events
    id = event["header"]["event_id"]
    assert world.sandbox("POST", f"events/{id}/redeliver") == {"app_ids": [APP_ALL]}
    world.advance(minutes=1)
    assert listener.events == [event, event]
    for unknown_id in ("0" * 32, "zz", id[:-1] + ("0" if id[-1] != "0" else "1")):
        assert world.request("POST", f"/sandbox/events/{unknown_id}/redeliver").status == 404
    response = world.request("POST", f"/sandbox/events/{id}/redeliver", {"app_id": APP_NO_SCOPES})
    assert (response.status, "does not subscribe" in response.json["error"]) == (404, True)


def test_a_new_subscriber_can_have_past_events_replayed(world, listener):
    move(world)
    subscribe(world, listener, events=[CHANGED])
    world.advance(minutes=1)
    assert listener.events == []
    assert world.request("POST", f"/sandbox/apps/{APP_NO_FIELD_SCOPES}/replay", {}).status == 409
    count = world.sandbox("POST", f"apps/{APP_ALL}/replay")["count"]
    assert count > 1, "the history of the demo company has such events"
    world.advance(minutes=1)
    listener.wait_for(lambda: len(listener.events) == count)
    ids = [e["header"]["event_id"] for e in listener.events]
    assert len(set(ids)) == count


# -- order ------------------------------------------------------------------------------------------------------------


def test_the_events_of_one_subject_keep_their_order(world, listener):
    """The first event fails twice: later events of its subject wait, those of another subject do not."""
    subscribe(world, listener, events=[STATUS])
    failing_employment, failures = world.employment("active")["id"].encode(), iter([500, 500])
    listener.respond = lambda request: (next(failures, 200) if failing_employment in request.body else 200, b"busy")
    first, second = move(world), move(world, "active_2")
    world.advance(seconds=1)
    assert statuses(listener, first) == [6]
    assert statuses(listener, second) == [6, 5]
    world.advance(minutes=6)
    assert statuses(listener, first) == [6, 6, 6, 5]
    assert statuses(listener, second) == [6, 5]


def statuses(listener, job_change):
    return [e["event"]["status"] for e in listener.events if e["event"]["job_change_id"] == job_change]


def test_an_event_that_always_fails_unblocks_its_lane_once_dead(world, listener):
    """A handler fails on one type: the events behind such an event are sent once its delivery is dead."""
    subscribe(world, listener, events=[V1, STATUS])
    listener.respond = lambda request: (500, b"no processor") if V1.encode() in request.body else accept_all(request)
    id = move(world)
    world.advance(hours=8)
    outcomes = [(type, state, len(tries)) for type, subject, state, tries in list_attempts(world) if subject == id]
    assert outcomes == [
        (V1, "dead", 5),
        (STATUS, "delivered", 1),
        (V1, "dead", 1),
        (STATUS, "delivered", 1),
    ]
    assert details(list_attempts(world)[0][3])[0] == "HTTP 500: no processor"


def test_a_slow_subscriber_delays_no_other(world, listener):
    released = threading.Event()
    with listening() as slow:
        subscribe(world, slow, app=APP_STORE, events=[STATUS])
        slow.respond = lambda request: (200 if released.wait(30) else 500, b"")
        subscribe(world, listener, events=[STATUS])
        id = move(world)
        world.await_(asyncio.to_thread(listener.wait_for, lambda: statuses(listener, id) == [6, 5]))
        assert {state for _, _, state, _ in list_attempts(world, APP_STORE)} == {"waiting"}
        released.set()


def test_a_disabled_app_receives_nothing_until_it_is_enabled(world, listener):
    subscribe(world, listener, events=[STATUS])
    world.in_transaction(lambda tx: set_enabled(tx, APP_ALL, enabled=False))
    world.await_(asyncio.sleep(1.1))  # apps are cached for a second
    world.sandbox("POST", f"apps/{APP_ALL}/replay")
    world.advance(hours=1)
    assert listener.events == []
    world.in_transaction(lambda tx: set_enabled(tx, APP_ALL, enabled=True))
    world.await_(asyncio.sleep(1.1))
    world.advance(minutes=1)
    assert listener.events


def test_an_app_that_is_disabled_in_the_middle_receives_no_more(world, listener, monkeypatch):
    monkeypatch.setattr(worker, "BATCH_SIZE", 1)
    subscribe(world, listener, events=[CHANGED])
    installation = world.installation

    def disable(request):
        installation.store.command_sync(installation.tenant.id, lambda tx: set_enabled(tx, APP_ALL, enabled=False))
        monkeypatch.setattr(installation.apps, "_refreshed_at", float("-inf"))  # as if a second had passed
        return 200, b""

    listener.respond = disable
    assert world.sandbox("POST", f"apps/{APP_ALL}/replay")["count"] > 1
    world.advance(minutes=1)
    assert len(listener.events) == 1


def test_an_event_of_an_unknown_type_blocks_nothing(world, listener):
    """As after another version was installed: an event of an unknown type is skipped, the others are delivered."""
    subscribe(world, listener, events=[STATUS])
    unknown_type = "corehr.payslip.printed_v1"
    world.in_transaction(
        lambda tx: tx.execute(insert_into(subscribers.subscription), type=unknown_type, app_id=APP_ALL)
    )
    world.in_transaction(lambda tx: tx.emit(Event(unknown_type, "1", {})))
    move(world)
    world.advance(seconds=1)
    assert [(type, state) for type, _, state, _ in list_attempts(world)] == [
        (unknown_type, "skipped"),
        (STATUS, "delivered"),
        (STATUS, "delivered"),
    ]


def test_advancing_the_clock_waits_for_deliveries_under_way_and_for_no_more(world, listener):
    """There are two events of one subject, and a subscriber that responds slowly to the first."""
    subscribe(world, listener, events=[STATUS])
    received_first, released = threading.Event(), threading.Event()

    def respond_slowly(request):
        received_first.set()
        return (200 if released.wait(30) else 500, b"")

    listener.respond = respond_slowly
    id = move(world)
    world.await_(asyncio.to_thread(received_first.wait, 30))

    async def pause():
        async with world.installation.delivery_worker.paused():
            return statuses(listener, id)

    async def pause_then_release():
        pausing = asyncio.create_task(pause())
        await asyncio.sleep(0)
        released.set()
        return await pausing

    assert world.await_(pause_then_release()) == [6]
    world.advance(seconds=1)
    assert statuses(listener, id) == [6, 5]


# -- long connections without a client ---------------------------------------------------------------------------------


def test_without_a_connection_events_wait_and_become_dead_in_the_end(world):
    world.sandbox("PUT", f"apps/{APP_ALL}/webhook", {"mode": "long_connection", "events": [STATUS]})
    move(world)
    world.advance(hours=7)
    assert {(state, len(tries)) for _, _, state, tries in list_attempts(world)} == {("waiting", 0)}
    world.advance(hours=1)
    assert {(state, *details(tries)) for _, _, state, tries in list_attempts(world)} == {
        ("dead", "no connection was open")
    }


def test_a_connection_that_is_lost_again_costs_no_attempt(world, monkeypatch):
    world.sandbox("PUT", f"apps/{APP_ALL}/webhook", {"mode": "long_connection", "events": [STATUS]})
    connected = iter([True])  # connected when the worker looks for due deliveries, lost when it sends
    monkeypatch.setattr(world.installation.connections, "is_connected", lambda app_id: next(connected, False))
    move(world)
    world.advance(seconds=1)
    assert next(connected, None) is None
    assert [(state, tries) for _, _, state, tries in list_attempts(world)] == [("waiting", [])] * 2
    leases = world.in_transaction(lambda tx: tx.fetch_all(select_by(delivery, "app_id"), app_id=APP_ALL))
    assert {row["leased_until"] for row in leases} == {0}


# -- snapshots and midnights -------------------------------------------------------------------------------------------


def test_a_restored_world_delivers_what_was_still_waiting(world, listener):
    subscribe(world, listener, events=[CHANGED])
    listener.stop()
    move(world)
    world.advance(minutes=1)
    snapshot_id = world.sandbox("POST", "snapshots")["id"]
    world.advance(days=1)
    assert [state for _, _, state, _ in list_attempts(world)] == ["dead"]
    listener.start()
    world.sandbox("POST", f"snapshots/{snapshot_id}/restore")
    world.advance(hours=2)
    assert [(state, len(tries)) for _, _, state, tries in list_attempts(world)] == [("delivered", 3)]
    world.sandbox("POST", "reset")
    assert world.request("GET", f"/sandbox/apps/{APP_ALL}/webhook").status == 404


def test_midnight_announces_an_offboarding(world, listener):
    """The offboarding date of an employee passes: the event is created and delivered at midnight."""
    subscribe(world, listener, events=[RESIGNED])
    world.advance(days=120)
    create_times = [int(e["header"]["create_time"]) for e in listener.events]
    assert create_times
    assert create_times == sorted(create_times)
    assert {state for _, _, state, _ in list_attempts(world)} == {"delivered"}
    times = [(e["create_time"], e["deliveries"][0]["attempts"][0]["at"]) for e in world.events(RESIGNED)]
    for create_time, attempt in times:
        assert int(datetime.fromisoformat(attempt).timestamp() * 1000) == int(create_time)
