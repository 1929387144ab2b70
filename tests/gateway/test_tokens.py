"""Tokens: where apps ask for them, how long one lives, and which ones are known again."""

import asyncio
import base64
import json
import re

import pytest

from corehr.gateway import apps
from corehr.gateway.apps import Apps
from corehr.gateway.tickets import HOUR_SECONDS, AppTickets
from corehr.gateway.tokens import RESEND, STORE_APP_TOKEN, STORE_TENANT_TOKEN, Tokens, answer
from corehr.kernel import tenants
from corehr.kernel.clock import parse_timestamp
from corehr.kernel.statements import select_by
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
    return store.command_sync(
        tenants.DEFAULT_TENANT_ID, lambda tx: apps.add_app(tx, "toy", app_id=APP_ID, app_secret=SECRET, **traits)
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
    toy.store.command_sync(tenants.DEFAULT_TENANT_ID, lambda tx: apps.set_enabled(tx, toy.app.app_id, enabled=False))
    fresh = Toy(toy.store)
    _, app_secret = toy.store.command_sync(
        tenants.DEFAULT_TENANT_ID, lambda tx: (None, apps.rotate_secret(tx, toy.app.app_id))
    )
    got = wanted(fresh, {"app_id": toy.app.app_id, "app_secret": app_secret})
    assert got == {"code": 10014, "msg": "app unauthorized"}


@pytest.mark.parametrize(
    "http",
    [
        f"GET {TENANT}",
        f"PUT {TENANT}",
        f"POST {TENANT}//",
        f"POST {TENANT}/x",
        f"GET {STORE_APP_TOKEN}",
        f"POST {STORE_TENANT_TOKEN}//",
        "POST /open-apis/auth/v3/app_ticket",
    ],
)
def test_other_addresses_are_unknown(toy, http):
    got = asyncio.run(ask(toy.gateway, http, {}))
    assert (got.status, got.headers["Content-Type"], got.body) == (404, "text/plain", b"404 page not found")


# ------------------------------------------------------------------------------------------------------ store apps


class Store:
    """A store app, and what is said to the places where it asks for tokens; `pushed` are the apps sent a ticket."""

    def __init__(self, toy: Toy) -> None:
        registered(toy.store, type="store")
        self.toy = toy
        self.pushed: list[str] = []
        self.clock = Seconds(1_700_000_000)
        self.tickets = AppTickets(toy.apps, self.subscriber_of, self.post, seconds=self.clock)
        self.toy.gateway.tickets = self.tickets

    async def subscriber_of(self, app_id):
        self.pushed.append(app_id)

    async def post(self, subscriber, body):
        raise AssertionError("nobody has a webhook here")

    @property
    def app(self):
        return asyncio.run(self.toy.apps.get(APP_ID))

    def asks(self, path, **changed):
        body = {"app_id": APP_ID, "app_secret": SECRET, "app_ticket": self.tickets.current(self.app), **changed}
        return wanted(self.toy, body, path)

    def refused(self, path, **changed):
        """Code, message, and the rule that refused."""
        body = {"app_id": APP_ID, "app_secret": SECRET, "app_ticket": self.tickets.current(self.app), **changed}
        given = json.dumps({name: value for name, value in body.items() if value is not None}).encode()
        no, rule = asyncio.run(answer(self.toy.apps, self.toy.tokens, self.tickets, path, given))
        assert no.status == 200
        told = json.loads(no.body)
        assert told["code"] == no.code
        return told["code"], told["msg"], rule

    def app_token(self) -> str:
        return self.asks(STORE_APP_TOKEN)["app_access_token"]

    def tenant_token(self) -> str:
        asked = {"app_access_token": self.app_token(), "tenant_key": self.app.tenant_key}
        return self.asks(STORE_TENANT_TOKEN, **asked)["tenant_access_token"]


@pytest.fixture
def shop(toy) -> Store:
    return Store(toy)


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_store_app_gets_a_token_for_its_ticket_and_for_that_one_of_a_tenant(shop, slash):
    given = shop.asks(STORE_APP_TOKEN + slash, tenant_key="left over")
    assert list(given) == ["code", "msg", "app_access_token", "expire"]
    assert (given["code"], given["msg"]) == (0, "success")
    assert 7190 <= given["expire"] <= 7200
    assert re.fullmatch(r"a-[A-Z2-7]{40}", given["app_access_token"])

    asked = {"app_access_token": given["app_access_token"], "tenant_key": f"{tenants.DEFAULT_TENANT_ID:>016}"}
    of_tenant = shop.asks(STORE_TENANT_TOKEN + slash, **asked)
    assert list(of_tenant) == ["code", "msg", "tenant_access_token", "expire"]
    assert (of_tenant["code"], of_tenant["msg"]) == (0, "success")
    assert 7190 <= of_tenant["expire"] <= 7200
    assert wanted(shop.toy, asked, STORE_TENANT_TOKEN) == of_tenant
    got = shop.toy.ask("GET /open-apis/toy/v1/notes/1", token=of_tenant["tenant_access_token"])
    assert (got.status, got.json["code"]) == (200, 0)


def test_a_store_app_may_not_call_what_is_for_custom_apps(shop):
    got = shop.toy.ask("POST /open-apis/toy/v1/notes", {"employment_id": "x"}, token=shop.tenant_token())
    assert (got.status, got.json["code"]) == (400, 99991673)


def test_an_app_token_calls_nothing(shop):
    token = shop.app_token()
    got = shop.toy.ask(CALL, token=token)
    assert (got.status, got.json["code"], got.json["msg"]) == (400, 99991671, "Invalid token: must start with t-/u-")
    renamed = shop.toy.ask(CALL, token=f"t-{token[2:]}")
    assert (renamed.status, renamed.json["code"]) == (400, 99991663)
    assert shop.toy.ask(CALL, token=shop.tenant_token()).json["code"] == 0


def test_store_apps_tokens_outlive_a_restart(shop):
    app_token, tenant_token = shop.app_token(), shop.tenant_token()
    later = Toy(shop.toy.store)
    later.gateway.tickets = shop.tickets
    asked = {"app_access_token": app_token, "tenant_key": shop.app.tenant_key}
    assert wanted(later, asked, STORE_TENANT_TOKEN)["tenant_access_token"] == tenant_token
    assert later.ask(CALL, token=tenant_token).json["code"] == 0


def test_an_app_token_lives_two_hours(store):
    app = new_app(store, type="store")
    clock = Seconds(parse_timestamp(app.created_at).timestamp())
    tokens = Tokens(Apps(store), seconds=clock)
    token = tokens.issue_app_token(app)
    assert token.expire == 7200
    clock.now += 5400
    assert tokens.issue_app_token(app).text != token.text
    clock.now += 1799
    found = asyncio.run(tokens.app_of_app_token(token.text))
    assert found is not None
    assert found.app_id == app.app_id
    clock.now += 1
    assert asyncio.run(tokens.app_of_app_token(token.text)) is None


MALFORMED = (10003, "invalid param", "credentials_are_malformed")


@pytest.mark.parametrize("changed", [None, "", 1, {}])
@pytest.mark.parametrize(
    ("path", "name"),
    [
        (STORE_APP_TOKEN, "app_ticket"),
        (STORE_APP_TOKEN, "app_id"),
        (STORE_APP_TOKEN, "app_secret"),
        (STORE_TENANT_TOKEN, "app_access_token"),
        (STORE_TENANT_TOKEN, "tenant_key"),
        (RESEND, "app_id"),
        (RESEND, "app_secret"),
    ],
)
def test_what_a_store_app_must_say(shop, path, name, changed):
    asked = {"app_access_token": shop.app_token(), "tenant_key": shop.app.tenant_key}
    assert shop.refused(path, **{**asked, name: changed}) == MALFORMED
    assert shop.refused(path, **asked) == (0, "success", None)


@pytest.mark.parametrize("path", [STORE_APP_TOKEN, RESEND])
def test_credentials_of_no_store_app(shop, path):
    assert shop.refused(path, app_id="cli_x") == MALFORMED
    assert shop.refused(path, app_id="cli_00000000000000ff") == (10014, "app id not exists", "app_is_unknown")
    assert shop.refused(path, app_secret="x") == (10014, "app secret invalid", "secret_is_wrong")
    assert shop.pushed == []


def test_a_disabled_store_app(shop):
    asked = {"app_access_token": shop.app_token(), "tenant_key": shop.app.tenant_key}
    shop.toy.store.command_sync(tenants.DEFAULT_TENANT_ID, lambda tx: apps.set_enabled(tx, APP_ID, enabled=False))
    shop.toy.apps._read_at -= 1.01
    for path in (STORE_APP_TOKEN, STORE_TENANT_TOKEN, RESEND):
        assert shop.refused(path, **asked) == (10014, "app unauthorized", "app_is_disabled")


@pytest.mark.parametrize("given", ["x", "0" * 32, "é"])
def test_a_ticket_that_is_none(shop, given):
    no = (10012, "get app access token fail", "ticket_is_not_accepted")
    assert shop.refused(STORE_APP_TOKEN, app_ticket=given) == no
    assert shop.refused(STORE_APP_TOKEN) == (0, "success", None)


def test_a_ticket_that_is_too_old(shop):
    ticket = shop.tickets.current(shop.app)
    shop.clock.now += 12 * HOUR_SECONDS
    assert shop.refused(STORE_APP_TOKEN, app_ticket=ticket) == (0, "success", None)
    shop.clock.now += HOUR_SECONDS
    assert shop.refused(STORE_APP_TOKEN, app_ticket=ticket)[0] == 10012
    assert shop.refused(STORE_APP_TOKEN)[0] == 0


def test_what_is_no_app_token(shop):
    token, no = shop.app_token(), (10013, "get tenant access token fail", "app_token_is_invalid")
    for wrong in (shop.tenant_token(), f"a-{shop.tenant_token()[2:]}", f"{token}A", "a-", "x", f"a-{'é' * 40}"):
        assert shop.refused(STORE_TENANT_TOKEN, app_access_token=wrong, tenant_key=shop.app.tenant_key) == no
    assert shop.refused(STORE_TENANT_TOKEN, app_access_token=token, tenant_key=shop.app.tenant_key)[0] == 0


def test_a_tenant_that_is_not_the_apps(shop):
    no = shop.refused(STORE_TENANT_TOKEN, app_access_token=shop.app_token(), tenant_key="0" * 16)
    assert no == (10013, "get tenant access token fail", "tenant_key_is_wrong")


def test_a_custom_app_where_store_apps_ask(shop):
    app_id, app_secret = shop.toy.store.command_sync(tenants.DEFAULT_TENANT_ID, lambda tx: apps.add_app(tx, "custom"))
    custom = {"app_id": app_id, "app_secret": app_secret}
    assert shop.refused(STORE_APP_TOKEN, **custom) == (10005, "app id unauthorized", "app_is_custom")
    assert shop.refused(RESEND, **custom) == (10016, "app resend fail", "app_is_sent_no_ticket")
    assert shop.pushed == []


def test_a_store_app_where_custom_apps_ask(shop):
    for path in (TENANT, APP):
        assert shop.refused(path) == (10005, "app id unauthorized", "app_is_from_the_store")


def test_where_no_tickets_are_sent_none_is_accepted(shop):
    shop.toy.gateway.tickets = None
    assert shop.asks(STORE_APP_TOKEN)["code"] == 10012
    assert shop.asks(RESEND) == {"code": 10016, "msg": "app resend fail"}


# ------------------------------------------------------------------------------------------------------- lifetime


def test_the_same_token_while_half_an_hour_remains_then_a_new_one(store):
    app = new_app(store)
    born = int(parse_timestamp(app.created_at).timestamp())
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
    clock = Seconds(int(parse_timestamp(app.created_at).timestamp()) + later + 0.7)
    assert 1800 < Tokens(Apps(store), seconds=clock).issue(app).expire <= 7200


def test_a_token_outlives_a_restart_but_not_its_time(store):
    app = new_app(store)
    clock = Seconds(parse_timestamp(app.created_at).timestamp())
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
    fresh = toy.store.command_sync(tenants.DEFAULT_TENANT_ID, lambda tx: apps.rotate_secret(tx, app_id))
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
    toy.store.command_sync(tenants.DEFAULT_TENANT_ID, lambda tx: apps.set_enabled(tx, toy.app.app_id, enabled=False))
    toy.apps._read_at -= 1.01
    got = toy.ask(CALL, token=token)
    assert (got.status, got.json["code"], got.json["msg"]) == (400, 99991662, "app not in use")


def test_an_app_made_by_another_process_is_seen_at_once(toy):
    assert toy.ask(CALL).json["code"] == 0
    assert toy.ask(CALL, app=new_app(toy.store)).json["code"] == 0


def test_a_token_of_another_tenants_app_has_another_seal(store):
    there = tenants.Tenant("2", "0" * 16, "Elsewhere", "Asia/Tokyo", "another key", None, None, None)
    store.command_sync("2", lambda tx: tenants.insert(tx, there))
    app_id, _ = store.command_sync("2", lambda tx: apps.add_app(tx, "abroad"))
    toy = Toy(store)
    theirs = asyncio.run(toy.apps.get(app_id))
    assert theirs is not None
    assert theirs.tenant == "2"
    assert toy.ask("POST /open-apis/toy/v1/notes", {"employment_id": "x"}, app=theirs).json["code"] == 0
    assert toy.ask(CALL, app=theirs).json["data"]["items"] == ["unknown"]
    assert toy.ask(CALL).json["data"]["items"] == []


def test_secrets_are_not_kept(store):
    registered(store)
    [row] = store.command_sync(tenants.DEFAULT_TENANT_ID, lambda tx: tx.fetch_all(select_by(apps.app_table)))
    assert SECRET not in repr(row)
    assert toys.SERVER_KEY not in repr(new_app(store))
