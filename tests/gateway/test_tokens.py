"""Tokens: the endpoints that issue them, how long they are valid, and which ones are accepted."""

import asyncio
import base64
import json
import re
from datetime import timedelta
from time import monotonic

import pytest

from corehr.apps import registry
from corehr.apps.registry import AppRegistry
from corehr.apps.tickets import HOUR_SECONDS, current_ticket
from corehr.gateway.asgi_io import RequestBody
from corehr.gateway.exchange import Exchange
from corehr.gateway.token_endpoints import (
    RESEND_TICKET_PATH,
    STORE_APP_TOKEN_PATH,
    STORE_TENANT_TOKEN_PATH,
)
from corehr.gateway.tokens import TokenIssuer
from corehr.kernel import tenants
from corehr.kernel.clock import parse_timestamp, real_now
from corehr.kernel.statements import select_by
from tests.gateway import fake_api
from tests.gateway.fake_api import FakeApi, asgi_request, new_app

TENANT = "/open-apis/auth/v3/tenant_access_token/internal"
APP = "/open-apis/auth/v3/app_access_token/internal"
CALL = "GET /open-apis/toy/v1/notes/recent"
APP_ID, SECRET = "cli_00000000000000ab", "a secret of any form 密"


class Seconds:
    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def create_app(store, **attributes):
    return store.command_sync(
        tenants.DEFAULT_TENANT_ID,
        lambda tx: registry.create_app(tx, "toy", app_id=APP_ID, app_secret=SECRET, **attributes),
    )


def request_token(api: FakeApi, body, path: str = TENANT, **more):
    got = asyncio.run(asgi_request(api.asgi, f"POST {path}", body, **more))
    assert got.status == 200
    assert got.headers["Content-Type"] == "application/json; charset=utf-8"
    assert re.fullmatch(r"\d{14}[0-9A-F]{20}", got.headers["X-Tt-Logid"])
    return got.json


@pytest.mark.parametrize("path", [TENANT, f"{TENANT}/"])
def test_a_custom_app_gets_a_token_and_calls_with_it(api, path):
    create_app(api.store)
    response = request_token(api, {"app_id": APP_ID, "app_secret": SECRET, "app_ticket": "left over"}, path)
    assert list(response) == ["code", "msg", "tenant_access_token", "expire"]
    assert (response["code"], response["msg"]) == (0, "ok")
    assert 7190 <= response["expire"] <= 7200
    assert re.fullmatch(r"t-[A-Z2-7]{40}", response["tenant_access_token"])
    assert api.call(CALL, token=response["tenant_access_token"]).json["code"] == 0


@pytest.mark.parametrize("path", [APP, f"{APP}/"])
def test_the_app_token_of_a_custom_app_is_its_tenant_token(api, path):
    create_app(api.store)
    response = request_token(api, {"app_id": APP_ID, "app_secret": SECRET}, path)
    assert list(response) == ["code", "msg", "app_access_token", "tenant_access_token", "expire"]
    assert response["app_access_token"] == response["tenant_access_token"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b"[" * 5000,
        {},
        {"app_id": APP_ID},
        {"app_secret": SECRET},
        {"app_id": APP_ID, "app_secret": ""},
        {"app_id": APP_ID, "app_secret": 1},
        {"app_id": "cli_x", "app_secret": SECRET},
        {"app_id": "cli_00000000000000aB", "app_secret": SECRET},
        {"app_id": "cli_00000000000000", "app_secret": SECRET},
        {"app_id": "xcli_0000000000000ab", "app_secret": SECRET},
    ],
)
def test_malformed_credentials(api, body):
    create_app(api.store)
    assert request_token(api, body) == {"code": 10003, "data": {}, "msg": "invalid param"}


def test_credentials_that_do_not_match(api):
    create_app(api.store)
    unknown = request_token(api, {"app_id": "cli_00000000000000ff", "app_secret": SECRET})
    assert unknown == {"code": 10014, "msg": "app id not exists"}
    assert request_token(api, {"app_id": APP_ID, "app_secret": "x"}) == {"code": 10014, "msg": "app secret invalid"}


