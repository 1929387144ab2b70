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

from corehr.apps import registry as app_rows
from corehr.apps.registry import AppRegistry
from corehr.delivery.connect_endpoint import ClientConfig
from corehr.delivery.connections import LongConnections
from corehr.delivery.outbox import AttemptResult
from corehr.gateway import asgi_io
from corehr.gateway.responses import Response
from corehr.kernel import tenants
from tests.contract.sdk_listeners import SDKS, SdkListener, require, running_listener
from tests.gateway import fake_api
from tests.server_process import free_port

UPDATED = "corehr.job_change.updated_v1"
LEFT = "corehr.offboarding.updated_v2"
UNHANDLED = "corehr.employment.created_v1"
TYPES = [UPDATED, LEFT]

FAST_RECONNECT = ClientConfig(reconnect_interval=1, reconnect_nonce=0)
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


class Harness:
    """A server of the long connections of an empty company's only app, without anything else."""

    def __init__(self, store: Any, port: int) -> None:
        self.store, self.port = store, port
        self.app_id, self.secret = store.command_sync(
            tenants.DEFAULT_TENANT_ID, lambda tx: app_rows.create_app(tx, "toy")
        )
        self.connected: asyncio.Queue[str] = asyncio.Queue()
        self.start()

    def start(self) -> None:
        self.connections = LongConnections(
            AppRegistry(self.store),
            on_connected=self.connected.put_nowait,
            config=FAST_RECONNECT,
            frame_payload_bytes=1000,
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
        """Stop the server as a signal does, without waiting for open connections."""
        self._server.should_exit = True
        await self._serving
        assert not self.connections._connections
        await self.connections.close()

    async def _asgi(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self.connections.websocket(scope, receive, send)
        else:
            host = dict(scope["headers"])[b"host"].decode()
            body = asgi_io.RequestBody(scope, receive)
            issued = await self.connections.connect_endpoint.issue_address(
                await body.read(1000) or b"", host, scope["scheme"]
            )
            await asgi_io.send_response(send, Response(200, issued.code, issued.body), body, "log", "request")

    async def send(self, event_id: str, event_type: str = UPDATED, event: Any = None) -> AttemptResult:
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
    async def listener(self, sdk: str, **options: Any) -> AsyncIterator[SdkListener]:
        credentials = {"domain": f"http://127.0.0.1:{self.port}", "app_id": self.app_id, "app_secret": self.secret}
        async with running_listener(sdk, {**credentials, "types": TYPES, **options}) as listener:
            yield listener


def run(tmp_path: Path, scenario: Any) -> None:
    """Run a scenario with a Harness of its own."""

    async def within(store: Any) -> None:
        async with asyncio.timeout(60):
            harness = Harness(store, free_port())
            try:
                await scenario(harness)
            finally:
                await harness.stop()

    with fake_api.sqlite_store(tmp_path) as store:
        fake_api.create_tenant(store)
        with asyncio.Runner(loop_factory=uvicorn.Config("", log_config=None).get_loop_factory()) as runner:
            runner.run(within(store))


def received_event(sdk: str, line: dict[str, Any]) -> tuple[str, Any]:
    """Return the event's id and body; the Node SDK passes the members of header and body in one object."""
    typed = line["typed"]
    if sdk == "node":
        assert typed.pop("schema") == "2.0"
        for name in ("event_id", "token", "create_time", "event_type", "tenant_key", "app_id"):
            typed.pop(name)
    return line["event_id"], typed


def test_events_are_received_and_acknowledged(sdk, tmp_path):
    async def scenario(harness):
        async with harness.listener(sdk, fail=[LEFT]) as listener:
            await listener.ready()
            assert await harness.connected.get() == harness.app_id
            assert await harness.send("e1") == AttemptResult(True, "answered 200")
            assert received_event(sdk, await listener.line()) == ("e1", CHANGE)

            long = {**CHANGE, "transfer_key": "调动" * 1000}
            assert await harness.send("e2", event=long) == AttemptResult(True, "answered 200")
            assert received_event(sdk, await listener.line()) == ("e2", long)

            assert await harness.send("e3", LEFT, {"employment_id": "1"}) == AttemptResult(False, "answered 500")
            assert (await listener.line())["event_id"] == "e3"

            unhandled = await harness.send("e4", UNHANDLED)
            if sdk == "python":
                assert unhandled == AttemptResult(False, "answered 500")
            else:
                assert unhandled == AttemptResult(True, f'answered 200: "no {UNHANDLED} event handle"')

            outcomes = await asyncio.gather(*(harness.send(f"many{n}") for n in range(50)))
            assert all(outcome.accepted for outcome in outcomes)
            assert {line["event_id"] for line in await listener.lines(50)} == {f"many{n}" for n in range(50)}

    run(tmp_path, scenario)


def test_a_listener_reconnects_when_the_server_restarts(sdk, tmp_path):
    async def scenario(harness):
        async with harness.listener(sdk) as listener:
            await listener.ready()
            await harness.connected.get()
            assert (await harness.send("before")).accepted
            await harness.stop()
            assert await harness.send("meanwhile") == AttemptResult(False, "no connection is open")
            harness.start()
            assert await harness.connected.get() == harness.app_id
            assert (await harness.send("after")).accepted
            assert [line.get("event_id") for line in await listener.lines(3)] == ["before", None, "after"]

    run(tmp_path, scenario)


def test_waiting_events_are_sent_as_soon_as_a_connection_is_ready(sdk, tmp_path):
    async def scenario(harness):
        sent: list[asyncio.Task[AttemptResult]] = []
        connected = harness.connections._on_connected

        def on_connected(app_id: str) -> None:
            connected(app_id)
            sent.extend(asyncio.create_task(harness.send(f"e{n}")) for n in range(3))

        harness.connections._on_connected = on_connected
        async with harness.listener(sdk) as listener:
            assert {line.get("event_id") for line in await listener.lines(4)} == {None, "e0", "e1", "e2"}
            assert all(outcome.accepted for outcome in await asyncio.gather(*sent))

    run(tmp_path, scenario)


def test_two_connections_share_the_events(sdk, tmp_path):
    async def scenario(harness):
        async with harness.listener(sdk) as first, harness.listener(sdk) as other:
            for listener in (first, other):
                await listener.ready()
                await harness.connected.get()
            outcomes = await asyncio.gather(*(harness.send(f"e{n}") for n in range(64)))
            assert all(outcome.accepted for outcome in outcomes)
            await harness.stop()
            harness.start()
            received = []
            for listener in (first, other):
                share = []
                while (line := await listener.line()) != {"ready": True}:
                    share.append(line["event_id"])
                assert share
                received += share
            assert sorted(received) == sorted(f"e{n}" for n in range(64))

    run(tmp_path, scenario)


def test_a_refused_listener_stops(sdk, tmp_path):
    async def scenario(harness):
        async with harness.listener(sdk, app_secret="wrong") as listener:
            message = (await listener.line())["failed"]
            assert "514" in message
            assert "auth failed" in message

    run(tmp_path, scenario)


def test_a_listener_whose_app_was_disabled_stops(sdk, tmp_path):
    async def scenario(harness):
        async with harness.listener(sdk) as listener:
            await listener.ready()
            await harness.connected.get()
            harness.store.command_sync(
                tenants.DEFAULT_TENANT_ID, lambda tx: app_rows.set_enabled(tx, harness.app_id, enabled=False)
            )
            await harness.stop()
            harness.start()
            message = (await listener.line())["failed"]
            assert "403" in message
            assert "forbidden" in message

    run(tmp_path, scenario)


def test_a_refused_handshake_carries_its_reason(tmp_path, caplog):
    """The Python SDK reads these headers; the Node SDK retries, and gets the reason from the endpoint."""

    async def scenario(harness):
        for path, status, expected_headers in (
            ("/ws/v2?fpid=1&access_key=1&ticket=1", 403, ("514", "auth failed", "514")),
            ("/ws/v1", 404, (None, None, None)),
        ):
            with pytest.raises(InvalidStatus) as error:
                await connect(f"ws://127.0.0.1:{harness.port}{path}", proxy=None)
            response = error.value.response
            names = ("handshake-status", "handshake-msg", "handshake-autherrcode")
            assert response.status_code == status
            assert tuple(response.headers.get(name) for name in names) == expected_headers

    run(tmp_path, scenario)
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == []
