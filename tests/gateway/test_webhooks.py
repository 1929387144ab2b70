"""Webhooks: what a subscriber's server receives, byte by byte, and what is made of what it answers."""

import asyncio
import hashlib
import logging

import pytest

from corehr.gateway.reach import Reach
from corehr.gateway.webhooks import Deadlines, Webhooks, seal, signature
from corehr.kernel.outbox import Outcome
from tests.receiver import EVENT, KEY, TAKEN, answer, opened, receiving, said, story, unsealed

# -------------------------------------------------------------------------------------------------- what is received


@story
async def test_without_a_key_the_body_goes_as_it_is():
    async with receiving() as (receiver, url), opened() as webhooks:
        assert await webhooks.post(f"{url}/ä?x=%2B%26", EVENT, "") == TAKEN
    [heard] = receiver.heard
    assert heard.line == "POST /hook/%C3%A4?x=%2B%26 HTTP/1.1"
    assert heard.body == EVENT
    assert heard.headers.pop("Host") == url.split("/")[2]
    assert heard.headers.pop("User-Agent").startswith("corehr/")
    assert heard.headers == {
        "Accept": "*/*",
        "Accept-Encoding": "identity",
        "Content-Type": "application/json; charset=utf-8",
        "Content-Length": str(len(EVENT)),
    }


@story
async def test_with_a_key_the_body_is_sealed_and_signed():
    async with receiving() as (receiver, url), opened(seconds=lambda: 1_700_000_000.9) as webhooks:
        for _ in range(2):
            assert await webhooks.post(url, EVENT, KEY) == TAKEN
    first, second = receiver.heard
    assert unsealed(first.body) == unsealed(second.body) == EVENT
    assert first.body != second.body
    nonces = [heard.headers["X-Lark-Request-Nonce"] for heard in receiver.heard]
    assert nonces[0] != nonces[1]
    assert first.headers["X-Lark-Request-Timestamp"] == "1700000000"
    assert first.headers["Content-Type"] == "application/json; charset=utf-8"
    signed = b"1700000000" + nonces[0].encode() + KEY.encode() + first.body
    assert first.headers["X-Lark-Signature"] == hashlib.sha256(signed).hexdigest()


def test_the_reader_of_these_tests_reads_the_documented_example():
    assert unsealed(b'{"encrypt":"P37w+VZImNgPEO1RBhJ6RtKl7n6zymIbEG1pReEzghk="}') == b"hello world"


@pytest.mark.parametrize("length", [0, 1, 15, 16, 17, 4096])
@pytest.mark.parametrize("key", ["k", KEY, "密钥", "x" * 64])
def test_what_is_sealed_is_read_again(length, key):
    raw = seal(b"x" * length, key)
    assert unsealed(raw, key) == b"x" * length
    assert b" " not in raw


def test_a_signature_is_of_the_moment_the_nonce_the_key_and_the_bytes():
    known = signature("1", "n", "k", b"{}")
    assert known == hashlib.sha256(b"1nk{}").hexdigest()
    assert len({known, signature("2", "n", "k", b"{}"), signature("1", "n", "k", b"{ }")}) == 3


@story
async def test_a_connection_is_kept_over_many_posts():
    async with receiving() as (receiver, url), opened() as webhooks:
        for at in range(50):
            assert await webhooks.post(url, EVENT, KEY if at % 2 else "") == TAKEN
        receiver.answers = lambda heard: answer(500, b"x" * 3000)
        assert not (await webhooks.post(url, EVENT, "")).taken
        receiver.answers = lambda heard: answer(200, b"", "Connection: close")
        assert await webhooks.post(url, EVENT, "") == TAKEN
        assert {heard.connection for heard in receiver.heard} == {0}
        assert await webhooks.post(url, EVENT, "") == TAKEN
        assert receiver.heard[-1].connection == 1


@story
async def test_many_are_posted_at_a_time():
    together, all_there = [], asyncio.Event()

    def when_all_are_there(heard):
        async def later(writer):
            together.append(heard)
            if len(together) == 150:
                all_there.set()
            await all_there.wait()
            writer.write(answer())

        return later

    async with receiving(when_all_are_there, backlog=200) as (_, url), opened() as webhooks:
        assert await asyncio.gather(*(webhooks.post(url, EVENT, "") for _ in range(150))) == [TAKEN] * 150


@story
async def test_no_cookie_is_kept():
    async with receiving(lambda heard: answer(200, b"", "Set-Cookie: a=b")) as (receiver, url), opened() as webhooks:
        for _ in range(2):
            assert await webhooks.post(url, EVENT, "") == TAKEN
    assert len(receiver.heard) == 2
    assert "Cookie" not in receiver.heard[1].headers


@story
async def test_no_proxy_is_taken_from_the_environment(monkeypatch, tmp_path):
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password secret")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    async with receiving() as (proxy, elsewhere), receiving() as (receiver, url), opened() as webhooks:
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, elsewhere)
            monkeypatch.setenv(name.upper(), elsewhere)
        assert await webhooks.post(url, EVENT, "") == TAKEN
    assert not proxy.heard
    assert "Authorization" not in receiver.heard[0].headers


