"""The targets that webhooks may and may not be posted to: by name, by address, over TLS."""

import asyncio
import socket
import ssl
import threading
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from corehr.delivery import egress
from corehr.delivery.egress import EgressPolicy
from corehr.delivery.outbox import AttemptResult
from corehr.delivery.webhooks import Timeouts
from tests.receiver import ACCEPTED, EVENT, TOKEN, async_test, http_response, webhook_client, webhook_server
from tests.server_process import free_port


def dns(monkeypatch, addresses):
    """Make host names resolve to the addresses that `addresses(host)` returns."""

    def getaddrinfo(host, port, family=0, type=0, proto=0, flags=0):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses(host)]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


@async_test
async def test_no_server_listens(monkeypatch):
    async with webhook_client() as webhooks:
        dns(monkeypatch, lambda host: ["127.0.0.1", "127.0.0.2"])
        for host in ("127.0.0.1", "both.example"):
            url = f"http://{host}:{free_port()}/"
            assert await webhooks.post(url, EVENT, "") == AttemptResult(False, "connection refused")


@async_test
async def test_a_name_is_called_if_its_addresses_may_be(monkeypatch):
    async with webhook_server() as (receiver, url), AsyncExitStack() as stack:
        named = await stack.enter_async_context(
            webhook_client(EgressPolicy.from_hosts(["hooks.example.com"], loopback=False))
        )
        network = await stack.enter_async_context(
            webhook_client(EgressPolicy.from_hosts(["10.0.0.0/8"], loopback=False))
        )
        sandbox = await stack.enter_async_context(webhook_client())
        dns(monkeypatch, lambda host: ["127.0.0.1"])
        hooks = url.replace("127.0.0.1", "hooks.example.com")
        assert await named.post(hooks, EVENT, "") == ACCEPTED
        assert await sandbox.post(hooks, EVENT, "") == ACCEPTED
        host = "hooks.example.com"
        reason = f"{host} may not be called; the operator allows it with --allow-webhook-host {host}"
        assert await network.post(hooks, EVENT, "") == AttemptResult(False, f"not allowed: {reason}")
    assert len(receiver.requests) == 2
    assert receiver.requests[0].headers["Host"].startswith("hooks.example.com:")


@async_test
async def test_a_name_whose_address_changes_is_judged_by_the_address_it_connects_to(monkeypatch):
    resolved_hosts = []

    def moving(host):
        resolved_hosts.append(host)
        return ["10.0.0.1"] if len(resolved_hosts) == 1 else ["127.0.0.1"]

    policy = EgressPolicy.from_hosts(["10.0.0.0/8"], loopback=False)
    async with webhook_server() as (receiver, url), webhook_client(policy) as webhooks:
        dns(monkeypatch, moving)
        moving_url = url.replace("127.0.0.1", "moving.example")
        assert policy.allowed_addresses("moving.example", 80, moving("moving.example")) == ["10.0.0.1"]
        assert (await webhooks.post(moving_url, EVENT, "")).detail.startswith("not allowed: moving.example")
    assert resolved_hosts == ["moving.example"] * 2
    assert not receiver.requests


@pytest.mark.parametrize("host", ["127.0.0.1", "[::ffff:127.0.0.1]", "0x7f.1", "2130706433", "127.1", "me@127.0.0.1"])
@async_test
async def test_an_address_in_the_url_needs_no_dns_and_is_judged_all_the_same(host):
    elsewhere = EgressPolicy.from_hosts(["10.0.0.0/8"], loopback=False)
    async with webhook_server() as (receiver, url), webhook_client(elsewhere) as webhooks:
        spelled_url = url.replace("127.0.0.1", host)
        reason = elsewhere.denial_reason(spelled_url)
        assert reason is not None
        assert await webhooks.post(spelled_url, EVENT, "") == AttemptResult(False, f"not allowed: {reason}")
        assert await webhooks.verify_url(spelled_url, "", TOKEN) == f"not allowed: {reason}"
    assert not receiver.requests


@async_test
async def test_a_named_network_is_reached_by_address():
    async with (
        webhook_server() as (receiver, url),
        webhook_client(EgressPolicy.from_hosts(["127.0.0.0/24"], loopback=False)) as webhooks,
    ):
        assert await webhooks.post(url, EVENT, "") == ACCEPTED
        assert (await webhooks.post(url.replace("127.0.0.1", "127.0.1.1"), EVENT, "")).detail.startswith(
            "not allowed: "
        )
    assert len(receiver.requests) == 1


