"""Header names keep their case when a real server sends them."""

import http.client
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from corehr.gateway.headers import CONTENT_TYPE, CanonicalName, canonical_headers
from tests.gateway.fake_api import FakeApi
from tests.gateway.test_pipeline import LIST, NOTE, POST, RecordingHook


@contextmanager
def running_server(app: Any, protocol: Literal["httptools", "h11"] = "httptools") -> Iterator[int]:
    """Run a real server on a free port of 127.0.0.1; yield the port."""
    config = uvicorn.Config(
        app, host="127.0.0.1", port=0, http=protocol, ws="none", lifespan="off", log_level="critical", loop="asyncio"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.005)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()


def call(port: int, request_line: str, body=None, token: str | None = None):
    """Send a request; return the status, the raw header names and values, and the body."""
    method, path = request_line.split(" ")
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        connection.request(method, path, body if isinstance(body, bytes) else json.dumps(body), headers)
        response = connection.getresponse()
        return response.status, response.headers.raw_items(), response.read()
    finally:
        connection.close()


def test_a_canonical_name_keeps_its_capitals():
    assert CONTENT_TYPE.lower() == b"Content-Type"
    assert isinstance(CONTENT_TYPE.lower(), CanonicalName)


@pytest.mark.parametrize(
    ("status", "request_line"),
    [(200, LIST), (404, "GET /nowhere"), (200, "POST /open-apis/auth/v3/tenant_access_token/internal"), (400, POST)],
)
def test_names_leave_a_real_server_in_their_own_case(api, status, request_line):
    with running_server(canonical_headers(api.asgi)) as port:
        got, raw, _ = call(port, request_line, {}, api.token())
    names = [name for name, _ in raw]
    assert got == status
    assert {"X-Tt-Logid", "X-Request-Id", "Content-Type", "content-length"} <= set(names)
    assert len({name.lower() for name in names}) == len(names)


def test_the_limits_headers_are_lower_case_as_documented(api):
    limited = FakeApi(api.store, limits=True)
    with running_server(canonical_headers(limited.asgi)) as port:
        responses = [call(port, POST, {}, limited.token()) for _ in range(51)]
    status, raw, _ = responses[-1]
    assert status == 429
    assert {"x-ogw-ratelimit-limit", "x-ogw-ratelimit-reset"} <= {name for name, _ in raw}


@pytest.mark.parametrize("protocol", ["httptools", "h11"])
def test_either_protocol_takes_the_names(api, protocol):
    with running_server(canonical_headers(api.asgi), protocol) as port:
        status, raw, body = call(port, LIST, None, api.token())
    assert status == 200
    assert {name.lower(): value for name, value in raw}["x-tt-logid"]
    assert json.loads(body)["code"] == 0


def test_responses_of_other_apps_have_canonical_names():
    async def page(request):
        return JSONResponse({})

    async def file(request):
        return Response(b"x", headers={"content-disposition": "attachment", "x-other": "1"})

    app = Starlette(routes=[Route("/page", page), Route("/file", file)])
    with running_server(canonical_headers(app)) as port:
        assert "Content-Type" in [name for name, _ in call(port, "GET /page")[1]]
        names = [name for name, _ in call(port, "GET /file")[1]]
    assert {"Content-Disposition", "x-other"} <= set(names)


def test_a_body_that_is_too_long_gets_a_readable_error(api):
    with running_server(canonical_headers(api.asgi)) as port:
        status, _, body = call(port, POST, b"x" * (30 * 2**20), api.token())
    assert (status, json.loads(body)["code"]) == (400, 99992402)


def test_a_dropped_response_is_a_closed_connection(api):
    def drop(exchange):
        exchange.interruption = "drop" if exchange.method == "POST" else None

    with running_server(
        canonical_headers(FakeApi(api.store, hook=RecordingHook(before_transaction=drop)).asgi)
    ) as port:
        with pytest.raises(http.client.RemoteDisconnected):
            call(port, POST, NOTE, api.token())
        _, _, body = call(port, LIST, None, api.token())
    assert len(json.loads(body)["data"]["items"]) == 1
