"""The handshake that a URL passes, and the official Python SDK behind one."""

import asyncio
import json

import lark_oapi as lark
import pytest
from lark_oapi.core.model import RawRequest

from corehr.gateway.webhooks import Deadlines
from corehr.kernel.outbox import Outcome
from tests.receiver import EVENT, KEY, TAKEN, TOKEN, answer, opened, receiving, said, story, unsealed
from tests.server import free_port

# ---------------------------------------------------------------------------------------------------- the handshake


def given(heard):
    return answer(200, json.dumps({"challenge": json.loads(heard.body)["challenge"]}, indent=2).encode())


@story
async def test_the_handshake_is_compact_and_fresh_and_not_signed():
    async with receiving(given) as (receiver, url), opened() as webhooks:
        for _ in range(2):
            assert await webhooks.verify(url, "", "令牌") is None
        receiver.answers = lambda heard: given(heard._replace(body=unsealed(heard.body)))
        assert await webhooks.verify(url, KEY, "") is None
    first, second, sealed = receiver.heard
    challenge = json.loads(first.body)["challenge"]
    assert first.body.decode() == f'{{"challenge":"{challenge}","token":"令牌","type":"url_verification"}}'
    assert len(challenge) == 32
    assert json.loads(second.body)["challenge"] != challenge
    assert json.loads(unsealed(sealed.body))["token"] == ""
    assert not [name for heard in receiver.heard for name in heard.headers if name.startswith("X-")]


@pytest.mark.parametrize(
    "body",
    [b"", b"ok", b"{}", b"[]", b'{"challenge":"other"}', b'{"challenge":null}', b"[" * 3000, b"x" * 100_000, b"\xff"],
)
@story
async def test_a_handshake_without_the_challenge(body):
    async with receiving(lambda heard: answer(200, body)) as (_, url), opened() as webhooks:
        no = await webhooks.verify(url, "", TOKEN)
    assert no == ('HTTP 200 without the challenge: have it answer the url_verification with {"challenge":"…"}, as sent')


@story
async def test_a_handshake_that_nobody_answers():
    deadlines = Deadlines(challenge=0.2)
    async with receiving(lambda heard: None) as (_, url), opened(deadlines=deadlines) as webhooks:
        no = await webhooks.verify(url, "", TOKEN)
        assert no == "no answer within 0.2 s: have it answer the url_verification within 0.2 s"
    async with opened() as webhooks:
        no = await webhooks.verify(f"http://127.0.0.1:{free_port()}/", "", TOKEN)
        assert no == "connection refused"


@story
async def test_a_handshake_whose_answer_comes_in_pieces():
    def in_pieces(heard):
        async def pieces(writer):
            raw = given(heard)
            for at in range(0, len(raw), 20):
                writer.write(raw[at : at + 20])
                await writer.drain()
                await asyncio.sleep(0)

        return pieces

    async with receiving(in_pieces) as (_, url), opened() as webhooks:
        assert await webhooks.verify(url, "", TOKEN) is None


# ------------------------------------------------------------------------------------------------ the official SDK


def sdk(key=KEY, token=TOKEN):
    """The dispatcher of the official Python SDK behind a server, and the events its handler was given."""
    events: list = []
    dispatcher = (
        lark.EventDispatcherHandler.builder(key, token).register_p2_corehr_job_change_updated_v2(events.append).build()
    )

    def answers(heard):
        request = RawRequest()
        request.uri, request.headers, request.body = heard.line.split()[1], heard.headers, heard.body
        response = dispatcher.do(request)
        return answer(response.status_code, response.content, *(f"{k}: {v}" for k, v in response.headers.items()))

    return answers, events


@pytest.mark.parametrize("key", [KEY, ""])
@story
async def test_the_sdk_takes_events_and_the_handshake(key):
    answers, events = sdk(key)
    async with receiving(answers) as (receiver, url), opened() as webhooks:
        assert await webhooks.verify(url, key, TOKEN) is None
        assert await webhooks.post(url, EVENT, key) == TAKEN
    assert events[0].header.event_id == "0" * 32
    assert events[0].event.job_change_id == "7"
    assert [heard.connection for heard in receiver.heard] == [0, 0]


@story
async def test_the_sdk_refuses_a_forged_signature():
    answers, events = sdk()

    def forged(heard):
        signed = heard.headers["X-Lark-Signature"]
        return answers(heard._replace(headers={**heard.headers, "X-Lark-Signature": signed[::-1]}))

    assert await said(forged, key=KEY) == Outcome(False, "HTTP 500: signature verification failed")
    assert not events
    assert await said(answers, key=KEY) == TAKEN
    assert len(events) == 1


@story
async def test_the_sdk_says_what_it_does_not_know():
    answers, _ = sdk()
    unknown = EVENT.replace(b"job_change.updated_v2", b"person.updated_v1")
    outcome = await said(answers, body=unknown, key=KEY)
    assert outcome == Outcome(False, "HTTP 500: processor not found, type: corehr.person.updated_v1")


@story
async def test_the_sdk_refuses_the_handshake_of_a_stranger():
    async with receiving(sdk(token="another")[0]) as (_, url), opened() as webhooks:
        no = await webhooks.verify(url, KEY, TOKEN)
    assert no == (
        "HTTP 500: invalid verification_token: have it answer the url_verification with HTTP 200 and the challenge"
    )
