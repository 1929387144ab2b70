"""App tickets: one per hour, how long one is valid, and how they are pushed to the webhooks of store apps."""

import asyncio
import json
import re
from dataclasses import replace

import pytest

from corehr.apps import registry
from corehr.apps.registry import AppRegistry
from corehr.apps.tickets import HOUR_SECONDS, current_ticket, is_valid_ticket
from corehr.delivery.outbox import AttemptResult
from corehr.delivery.subscribers import DeliveryMode, Subscriber
from corehr.delivery.ticket_push import TicketPusher
from corehr.gateway.token_endpoints import RESEND_TICKET_PATH
from corehr.kernel import tenants
from tests.gateway.fake_api import FakeApi, asgi_request, new_app

HOUR_START = 1_700_000_000 // HOUR_SECONDS * HOUR_SECONDS
"""The beginning of an hour."""


class FakeOutside:
    """Stands in for everything outside the gateway: a clock, webhooks by app id, and the posts to them."""

    def __init__(self, store) -> None:
        self.now = HOUR_START + 0.25
        self.apps = AppRegistry(store)
        self.modes: dict[str, DeliveryMode | None] = {}
        self.posts: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()
        self.results: dict[str, AttemptResult | Exception] = {}
        self.pusher = TicketPusher(self.apps, self.subscriber_of, self.post, seconds=lambda: self.now)

    def current_ticket(self, app):
        return current_ticket(app, seconds=lambda: self.now)

    def is_valid_ticket(self, app, ticket):
        return is_valid_ticket(app, ticket, seconds=lambda: self.now)

    async def subscriber_of(self, app_id):
        mode = self.modes.get(app_id)
        return mode and Subscriber(
            tenants.DEFAULT_TENANT_ID, app_id, mode, "http://127.0.0.1:1/events", "", "the token"
        )

    async def post(self, subscriber, body):
        self.posts.put_nowait((subscriber.app_id, body))
        result = self.results.get(subscriber.app_id, AttemptResult(accepted=True, detail="200"))
        if isinstance(result, Exception):
            raise result
        return result

    def take_posts(self):
        """Return the bodies that were posted since the last call, by app id."""
        return dict(self.posts.get_nowait() for _ in range(self.posts.qsize()))


@pytest.fixture
def fake_outside(store) -> FakeOutside:
    return FakeOutside(store)


def store_app(store, fake_outside, mode="webhook", **options):
    app = new_app(store, type="store", **options)
    fake_outside.modes[app.app_id] = mode
    return app


def ticket_in(body: bytes) -> str:
    return json.loads(body)["event"]["app_ticket"]


# -------------------------------------------------------------------------------------------------------- valid tickets


def test_every_process_generates_the_same_ticket_and_a_new_one_each_hour(store, fake_outside):
    app = store_app(store, fake_outside)
    first = fake_outside.current_ticket(app)
    assert re.fullmatch(r"[0-9a-f]{32}", first)
    fake_outside.now = HOUR_START + HOUR_SECONDS - 0.001
    assert fake_outside.current_ticket(app) == first
    other_process = FakeOutside(store)
    assert other_process.current_ticket(app) == first
    fake_outside.now = HOUR_START + HOUR_SECONDS
    assert fake_outside.current_ticket(app) != first


@pytest.mark.parametrize(
    ("later", "accepted"),
    [
        (0, True),
        (HOUR_SECONDS, True),
        (13 * HOUR_SECONDS - 1, True),
        (13 * HOUR_SECONDS, False),
        (1000 * HOUR_SECONDS, False),
        (-1, True),  # issued by a process whose clock is ahead
        (-HOUR_SECONDS - 1, False),
    ],
)
def test_how_long_a_ticket_is_valid(store, fake_outside, later, accepted):
    app = store_app(store, fake_outside)
    ticket = fake_outside.current_ticket(app)
    fake_outside.now = HOUR_START + later
    assert fake_outside.is_valid_ticket(app, ticket) is accepted
    assert fake_outside.is_valid_ticket(app, fake_outside.current_ticket(app))


@pytest.mark.parametrize("spoil", [str.upper, lambda t: t[:-1], lambda t: t + "0", lambda t: "é" + t[1:], lambda t: ""])
def test_an_altered_ticket_is_not_valid(store, fake_outside, spoil):
    app = store_app(store, fake_outside)
    assert not fake_outside.is_valid_ticket(app, spoil(fake_outside.current_ticket(app)))


