"""Faults of deliveries: what a subscriber receives, what the sandbox shows of it, and what happens next."""

import hashlib
import json
import time
from contextlib import contextmanager

import pytest

from corehr.delivery.faults import STALE_SECONDS
from corehr.delivery.outbox import AttemptResult
from tests.listener import listening
from tests.receiver import decrypt_body
from tests.world import APP_ALL, APP_NO_FIELD_SCOPES

STATUS = "corehr.job_change.status_updated_v2"
V1 = "corehr.job_change.updated_v1"
KEY = "the key of the subscriber"


@pytest.fixture
def listener():
    with listening() as server:
        yield server


def subscribe(world, listener, app=APP_ALL, events=(STATUS,), **members):
    return world.sandbox("PUT", f"apps/{app}/webhook", {"url": listener.url, "events": list(events), **members})


@contextmanager
def encrypted_webhook(world, listener):
    """Subscribe with an encrypt key: the listener reads what it can, and answers as a subscriber that checks it."""

    def respond(received):
        try:
            is_encrypted = received.body.startswith(b'{"encrypt"')
            body = json.loads(decrypt_body(received.body, KEY) if is_encrypted else received.body)
        except (ValueError, IndexError, AssertionError):
            return 500, b"unreadable"
        return (200, json.dumps({"challenge": body["challenge"]}).encode()) if "challenge" in body else (200, b"{}")

    listener.respond = respond
    subscribe(world, listener, encrypt_key=KEY)
    listener.requests.clear()
    yield


def set_faults(world, *faults):
    return world.sandbox("PUT", "delivery-faults", list(faults))


def move(world, name="active"):
    target = {"target_department": world.named["departments"]["other"]["id"]}
    return world.create_job_change(world.employment(name)["id"], target).data["job_change_id"]


def deliveries(world, app=APP_ALL):
    """Return state and attempts of each delivery to the app, in the order of the events."""
    items = world.sandbox("GET", "events")["items"]
    return [(d["state"], d["attempts"]) for item in items for d in item["deliveries"] if d["app_id"] == app]


def faults_of(world, app=APP_ALL):
    """Return the faults of the attempts of each delivery."""
    return [[attempt.get("fault") for attempt in attempts] for _, attempts in deliveries(world, app)]


def statuses(listener):
    return [event["event"]["status"] for event in listener.events]


# -- each fault ------------------------------------------------------------------------------------------------------


def test_a_duplicate_is_received_twice(world, listener):
    subscribe(world, listener)
    set_faults(world, {"fault": "duplicate", "times": 1})
    move(world)
    world.advance(seconds=1)

    first, again, second = listener.events
    assert first == again
    assert (first["event"]["status"], second["event"]["status"]) == (6, 5)
    [(state, [attempt]), (_, [plain])] = deliveries(world)
    assert (state, attempt["fault"], attempt["detail"]) == ("delivered", "duplicate", "HTTP 200; again: HTTP 200")
    assert "fault" not in plain
    assert world.sandbox("GET", "delivery-faults") == []


def test_a_delayed_event_comes_later_with_those_behind_it(world, listener):
    subscribe(world, listener)
    set_faults(world, {"fault": "delay", "delay_seconds": 600, "times": 1})
    move(world)
    world.advance(seconds=300)
    assert listener.events == []
    [(state, [attempt]), (other, none)] = deliveries(world)
    assert (state, attempt["fault"], attempt["detail"], other, none) == (
        "waiting",
        "delay",
        "delayed by 600 s",
        "waiting",
        [],
    )

    world.advance(seconds=301)

    assert statuses(listener) == [6, 5]
    assert faults_of(world) == [["delay", None], [None]]


def test_a_delay_without_a_count_delays_each_event_once(world, listener):
    subscribe(world, listener)
    set_faults(world, {"fault": "delay", "delay_seconds": 10})
    move(world)
    world.advance(minutes=2)

    assert statuses(listener) == [6, 5]
    assert faults_of(world) == [["delay", None]] * 2


def test_two_events_of_one_subject_are_swapped(world, listener):
    subscribe(world, listener)
    set_faults(world, {"fault": "swap", "event_type": STATUS, "times": 1})
    move(world)
    world.advance(seconds=1)

    assert statuses(listener) == [5, 6]
    assert faults_of(world) == [["swap"], ["swap"]]
    move(world, "active_2")
    world.advance(seconds=1)
    assert statuses(listener) == [5, 6, 6, 5]