# ------------------------------------------------------------------------------------------------- what was answered


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (500, b'{"msg":"processor not found, type: x"}', "HTTP 500: processor not found, type: x"),
        (500, b'{"code":1}', 'HTTP 500: {"code":1}'),
        (500, b'{"msg":1}', 'HTTP 500: {"msg":1}'),
        (500, b"[]", "HTTP 500: []"),
        (503, b"", "HTTP 503"),
        (503, b" \r\n ", "HTTP 503"),
        (404, b"<html>\r\n\t<b>not</b>\0 found\xe2\x80\xa8", "HTTP 404: <html> <b>not</b> found"),
        (404, "找不到".encode(), "HTTP 404: 找不到"),
        (400, b"\xff\xfe", "HTTP 400: ��"),
        (400, b'{"msg":"\xff"}', 'HTTP 400: {"msg":"�"}'),
        (400, b"[" * 4000, "HTTP 400: " + "[" * 190),
        (201, b"created", "HTTP 201: created"),
        (202, b"", "HTTP 202"),
    ],
)
@story
async def test_anything_but_200_is_told_in_a_line(status, body, expected):
    assert await said(lambda heard: answer(status, body)) == Outcome(False, expected)
    assert len(expected) <= 200


@story
async def test_204_is_not_200():
    assert await said(lambda heard: b"HTTP/1.1 204 No Content\r\n\r\n") == Outcome(False, "HTTP 204")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@story
async def test_a_redirect_is_not_followed(status):
    async with receiving() as (other, elsewhere), opened() as webhooks:
        redirect = answer(status, b"", f"Location: {elsewhere}")
        async with receiving(lambda heard: redirect) as (receiver, url):
            assert await webhooks.post(url, EVENT, "") == Outcome(False, f"HTTP {status}: redirects are not followed")
    assert len(receiver.heard) == 1
    assert not other.heard


def test_the_deadlines_are_those_of_the_platform():
    assert Deadlines() == (2, 3, 1)


@story
async def test_a_slow_server_has_not_taken_it():
    outcome = await said(lambda heard: None, deadlines=Deadlines(event=0.2))
    assert outcome == Outcome(False, "no answer within 0.2 s")


@story
async def test_a_status_is_enough():
    async def and_silence(writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab")

    deadlines = Deadlines(event=0.5)
    async with receiving(lambda heard: and_silence) as (receiver, url), opened(deadlines=deadlines) as webhooks:
        assert await webhooks.post(url, EVENT, "") == TAKEN
        await receiver.over.wait()


@story
async def test_half_of_a_complaint_is_told_as_well():
    async def half(writer):
        writer.write(b"HTTP/1.1 500 X\r\nContent-Length: 50\r\n\r\nno thanks")
        writer.close()

    assert await said(lambda heard: half) == Outcome(False, "HTTP 500: no thanks")


@pytest.mark.parametrize("status", [200, 500])
@story
async def test_of_a_huge_answer_only_the_beginning_is_read(status):
    sent = []

    async def huge(writer):
        writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: {1000 * 2**16}\r\n\r\n".encode())
        for _ in range(1000):
            writer.write(b"x" * 2**16)
            await writer.drain()  # raises when the other side has closed the connection
            sent.append(2**16)

    async with receiving(lambda heard: huge) as (receiver, url), opened() as webhooks:
        outcome = await webhooks.post(url, EVENT, "")
        await receiver.over.wait()
    assert outcome == (TAKEN if status == 200 else Outcome(False, "HTTP 500: " + "x" * 190))
    assert len(sent) < 1000


@story
async def test_a_packed_answer_is_not_unpacked():
    packed = answer(500, b"\x1f\x8b\x08\x00", "Content-Encoding: gzip")
    assert await said(lambda heard: packed) == Outcome(False, "HTTP 500: \N{REPLACEMENT CHARACTER}")


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"", "connection lost before an answer"),
        (b"HTTP/1.1 200", "connection lost before an answer"),
        (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", "the answer is not HTTP"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n", "the answer is not HTTP"),
    ],
)
@story
async def test_what_is_no_answer(raw, expected):
    async def hang_up(writer):
        writer.write(raw)
        await writer.drain()
        writer.close()

    assert await said(lambda heard: hang_up) == Outcome(False, expected)


# -------------------------------------------------------------------------------------------------- while it is ended


@story
async def test_nothing_is_sent_before_the_opening_or_after_the_closing():
    async with receiving() as (receiver, url):
        webhooks = Webhooks(Reach.of([], loopback=True))
        await webhooks.close()
        for _ in range(2):
            assert await webhooks.post(url, EVENT, "") == Outcome(False, "not sent: corehr is stopping")
            await webhooks.open()
            assert await webhooks.post(url, EVENT, "") == TAKEN
            await webhooks.close()
    assert len(receiver.heard) == 2


async def under_way(webhooks, receiver, url):
    """A post that the server has heard and does not answer."""
    posting = asyncio.create_task(webhooks.post(url, EVENT, ""))
    await receiver.came.wait()
    return posting


@story
async def test_closing_ends_what_is_under_way():
    async with receiving(lambda heard: None) as (receiver, url), opened() as webhooks:
        posting = await under_way(webhooks, receiver, url)
        await webhooks.close()
        assert await posting == Outcome(False, "connection lost before an answer")
        await receiver.over.wait()


@story
async def test_a_post_can_be_cancelled():
    async with receiving(lambda heard: None) as (receiver, url), opened() as webhooks:
        posting = await under_way(webhooks, receiver, url)
        posting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await posting
        await receiver.over.wait()


@story
async def test_what_nobody_foresaw_is_an_outcome_too(caplog):
    async with receiving() as (receiver, url), opened() as webhooks:
        with caplog.at_level(logging.ERROR):
            outcome = await webhooks.post(url, "text is not bytes \ud800", "")
    assert outcome == Outcome(False, "failed: the log of corehr says why")
    assert "UnicodeEncodeError" in caplog.text
    assert not receiver.heard
