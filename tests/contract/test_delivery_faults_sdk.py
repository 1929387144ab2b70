"""What a subscriber with the official Python or Node dispatcher sees of the faults of deliveries."""

from collections.abc import Iterator

import pytest

from tests.contract.test_event_sdk import KEYS, Node, Python, Subscriber
from tests.contract.test_python_sdk import client, create
from tests.world import APP_ALL

STATUS = "corehr.job_change.status_updated_v2"
CREATED, TRANSFORMED = 6, 5


@pytest.fixture(params=[Python, Node])
def subscriber(request: pytest.FixtureRequest) -> Iterator[Subscriber]:
    subscriber = request.param(**KEYS)
    yield subscriber
    subscriber.close()


def deliver_with(server, subscriber, fault):
    """Deliver the two events of a job change, the first attempt with a fault; return each one's attempts, in order."""
    server.sandbox("PUT", f"apps/{APP_ALL}/webhook", {"url": subscriber.url, "events": [STATUS], **KEYS})
    server.sandbox("PUT", "delivery-faults", [{"fault": fault, "app_id": APP_ALL, "event_type": STATUS, "times": 1}])
    assert create(client(server), server.sandbox("GET", "world"), effective_date="2026-01-05").success()
    server.sandbox("POST", "clock/advance", {"minutes": 2})
    assert server.sandbox("GET", "delivery-faults") == []
    items = server.sandbox("GET", f"events?type={STATUS}")["items"]
    deliveries = [item["deliveries"][0] for item in items]
    assert [delivery["state"] for delivery in deliveries] == ["delivered"] * 2
    return [[(t["detail"][:8], t.get("fault")) for t in delivery["attempts"]] for delivery in deliveries]


def handled_statuses(subscriber, different):
    return [int(event.plain.get("event", event.plain)["status"]) for event in subscriber.handled(different)]


WITHOUT_FAULT = [("HTTP 200", None)]


def test_a_duplicate_is_handled_twice(server, subscriber):
    """Neither dispatcher compares event ids: that is for the application."""
    assert deliver_with(server, subscriber, "duplicate") == [[("HTTP 200", "duplicate")], WITHOUT_FAULT]
    assert handled_statuses(subscriber, 2) == [CREATED, CREATED, TRANSFORMED]


def test_swapped_events_are_handled_in_the_wrong_order(server, subscriber):
    assert deliver_with(server, subscriber, "swap") == [[("HTTP 200", "swap")]] * 2
    assert handled_statuses(subscriber, 2) == [TRANSFORMED, CREATED]


def test_delayed_events_are_handled_later(server, subscriber):
    assert deliver_with(server, subscriber, "delay") == [[("delayed ", "delay"), *WITHOUT_FAULT], WITHOUT_FAULT]
    assert handled_statuses(subscriber, 2) == [CREATED, TRANSFORMED]


def test_a_stale_timestamp_is_not_noticed(server, subscriber):
    """Neither dispatcher reads the timestamp but to check the signature, so a recorded event can be sent again."""
    assert deliver_with(server, subscriber, "stale_timestamp") == [[("HTTP 200", "stale_timestamp")], WITHOUT_FAULT]
    assert handled_statuses(subscriber, 2) == [CREATED, TRANSFORMED]


@pytest.mark.parametrize("fault", ["wrong_signature", "cut_body"])
def test_a_wrong_signature_or_a_cut_body_is_refused_by_python_and_lost_by_node(server, subscriber, fault):
    """The Node dispatcher answers HTTP 200 and calls no handler, so the event does not come again."""
    attempts = deliver_with(server, subscriber, fault)
    if isinstance(subscriber, Python):
        assert attempts == [[("HTTP 500", fault), *WITHOUT_FAULT], WITHOUT_FAULT]
        assert handled_statuses(subscriber, 2) == [CREATED, TRANSFORMED]
    else:
        assert attempts == [[("HTTP 200", fault)], WITHOUT_FAULT]
        assert handled_statuses(subscriber, 1) == [TRANSFORMED]


def test_a_wrong_verification_token_is_refused_by_python_and_not_noticed_by_node(server, subscriber):
    attempts = deliver_with(server, subscriber, "wrong_verification_token")
    refused = [("HTTP 500", "wrong_verification_token"), *WITHOUT_FAULT]
    accepted = [("HTTP 200", "wrong_verification_token")]
    assert attempts == [refused if isinstance(subscriber, Python) else accepted, WITHOUT_FAULT]
    assert handled_statuses(subscriber, 2) == [CREATED, TRANSFORMED]


def test_another_encrypt_key_is_refused_and_the_event_comes_again(server, subscriber):
    attempts = deliver_with(server, subscriber, "wrong_encrypt_key")
    assert attempts == [[("HTTP 500", "wrong_encrypt_key"), *WITHOUT_FAULT], WITHOUT_FAULT]
    assert handled_statuses(subscriber, 2) == [CREATED, TRANSFORMED]
