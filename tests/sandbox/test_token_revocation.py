"""The sandbox revokes the tokens of an app: what a client sees whose cached token turns invalid."""

import pytest

from corehr.apps.tickets import current_ticket
from corehr.gateway.token_endpoints import STORE_APP_TOKEN_PATH, STORE_TENANT_TOKEN_PATH
from tests.world import APP_ALL, APP_NO_FIELD_SCOPES, APP_SECRETS, APP_STORE, TENANT_TOKEN_PATH, World

INVALID = (400, 99991663, "Invalid access token for authorization. Please make a request with token attached.")
PATH = "/open-apis/corehr/v2/approvers"


def request_token(world, app=APP_ALL):
    body = {"app_id": app, "app_secret": APP_SECRETS[app]}
    return world.request("POST", TENANT_TOKEN_PATH, body).json["tenant_access_token"]


def call(world, token):
    query = {"user_id": world.employment("manager")["id"], "user_id_type": "people_corehr_id", "page_size": 10}
    return world.request("GET", PATH, query=query, headers={"authorization": f"Bearer {token}"})


def revoke_tokens(world, app=APP_ALL):
    assert world.sandbox("POST", f"apps/{app}/tokens/revoke") == {}


def test_every_token_given_so_far_is_invalid_and_a_new_one_works(world):
    before = request_token(world)
    assert call(world, before).code == 0

    revoke_tokens(world)
    after = request_token(world)

    assert after != before
    assert call(world, before).error() == INVALID
    assert call(world, after).code == 0


def test_tokens_of_another_app_stay_valid(world):
    other = request_token(world, APP_NO_FIELD_SCOPES)

    revoke_tokens(world)

    assert call(world, other).code != 99991663
    assert request_token(world, APP_NO_FIELD_SCOPES) == other


def test_tokens_can_be_revoked_again_at_once(world):
    tokens = []
    for _ in range(3):
        tokens.append(request_token(world))
        revoke_tokens(world)

    assert len(set(tokens)) == 3
    assert {call(world, token).code for token in tokens} == {99991663}
    assert call(world, request_token(world)).code == 0


def test_a_new_app_can_have_its_first_token_revoked(world):
    app = world.sandbox("POST", "apps", {})
    body = {name: app[name] for name in ("app_id", "app_secret")}
    before = world.request("POST", TENANT_TOKEN_PATH, body).json["tenant_access_token"]

    revoke_tokens(world, app["app_id"])
    after = world.request("POST", TENANT_TOKEN_PATH, body).json["tenant_access_token"]

    assert (call(world, before).code, call(world, after).code) == (99991663, 0)


def test_a_revoked_token_stays_revoked_after_a_restart(db):
    first = World(db)
    before = request_token(first)
    revoke_tokens(first)
    after = request_token(first)
    first.close()

    again = World(db)
    try:
        assert (call(again, before).code, call(again, after).code) == (99991663, 0)
        assert request_token(again) == after
    finally:
        again.close()


def test_no_token_that_is_valid_is_lost_by_a_restore_or_a_reset(world):
    snapshot = world.sandbox("POST", "snapshots")["id"]
    revoke_tokens(world)
    token = request_token(world)

    world.sandbox("POST", f"snapshots/{snapshot}/restore")
    assert call(world, token).code == 0
    world.sandbox("POST", "reset")
    assert call(world, token).code == 0


def test_the_app_token_of_a_store_app_is_revoked_too(world):
    def app_token():
        app = world.await_(world.installation.apps.get(APP_STORE))
        body = {"app_id": APP_STORE, "app_secret": APP_SECRETS[APP_STORE], "app_ticket": current_ticket(app)}
        return world.request("POST", STORE_APP_TOKEN_PATH, body).json["app_access_token"]

    def tenant_token_code(token):
        body = {"app_access_token": token, "tenant_key": world.named["apps"]["store"]["tenant_key"]}
        return world.request("POST", STORE_TENANT_TOKEN_PATH, body).code

    before = app_token()
    assert tenant_token_code(before) == 0

    revoke_tokens(world, APP_STORE)

    assert tenant_token_code(before) == 10013
    assert tenant_token_code(app_token()) == 0


@pytest.mark.parametrize("app", ["cli_ffffffffffffffff", "x"])
def test_an_unknown_app_is_not_found(world, app):
    assert world.request("POST", f"/sandbox/apps/{app}/tokens/revoke").status == 404