def test_another_apps_ticket_is_not_valid(store, fake_outside):
    mine, other = store_app(store, fake_outside), store_app(store, fake_outside)
    assert not fake_outside.is_valid_ticket(mine, fake_outside.current_ticket(other))
    assert fake_outside.is_valid_ticket(other, fake_outside.current_ticket(other))


def test_tickets_depend_on_the_tenants_key(store, fake_outside):
    other_tenant = tenants.Tenant("2", "0" * 16, "Elsewhere", "Asia/Tokyo", "another key", None, None, None)
    store.command_sync("2", lambda tx: tenants.insert(tx, other_tenant))
    app_id, _ = store.command_sync("2", lambda tx: registry.create_app(tx, "abroad", type="store"))
    other_app = asyncio.run(fake_outside.apps.get(app_id))
    assert other_app is not None
    assert other_app.tenant_key == other_tenant.tenant_key
    assert store_app(store, fake_outside).tenant_key == f"{tenants.DEFAULT_TENANT_ID:>016}"
    assert not fake_outside.is_valid_ticket(
        replace(other_app, server_key="a key"), fake_outside.current_ticket(other_app)
    )
    assert fake_outside.is_valid_ticket(other_app, fake_outside.current_ticket(other_app))


# ---------------------------------------------------------------------------------------------------------- pushing


def test_what_a_webhook_receives(store, fake_outside):
    app = store_app(store, fake_outside)
    assert asyncio.run(fake_outside.pusher.push(app)) == (True, "200", None)
    body = fake_outside.take_posts()[app.app_id]
    event = json.loads(body)
    assert body == json.dumps(event, separators=(",", ":")).encode()
    assert re.fullmatch(r"[0-9a-f]{32}", event.pop("uuid"))
    assert event == {
        "ts": f"{HOUR_START}.2500000",
        "token": "the token",
        "type": "event_callback",
        "event": {"app_id": app.app_id, "app_ticket": fake_outside.current_ticket(app), "type": "app_ticket"},
    }


def test_each_push_is_an_event_of_its_own(store, fake_outside):
    app = store_app(store, fake_outside)

    async def twice():
        return [
            json.loads((await fake_outside.pusher.push(app)) and fake_outside.take_posts()[app.app_id])
            for _ in range(2)
        ]

    first, second = asyncio.run(twice())
    assert first["uuid"] != second["uuid"]
    assert first["event"] == second["event"]


@pytest.mark.parametrize("mode", [None, "long_connection"])
def test_an_app_without_a_webhook_receives_nothing(store, fake_outside, mode):
    assert asyncio.run(fake_outside.pusher.push(store_app(store, fake_outside, mode))) is None
    assert fake_outside.take_posts() == {}


def test_all_enabled_store_apps_receive_a_ticket(store, fake_outside):
    open_, closed, custom = store_app(store, fake_outside), store_app(store, fake_outside), new_app(store)
    fake_outside.modes[custom.app_id] = "webhook"
    store.command_sync(tenants.DEFAULT_TENANT_ID, lambda tx: registry.set_enabled(tx, closed.app_id, enabled=False))
    asyncio.run(fake_outside.pusher.push_all())
    assert list(fake_outside.take_posts()) == [open_.app_id]


@pytest.mark.parametrize("failure", [OSError("no"), AttemptResult(accepted=False, detail="503")])
def test_a_failed_push_is_logged_and_the_others_are_made(store, fake_outside, failure, caplog):
    first, second, third = (store_app(store, fake_outside) for _ in range(3))
    fake_outside.results[second.app_id] = failure
    asyncio.run(fake_outside.pusher.push_all())
    assert fake_outside.take_posts().keys() == {first.app_id, second.app_id, third.app_id}
    [record] = caplog.records
    assert second.app_id in record.getMessage()


# -------------------------------------------------------------------------------------------------------- hourly pushes


def run_beside(fake_outside, scenario, afterwards=lambda: None):
    """Run the scenario beside `TicketPusher.run`, which is cancelled at its end; call `afterwards` on the same loop."""

    async def main():
        run = asyncio.create_task(fake_outside.pusher.run())
        try:
            await asyncio.wait_for(scenario(), 30)
        finally:
            run.cancel()
            with pytest.raises(asyncio.CancelledError):
                await run
        afterwards()

    asyncio.run(main())