def test_an_app_without_a_right_to_tokens(api):
    create_app(api.store, type="store")
    assert request_token(api, {"app_id": APP_ID, "app_secret": SECRET})["code"] == 10005
    api.store.command_sync(
        tenants.DEFAULT_TENANT_ID, lambda tx: registry.set_enabled(tx, api.app.app_id, enabled=False)
    )
    restarted = FakeApi(api.store)
    _, app_secret = api.store.command_sync(
        tenants.DEFAULT_TENANT_ID, lambda tx: (None, registry.rotate_secret(tx, api.app.app_id))
    )
    got = request_token(restarted, {"app_id": api.app.app_id, "app_secret": app_secret})
    assert got == {"code": 10014, "msg": "app unauthorized"}


@pytest.mark.parametrize(
    "http",
    [
        f"GET {TENANT}",
        f"PUT {TENANT}",
        f"POST {TENANT}//",
        f"POST {TENANT}/x",
        f"GET {STORE_APP_TOKEN_PATH}",
        f"POST {STORE_TENANT_TOKEN_PATH}//",
        "POST /open-apis/auth/v3/app_ticket",
    ],
)
def test_other_addresses_are_unknown(api, http):
    got = asyncio.run(asgi_request(api.asgi, http, {}))
    assert (got.status, got.headers["Content-Type"], got.body) == (404, "text/plain", b"404 page not found")


# ------------------------------------------------------------------------------------------------------ store apps


class StoreApp:
    """A store app and its calls of the token endpoints; `pushed` are the ids of the apps that were sent a ticket."""

    def __init__(self, store) -> None:
        create_app(store, type="store")
        self.pushed: list[str] = []
        self.clock = Seconds(1_700_000_000)
        self.api = FakeApi(store, ticket_seconds=self.clock, resend_ticket=lambda app: self.pushed.append(app.app_id))

    @property
    def app(self):
        return asyncio.run(self.api.apps.get(APP_ID))

    def current_ticket(self) -> str:
        return current_ticket(self.app, seconds=self.clock)

    def request_token(self, path, **changed):
        body = {"app_id": APP_ID, "app_secret": SECRET, "app_ticket": self.current_ticket(), **changed}
        return request_token(self.api, body, path)

    def outcome_of(self, path, **changed):
        """Call an endpoint; return the code, the message, and the rule that refused."""
        body = {"app_id": APP_ID, "app_secret": SECRET, "app_ticket": self.current_ticket(), **changed}
        raw = json.dumps({name: value for name, value in body.items() if value is not None}).encode()
        exchange = Exchange("POST", path)

        async def receive():
            return {"type": "http.request", "body": raw}

        response = asyncio.run(
            self.api.token_endpoints.respond(exchange, {"path": path}, RequestBody({"headers": []}, receive))
        )
        assert response.status == 200
        decoded = json.loads(response.body)
        assert decoded["code"] == response.code
        return decoded["code"], decoded["msg"], exchange.refused_by

    def app_token(self) -> str:
        return self.request_token(STORE_APP_TOKEN_PATH)["app_access_token"]

    def tenant_token(self) -> str:
        body = {"app_access_token": self.app_token(), "tenant_key": self.app.tenant_key}
        return self.request_token(STORE_TENANT_TOKEN_PATH, **body)["tenant_access_token"]


@pytest.fixture
def store_app(store) -> StoreApp:
    return StoreApp(store)


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_store_app_gets_a_token_for_its_ticket_and_for_that_one_of_a_tenant(store_app, slash):
    response = store_app.request_token(STORE_APP_TOKEN_PATH + slash, tenant_key="left over")
    assert list(response) == ["code", "msg", "app_access_token", "expire"]
    assert (response["code"], response["msg"]) == (0, "success")
    assert 7190 <= response["expire"] <= 7200
    assert re.fullmatch(r"a-[A-Z2-7]{40}", response["app_access_token"])

    body = {"app_access_token": response["app_access_token"], "tenant_key": f"{tenants.DEFAULT_TENANT_ID:>016}"}
    tenant_response = store_app.request_token(STORE_TENANT_TOKEN_PATH + slash, **body)
    assert list(tenant_response) == ["code", "msg", "tenant_access_token", "expire"]
    assert (tenant_response["code"], tenant_response["msg"]) == (0, "success")
    assert 7190 <= tenant_response["expire"] <= 7200
    assert request_token(store_app.api, body, STORE_TENANT_TOKEN_PATH) == tenant_response
    got = store_app.api.call("GET /open-apis/toy/v1/notes/1", token=tenant_response["tenant_access_token"])
    assert (got.status, got.json["code"]) == (200, 0)


