"""A subscriber's webhook server on this machine, on the test's event loop, and a client that posts to it."""

import asyncio
import base64
import functools
import hashlib
import json
from contextlib import asynccontextmanager
from typing import NamedTuple

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from corehr.delivery.egress import EgressPolicy
from corehr.delivery.outbox import AttemptResult
from corehr.delivery.webhooks import WebhookClient

KEY, TOKEN = "test key", "v-token"
EVENT = json.dumps(
    {
        "schema": "2.0",
        "header": {"event_id": "0" * 32, "event_type": "corehr.job_change.updated_v2", "token": TOKEN, "app_id": "cli"},
        "event": {"job_change_id": "7", "name": "张三"},
    },
    ensure_ascii=False,
    separators=(",", ":"),
).encode()
ACCEPTED = AttemptResult(True, "HTTP 200")


class ReceivedRequest(NamedTuple):
    """One request as it was received; `connection` is the number of its connection, from 0."""

    connection: int
    line: str
    headers: dict[str, str]
    body: bytes


def http_response(status=200, body=b'{"msg":"success"}', *headers):
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


class Receiver:
    """A subscriber's server: records requests and sends the response that `respond` returns; for None it sends none.

    `respond` returns bytes, None, or a coroutine function that is called with the stream writer. `received` is set when
    a request was received, `closed` when a connection was closed.
    """

    def __init__(self, respond=lambda received: http_response()):
        self.respond, self.connections = respond, 0
        self.requests: list[ReceivedRequest] = []
        self.received, self.closed = asyncio.Event(), asyncio.Event()

    async def serve(self, reader, writer):
        connection, self.connections = self.connections, self.connections + 1
        try:
            while True:
                await self.serve_request(connection, reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            self.closed.set()

    async def serve_request(self, connection, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.split(": ", 1) for line in head[1:-2])
        body = await reader.readexactly(int(headers["Content-Length"]))
        self.requests.append(ReceivedRequest(connection, head[0], headers, body))
        self.received.set()
        response = self.respond(self.requests[-1])
        if isinstance(response, bytes):
            writer.write(response)
        elif response is None:
            await reader.readexactly(1)
        else:
            await response(writer)


@asynccontextmanager
async def webhook_server(respond=lambda received: http_response(), **options):
    """Yield a running Receiver and its URL."""
    receiver = Receiver(respond)
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0, **options)
    async with server:
        port = server.sockets[0].getsockname()[1]
        yield receiver, f"http{'s' if 'ssl' in options else ''}://127.0.0.1:{port}/hook"


@asynccontextmanager
async def webhook_client(egress_policy=None, **options):
    webhooks = WebhookClient(egress_policy or EgressPolicy.from_hosts([], loopback=True), **options)
    await webhooks.open()
    try:
        yield webhooks
    finally:
        await webhooks.close()


def async_test(test):
    """Run a test that is a coroutine function on an event loop of its own."""

    @functools.wraps(test)
    def run(*args, **kwargs):
        asyncio.run(test(*args, **kwargs))

    return run


async def outcome_of(respond, *, body=EVENT, key="", **options):
    """Return the result of one post to a server that responds with `respond`."""
    async with webhook_server(respond) as (_, url), webhook_client(**options) as webhooks:
        return await webhooks.post(url, body, key)


def decrypt_body(raw, key=KEY):
    """Return the body that an encrypted body carries, decrypted without any code of the program."""
    [(name, text)] = json.loads(raw).items()
    assert name == "encrypt"
    encrypted = base64.b64decode(text, validate=True)
    decryptor = Cipher(algorithms.AES(hashlib.sha256(key.encode()).digest()), modes.CBC(encrypted[:16])).decryptor()
    padded = decryptor.update(encrypted[16:]) + decryptor.finalize()
    assert padded[-padded[-1] :] == bytes([padded[-1]]) * padded[-1]
    return padded[: -padded[-1]]
