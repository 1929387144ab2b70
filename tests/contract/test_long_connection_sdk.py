"""The long connections of the official Python and Node SDKs, unmodified, to a real server."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from corehr.gateway import apps as app_rows
from corehr.gateway import wire
from corehr.gateway.apps import Apps
from corehr.gateway.long_connection import ClientConfig, LongConnections
from corehr.kernel import tenants
from corehr.kernel.outbox import Outcome
from tests.contract.listeners import SDKS, Listener, listening, require
from tests.gateway import toys
from tests.server import free_port

UPDATED = "corehr.job_change.updated_v1"
LEFT = "corehr.offboarding.updated_v2"
UNHEARD = "corehr.employment.created_v1"
TYPES = [UPDATED, LEFT]

AT_ONCE = ClientConfig(reconnect_interval=1, reconnect_nonce=0)
CHANGE = {
    "employment_id": "7000000000000000001",
    "target_user_id": {"open_id": "ou_1", "user_id": "ann"},
    "job_change_id": "7000000000000000002",
    "transfer_mode": 2,
    "transfer_key": "调动 \N{WAVING HAND SIGN}",
    "effective_date": "2026-03-01",
    "status": 9,
}


@pytest.fixture(params=SDKS)
def sdk(request) -> str:
    return require(request.param)


class House:
    """A server that has long connections to the apps of a toy company, and nothing else."""

    def __init__(self, store: Any, port: int) -> None:
        self.store, self.port = store, port
        self.app_id, self.secret = store.command_sync(tenants.DEFAULT_TENANT_ID, lambda tx: app_rows.add_app(tx, "toy"))
        self.up: asyncio.Queue[str] = asyncio.Queue()
        self.start()

    def start(self) -> None:
        self.connections = LongConnections(
            Apps(self.store), on_connected=self.up.put_nowait, config=AT_ONCE, fragment=1000
        )
        settings: dict[str, Any] = {
            "ws": "websockets-sansio",
            "http": "httptools",
            "lifespan": "off",
            "interface": "asgi3",
        }
        self._server = uvicorn.Server(uvicorn.Config(self._asgi, log_config=None, **settings))
        bound = socket.create_server(("127.0.0.1", self.port))
        self._serving = asyncio.create_task(self._server.serve([bound]))

    async def stop(self) -> None:
        """As a signal does it: what is open is not waited for."""
        self._server.should_exit = True
        await self._serving
        assert not self.connections._connections
        await self.connections.close()

    async def _asgi(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self.connections.websocket(scope, receive, send)
        else:
            host = dict(scope["headers"])[b"host"].decode()
            answer, _ = await self.connections.endpoint(await wire.read_body(receive) or b"", host, scope["scheme"])
            await wire.send_answer(send, answer, "log", "request")

    async def send(self, event_id: str, event_type: str = UPDATED, event: Any = None) -> Outcome:
        header = {
            "event_id": event_id,
            "token": "",
            "create_time": "1767574800000",
            "event_type": event_type,
            "tenant_key": "0123456789abcdef",
            "app_id": self.app_id,
        }
        body = json.dumps({"schema": "2.0", "header": header, "event": event or CHANGE}, ensure_ascii=False).encode()
        return await self.connections.send(self.app_id, f"m-{event_id}", "trace", body)

    @asynccontextmanager
    async def listener(self, sdk: str, **asked: Any) -> AsyncIterator[Listener]:
        who = {"domain": f"http://127.0.0.1:{self.port}", "app_id": self.app_id, "app_secret": self.secret}
        async with listening(sdk, {**who, "types": TYPES, **asked}) as listener:
            yield listener


def run(tmp_path: Path, story: Any) -> None:
    """A story of a house that is opened for it."""

    async def within(store: Any) -> None:
        async with asyncio.timeout(60):
            house = House(store, free_port())
            try:
                await story(house)
            finally:
                await house.stop()

    with toys.sqlite_store(tmp_path) as store:
        toys.settle(store)
        with asyncio.Runner(loop_factory=uvicorn.Config("", log_config=None).get_loop_factory()) as runner:
            runner.run(within(store))


def heard(sdk: str, line: dict[str, Any]) -> tuple[str, Any]:
    """The event's id and body; Node hands the members of header and body over in one."""
    typed = line["typed"]
    if sdk == "node":
        assert typed.pop("schema") == "2.0"
        for name in ("event_id", "token", "create_time", "event_type", "tenant_key", "app_id"):
            typed.pop(name)
    return line["event_id"], typed


