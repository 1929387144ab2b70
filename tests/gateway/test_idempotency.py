"""Repeated idempotency keys: sequential and concurrent requests, on both stores."""

import asyncio
from collections.abc import Iterator
from datetime import datetime, timedelta
from uuid import uuid4

import pytest

from corehr.apps.opaque_ids import encode_open_id, encode_union_id
from corehr.apps.registry import app_table
from corehr.gateway import idempotency
from corehr.kernel import tenants
from corehr.kernel.clock import Clock
from corehr.kernel.db import Store
from corehr.kernel.errors import GatewayReason
from corehr.kernel.event_log import event
from corehr.kernel.ids import TimeOrderedIds
from corehr.kernel.postgres import PostgresStore
from corehr.kernel.statements import select_by
from tests.gateway import fake_api
from tests.gateway.fake_api import ANN, CREATE, SERVER_KEY, FakeApi, new_app
from tests.stores import PostgresTemplate, postgres_server, skip_or_fail

_SELECT_KEYS = select_by(idempotency.idempotency)
POST = "POST /open-apis/toy/v1/notes?user_id_type=people_corehr_id"


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresStore]:
    with postgres_server() as server:
        if server is None:
            skip_or_fail("pg", "no PostgreSQL server was found, and none could be started")
            return
        database = PostgresTemplate(server, f"corehr_gateway_{uuid4().hex}")
        store = PostgresStore(database.url, Clock(), TimeOrderedIds(), after_events=(), keys=fake_api.KEYS)
        store.execute_script(fake_api.schema(tenants.tenant, app_table, idempotency.idempotency, event, fake_api.note))
        fake_api.create_tenant(store)
        yield store
        store.close()
        database.delete(database.url)


@pytest.fixture(params=["sqlite", "postgres"])
def either(request) -> Store:
    """Return each store in turn."""
    return request.getfixturevalue("store" if request.param == "sqlite" else "postgres")


def notes(store: Store, about: str = ANN) -> int:
    rows = store.command_sync(tenants.DEFAULT_TENANT_ID, lambda tx: tx.fetch_all(fake_api.SELECT_NOTES))
    return sum(row["about"] == about for row in rows)


def keys(store: Store, app_id: str) -> int:
    rows = store.command_sync(tenants.DEFAULT_TENANT_ID, lambda tx: tx.fetch_all(_SELECT_KEYS))
    return sum(row["app_id"] == app_id for row in rows)


def test_a_second_request_changes_nothing_and_gets_the_first_response(either):
    api = FakeApi(either)
    first = api.call(POST, {"employment_id": "1001", "key": "k"})
    again = api.call(POST, {"employment_id": "1001", "key": "k"})
    assert first.json["code"] == 0
    assert again.body == first.body
    assert notes(either, "1001") == 1


def test_another_body_under_the_same_key_is_ignored(either):
    api = FakeApi(either)
    first = api.call(POST, {"employment_id": "1002", "key": "k"})
    assert api.call(POST, {"employment_id": "1003", "text": "other", "key": "k"}).body == first.body
    assert notes(either, "1003") == 0


@pytest.mark.parametrize("key", [None, ""])
def test_without_a_key_every_request_counts(api, key):
    note_ids = [api.call(POST, {"employment_id": ANN, "key": key}).json["data"]["note_id"] for _ in range(2)]
    assert len(set(note_ids)) == 2


def test_keys_are_separate_by_app_and_by_content(api):
    responses = [
        api.call(POST, {"employment_id": ANN, "key": "k"}),
        api.call(POST, {"employment_id": ANN, "key": "K"}),
        api.call(POST, {"employment_id": ANN, "key": "k"}, app=new_app(api.store)),
    ]
    assert len({got.json["data"]["note_id"] for got in responses}) == 3


def test_a_repeated_request_gets_the_id_type_now_requested(api):
    api.call(POST, {"employment_id": ANN, "key": "k"})
    for id_type, ann in (
        ("open_id", encode_open_id(SERVER_KEY, api.app.app_id, ANN)),
        ("union_id", encode_union_id(SERVER_KEY, ANN)),
        ("user_id", "ann"),
    ):
        http = POST.replace("people_corehr_id", id_type)
        assert api.call(http, {"employment_id": "x", "key": "k"}).json["data"]["employment_id"] == ann