def test_a_store_app_may_not_call_what_is_for_custom_apps(store_app):
    got = store_app.api.call("POST /open-apis/toy/v1/notes", {"employment_id": "x"}, token=store_app.tenant_token())
    assert (got.status, got.json["code"]) == (400, 99991673)


def test_an_app_token_calls_nothing(store_app):
    token = store_app.app_token()
    got = store_app.api.call(CALL, token=token)
    assert (got.status, got.json["code"], got.json["msg"]) == (400, 99991671, "Invalid token: must start with t-/u-")
    renamed = store_app.api.call(CALL, token=f"t-{token[2:]}")
    assert (renamed.status, renamed.json["code"]) == (400, 99991663)
    assert store_app.api.call(CALL, token=store_app.tenant_token()).json["code"] == 0


def test_store_apps_tokens_outlive_a_restart(store_app):
    app_token, tenant_token = store_app.app_token(), store_app.tenant_token()
    restarted = FakeApi(store_app.api.store)
    body = {"app_access_token": app_token, "tenant_key": store_app.app.tenant_key}
    assert request_token(restarted, body, STORE_TENANT_TOKEN_PATH)["tenant_access_token"] == tenant_token
    assert restarted.call(CALL, token=tenant_token).json["code"] == 0


def test_an_app_token_is_valid_for_two_hours(store):
    app = new_app(store, type="store")
    clock = Seconds(parse_timestamp(app.created_at).timestamp())
    tokens = TokenIssuer(AppRegistry(store), seconds=clock)
    token = tokens.issue_app_token(app)
    assert token.expire == 7200
    clock.now += 5400
    assert tokens.issue_app_token(app).text != token.text
    clock.now += 1799
    found = asyncio.run(tokens.verify_app_token(token.text))
    assert found is not None
    assert found.app_id == app.app_id
    clock.now += 1
    assert asyncio.run(tokens.verify_app_token(token.text)) is None


MALFORMED = (10003, "invalid param", "credentials_are_malformed")


@pytest.mark.parametrize("changed", [None, "", 1, {}])
@pytest.mark.parametrize(
    ("path", "name"),
    [
        (STORE_APP_TOKEN_PATH, "app_ticket"),
        (STORE_APP_TOKEN_PATH, "app_id"),
        (STORE_APP_TOKEN_PATH, "app_secret"),
        (STORE_TENANT_TOKEN_PATH, "app_access_token"),
        (STORE_TENANT_TOKEN_PATH, "tenant_key"),
        (RESEND_TICKET_PATH, "app_id"),
        (RESEND_TICKET_PATH, "app_secret"),
    ],
)
def test_the_members_a_store_app_must_send(store_app, path, name, changed):
    body = {"app_access_token": store_app.app_token(), "tenant_key": store_app.app.tenant_key}
    assert store_app.outcome_of(path, **{**body, name: changed}) == MALFORMED
    assert store_app.outcome_of(path, **body) == (0, "success", None)


@pytest.mark.parametrize("path", [STORE_APP_TOKEN_PATH, RESEND_TICKET_PATH])
def test_credentials_of_no_store_app(store_app, path):
    assert store_app.outcome_of(path, app_id="cli_x") == MALFORMED
    assert store_app.outcome_of(path, app_id="cli_00000000000000ff") == (10014, "app id not exists", "app_is_unknown")
    assert store_app.outcome_of(path, app_secret="x") == (10014, "app secret invalid", "secret_is_wrong")
    assert store_app.pushed == []


def test_a_disabled_store_app(store_app):
    body = {"app_access_token": store_app.app_token(), "tenant_key": store_app.app.tenant_key}
    store_app.api.store.command_sync(
        tenants.DEFAULT_TENANT_ID, lambda tx: registry.set_enabled(tx, APP_ID, enabled=False)
    )
    store_app.api.apps._refreshed_at -= 1.01
    for path in (STORE_APP_TOKEN_PATH, STORE_TENANT_TOKEN_PATH, RESEND_TICKET_PATH):
        assert store_app.outcome_of(path, **body) == (10014, "app unauthorized", "app_is_disabled")


@pytest.mark.parametrize("ticket", ["x", "0" * 32, "é"])
def test_a_ticket_that_is_invalid(store_app, ticket):
    error = (10012, "get app access token fail", "ticket_is_not_accepted")
    assert store_app.outcome_of(STORE_APP_TOKEN_PATH, app_ticket=ticket) == error
    assert store_app.outcome_of(STORE_APP_TOKEN_PATH) == (0, "success", None)


