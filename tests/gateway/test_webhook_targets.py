"""Where webhooks go, and where they are refused to: by name, by address, over TLS."""

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

from corehr.gateway.reach import Reach
from corehr.gateway.webhooks import Deadlines
from corehr.kernel.outbox import Outcome
from tests.receiver import EVENT, TAKEN, TOKEN, answer, opened, receiving, story
from tests.server import free_port


def dns(monkeypatch, addresses):
    """From now on names have these addresses."""

    def getaddrinfo(host, port, family=0, type=0, proto=0, flags=0):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in addresses(host)]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


@story
async def test_nobody_is_there(monkeypatch):
    async with opened() as webhooks:
        dns(monkeypatch, lambda host: ["127.0.0.1", "127.0.0.2"])
        for host in ("127.0.0.1", "both.example"):
            url = f"http://{host}:{free_port()}/"
            assert await webhooks.post(url, EVENT, "") == Outcome(False, "connection refused")


@story
async def test_a_name_goes_where_its_addresses_may(monkeypatch):
    async with receiving() as (receiver, url), AsyncExitStack() as stack:
        named = await stack.enter_async_context(opened(Reach.of(["hooks.example.com"], loopback=False)))
        network = await stack.enter_async_context(opened(Reach.of(["10.0.0.0/8"], loopback=False)))
        sandbox = await stack.enter_async_context(opened())
        dns(monkeypatch, lambda host: ["127.0.0.1"])
        hooks = url.replace("127.0.0.1", "hooks.example.com")
        assert await named.post(hooks, EVENT, "") == TAKEN
        assert await sandbox.post(hooks, EVENT, "") == TAKEN
        no = "hooks.example.com may not be called; the operator allows it with --webhook-to hooks.example.com"
        assert await network.post(hooks, EVENT, "") == Outcome(False, f"not allowed: {no}")
    assert len(receiver.heard) == 2
    assert receiver.heard[0].headers["Host"].startswith("hooks.example.com:")


@story
async def test_a_name_that_moves_is_judged_by_where_it_is_connected(monkeypatch):
    asked = []

    def moving(host):
        asked.append(host)
        return ["10.0.0.1"] if len(asked) == 1 else ["127.0.0.1"]

    reach = Reach.of(["10.0.0.0/8"], loopback=False)
    async with receiving() as (receiver, url), opened(reach) as webhooks:
        dns(monkeypatch, moving)
        moved = url.replace("127.0.0.1", "moving.example")
        assert reach.allowed("moving.example", 80, moving("moving.example")) == ["10.0.0.1"]
        assert (await webhooks.post(moved, EVENT, "")).said.startswith("not allowed: moving.example")
    assert asked == ["moving.example"] * 2
    assert not receiver.heard


@pytest.mark.parametrize("host", ["127.0.0.1", "[::ffff:127.0.0.1]", "0x7f.1", "2130706433", "127.1", "me@127.0.0.1"])
@story
async def test_an_address_in_the_url_asks_no_dns_and_is_judged_all_the_same(host):
    elsewhere = Reach.of(["10.0.0.0/8"], loopback=False)
    async with receiving() as (receiver, url), opened(elsewhere) as webhooks:
        spelt = url.replace("127.0.0.1", host)
        refused = elsewhere.refuses(spelt)
        assert refused is not None
        assert await webhooks.post(spelt, EVENT, "") == Outcome(False, f"not allowed: {refused}")
        assert await webhooks.verify(spelt, "", TOKEN) == f"not allowed: {refused}"
    assert not receiver.heard


@story
async def test_a_named_network_is_reached_by_address():
    async with receiving() as (receiver, url), opened(Reach.of(["127.0.0.0/24"], loopback=False)) as webhooks:
        assert await webhooks.post(url, EVENT, "") == TAKEN
        assert (await webhooks.post(url.replace("127.0.0.1", "127.0.1.1"), EVENT, "")).said.startswith("not allowed: ")
    assert len(receiver.heard) == 1


@story
async def test_an_unknown_name(monkeypatch):
    def unknown(host):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    async with opened() as webhooks:
        dns(monkeypatch, unknown)
        assert await webhooks.post("http://nobody.example/", EVENT, "") == Outcome(
            False, "host name not found: Name or service not known"
        )


@story
async def test_a_connection_that_takes_too_long(monkeypatch):
    patience = threading.Event()
    async with opened(deadlines=Deadlines(connection=0.05)) as webhooks:
        dns(monkeypatch, lambda host: patience.wait(30) and [])
        outcome = await webhooks.post("http://slow.example/", EVENT, "")
        patience.set()
    assert outcome == Outcome(False, "no connection within 0.05 s")


def stranger(folder):
    """TLS with a certificate that nobody vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(1))
    pem = made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    pem += key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "pem").write_bytes(pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "pem")
    return context


@story
async def test_https_asks_for_a_certificate(tmp_path):
    async with receiving(ssl=stranger(tmp_path)) as (receiver, url), opened() as webhooks:
        outcome = await webhooks.post(url, EVENT, "")
        assert outcome == Outcome(False, "certificate not accepted: self-signed certificate")
    assert not receiver.heard


@story
async def test_https_is_not_spoken_there():
    def plain(reader, writer):
        writer.write(answer(400))
        writer.close()

    async with await asyncio.start_server(plain, "127.0.0.1", 0) as server, opened() as webhooks:
        port = server.sockets[0].getsockname()[1]
        outcome = await webhooks.post(f"https://127.0.0.1:{port}/", EVENT, "")
    assert not outcome.taken
    assert outcome.said.startswith("no TLS: ")
