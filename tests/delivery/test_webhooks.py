"""Webhooks: the requests that a subscriber's server receives, byte by byte, and the results of its responses."""

import asyncio
import hashlib
import logging

import pytest

from corehr.delivery.egress import EgressPolicy
from corehr.delivery.outbox import AttemptResult
from corehr.delivery.webhooks import Timeouts, WebhookClient, encrypt_body, sign
from tests.receiver import (
    ACCEPTED,
    EVENT,
    KEY,
    async_test,
    decrypt_body,
    http_response,
    outcome_of,
    webhook_client,
    webhook_server,
)

# ------------------------------------------------------------------------------------------------------------- requests


@async_test
async def test_without_a_key_the_body_is_sent_unchanged():
    async with webhook_server() as (receiver, url), webhook_client() as webhooks:
        assert await webhooks.post(f"{url}/ä?x=%2B%26", EVENT, "") == ACCEPTED
    [received] = receiver.requests
    assert received.line == "POST /hook/%C3%A4?x=%2B%26 HTTP/1.1"
    assert received.body == EVENT
    assert received.headers.pop("Host") == url.split("/")[2]
    assert received.headers.pop("User-Agent").startswith("corehr/")
    assert received.headers == {
        "Accept": "*/*",
        "Accept-Encoding": "identity",
        "Content-Type": "application/json; charset=utf-8",
        "Content-Length": str(len(EVENT)),
    }


@async_test
async def test_with_a_key_the_body_is_encrypted_and_signed():
    async with webhook_server() as (receiver, url), webhook_client(seconds=lambda: 1_700_000_000.9) as webhooks:
        for _ in range(2):
            assert await webhooks.post(url, EVENT, KEY) == ACCEPTED
    first, second = receiver.requests
    assert decrypt_body(first.body) == decrypt_body(second.body) == EVENT
    assert first.body != second.body
    nonces = [received.headers["X-Lark-Request-Nonce"] for received in receiver.requests]
    assert nonces[0] != nonces[1]
    assert first.headers["X-Lark-Request-Timestamp"] == "1700000000"
    assert first.headers["Content-Type"] == "application/json; charset=utf-8"
    signed = b"1700000000" + nonces[0].encode() + KEY.encode() + first.body
    assert first.headers["X-Lark-Signature"] == hashlib.sha256(signed).hexdigest()


def test_the_decryption_of_these_tests_reads_the_documented_example():
    assert decrypt_body(b'{"encrypt":"P37w+VZImNgPEO1RBhJ6RtKl7n6zymIbEG1pReEzghk="}') == b"hello world"


@pytest.mark.parametrize("length", [0, 1, 15, 16, 17, 4096])
@pytest.mark.parametrize("key", ["k", KEY, "密钥", "x" * 64])
def test_what_is_encrypted_is_decrypted_again(length, key):
    raw = encrypt_body(b"x" * length, key)
    assert decrypt_body(raw, key) == b"x" * length
    assert b" " not in raw


def test_a_signature_covers_the_timestamp_the_nonce_the_key_and_the_bytes():
    expected = sign("1", "n", "k", b"{}")
    assert expected == hashlib.sha256(b"1nk{}").hexdigest()
    assert len({expected, sign("2", "n", "k", b"{}"), sign("1", "n", "k", b"{ }")}) == 3


@async_test
async def test_a_connection_is_kept_over_many_posts():
    async with webhook_server() as (receiver, url), webhook_client() as webhooks:
        for index in range(50):
            assert await webhooks.post(url, EVENT, KEY if index % 2 else "") == ACCEPTED
        receiver.respond = lambda received: http_response(500, b"x" * 3000)
        assert not (await webhooks.post(url, EVENT, "")).accepted
        receiver.respond = lambda received: http_response(200, b"", "Connection: close")
        assert await webhooks.post(url, EVENT, "") == ACCEPTED
        assert {received.connection for received in receiver.requests} == {0}
        assert await webhooks.post(url, EVENT, "") == ACCEPTED
        assert receiver.requests[-1].connection == 1


@async_test
async def test_many_are_posted_at_a_time():
    waiting, all_there = [], asyncio.Event()

    def when_all_are_there(received):
        async def later(writer):
            waiting.append(received)
            if len(waiting) == 150:
                all_there.set()
            await all_there.wait()
            writer.write(http_response())

        return later

    async with webhook_server(when_all_are_there, backlog=200) as (_, url), webhook_client() as webhooks:
        assert await asyncio.gather(*(webhooks.post(url, EVENT, "") for _ in range(150))) == [ACCEPTED] * 150


@async_test
async def test_no_cookie_is_kept():
    async with (
        webhook_server(lambda received: http_response(200, b"", "Set-Cookie: a=b")) as (receiver, url),
        webhook_client() as webhooks,
    ):
        for _ in range(2):
            assert await webhooks.post(url, EVENT, "") == ACCEPTED
    assert len(receiver.requests) == 2
    assert "Cookie" not in receiver.requests[1].headers


@async_test
async def test_no_proxy_of_the_environment_is_used(monkeypatch, tmp_path):
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password secret")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    async with (
        webhook_server() as (proxy, elsewhere),
        webhook_server() as (receiver, url),
        webhook_client() as webhooks,
    ):
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, elsewhere)
            monkeypatch.setenv(name.upper(), elsewhere)
        assert await webhooks.post(url, EVENT, "") == ACCEPTED
    assert not proxy.requests
    assert "Authorization" not in receiver.requests[0].headers