def test_a_ticket_that_is_too_old(store_app):
    ticket = store_app.current_ticket()
    store_app.clock.now += 12 * HOUR_SECONDS
    assert store_app.outcome_of(STORE_APP_TOKEN_PATH, app_ticket=ticket) == (0, "success", None)
    store_app.clock.now += HOUR_SECONDS
    assert store_app.outcome_of(STORE_APP_TOKEN_PATH, app_ticket=ticket)[0] == 10012
    assert store_app.outcome_of(STORE_APP_TOKEN_PATH)[0] == 0


def test_what_is_no_app_token(store_app):
    token, error = store_app.app_token(), (10013, "get tenant access token fail", "app_token_is_invalid")
    for wrong in (
        store_app.tenant_token(),
        f"a-{store_app.tenant_token()[2:]}",
        f"{token}A",
        "a-",
        "x",
        f"a-{'é' * 40}",
    ):
        assert (
            store_app.outcome_of(STORE_TENANT_TOKEN_PATH, app_access_token=wrong, tenant_key=store_app.app.tenant_key)
            == error
        )
    assert (
        store_app.outcome_of(STORE_TENANT_TOKEN_PATH, app_access_token=token, tenant_key=store_app.app.tenant_key)[0]
        == 0
    )


def test_a_tenant_that_is_not_the_apps(store_app):
    error = store_app.outcome_of(STORE_TENANT_TOKEN_PATH, app_access_token=store_app.app_token(), tenant_key="0" * 16)
    assert error == (10013, "get tenant access token fail", "tenant_key_is_wrong")


def test_a_custom_app_at_the_endpoints_of_store_apps(store_app):
    app_id, app_secret = store_app.api.store.command_sync(
        tenants.DEFAULT_TENANT_ID, lambda tx: registry.create_app(tx, "custom")
    )
    custom = {"app_id": app_id, "app_secret": app_secret}
    assert store_app.outcome_of(STORE_APP_TOKEN_PATH, **custom) == (10005, "app id unauthorized", "app_is_custom")
    assert store_app.outcome_of(RESEND_TICKET_PATH, **custom) == (10016, "app resend fail", "app_is_sent_no_ticket")
    assert store_app.pushed == []


def test_a_store_app_at_the_endpoints_of_custom_apps(store_app):
    for path in (TENANT, APP):
        assert store_app.outcome_of(path) == (10005, "app id unauthorized", "app_is_from_the_store")


def test_a_resend_sends_the_app_one_ticket(store_app):
    assert store_app.request_token(RESEND_TICKET_PATH) == {"code": 0, "msg": "success"}
    assert store_app.pushed == [APP_ID]


# ------------------------------------------------------------------------------------------------------- validity


def test_the_same_token_while_half_an_hour_remains_then_a_new_one(store):
    app = new_app(store)
    created = int(parse_timestamp(app.created_at).timestamp())
    clock = Seconds(created)
    tokens = TokenIssuer(AppRegistry(store), seconds=clock)
    first = tokens.issue(app)
    assert first.expire == 7200
    clock.now = created + 5399.9
    assert tokens.issue(app) == (first.text, 1801)
    clock.now = created + 5400
    second = tokens.issue(app)
    assert second.expire == 7200
    assert second.text != first.text
    for token in (first, second):
        assert asyncio.run(tokens.authenticate(f"Bearer {token.text}")).app_id == app.app_id


@pytest.mark.parametrize("later", [0, 1, 1799, 1800, 5399, 5400, 123_456, 10**8])
def test_what_remains_is_never_less_than_half_an_hour(store, later):
    app = new_app(store)
    clock = Seconds(int(parse_timestamp(app.created_at).timestamp()) + later + 0.7)
    assert 1800 < TokenIssuer(AppRegistry(store), seconds=clock).issue(app).expire <= 7200


def test_a_token_outlives_a_restart_but_not_its_expiry(store):
    app = new_app(store)
    clock = Seconds(parse_timestamp(app.created_at).timestamp())
    before, after = (TokenIssuer(AppRegistry(store), seconds=clock) for _ in range(2))
    token = before.issue(app)
    assert after.issue(app) == token
    clock.now += token.expire - 1
    assert asyncio.run(after.authenticate(f"Bearer {token.text}")).app_id == app.app_id
    clock.now += 1
    for tokens in (before, after):
        with pytest.raises(Exception, match="99991663"):
            asyncio.run(tokens.authenticate(f"Bearer {token.text}"))


