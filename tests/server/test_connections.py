"""Connections as a client sees them through a raw socket: upgrades, limits, deadlines."""

import asyncio
import gzip
import json
import socket
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from corehr.app.settings import Settings
from corehr.gateway.asgi_io import MAX_BODY_BYTES
from corehr.server.asgi import open_application
from corehr.server.http_protocol import MAX_HEAD_BYTES, MAX_PIPELINED_REQUESTS, MAX_URL_BYTES, ConnectionLimits
from tests.server_thread import ThreadedServer, read_response, read_to_end, serving, wait_until
from tests.stores import Template
from tests.world import APP_ALL, APP_SECRETS, CREATE_JOB_CHANGE_PATH, QUERY_JOB_DATA_PATH, TENANT_TOKEN_PATH

CREDENTIALS = json.dumps({"app_id": APP_ALL, "app_secret": APP_SECRETS[APP_ALL]}).encode()
HELLO = b"GET /hello HTTP/1.1\r\nHost: corehr\r\n\r\n"


@pytest.fixture
def corehr(sqlite_template: Template) -> Iterator[ThreadedServer]:
    with demo_company(sqlite_template) as server:
        yield server


@contextmanager
def demo_company(template: Template, limits: ConnectionLimits | None = None) -> Iterator[ThreadedServer]:
    """Serve a copy of the demo company on a real port."""
    url = template.copy()
    with serving(open_application(Settings(db=url, sandbox=True, rate_limits=False)).asgi, limits) as server:
        yield server
    template.delete(url)


async def hello(request: Request) -> Response:
    return PlainTextResponse("hello")


async def body_length(request: Request) -> Response:
    return PlainTextResponse(str(len(await request.body())))


async def header_names(request: Request) -> Response:
    await request.body()
    return PlainTextResponse(",".join(request.headers))


async def much(request: Request) -> Response:
    return PlainTextResponse("x" * 64 * 2**20)


SMALL_APP = Starlette(
    routes=[
        Route("/hello", hello),
        Route("/length", body_length, methods=["POST"]),
        Route("/headers", header_names, methods=["POST"]),
        Route("/much", much),
    ]
)


@pytest.fixture
def small() -> Iterator[ThreadedServer]:
    """A small app whose clients have half a second for headers, body and reading."""
    with serving(SMALL_APP, ConnectionLimits(header_seconds=0.5, body_seconds=0.5, write_seconds=0.5)) as server:
        yield server