# ------------------------------------------------------------------------------------------------------------ responses


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
@async_test
async def test_anything_but_200_is_described_in_a_line(status, body, expected):
    assert await outcome_of(lambda received: http_response(status, body)) == AttemptResult(False, expected)
    assert len(expected) <= 200


@async_test
async def test_204_is_not_200():
    assert await outcome_of(lambda received: b"HTTP/1.1 204 No Content\r\n\r\n") == AttemptResult(False, "HTTP 204")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@async_test
async def test_a_redirect_is_not_followed(status):
    async with webhook_server() as (other, elsewhere), webhook_client() as webhooks:
        redirect = http_response(status, b"", f"Location: {elsewhere}")
        async with webhook_server(lambda received: redirect) as (receiver, url):
            assert await webhooks.post(url, EVENT, "") == AttemptResult(
                False, f"HTTP {status}: redirects are not followed"
            )
    assert len(receiver.requests) == 1
    assert not other.requests


def test_the_timeouts_are_those_of_the_platform():
    assert Timeouts() == (2, 3, 1)


@async_test
async def test_a_response_after_the_timeout_is_a_failed_attempt():
    outcome = await outcome_of(lambda received: None, timeouts=Timeouts(event=0.2))
    assert outcome == AttemptResult(False, "no response within 0.2 s")


@async_test
async def test_a_status_is_enough():
    async def and_silence(writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab")

    timeouts = Timeouts(event=0.5)
    async with (
        webhook_server(lambda received: and_silence) as (receiver, url),
        webhook_client(timeouts=timeouts) as webhooks,
    ):
        assert await webhooks.post(url, EVENT, "") == ACCEPTED
        await receiver.closed.wait()


@async_test
async def test_half_of_an_error_body_is_described_as_well():
    async def half(writer):
        writer.write(b"HTTP/1.1 500 X\r\nContent-Length: 50\r\n\r\nno thanks")
        writer.close()

    assert await outcome_of(lambda received: half) == AttemptResult(False, "HTTP 500: no thanks")


@pytest.mark.parametrize("status", [200, 500])
@async_test
async def test_of_a_huge_response_only_the_beginning_is_read(status):
    sent = []

    async def huge(writer):
        writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: {1000 * 2**16}\r\n\r\n".encode())
        for _ in range(1000):
            writer.write(b"x" * 2**16)
            await writer.drain()  # raises when the other side has closed the connection
            sent.append(2**16)

    async with webhook_server(lambda received: huge) as (receiver, url), webhook_client() as webhooks:
        outcome = await webhooks.post(url, EVENT, "")
        await receiver.closed.wait()
    assert outcome == (ACCEPTED if status == 200 else AttemptResult(False, "HTTP 500: " + "x" * 190))
    assert len(sent) < 1000


@async_test
async def test_a_compressed_response_is_not_decompressed():
    compressed = http_response(500, b"\x1f\x8b\x08\x00", "Content-Encoding: gzip")
    assert await outcome_of(lambda received: compressed) == AttemptResult(False, "HTTP 500: \N{REPLACEMENT CHARACTER}")


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"", "connection lost before a response"),
        (b"HTTP/1.1 200", "connection lost before a response"),
        (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", "the response is not HTTP"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n", "the response is not HTTP"),
    ],
)
@async_test
async def test_a_response_that_is_not_http(raw, expected):
    async def send_and_close(writer):
        writer.write(raw)
        await writer.drain()
        writer.close()

    assert await outcome_of(lambda received: send_and_close) == AttemptResult(False, expected)


# -------------------------------------------------------------------------------------------------------------- closing


@async_test
async def test_nothing_is_sent_before_open_or_after_close():
    async with webhook_server() as (receiver, url):
        webhooks = WebhookClient(EgressPolicy.from_hosts([], loopback=True))
        await webhooks.close()
        for _ in range(2):
            assert await webhooks.post(url, EVENT, "") == AttemptResult(False, "not sent: corehr is stopping")
            await webhooks.open()
            assert await webhooks.post(url, EVENT, "") == ACCEPTED
            await webhooks.close()
    assert len(receiver.requests) == 2


async def start_post(webhooks, receiver, url):
    """Start a post, and return its task once the server has received the request."""
    posting = asyncio.create_task(webhooks.post(url, EVENT, ""))
    await receiver.received.wait()
    return posting


@async_test
async def test_closing_ends_what_is_under_way():
    async with webhook_server(lambda received: None) as (receiver, url), webhook_client() as webhooks:
        posting = await start_post(webhooks, receiver, url)
        await webhooks.close()
        assert await posting == AttemptResult(False, "connection lost before a response")
        await receiver.closed.wait()


@async_test
async def test_a_post_can_be_cancelled():
    async with webhook_server(lambda received: None) as (receiver, url), webhook_client() as webhooks:
        posting = await start_post(webhooks, receiver, url)
        posting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await posting
        await receiver.closed.wait()


@async_test
async def test_an_unforeseen_error_is_a_failed_attempt(caplog):
    async with webhook_server() as (receiver, url), webhook_client() as webhooks:
        with caplog.at_level(logging.ERROR):
            outcome = await webhooks.post(url, "text is not bytes \ud800", "")
    assert outcome == AttemptResult(False, "failed: see the log of corehr")
    assert "UnicodeEncodeError" in caplog.text
    assert not receiver.requests