@async_test
async def test_an_unknown_name(monkeypatch):
    def unknown(host):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    async with webhook_client() as webhooks:
        dns(monkeypatch, unknown)
        assert await webhooks.post("http://unknown.example/", EVENT, "") == AttemptResult(
            False, "host name not found: Name or service not known"
        )


@async_test
async def test_a_connection_that_takes_too_long(monkeypatch):
    released = threading.Event()
    async with webhook_client(timeouts=Timeouts(connection=0.05)) as webhooks:
        dns(monkeypatch, lambda host: released.wait(30) and [])
        outcome = await webhooks.post("http://slow.example/", EVENT, "")
        released.set()
    assert outcome == AttemptResult(False, "no connection within 0.05 s")


@async_test
async def test_names_that_do_not_resolve_delay_no_other_name(monkeypatch):
    """Forty names hang, more than the default pool has threads; a name that resolves is called all the same."""
    released, hanging = threading.Event(), threading.Semaphore(0)

    def addresses(host):
        if host.startswith("dead"):
            hanging.release()
            released.wait(60)
            return []
        return ["127.0.0.1"]

    async with (
        webhook_server() as (receiver, url),
        webhook_client(timeouts=Timeouts(connection=30, event=30)) as webhooks,
    ):
        dns(monkeypatch, addresses)
        dead = [asyncio.ensure_future(webhooks.post(f"http://dead{n}.example/", EVENT, "")) for n in range(40)]
        try:
            for _ in dead:
                assert await asyncio.to_thread(hanging.acquire, timeout=30)
            assert await webhooks.post(url.replace("127.0.0.1", "good.example"), EVENT, "") == ACCEPTED
            assert not any(attempt.done() for attempt in dead)
        finally:
            released.set()
        assert not any(result.accepted for result in await asyncio.gather(*dead))
    assert len(receiver.requests) == 1


@async_test
async def test_above_the_limit_of_lookups_an_attempt_fails_at_once(monkeypatch):
    released, hanging_lookups = threading.Event(), threading.Semaphore(0)

    def hang(host):
        hanging_lookups.release()
        released.wait(60)
        return []

    monkeypatch.setattr(egress, "MAX_LOOKUPS", 2)
    async with webhook_client(timeouts=Timeouts(connection=30, event=30)) as webhooks:
        dns(monkeypatch, hang)
        hanging = [asyncio.ensure_future(webhooks.post(f"http://dead{n}.example/", EVENT, "")) for n in range(2)]
        for _ in hanging:
            assert await asyncio.to_thread(hanging_lookups.acquire, timeout=30)
        outcome = await webhooks.post("http://third.example/", EVENT, "")
        released.set()
        await asyncio.gather(*hanging)
        assert outcome == AttemptResult(False, "host name not found: too many names are being looked up")
        again = await webhooks.post("http://third.example/", EVENT, "")
    assert "too many" not in again.detail


def test_a_lookup_that_hangs_does_not_keep_the_event_loop_from_closing(monkeypatch):
    released = threading.Event()

    async def post():
        async with webhook_client(timeouts=Timeouts(connection=0.05)) as webhooks:
            dns(monkeypatch, lambda host: released.wait(60) and [])
            await webhooks.post("http://slow.example/", EVENT, "")

    thread = threading.Thread(target=asyncio.run, args=(post(),), daemon=True)
    thread.start()
    thread.join(30)
    ended = not thread.is_alive()
    released.set()
    assert ended


def untrusted_server(folder):
    """Return a TLS context with a self-signed certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = x509.CertificateBuilder(
        name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(1)
    )
    pem = certificate.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    pem += key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "pem").write_bytes(pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "pem")
    return context


@async_test
async def test_https_needs_a_valid_certificate(tmp_path):
    async with webhook_server(ssl=untrusted_server(tmp_path)) as (receiver, url), webhook_client() as webhooks:
        outcome = await webhooks.post(url, EVENT, "")
        assert outcome == AttemptResult(False, "certificate not accepted: self-signed certificate")
    assert not receiver.requests


@async_test
async def test_the_server_does_not_offer_tls():
    def plain(reader, writer):
        writer.write(http_response(400))
        writer.close()

    async with await asyncio.start_server(plain, "127.0.0.1", 0) as server, webhook_client() as webhooks:
        port = server.sockets[0].getsockname()[1]
        outcome = await webhooks.post(f"https://127.0.0.1:{port}/", EVENT, "")
    assert not outcome.accepted
    assert outcome.detail.startswith("no TLS: ")