def post(path: str, body: bytes, *headers: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: corehr", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def status(response: bytes) -> int:
    return int(response.split(b" ", 2)[1])


def content(response: bytes) -> bytes:
    return response.partition(b"\r\n\r\n")[2]


def token(server: ThreadedServer) -> str:
    with server.connect(post(TENANT_TOKEN_PATH, CREDENTIALS)) as connection:
        return str(json.loads(content(read_response(connection)))["tenant_access_token"])


# ------------------------------------------------------------------------------------------------------------ upgrades

UPGRADES = {
    "curl --http2, JDK 17": ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAEAAEAAAAIAAAAA"),
    "TLS": ("Connection: Upgrade", "Upgrade: TLS/1.2"),
    "websocket": ("Connection: Upgrade", "Upgrade: websocket"),
}


@pytest.mark.parametrize("upgrade", UPGRADES.values(), ids=UPGRADES)
def test_an_upgrade_that_is_not_taken_is_ignored_and_the_body_is_read(corehr, upgrade):
    with corehr.connect(post(TENANT_TOKEN_PATH, CREDENTIALS, *upgrade)) as connection:
        response = json.loads(content(read_response(connection)))
        assert response["code"] == 0

        headers = (*upgrade, f"Authorization: Bearer {response['tenant_access_token']}")
        query = b'{"employment_ids":["1"]}'
        connection.sendall(post(f"{QUERY_JOB_DATA_PATH}?page_size=100&user_id_type=people_corehr_id", query, *headers))
        assert json.loads(content(read_response(connection))) == {
            "code": 0,
            "msg": "success",
            "data": {"has_more": False, "items": []},
        }


@pytest.mark.parametrize("upgrade", UPGRADES.values(), ids=UPGRADES)
def test_a_body_that_looks_like_a_request_is_a_body(small, upgrade):
    with small.connect(post("/length", HELLO, *upgrade)) as connection:
        assert content(read_response(connection)) == str(len(HELLO)).encode()
        connection.sendall(HELLO)
        assert content(read_response(connection)) == b"hello"


def test_the_upgrade_of_a_get_without_body_is_ignored_too(small):
    with small.connect(HELLO[:-2] + b"Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n") as connection:
        assert content(read_response(connection)) == b"hello"
        connection.sendall(HELLO)
        assert content(read_response(connection)) == b"hello"


def test_a_get_that_asks_for_a_websocket_gets_to_the_long_connection(corehr):
    head = (
        b"GET /ws/v2?access_key=x HTTP/1.1\r\nHost: corehr\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    assert b"Handshake-Msg: auth failed" in corehr.talk(head)


def test_requests_in_one_packet_are_answered_in_order_also_after_an_upgrade(small):
    upgrade = UPGRADES["curl --http2, JDK 17"]
    chunked = post("/length", b"3\r\nabc\r\n0\r\n\r\n", "Transfer-Encoding: chunked", *upgrade)
    chunked = chunked.replace(b"Content-Length: 13\r\n", b"")
    requests = post("/length", HELLO, *upgrade) + HELLO + chunked + post("/length", b"12", *upgrade)
    last = HELLO[:-2] + b"Connection: close\r\n\r\n"
    for pieces in ([requests + last], [bytes([byte]) for byte in requests + last]):
        with small.connect() as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for piece in pieces:
                connection.sendall(piece)
            bodies = [part.partition(b"\r\n\r\n")[2] for part in read_to_end(connection).split(b"HTTP/1.1 200 OK")]
        assert bodies == [b"", str(len(HELLO)).encode(), b"hello", b"3", b"2", b"hello"]


def test_a_trailer_is_no_header(small):
    chunks = b"1\r\na\r\n0\r\nHost: b\r\nX-Trailer: 1\r\n\r\n"
    with small.connect(
        b"POST /headers HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks
    ) as connection:
        assert content(read_response(connection)) == b"host,transfer-encoding"


def test_a_bad_request_behind_a_good_one_does_not_take_its_response(small):
    received = small.talk(HELLO + b"GET /hello HTTP/1.1\r\n\r\n")
    assert received.startswith(b"HTTP/1.1 200 OK")
    assert received.endswith(b"hello")


def test_many_requests_in_one_packet_hold_no_memory(small):
    received = small.talk(HELLO * 5000)
    assert received.count(b"200 OK") <= MAX_PIPELINED_REQUESTS + 1


# --------------------------------------------------------------------------------------------------------- bad requests

BAD_REQUESTS = {
    "no host": (400, b"GET /hello HTTP/1.1\r\n\r\n"),
    "two hosts": (400, b"GET /hello HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
    "two lengths": (400, b"POST /length HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
    "a length and chunks": (
        400,
        b"POST /length HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    "a bad chunk": (400, b"POST /length HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
    "an encoding we do not know": (400, b"POST /length HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n"),
    "HTTP/2": (400, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "an older version": (505, b"GET /hello HTTP/0.9\r\nHost: a\r\n\r\n"),
    "TLS": (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"),
    "a whole URL of another kind": (400, b"GET ftp://a/hello HTTP/1.1\r\nHost: a\r\n\r\n"),
    "a long URL": (414, b"GET /" + b"a" * MAX_URL_BYTES + b" HTTP/1.1\r\nHost: a\r\n\r\n"),
    "an endless URL": (414, b"GET /" + b"a" * 2**21),
    "long headers": (431, b"GET /hello HTTP/1.1\r\nHost: a\r\nX: " + b"a" * MAX_HEAD_BYTES + b"\r\n\r\n"),
    "many headers": (431, b"GET /hello HTTP/1.1\r\nHost: a\r\n" + b"X: a\r\n" * 7000 + b"\r\n"),
    "an endless trailer": (
        400,
        b"POST /length HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: " + b"a" * 2**21,
    ),
    "endless headers": (431, b"GET /hello HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 2**21),
    "an endless chunk size": (
        400,
        b"POST /length HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;" + b"a" * 2**21,
    ),
}


@pytest.mark.parametrize(("expected", "request_bytes"), BAD_REQUESTS.values(), ids=BAD_REQUESTS)
def test_a_bad_request_is_refused_and_its_connection_closed(small, expected, request_bytes):
    assert status(small.talk(request_bytes)) == expected


def test_the_nearest_good_requests_are_answered(small):
    url = b"GET /hello?" + b"a" * (MAX_URL_BYTES - 7)
    for request_bytes in (
        url + b" HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /hello HTTP/1.1\r\nHost: a\r\nX: " + b"a" * (MAX_HEAD_BYTES - 100) + b"\r\n\r\n",
        b"GET http://corehr/hello HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /hello HTTP/1.0\r\n\r\n",
    ):
        with small.connect(request_bytes) as connection:
            assert content(read_response(connection)) == b"hello"


def test_the_host_of_a_whole_url_replaces_the_host_header(corehr):
    refused = corehr.talk(
        b"GET http://evil.example/sandbox/clock HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    )
    allowed = corehr.talk(b"GET http://127.0.0.1/sandbox/clock HTTP/1.1\r\nHost: evil\r\nConnection: close\r\n\r\n")
    assert (status(refused), status(allowed)) == (403, 200)


# ------------------------------------------------------------------------------------------------------------ deadlines


def test_half_sent_requests_are_ended_and_others_are_not_slowed(small):
    half_sent = [small.connect(HELLO[:-2]) for _ in range(50)]
    half_sent += [small.connect(b"POST /length HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc") for _ in range(50)]
    with small.connect(HELLO) as connection:
        assert content(read_response(connection)) == b"hello"
    assert {status(read_to_end(connection)) for connection in half_sent} == {408}
    for connection in half_sent:
        connection.close()
    wait_until(lambda: small.open_connections == 0)


def test_a_connection_without_a_request_is_closed(small, caplog):
    assert small.talk(b"") == b""
    assert "1 sent no request within 0.5 s; 1 since the start" in caplog.text


def test_an_idle_connection_is_closed_later():
    with serving(SMALL_APP, ConnectionLimits(idle_seconds=1.0, header_seconds=30.0)) as server:
        assert content(server.talk(HELLO)) == b"hello"


def test_a_client_that_does_not_read_is_disconnected(small):
    with small.connect(HELLO.replace(b"/hello", b"/much")):
        wait_until(lambda: small.open_connections == 1)
        wait_until(lambda: small.open_connections == 0)


def test_a_client_that_never_finishes_the_body_of_a_refused_request_is_disconnected(sqlite_template):
    with demo_company(sqlite_template, ConnectionLimits(body_seconds=0.5)) as server:
        received = server.talk(post(CREATE_JOB_CHANGE_PATH, b"x" * 100)[:-1])
    assert json.loads(content(received))["code"] == 99991661


# ---------------------------------------------------------------------------------------------------------------- limit


def test_when_there_are_too_many_the_one_that_waits_longest_for_its_client_makes_room():
    with serving(SMALL_APP, ConnectionLimits(max_connections=3, header_seconds=120)) as server:
        oldest, *others = [server.connect() for _ in range(3)]
        wait_until(lambda: server.open_connections == 3)
        with server.connect(HELLO) as connection:
            assert content(read_response(connection)) == b"hello"
            assert read_to_end(oldest) == b""
            for other in others:
                other.sendall(HELLO)
                assert content(read_response(other)) == b"hello"
        for each in (oldest, *others):
            each.close()


def test_when_all_are_being_served_the_next_one_is_refused(caplog):
    started, released = [], threading.Event()

    async def wait(request: Request) -> Response:
        started.append(request)
        await asyncio.to_thread(released.wait)
        return PlainTextResponse("done")

    app = Starlette(routes=[Route("/hello", wait)])
    with serving(app, ConnectionLimits(max_connections=2)) as server:
        connections = [server.connect(HELLO) for _ in range(2)]
        wait_until(lambda: len(started) == 2)
        assert status(server.talk(b"")) == 503
        wait_until(lambda: "1 refused beyond 2" in caplog.text)
        released.set()
        for connection in connections:
            assert content(read_response(connection)) == b"done"
            connection.close()


# --------------------------------------------------------------------------------------------------------------- bodies


def test_without_a_valid_token_the_body_is_not_waited_for(corehr):
    request_bytes = post(CREATE_JOB_CHANGE_PATH, b"x" * MAX_BODY_BYTES, "Authorization: Bearer t-AAAA")
    with corehr.connect(request_bytes[:1000]) as connection:
        assert json.loads(content(read_response(connection)))["code"] == 99991663
        connection.sendall(request_bytes[1000:])  # the rest is discarded, and the connection goes on
        connection.sendall(post(TENANT_TOKEN_PATH, CREDENTIALS))
        assert json.loads(content(read_response(connection)))["code"] == 0


def test_with_a_valid_token_it_is_read(corehr):
    request_bytes = post(CREATE_JOB_CHANGE_PATH, b"{}", f"Authorization: Bearer {token(corehr)}")
    with corehr.connect(request_bytes[:-1]) as connection:
        connection.settimeout(0.5)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        connection.settimeout(30)
        connection.sendall(request_bytes[-1:])
        assert json.loads(content(read_response(connection)))["code"] == 99992402


def test_a_client_that_closes_gets_to_read_the_refusal_of_a_long_body(corehr):
    received = corehr.talk(post(CREATE_JOB_CHANGE_PATH, b"x" * MAX_BODY_BYTES, "Connection: close"))
    assert json.loads(content(received))["code"] == 99991661


def test_a_refused_client_that_waits_for_100_continue_need_not_send_the_body(corehr):
    received = corehr.talk(post(CREATE_JOB_CHANGE_PATH, b"x" * 100, "Expect: 100-continue")[:-100])
    assert status(received) == 400
    assert b"connection: close" in received


def test_a_request_for_a_token_has_few_bytes(corehr):
    padded = CREDENTIALS[:-1] + b" " * 2**16 + b"}"
    with corehr.connect(post(TENANT_TOKEN_PATH, padded)) as connection:
        assert json.loads(content(read_response(connection)))["code"] == 10003


@pytest.mark.parametrize(("encoding", "compress"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_a_compressed_body_is_read_within_the_same_limits(corehr, encoding, compress):
    header = f"Content-Encoding: {encoding}"

    def call(path: str, body: bytes, *headers: str) -> dict[str, object]:
        with corehr.connect(post(path, body, header, *headers)) as connection:
            return dict(json.loads(content(read_response(connection))))

    assert call(TENANT_TOKEN_PATH, compress(CREDENTIALS))["code"] == 0
    assert call(TENANT_TOKEN_PATH, compress(CREDENTIALS)[:-1])["code"] == 10003
    assert call(TENANT_TOKEN_PATH, CREDENTIALS)["code"] == 0

    bomb = compress(b" " * (MAX_BODY_BYTES + 1))
    response = call(CREATE_JOB_CHANGE_PATH, bomb, f"Authorization: Bearer {token(corehr)}")
    assert response["code"] == 99992402
    assert response["error"]["field_violations"][0]["description"] == f"the max len is {MAX_BODY_BYTES}"  # type: ignore[index]