def test_events_are_heard_and_acknowledged(sdk, tmp_path):
    async def story(house):
        async with house.listener(sdk, fail=[LEFT]) as listener:
            await listener.ready()
            assert await house.up.get() == house.app_id
            assert await house.send("e1") == Outcome(True, "answered 200")
            assert heard(sdk, await listener.line()) == ("e1", CHANGE)

            long = {**CHANGE, "transfer_key": "调动" * 1000}
            assert await house.send("e2", event=long) == Outcome(True, "answered 200")
            assert heard(sdk, await listener.line()) == ("e2", long)

            assert await house.send("e3", LEFT, {"employment_id": "1"}) == Outcome(False, "answered 500")
            assert (await listener.line())["event_id"] == "e3"

            unheard = await house.send("e4", UNHEARD)
            if sdk == "python":
                assert unheard == Outcome(False, "answered 500")
            else:
                assert unheard == Outcome(True, f'answered 200: "no {UNHEARD} event handle"')

            outcomes = await asyncio.gather(*(house.send(f"many{n}") for n in range(50)))
            assert all(outcome.taken for outcome in outcomes)
            assert {line["event_id"] for line in await listener.lines(50)} == {f"many{n}" for n in range(50)}

    run(tmp_path, story)


def test_a_listener_comes_back_when_the_server_does(sdk, tmp_path):
    async def story(house):
        async with house.listener(sdk) as listener:
            await listener.ready()
            await house.up.get()
            assert (await house.send("before")).taken
            await house.stop()
            assert await house.send("meanwhile") == Outcome(False, "no connection is open")
            house.start()
            assert await house.up.get() == house.app_id
            assert (await house.send("after")).taken
            assert [line.get("event_id") for line in await listener.lines(3)] == ["before", None, "after"]

    run(tmp_path, story)


def test_what_waits_is_sent_the_moment_a_connection_is_up(sdk, tmp_path):
    async def story(house):
        sent: list[asyncio.Task[Outcome]] = []
        up = house.connections._on_connected

        def on_connected(app_id: str) -> None:
            up(app_id)
            sent.extend(asyncio.create_task(house.send(f"e{n}")) for n in range(3))

        house.connections._on_connected = on_connected
        async with house.listener(sdk) as listener:
            assert {line.get("event_id") for line in await listener.lines(4)} == {None, "e0", "e1", "e2"}
            assert all(outcome.taken for outcome in await asyncio.gather(*sent))

    run(tmp_path, story)


def test_two_connections_share_the_events(sdk, tmp_path):
    async def story(house):
        async with house.listener(sdk) as one, house.listener(sdk) as other:
            for listener in (one, other):
                await listener.ready()
                await house.up.get()
            outcomes = await asyncio.gather(*(house.send(f"e{n}") for n in range(64)))
            assert all(outcome.taken for outcome in outcomes)
            await house.stop()
            house.start()
            heard = []
            for listener in (one, other):
                share = []
                while (line := await listener.line()) != {"ready": True}:
                    share.append(line["event_id"])
                assert share
                heard += share
            assert sorted(heard) == sorted(f"e{n}" for n in range(64))

    run(tmp_path, story)


def test_who_is_refused_gives_up(sdk, tmp_path):
    async def story(house):
        async with house.listener(sdk, app_secret="wrong") as listener:
            said = (await listener.line())["failed"]
            assert "514" in said
            assert "auth failed" in said

    run(tmp_path, story)


def test_a_listener_whose_app_was_disabled_gives_up(sdk, tmp_path):
    async def story(house):
        async with house.listener(sdk) as listener:
            await listener.ready()
            await house.up.get()
            house.store.command_sync(
                tenants.DEFAULT_TENANT_ID, lambda tx: app_rows.set_enabled(tx, house.app_id, enabled=False)
            )
            await house.stop()
            house.start()
            said = (await listener.line())["failed"]
            assert "403" in said
            assert "forbidden" in said

    run(tmp_path, story)


def test_a_refused_handshake_says_why(tmp_path, caplog):
    """The Python SDK reads these headers; what the Node SDK asks for again and again it learns at the address."""

    async def story(house):
        for path, status, told in (
            ("/ws/v2?fpid=1&access_key=1&ticket=1", 403, ("514", "auth failed", "514")),
            ("/ws/v1", 404, (None, None, None)),
        ):
            with pytest.raises(InvalidStatus) as no:
                await connect(f"ws://127.0.0.1:{house.port}{path}", proxy=None)
            response = no.value.response
            names = ("handshake-status", "handshake-msg", "handshake-autherrcode")
            assert response.status_code == status
            assert tuple(response.headers.get(name) for name in names) == told

    run(tmp_path, story)
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == []
