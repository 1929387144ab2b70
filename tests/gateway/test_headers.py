"""Headers leave a real server as they are spelt here."""

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

from corehr.gateway.headers import CONTENT_TYPE, Canonical, canonical
from tests.gateway.test_pipeline import LIST, NOTE, POST, Watching
from tests.gateway.toys import Toy


@contextmanager
def served(app: Any, protocol: Literal["httptools", "h11"] = "httptools") -> Iterator[int]:
    """A real server on a free port of this machine."""
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


def call(port: int, asked: str, body=None, token: str | None = None):
    """Status, raw header names and values, and body."""
    method, path = asked.split(" ")
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
    assert isinstance(CONTENT_TYPE.lower(), Canonical)


@pytest.mark.parametrize(
    ("status", "asked"),
    [(200, LIST), (404, "GET /nowhere"), (200, "POST /open-apis/auth/v3/tenant_access_token/internal"), (400, POST)],
)
def test_names_leave_a_real_server_in_their_own_case(toy, status, asked):
    with served(canonical(toy.gateway)) as port:
        got, raw, _ = call(port, asked, {}, toy.token())
    names = [name for name, _ in raw]
    assert got == status
    assert {"X-Tt-Logid", "X-Request-Id", "Content-Type", "content-length"} <= set(names)
    assert len({name.lower() for name in names}) == len(names)


def test_the_limits_headers_are_lower_case_as_documented(toy):
    limited = Toy(toy.store, limits=True)
    with served(canonical(limited.gateway)) as port:
        answers = [call(port, POST, {}, limited.token()) for _ in range(51)]
    status, raw, _ = answers[-1]
    assert status == 429
    assert {"x-ogw-ratelimit-limit", "x-ogw-ratelimit-reset"} <= {name for name, _ in raw}


@pytest.mark.parametrize("protocol", ["httptools", "h11"])
def test_either_protocol_takes_the_names(toy, protocol):
    with served(canonical(toy.gateway), protocol) as port:
        status, raw, body = call(port, LIST, None, toy.token())
    assert status == 200
    assert {name.lower(): value for name, value in raw}["x-tt-logid"]
    assert json.loads(body)["code"] == 0


def test_answers_of_other_apps_are_spelt_alike():
    async def page(request):
        return JSONResponse({})

    async def file(request):
        return Response(b"x", headers={"content-disposition": "attachment", "x-other": "1"})

    app = Starlette(routes=[Route("/page", page), Route("/file", file)])
    with served(canonical(app)) as port:
        assert "Content-Type" in [name for name, _ in call(port, "GET /page")[1]]
        names = [name for name, _ in call(port, "GET /file")[1]]
    assert {"Content-Disposition", "x-other"} <= set(names)


def test_a_body_that_is_too_long_is_answered_legibly(toy):
    with served(canonical(toy.gateway)) as port:
        status, _, body = call(port, POST, b"x" * (30 * 2**20), toy.token())
    assert (status, json.loads(body)["code"]) == (400, 99992402)


def test_a_dropped_answer_is_a_closed_connection(toy):
    def drop(exchange):
        exchange.drop = exchange.method == "POST"

    with served(canonical(Toy(toy.store, watch=Watching(before=drop)).gateway)) as port:
        with pytest.raises(http.client.RemoteDisconnected):
            call(port, POST, NOTE, toy.token())
        _, _, body = call(port, LIST, None, toy.token())
    assert len(json.loads(body)["data"]["items"]) == 1
