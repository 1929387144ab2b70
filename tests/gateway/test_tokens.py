"""Tokens: where apps ask for them, how long one lives, and which ones are known again."""

import asyncio
import base64
import re

import pytest

from corehr.gateway import apps
from corehr.gateway.apps import Apps
from corehr.gateway.tokens import Tokens
from corehr.kernel import tenants
from corehr.kernel.clock import moment
from corehr.kernel.statements import find
from tests.gateway import toys
from tests.gateway.toys import Toy, ask, new_app

TENANT = "/open-apis/auth/v3/tenant_access_token/internal"
APP = "/open-apis/auth/v3/app_access_token/internal"
CALL = "GET /open-apis/toy/v1/notes/recent"
APP_ID, SECRET = "cli_00000000000000ab", "a secret of any form 密"


class Seconds:
    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def registered(store, **traits):
    return store.command_now(
        tenants.DEFAULT, lambda tx: apps.add_app(tx, "toy", app_id=APP_ID, app_secret=SECRET, **traits)
    )


def wanted(toy: Toy, body, path: str = TENANT, **more):
    got = asyncio.run(ask(toy.gateway, f"POST {path}", body, **more))
    assert got.status == 200
    assert got.headers["Content-Type"] == "application/json; charset=utf-8"
    assert re.fullmatch(r"\d{14}[0-9A-F]{20}", got.headers["X-Tt-Logid"])
    return got.json


@pytest.mark.parametrize("path", [TENANT, f"{TENANT}/"])
def test_a_custom_app_gets_a_token_and_calls_with_it(toy, path):
    registered(toy.store)
    given = wanted(toy, {"app_id": APP_ID, "app_secret": SECRET, "app_ticket": "left over"}, path)
    assert list(given) == ["code", "msg", "tenant_access_token", "expire"]
    assert (given["code"], given["msg"]) == (0, "ok")
    assert 7190 <= given["expire"] <= 7200
    assert re.fullmatch(r"t-[A-Z2-7]{40}", given["tenant_access_token"])
    assert toy.ask(CALL, token=given["tenant_access_token"]).json["code"] == 0


@pytest.mark.parametrize("path", [APP, f"{APP}/"])
def test_the_app_token_of_a_custom_app_is_its_tenant_token(toy, path):
    registered(toy.store)
    given = wanted(toy, {"app_id": APP_ID, "app_secret": SECRET}, path)
    assert list(given) == ["code", "msg", "app_access_token", "tenant_access_token", "expire"]
    assert given["app_access_token"] == given["tenant_access_token"]


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
def test_credentials_out_of_form(toy, body):
    registered(toy.store)
    assert wanted(toy, body) == {"code": 10003, "data": {}, "msg": "invalid param"}


def test_credentials_that_do_not_match(toy):
    registered(toy.store)
    unknown = wanted(toy, {"app_id": "cli_00000000000000ff", "app_secret": SECRET})
    assert unknown == {"code": 10014, "msg": "app id not exists"}
    assert wanted(toy, {"app_id": APP_ID, "app_secret": "x"}) == {"code": 10014, "msg": "app secret invalid"}


def test_an_app_that_may_not(toy):
    registered(toy.store, type="store")
    assert wanted(toy, {"app_id": APP_ID, "app_secret": SECRET})["code"] == 10005
    toy.store.command_now(tenants.DEFAULT, lambda tx: apps.set_enabled(tx, toy.app.app_id, enabled=False))
    fresh = Toy(toy.store)
    _, app_secret = toy.store.command_now(tenants.DEFAULT, lambda tx: (None, apps.rotate_secret(tx, toy.app.app_id)))
    got = wanted(fresh, {"app_id": toy.app.app_id, "app_secret": app_secret})
    assert got == {"code": 10014, "msg": "app unauthorized"}


@pytest.mark.parametrize(
    "http",
    [
        f"GET {TENANT}",
        f"PUT {TENANT}",
        f"POST {TENANT}//",
        f"POST {TENANT}/x",
        "POST /open-apis/auth/v3/tenant_access_token",
        "POST /open-apis/auth/v3/app_access_token",
        "POST /open-apis/auth/v3/app_ticket/resend",
    ],
)
def test_other_addresses_are_unknown(toy, http):
    got = asyncio.run(ask(toy.gateway, http, {}))
    assert (got.status, got.headers["Content-Type"], got.body) == (404, "text/plain", b"404 page not found")


# ------------------------------------------------------------------------------------------------------- lifetime


