"""The url_verification handshake, and the official Python SDK as a subscriber."""

import asyncio
import json

import lark_oapi as lark
import pytest
from lark_oapi.core.model import RawRequest

from corehr.delivery.outbox import AttemptResult
from corehr.delivery.webhooks import Timeouts
from tests.receiver import (
    ACCEPTED,
    EVENT,
    KEY,
    TOKEN,
    async_test,
    decrypt_body,
    http_response,
    outcome_of,
    webhook_client,
    webhook_server,
)
from tests.server_process import free_port

# ---------------------------------------------------------------------------------------------------- the handshake


def response_to(received):
    return http_response(200, json.dumps({"challenge": json.loads(received.body)["challenge"]}, indent=2).encode())


@async_test
async def test_the_handshake_is_compact_and_not_signed_and_each_challenge_is_new():
    async with webhook_server(response_to) as (receiver, url), webhook_client() as webhooks:
        for _ in range(2):
            assert await webhooks.verify_url(url, "", "令牌") is None
        receiver.respond = lambda received: response_to(received._replace(body=decrypt_body(received.body)))
        assert await webhooks.verify_url(url, KEY, "") is None
    first, second, encrypted = receiver.requests
    challenge = json.loads(first.body)["challenge"]
    assert first.body.decode() == f'{{"challenge":"{challenge}","token":"令牌","type":"url_verification"}}'
    assert len(challenge) == 32
    assert json.loads(second.body)["challenge"] != challenge
    assert json.loads(decrypt_body(encrypted.body))["token"] == ""
    assert not [name for received in receiver.requests for name in received.headers if name.startswith("X-")]


@pytest.mark.parametrize(
    "body",
    [b"", b"ok", b"{}", b"[]", b'{"challenge":"other"}', b'{"challenge":null}', b"[" * 3000, b"x" * 100_000, b"\xff"],
)
@async_test
async def test_a_handshake_without_the_challenge(body):
    async with webhook_server(lambda received: http_response(200, body)) as (_, url), webhook_client() as webhooks:
        reason = await webhooks.verify_url(url, "", TOKEN)
    assert reason == (
        'HTTP 200 without the challenge: have it answer the url_verification with {"challenge":"…"}, as sent'
    )


@async_test
async def test_a_handshake_without_a_response():
    timeouts = Timeouts(challenge=0.2)
    async with webhook_server(lambda received: None) as (_, url), webhook_client(timeouts=timeouts) as webhooks:
        reason = await webhooks.verify_url(url, "", TOKEN)
        assert reason == "no response within 0.2 s: have it answer the url_verification within 0.2 s"
    async with webhook_client() as webhooks:
        reason = await webhooks.verify_url(f"http://127.0.0.1:{free_port()}/", "", TOKEN)
        assert reason == "connection refused"


@async_test
async def test_a_handshake_whose_response_comes_in_pieces():
    def in_pieces(received):
        async def pieces(writer):
            raw = response_to(received)
            for start in range(0, len(raw), 20):
                writer.write(raw[start : start + 20])
                await writer.drain()
                await asyncio.sleep(0)

        return pieces

    async with webhook_server(in_pieces) as (_, url), webhook_client() as webhooks:
        assert await webhooks.verify_url(url, "", TOKEN) is None


# ------------------------------------------------------------------------------------------------ the official SDK


def sdk(key=KEY, token=TOKEN):
    """Return a `respond` function that calls the official Python SDK's dispatcher, and the events it handles."""
    events: list = []
    dispatcher = (
        lark.EventDispatcherHandler.builder(key, token).register_p2_corehr_job_change_updated_v2(events.append).build()
    )

    def respond(received):
        request = RawRequest()
        request.uri, request.headers, request.body = received.line.split()[1], received.headers, received.body
        response = dispatcher.do(request)
        return http_response(
            response.status_code, response.content, *(f"{k}: {v}" for k, v in response.headers.items())
        )

    return respond, events


@pytest.mark.parametrize("key", [KEY, ""])
@async_test
async def test_the_sdk_accepts_events_and_the_handshake(key):
    respond, events = sdk(key)
    async with webhook_server(respond) as (receiver, url), webhook_client() as webhooks:
        assert await webhooks.verify_url(url, key, TOKEN) is None
        assert await webhooks.post(url, EVENT, key) == ACCEPTED
    assert events[0].header.event_id == "0" * 32
    assert events[0].event.job_change_id == "7"
    assert [received.connection for received in receiver.requests] == [0, 0]


@async_test
async def test_the_sdk_refuses_a_forged_signature():
    respond, events = sdk()

    def forged(received):
        signed = received.headers["X-Lark-Signature"]
        return respond(received._replace(headers={**received.headers, "X-Lark-Signature": signed[::-1]}))

    assert await outcome_of(forged, key=KEY) == AttemptResult(False, "HTTP 500: signature verification failed")
    assert not events
    assert await outcome_of(respond, key=KEY) == ACCEPTED
    assert len(events) == 1


@async_test
async def test_the_sdk_names_an_event_type_without_handler():
    respond, _ = sdk()
    unknown = EVENT.replace(b"job_change.updated_v2", b"person.updated_v1")
    outcome = await outcome_of(respond, body=unknown, key=KEY)
    assert outcome == AttemptResult(False, "HTTP 500: processor not found, type: corehr.person.updated_v1")


@async_test
async def test_the_sdk_refuses_a_handshake_with_another_token():
    async with webhook_server(sdk(token="another")[0]) as (_, url), webhook_client() as webhooks:
        reason = await webhooks.verify_url(url, KEY, TOKEN)
    assert reason == (
        "HTTP 500: invalid verification_token: have it answer the url_verification with HTTP 200 and the challenge"
    )