@pytest.mark.parametrize(("behind", "is_accepted"), [(0, True), (60, True), (61, False), (5400, False), (10**8, False)])
def test_a_token_that_expires_later_than_any_token_is_refused(store, behind, is_accepted):
    """Such as one that was signed for years ahead; a clock that was set back by a minute still accepts its own."""
    app = new_app(store)
    issued_at = parse_timestamp(app.created_at).timestamp() + 5400 * 20_000
    clock = Seconds(issued_at)
    issuer = TokenIssuer(AppRegistry(store), seconds=clock)
    header = f"Bearer {issuer.issue(app).text}"
    app_token = issuer.issue_app_token(app).text
    assert asyncio.run(issuer.authenticate(header)).app_id == app.app_id
    clock.now -= behind
    for tokens in (issuer, TokenIssuer(AppRegistry(store), seconds=clock)):
        if is_accepted:
            assert asyncio.run(tokens.authenticate(header)).app_id == app.app_id
        else:
            with pytest.raises(Exception, match="99991663"):
                asyncio.run(tokens.authenticate(header))
        assert (asyncio.run(tokens.verify_app_token(app_token)) is not None) is is_accepted


def test_the_old_secret_is_accepted_for_a_while(api, monkeypatch):
    app_id, old = create_app(api.store)
    token = request_token(api, {"app_id": app_id, "app_secret": old})["tenant_access_token"]

    def rotate(**keep_old):
        return api.store.command_sync(
            tenants.DEFAULT_TENANT_ID, lambda tx: registry.rotate_secret(tx, app_id, **keep_old)
        )

    def codes(*secrets):
        restarted = FakeApi(api.store)
        return [request_token(restarted, {"app_id": app_id, "app_secret": secret})["code"] for secret in secrets]

    now = real_now()
    monkeypatch.setattr(registry, "real_now", lambda: now)
    new = rotate(keep_old=timedelta(hours=1))
    now += timedelta(minutes=59, seconds=59)
    assert codes(old, new, "x") == [0, 0, 10014]
    now += timedelta(seconds=1)
    assert codes(old, new) == [10014, 0]
    assert FakeApi(api.store).call(CALL, token=token).json["code"] == 0, "tokens stay valid"

    newer = rotate(keep_old=timedelta(hours=1))
    newest = rotate(keep_old=timedelta(hours=1))
    assert codes(new, newer, newest) == [10014, 0, 0]
    last = rotate()
    assert codes(newest, last) == [10014, 0]


def test_rotating_the_secret_keeps_tokens(api):
    app_id, old = create_app(api.store)
    token = request_token(api, {"app_id": app_id, "app_secret": old})["tenant_access_token"]
    new_secret = api.store.command_sync(tenants.DEFAULT_TENANT_ID, lambda tx: registry.rotate_secret(tx, app_id))
    restarted = FakeApi(api.store)
    assert request_token(restarted, {"app_id": app_id, "app_secret": old})["code"] == 10014
    assert request_token(restarted, {"app_id": app_id, "app_secret": new_secret})["tenant_access_token"] == token
    assert restarted.call(CALL, token=token).json["code"] == 0


# -------------------------------------------------------------------------------------------------------- errors

MISSING = "Missing access token for authorization. Please make a request with token attached."
INVALID = "Invalid access token for authorization. Please make a request with token attached."