def test_the_same_token_while_half_an_hour_remains_then_a_new_one(store):
    app = new_app(store)
    born = int(moment(app.created_at).timestamp())
    clock = Seconds(born)
    tokens = Tokens(Apps(store), seconds=clock)
    first = tokens.issue(app)
    assert first.expire == 7200
    clock.now = born + 5399.9
    assert tokens.issue(app) == (first.text, 1801)
    clock.now = born + 5400
    second = tokens.issue(app)
    assert second.expire == 7200
    assert second.text != first.text
    for token in (first, second):
        assert asyncio.run(tokens.app_of(f"Bearer {token.text}")).app_id == app.app_id


@pytest.mark.parametrize("later", [0, 1, 1799, 1800, 5399, 5400, 123_456, 10**8])
def test_what_remains_is_never_less_than_half_an_hour(store, later):
    app = new_app(store)
    clock = Seconds(int(moment(app.created_at).timestamp()) + later + 0.7)
    assert 1800 < Tokens(Apps(store), seconds=clock).issue(app).expire <= 7200


def test_a_token_outlives_a_restart_but_not_its_time(store):
    app = new_app(store)
    clock = Seconds(moment(app.created_at).timestamp())
    before, after = (Tokens(Apps(store), seconds=clock) for _ in range(2))
    token = before.issue(app)
    assert after.issue(app) == token
    clock.now += token.expire - 1
    assert asyncio.run(after.app_of(f"Bearer {token.text}")).app_id == app.app_id
    clock.now += 1
    for tokens in (before, after):
        with pytest.raises(Exception, match="99991663"):
            asyncio.run(tokens.app_of(f"Bearer {token.text}"))


def test_rotating_the_secret_keeps_tokens(toy):
    app_id, old = registered(toy.store)
    token = wanted(toy, {"app_id": app_id, "app_secret": old})["tenant_access_token"]
    fresh = toy.store.command_now(tenants.DEFAULT, lambda tx: apps.rotate_secret(tx, app_id))
    later = Toy(toy.store)
    assert wanted(later, {"app_id": app_id, "app_secret": old})["code"] == 10014
    assert wanted(later, {"app_id": app_id, "app_secret": fresh})["tenant_access_token"] == token
    assert later.ask(CALL, token=token).json["code"] == 0


# ------------------------------------------------------------------------------------------------------ refusals

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
        ("bearer {token}", 99991661, MISSING),
        ("Bearer  {token}", 99991671, "Invalid token: must start with t-/u-"),
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
def test_what_is_no_token(toy, header, code, msg):
    token = toy.token()
    sent = {} if header is None else {"authorization": header.format(token=token, lower=token.lower())}
    got = asyncio.run(ask(toy.gateway, CALL, headers=sent))
    assert (got.status, got.json["code"], got.json["msg"]) == (400, code, msg)
    assert got.json["error"]["log_id"] == got.headers["X-Tt-Logid"]
    assert got.json["error"]["log_id"] in got.json["error"]["troubleshooter"]


def test_every_byte_of_a_token_is_signed(toy):
    raw = base64.b32decode(toy.token()[2:])
    for at in range(len(raw)):
        forged = raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]
        assert toy.ask(CALL, token=f"t-{base64.b32encode(forged).decode()}").json["code"] == 99991663


def test_a_disabled_app_is_turned_away_within_a_second(toy):
    token = toy.token()
    assert toy.ask(CALL, token=token).json["code"] == 0
    toy.store.command_now(tenants.DEFAULT, lambda tx: apps.set_enabled(tx, toy.app.app_id, enabled=False))
    toy.apps._read_at -= 1.01
    got = toy.ask(CALL, token=token)
    assert (got.status, got.json["code"], got.json["msg"]) == (400, 99991662, "app not in use")


def test_an_app_made_by_another_process_is_seen_at_once(toy):
    assert toy.ask(CALL).json["code"] == 0
    assert toy.ask(CALL, app=new_app(toy.store)).json["code"] == 0


def test_a_token_of_another_tenants_app_has_another_seal(store):
    there = tenants.Tenant("2", "0" * 16, "Elsewhere", "Asia/Tokyo", "another key", None, None, None)
    store.command_now("2", lambda tx: tenants.add_tenant(tx, there))
    app_id, _ = store.command_now("2", lambda tx: apps.add_app(tx, "abroad"))
    toy = Toy(store)
    theirs = asyncio.run(toy.apps.find(app_id))
    assert theirs is not None
    assert theirs.tenant == "2"
    assert toy.ask("POST /open-apis/toy/v1/notes", {"employment_id": "x"}, app=theirs).json["code"] == 0
    assert toy.ask(CALL, app=theirs).json["data"]["items"] == ["unknown"]
    assert toy.ask(CALL).json["data"]["items"] == []


def test_secrets_are_not_kept(store):
    registered(store)
    [row] = store.command_now(tenants.DEFAULT, lambda tx: tx.all(find(apps.app_table)))
    assert SECRET not in repr(row)
    assert toys.SERVER_KEY not in repr(new_app(store))