def test_tickets_are_pushed_at_the_start_and_at_each_full_hour(store, fake_outside):
    app = store_app(store, fake_outside)
    fake_outside.now = HOUR_START + HOUR_SECONDS - 0.001

    async def scenario():
        seen = []
        for hour in range(1, 4):
            app_id, body = await fake_outside.posts.get()
            assert app_id == app.app_id
            seen.append(ticket_in(body))
            assert seen[-1] == fake_outside.current_ticket(app)
            fake_outside.now = HOUR_START + (hour + 1) * HOUR_SECONDS - 0.001
        assert len(set(seen)) == 3

    run_beside(fake_outside, scenario)
    assert fake_outside.posts.empty()


def test_an_hour_whose_push_fails_does_not_end_the_loop(store, fake_outside, caplog):
    app = store_app(store, fake_outside)
    fake_outside.now = HOUR_START + HOUR_SECONDS - 0.001
    original, listed = fake_outside.apps.list_enabled_store_apps, asyncio.Event()

    async def failing():
        listed.set()
        raise OSError("the store is gone")

    fake_outside.apps.list_enabled_store_apps = failing

    async def scenario():
        await listed.wait()
        fake_outside.apps.list_enabled_store_apps = original
        fake_outside.now = HOUR_START + 2 * HOUR_SECONDS - 0.001
        assert (await fake_outside.posts.get())[0] == app.app_id

    run_beside(fake_outside, scenario)
    [record] = caplog.records
    assert record.exc_info


# ---------------------------------------------------------------------------------------------------- resend on request


class SlowTransport(FakeOutside):
    """Webhooks that respond once `gate` is set; `ended` has the app ids of those that did, `cancelled` the others."""

    def __init__(self, store) -> None:
        super().__init__(store)
        self.gate = asyncio.Event()
        self.ended: asyncio.Queue[str] = asyncio.Queue()
        self.cancelled: list[str] = []

    async def post(self, subscriber, body):
        result = await super().post(subscriber, body)
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled.append(subscriber.app_id)
            raise
        self.ended.put_nowait(subscriber.app_id)
        return result


def store_app_credentials(store, fake_outside):
    app_id, app_secret = store.command_sync(
        tenants.DEFAULT_TENANT_ID, lambda tx: registry.create_app(tx, "shop", type="store")
    )
    fake_outside.modes[app_id] = "webhook"
    return {"app_id": app_id, "app_secret": app_secret}


def test_a_resend_is_pushed_again_and_the_response_does_not_wait(store):
    fake_outside = SlowTransport(store)
    credentials = store_app_credentials(store, fake_outside)
    api = FakeApi(store, resend_ticket=fake_outside.pusher.schedule_push)

    async def scenario():
        response = await asgi_request(api.asgi, f"POST {RESEND_TICKET_PATH}/", credentials)
        assert (response.status, response.json) == (200, {"code": 0, "msg": "success"})
        app_id, body = await fake_outside.posts.get()
        assert app_id == credentials["app_id"]
        app = await fake_outside.apps.get(app_id)
        assert app is not None
        assert fake_outside.is_valid_ticket(app, ticket_in(body))
        assert fake_outside.ended.empty()
        fake_outside.gate.set()
        assert await fake_outside.ended.get() == app_id

    asyncio.run(asyncio.wait_for(scenario(), 30))


def test_a_resend_without_a_webhook_is_not_an_error(store, fake_outside):
    credentials = store_app_credentials(store, fake_outside)
    fake_outside.modes.clear()
    response = asyncio.run(
        asgi_request(
            FakeApi(store, resend_ticket=fake_outside.pusher.schedule_push).asgi,
            f"POST {RESEND_TICKET_PATH}",
            credentials,
        )
    )
    assert response.json == {"code": 0, "msg": "success"}
    assert fake_outside.take_posts() == {}


def test_a_push_under_way_is_cancelled_with_the_loop(store):
    fake_outside = SlowTransport(store)
    app = store_app(store, fake_outside)

    async def scenario():
        fake_outside.gate.set()
        await fake_outside.ended.get()
        fake_outside.gate.clear()
        fake_outside.pusher.schedule_push(app)
        for _ in range(2):
            await fake_outside.posts.get()

    def afterwards():
        assert fake_outside.cancelled == [app.app_id]
        assert fake_outside.ended.empty()

    run_beside(fake_outside, scenario, afterwards)
