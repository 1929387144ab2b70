"""Authorization of the sandbox: this machine, or callers with the token, but never a page of another site."""

from starlette.applications import Starlette

from corehr.app.settings import Settings
from corehr.sandbox import Sandbox
from tests.world import World, asgi_request

PROTECTED = [
    ("GET", "clock"),
    ("PUT", "clock"),
    ("POST", "clock/advance"),
    ("POST", "snapshots"),
    ("POST", "snapshots/1/restore"),
    ("POST", "reset"),
    ("GET", "faults"),
    ("PUT", "faults"),
    ("DELETE", "faults"),
    ("GET", "records/employments/1"),
    ("GET", "requests"),
    ("GET", "events"),
    ("POST", "apps"),
    ("GET", "world"),
    ("POST", "world/employees"),
]
HEADERS = [
    ({}, 200),
    ({"host": "localhost:8321"}, 200),
    ({"host": "[::1]:8321"}, 200),
    ({"origin": "http://127.0.0.1:8321"}, 200),
    ({"sec_fetch_site": "same-origin"}, 200),
    ({"sec_fetch_site": "none"}, 200),
    ({"host": "rebound.example"}, 403),
    ({"host": "127.0.0.1.evil.example"}, 403),
    ({"host": ""}, 403),
    ({"host": "[", "origin": "http://["}, 403),
    ({"origin": "null"}, 403),
    ({"origin": "http://127.0.0.1:9999"}, 403),
    ({"origin": "http://["}, 403),
    ({"sec_fetch_site": "cross-site"}, 403),
    ({"sec_fetch_site": "same-site"}, 403),
    ({"x_request_id": "1"}, 200),
    ({"user_agent": "via forwarded x-forwarded-for"}, 200),
    ({"via": "1.1 gateway"}, 403),
    ({"Via": ""}, 403),
    ({"forwarded": "for=127.0.0.1"}, 403),
    ({"x_real_ip": "127.0.0.1"}, 403),
    ({"x_forwarded_for": "127.0.0.1"}, 403),
    ({"X_Forwarded_Host": "hr.example.com"}, 403),
    ({"x_forwarded_proto": "https"}, 403),
    ({"x_forwarded_anything": ""}, 403),
    ({"x_envoy_external_address": "192.0.2.1"}, 403),
    ({"true_client_ip": "192.0.2.1"}, 403),
    ({"cdn_loop": "cdn.example"}, 403),
]
"""Headers of a request from this machine, and the status of the response."""


def request_from(world, method, path, *, client="127.0.0.1", http_version="1.1", **headers):
    """Send a request with this client address and return the response."""

    async def app(scope, receive, send):
        scope = {**scope, "client": (client, 1), "http_version": http_version}
        await world.application.asgi(scope, receive, send)

    sent_headers = {"host": "127.0.0.1:8321", **{name.replace("_", "-"): value for name, value in headers.items()}}
    return world.await_(asgi_request(app, method, f"/sandbox/{path}", b"", {}, sent_headers))


def test_without_a_token_only_this_machine_may_call(world):
    assert {request_from(world, *call, client="192.0.2.1").status for call in PROTECTED} == {403}


def test_a_page_of_another_site_may_not_call(world):
    assert {request_from(world, *call, origin="https://evil.example").status for call in PROTECTED} == {403}


def test_host_and_origin_are_checked(world):
    statuses = [(headers, request_from(world, "GET", "clock", **headers).status) for headers, _ in HEADERS]

    assert statuses == HEADERS


def test_what_a_proxy_on_this_machine_passes_on_is_refused(world):
    """With nginx's defaults the Host is the server's own, the version 1.0, and no header is added."""
    assert {request_from(world, *call, x_forwarded_for="192.0.2.1").status for call in PROTECTED} == {403}
    assert {request_from(world, *call, http_version="1.0").status for call in PROTECTED} == {403}
    refused = request_from(world, "GET", "clock", via="1.1 gateway")
    assert refused.json == {
        "error": "without --sandbox-token nothing comes through a proxy, and the header via shows one"
    }


def test_every_loopback_address_is_this_machine(world):
    for client in ("::1", "::ffff:127.0.0.1", "127.8.8.8"):
        assert request_from(world, "GET", "clock", client=client).status == 200


def test_with_a_token_every_caller_that_sends_it_may_call(world):
    installation = world.installation
    settings = Settings(world.url, sandbox=True, sandbox_token="open sesame")
    sandbox = Sandbox(installation.spec, installation.clock, settings)
    sandbox_app = Starlette(routes=sandbox.routes(installation))

    async def app(scope, receive, send):
        await sandbox_app({**scope, "client": ("192.0.2.1", 1)}, receive, send)

    def status(**headers):
        sent_headers = {"host": "sandbox.example", **{name.replace("_", "-"): value for name, value in headers.items()}}
        return world.await_(asgi_request(app, "GET", "/sandbox/clock", b"", {}, sent_headers)).status

    assert status(x_sandbox_token="open sesame") == 200
    assert status(authorization="Bearer open sesame") == 200
    assert status(authorization="Bearer open") == 401
    assert status(x_sandbox_token="öpen") == 401
    assert status() == 401
    assert status(x_sandbox_token="open sesame", origin="https://evil.example") == 403
    assert status(x_sandbox_token="open sesame", via="1.1 gateway", x_forwarded_for="192.0.2.1") == 200


def test_an_installation_without_a_sandbox_has_none(db):
    world = World(db, sandbox=False)
    try:
        for method, path in PROTECTED:
            response = world.request(method, f"/sandbox/{path}", {})
            assert (response.status, response.body) == (404, b"404 page not found")
    finally:
        world.close()


def test_an_unknown_call_is_an_unknown_path_and_a_wrong_method_is_not_allowed(world):
    assert world.request("GET", "/sandbox/nothing").body == b"404 page not found"
    assert world.request("GET", "/sandbox/").body == b"404 page not found"
    assert world.request("DELETE", "/sandbox/clock").status == 405