def test_two_swapped_events_that_are_refused_come_again_in_their_order(world, listener):
    subscribe(world, listener)
    set_faults(world, {"fault": "swap", "times": 1})
    accept = listener.respond
    listener.respond = lambda request: (500, b"")
    move(world)
    world.advance(seconds=1)
    assert statuses(listener) == [5, 6]
    listener.respond = accept

    world.advance(hours=8)

    assert statuses(listener) == [5, 6, 6, 5]
    assert [state for state, _ in deliveries(world)] == ["delivered"] * 2


def test_a_single_event_is_not_swapped_and_the_fault_waits(world, listener):
    subscribe(world, listener, events=["corehr.job_data.changed_v1"])
    fault = {"fault": "swap", "times": 1}
    set_faults(world, fault)
    move(world)
    world.advance(seconds=1)

    assert len(listener.events) == 1
    assert faults_of(world) == [[None]]
    assert world.sandbox("GET", "delivery-faults") == [fault]


def signature_of(request, key=KEY):
    headers = request.headers
    signed = headers["x-lark-request-timestamp"] + headers["x-lark-request-nonce"] + key
    return hashlib.sha256(signed.encode() + request.body).hexdigest()


def test_a_signature_is_wrong_and_everything_else_is_right(world, listener):
    with encrypted_webhook(world, listener):
        set_faults(world, {"fault": "wrong_signature", "times": 1})
        move(world)
        world.advance(seconds=1)

        wrong, right = listener.requests
        assert wrong.headers["x-lark-signature"] != signature_of(wrong)
        assert right.headers["x-lark-signature"] == signature_of(right)
        assert json.loads(decrypt_body(wrong.body, KEY))["header"]["event_type"] == STATUS
        assert faults_of(world) == [["wrong_signature"], [None]]


def test_a_stale_timestamp_is_signed(world, listener):
    with encrypted_webhook(world, listener):
        set_faults(world, {"fault": "stale_timestamp", "times": 1})
        move(world)
        world.advance(seconds=1)

        stale, fresh = listener.requests
        ages = [time.time() - int(request.headers["x-lark-request-timestamp"]) for request in (stale, fresh)]
        assert STALE_SECONDS <= ages[0] < STALE_SECONDS + 600
        assert ages[1] < 600
        assert stale.headers["x-lark-signature"] == signature_of(stale)
        assert faults_of(world) == [["stale_timestamp"], [None]]


def test_a_body_is_encrypted_with_another_key_and_comes_again(world, listener):
    with encrypted_webhook(world, listener):
        set_faults(world, {"fault": "wrong_encrypt_key", "times": 1})
        move(world)
        world.advance(minutes=1)

        [(state, attempts), _] = deliveries(world)
        assert [(attempt["detail"], attempt.get("fault")) for attempt in attempts] == [
            ("HTTP 500: unreadable", "wrong_encrypt_key"),
            ("HTTP 200", None),
        ]
        assert state == "delivered"


def test_a_verification_token_is_wrong(world, listener):
    subscribe(world, listener, verification_token="mine")
    set_faults(world, {"fault": "wrong_verification_token", "times": 1})
    move(world)
    world.advance(seconds=1)

    first, second = listener.events
    assert first["header"] == {**second["header"], "event_id": first["header"]["event_id"], "token": "not mine"}
    assert second["header"]["token"] == "mine"
    assert faults_of(world) == [["wrong_verification_token"], [None]]


@pytest.mark.parametrize("members", [{}, {"encrypt_key": KEY}], ids=["plain", "encrypted"])
def test_a_body_is_cut(world, listener, members):
    with encrypted_webhook(world, listener):  # answers the challenge in either form
        subscribe(world, listener, **members)
    listener.respond = lambda request: (200, b"{}") if request.body.endswith(b"}") else (400, b"no JSON")
    listener.requests.clear()
    set_faults(world, {"fault": "cut_body", "times": 1})
    move(world)
    world.advance(minutes=1)

    [cut, whole, _] = listener.requests
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        json.loads(cut.body)
    assert json.loads(whole.body)
    assert int(cut.headers["content-length"]) == len(cut.body)
    assert faults_of(world) == [["cut_body", None], [None]]
    assert deliveries(world)[0][1][0]["detail"] == "HTTP 400: no JSON"


