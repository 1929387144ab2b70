"""A subscriber's server on this machine, and webhooks that call it."""

import asyncio
import base64
import functools
import hashlib
import json
from contextlib import asynccontextmanager
from typing import NamedTuple

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from corehr.gateway.reach import Reach
from corehr.gateway.webhooks import Webhooks
from corehr.kernel.outbox import Outcome

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
TAKEN = Outcome(True, "HTTP 200")


class Heard(NamedTuple):
    """One request as it came over the wire; `connection` counts from 0."""

    connection: int
    line: str
    headers: dict[str, str]
    body: bytes


def answer(status=200, body=b'{"msg":"success"}', *headers):
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


class Receiver:
    """A subscriber's server: keeps what it hears and answers what `answers` makes of it; None is no answer ever.

    `came` is set when it has heard something, `over` when a connection has ended.
    """

    def __init__(self, answers=lambda heard: answer()):
        self.answers, self.connections = answers, 0
        self.heard: list[Heard] = []
        self.came, self.over = asyncio.Event(), asyncio.Event()

    async def serve(self, reader, writer):
        connection, self.connections = self.connections, self.connections + 1
        try:
            while True:
                await self.once(connection, reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            self.over.set()

    async def once(self, connection, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.split(": ", 1) for line in head[1:-2])
        body = await reader.readexactly(int(headers["Content-Length"]))
        self.heard.append(Heard(connection, head[0], headers, body))
        self.came.set()
        answers = self.answers(self.heard[-1])
        if isinstance(answers, bytes):
            writer.write(answers)
        elif answers is None:
            await reader.readexactly(1)
        else:
            await answers(writer)


@asynccontextmanager
async def receiving(answers=lambda heard: answer(), **options):
    """A Receiver and its URL."""
    receiver = Receiver(answers)
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0, **options)
    async with server:
        port = server.sockets[0].getsockname()[1]
        yield receiver, f"http{'s' if 'ssl' in options else ''}://127.0.0.1:{port}/hook"


@asynccontextmanager
async def opened(reach=None, **options):
    webhooks = Webhooks(reach or Reach.of([], loopback=True), **options)
    await webhooks.open()
    try:
        yield webhooks
    finally:
        await webhooks.close()


def story(told):
    """A test that is a coroutine, on an event loop of its own."""

    @functools.wraps(told)
    def run(*args, **kwargs):
        asyncio.run(told(*args, **kwargs))

    return run


async def said(answers, *, body=EVENT, key="", **options):
    """The outcome of one post to a server that answers so."""
    async with receiving(answers) as (_, url), opened(**options) as webhooks:
        return await webhooks.post(url, body, key)


def unsealed(raw, key=KEY):
    """What a sealed body carries, read with nothing of the program."""
    [(name, text)] = json.loads(raw).items()
    assert name == "encrypt"
    sealed = base64.b64decode(text, validate=True)
    decryptor = Cipher(algorithms.AES(hashlib.sha256(key.encode()).digest()), modes.CBC(sealed[:16])).decryptor()
    padded = decryptor.update(sealed[16:]) + decryptor.finalize()
    assert padded[-padded[-1] :] == bytes([padded[-1]]) * padded[-1]
    return padded[: -padded[-1]]