def test_a_repeated_request_gets_what_the_app_may_see_now(store):
    api = FakeApi(store)
    app = new_app(store, scopes=frozenset({"toy:write"}))
    assert "secret" not in api.call(POST, {"employment_id": ANN, "key": "k"}, app=app).json["data"]
    [row] = store.command_sync(tenants.DEFAULT_TENANT_ID, lambda tx: tx.fetch_all(_SELECT_KEYS))
    assert row["result"]["secret"] == "s"


def test_a_failed_attempt_leaves_nothing(either):
    failing = [True]

    def fails_while_failing(tx, call):
        response = fake_api.create(tx, call)
        if failing:
            raise ZeroDivisionError
        return response

    api = FakeApi(either, commands={CREATE.id: fails_while_failing})
    assert api.call(POST, {"employment_id": "1004", "key": "k"}).status == 500
    assert (notes(either, "1004"), keys(either, api.app.app_id)) == (0, 0)
    failing.clear()
    assert api.call(POST, {"employment_id": "1004", "key": "k"}).json["code"] == 0
    assert notes(either, "1004") == 1


def test_keys_of_any_length_and_content(either):
    api = FakeApi(either)
    for key in ("x" * 100_000, "密钥", "a'; drop table note; --", "%(tenant)s"):
        first = api.call(POST, {"employment_id": ANN, "key": key})
        assert first.json["code"] == 0
        assert api.call(POST, {"employment_id": ANN, "key": key}).body == first.body


def test_an_operation_with_a_code_for_duplicates_responds_with_it(api):
    careful = FakeApi(api.store, gateway_codes={CREATE.id: {GatewayReason.DUPLICATE: 1160001}})
    assert careful.call(POST, {"employment_id": ANN, "key": "k"}).json["code"] == 0
    again = careful.call(POST, {"employment_id": ANN, "key": "k"})
    assert (again.status, again.json["code"], again.json["msg"]) == (400, 1160001, "param is invalid")
    assert notes(api.store) == 1


def test_a_key_is_kept_for_a_day_of_world_time(either):
    def begin(at: datetime):
        def work(tx):
            stored = idempotency.reserve_key(tx, "cli_x", "toy.op", "k")
            if stored is None:
                idempotency.store_result(tx, "cli_x", "toy.op", "k", {"at": tx.recorded_at})
            return stored

        return either.command_sync(tenants.DEFAULT_TENANT_ID, work, at)

    start = datetime.fromisoformat("2026-01-05T09:00:00+08:00")
    assert begin(start) is None
    assert begin(start + timedelta(hours=23, minutes=59)) == {"at": "2026-01-05T01:00:00.000000Z"}
    assert begin(start + timedelta(hours=24)) is None
    assert begin(start + timedelta(hours=47)) == {"at": "2026-01-06T01:00:00.000000Z"}
    assert either.command_sync(tenants.DEFAULT_TENANT_ID, idempotency.prune, start + timedelta(hours=47)) == 0
    assert either.command_sync(tenants.DEFAULT_TENANT_ID, idempotency.prune, start + timedelta(hours=48)) == 1
    assert begin(start + timedelta(hours=48)) is None


def test_fifty_at_once_are_one(either):
    api = FakeApi(either)

    async def crowd():
        body = {"employment_id": "1005", "key": "crowd"}
        return await asyncio.gather(*(api.call_async(POST, body) for _ in range(50)))

    responses = asyncio.run(crowd())
    assert {got.status for got in responses} == {200}
    assert len({got.body for got in responses}) == 1
    assert notes(either, "1005") == 1


def test_when_the_first_of_a_crowd_fails_the_next_one_does_it(either):
    tries: list[int] = []

    def fails_at_first(tx, call):
        tries.append(1)
        if len(tries) <= 3:
            raise ZeroDivisionError
        return fake_api.create(tx, call)

    api = FakeApi(either, commands={CREATE.id: fails_at_first})

    async def crowd():
        body = {"employment_id": "1006", "key": "crowd"}
        return await asyncio.gather(*(api.call_async(POST, body) for _ in range(20)))

    responses = asyncio.run(crowd())
    assert sorted(got.status for got in responses) == [200] * 17 + [500] * 3
    assert notes(either, "1006") == 1
    assert len({got.body for got in responses if got.status == 200}) == 1