@pytest.mark.parametrize("fault", ["cut_body", "wrong_verification_token", "duplicate"])
def test_what_is_sent_over_a_long_connection_is_hit_too(world, monkeypatch, fault):
    world.sandbox("PUT", f"apps/{APP_ALL}/webhook", {"mode": "long_connection", "events": [STATUS]})
    set_faults(world, {"fault": "wrong_signature"}, {"fault": fault, "times": 1})
    sent = []

    async def send(app_id, message_id, trace_id, body):
        sent.append(body)
        return AttemptResult(True, "answered 200")

    monkeypatch.setattr(world.installation.connections, "is_connected", lambda app_id: True)
    monkeypatch.setattr(world.installation.connections, "send", send)
    move(world)
    world.advance(seconds=1)

    assert faults_of(world) == [[fault], [None]]
    if fault == "duplicate":
        assert sent[0] == sent[1]
    elif fault == "cut_body":
        assert not sent[0].endswith(b"}")
    else:
        assert json.loads(sent[0])["header"]["token"].startswith("not ")
    assert json.loads(sent[-1])["event"]["status"] == 5


# -- which deliveries are hit ----------------------------------------------------------------------------------------


def test_only_the_events_of_the_type_and_the_app_are_hit(world, listener):
    with listening() as another:
        subscribe(world, listener, events=[STATUS, V1])
        subscribe(world, another, app=APP_NO_FIELD_SCOPES, events=[V1])
        set_faults(world, {"fault": "duplicate", "event_type": V1, "app_id": APP_ALL})
        move(world)
        world.advance(seconds=1)

        types = [event["header"]["event_type"] for event in listener.events]
        assert (types.count(STATUS), types.count(V1), len(another.events)) == (2, 4, 2)
        assert faults_of(world, APP_NO_FIELD_SCOPES) == [[None], [None]]


def test_a_fault_that_needs_an_encrypt_key_is_not_used_up_without_one(world, listener):
    subscribe(world, listener)
    fault = {"fault": "wrong_signature", "times": 1}
    set_faults(world, fault)
    move(world)
    world.advance(seconds=1)

    assert faults_of(world) == [[None], [None]]
    assert world.sandbox("GET", "delivery-faults") == [fault]


def test_a_fault_without_a_count_goes_on_until_it_is_deleted(world, listener):
    subscribe(world, listener)
    set_faults(world, {"fault": "wrong_verification_token"})
    move(world)
    world.advance(seconds=1)
    assert faults_of(world) == [["wrong_verification_token"]] * 2
    assert world.sandbox("DELETE", "delivery-faults") == []

    listener.requests.clear()
    move(world, "active_2")
    world.advance(seconds=1)

    assert {event["header"]["token"][:4] for event in listener.events} != {"not "}


def test_a_reset_deletes_the_faults(world):
    set_faults(world, {"fault": "duplicate"})
    world.sandbox("POST", "reset")
    assert world.sandbox("GET", "delivery-faults") == []


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ({"fault": "explode"}, 400),
        ({}, 400),
        ({"fault": "duplicate", "event_type": "corehr.nothing.happened_v1"}, 400),
        ({"fault": "duplicate", "app_id": "cli_ffffffffffffffff"}, 404),
        ({"fault": "duplicate", "times": 0}, 400),
        ({"fault": "duplicate", "delay_seconds": 5}, 400),
        ({"fault": "delay", "delay_seconds": 0}, 400),
        ({"fault": "delay", "delay_seconds": 10**8}, 400),
        ({"fault": "wrong_signature", "app_id": APP_ALL}, 400),
    ],
)
def test_a_malformed_fault_is_refused_and_nothing_is_set(world, listener, fault, status):
    subscribe(world, listener)
    set_faults(world, {"fault": "duplicate"})

    response = world.request("PUT", "/sandbox/delivery-faults", [fault])

    assert (response.status, "error" in response.json) == (status, True)
    assert world.sandbox("GET", "delivery-faults") == [{"fault": "duplicate"}]