@pytest.mark.parametrize(
    ("header", "code", "msg"),
    [
        (None, 99991661, MISSING),
        ("", 99991661, MISSING),
        ("Bearer", 99991661, MISSING),
        ("Bearer ", 99991661, MISSING),
        ("{token}", 99991661, MISSING),
        ("Basic {token}", 99991661, MISSING),
        ("Bearer{token}", 99991661, MISSING),
        (" \t", 99991661, MISSING),
        ("Bearer {token} {token}", 99991663, INVALID),
        ("Bearer eyJhbGciOiJFUzI1NiJ9.e30.x", 99991668, INVALID),
        ("Bearer u-7f1bcd13fc57d46bac21793a18e560", 99991668, INVALID),
        ("Bearer a-6U1SbDiM6XIH2DcTCPyeub", 99991671, "Invalid token: must start with t-/u-"),
        ("Bearer t-", 99991663, INVALID),
        ("Bearer t-é" + "A" * 39, 99991663, INVALID),
        ("Bearer t-" + "A" * 40, 99991663, INVALID),
        ("Bearer t-g1044qeGEDXTB6NDJOGV4JQCYDGHRBARFTGT1234", 99991663, INVALID),
        ("Bearer {token}A", 99991663, INVALID),
        ("Bearer {lower}", 99991663, INVALID),
    ],
)
def test_what_is_no_token(api, header, code, msg):
    token = api.token()
    headers = {} if header is None else {"authorization": header.format(token=token, lower=token.lower())}
    got = asyncio.run(asgi_request(api.asgi, CALL, headers=headers))
    assert (got.status, got.json["code"], got.json["msg"]) == (400, code, msg)
    assert got.json["error"]["log_id"] == got.headers["X-Tt-Logid"]
    assert got.json["error"]["log_id"] in got.json["error"]["troubleshooter"]


@pytest.mark.parametrize(
    "header",
    ["Bearer {token}", "bearer {token}", "BEARER {token}", "Bearer  {token}", " Bearer {token}", "\tBearer {token} \t"],
)
def test_white_space_around_the_authorization_and_the_case_of_its_scheme_do_not_matter(api, header):
    headers = {"authorization": header.format(token=api.token())}
    assert asyncio.run(asgi_request(api.asgi, CALL, headers=headers)).json["code"] == 0


def test_every_byte_of_a_token_is_signed(api):
    raw = base64.b32decode(api.token()[2:])
    for index in range(len(raw)):
        forged = raw[:index] + bytes([raw[index] ^ 1]) + raw[index + 1 :]
        assert api.call(CALL, token=f"t-{base64.b32encode(forged).decode()}").json["code"] == 99991663


def test_a_disabled_app_is_refused_within_a_second(api):
    token = api.token()
    assert api.call(CALL, token=token).json["code"] == 0
    api.store.command_sync(
        tenants.DEFAULT_TENANT_ID, lambda tx: registry.set_enabled(tx, api.app.app_id, enabled=False)
    )
    api.apps._refreshed_at -= 1.01
    got = api.call(CALL, token=token)
    assert (got.status, got.json["code"], got.json["msg"]) == (400, 99991662, "app not in use")


def test_an_app_created_by_another_process_is_seen_at_once(api):
    assert api.call(CALL).json["code"] == 0
    assert api.call(CALL, app=new_app(api.store)).json["code"] == 0


def test_an_unknown_app_costs_no_read_of_all_apps(api):
    assert api.call(CALL).json["code"] == 0
    refreshed_at = api.apps._refreshed_at = monotonic() + 1000  # nothing is refreshed because of its age
    unknown = base64.b32encode(bytes(8) + b"\xff" * 4 + b"\x01" + bytes(12)).decode()
    assert api.call(CALL, token=f"t-{unknown}").json["code"] == 99991663
    assert request_token(api, {"app_id": "cli_00000000000000ff", "app_secret": "x"})["code"] == 10014
    assert api.apps._refreshed_at == refreshed_at


def test_a_token_of_another_tenants_app_has_another_signature(store):
    other_tenant = tenants.Tenant("2", "0" * 16, "Elsewhere", "Asia/Tokyo", "another key", None, None, None)
    store.command_sync("2", lambda tx: tenants.insert(tx, other_tenant))
    app_id, _ = store.command_sync("2", lambda tx: registry.create_app(tx, "abroad"))
    api = FakeApi(store)
    other_app = asyncio.run(api.apps.get(app_id))
    assert other_app is not None
    assert other_app.tenant == "2"
    create = "POST /open-apis/toy/v1/notes?user_id_type=people_corehr_id"
    assert api.call(create, {"employment_id": "7"}, app=other_app).json["code"] == 0
    assert api.call(CALL, app=other_app).json["data"]["items"] == ["7"]
    assert api.call(CALL).json["data"]["items"] == []


def test_secrets_are_not_stored(store):
    create_app(store)
    [row] = store.command_sync(tenants.DEFAULT_TENANT_ID, lambda tx: tx.fetch_all(select_by(registry.app_table)))
    assert SECRET not in repr(row)
    assert fake_api.SERVER_KEY not in repr(new_app(store))
