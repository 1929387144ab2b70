"""App tickets: one an hour, how long one is accepted, and how they reach the webhooks of store apps."""

import asyncio
import json
import re
from dataclasses import replace

import pytest

from corehr.gateway import apps
from corehr.gateway.apps import Apps
from corehr.gateway.tickets import HOUR, Tickets
from corehr.gateway.tokens import RESEND
from corehr.kernel import tenants
from corehr.kernel.outbox import Outcome
from corehr.kernel.subscribers import Mode, Subscriber
from tests.gateway.toys import Toy, ask, new_app

FULL = 1_700_000_000 // HOUR * HOUR
"""The beginning of an hour."""


class Outside:
    """What is beyond the gateway: a clock, webhooks by app id, and what was posted to them."""

    def __init__(self, store) -> None:
        self.now = FULL + 0.25
        self.apps = Apps(store)
        self.modes: dict[str, Mode | None] = {}
        self.posts: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()
        self.answers: dict[str, Outcome | Exception] = {}
        self.tickets = Tickets(self.apps, self.subscriber_of, self.post, seconds=lambda: self.now)

    async def subscriber_of(self, app_id):
        mode = self.modes.get(app_id)
        return mode and Subscriber(
            tenants.DEFAULT_TENANT_ID, app_id, mode, "http://127.0.0.1:1/events", "", "the token"
        )

    async def post(self, subscriber, body):
        self.posts.put_nowait((subscriber.app_id, body))
        answer = self.answers.get(subscriber.app_id, Outcome(taken=True, said="200"))
        if isinstance(answer, Exception):
            raise answer
        return answer

    def posted(self):
        """What has been posted and not looked at, by app id."""
        return dict(self.posts.get_nowait() for _ in range(self.posts.qsize()))


@pytest.fixture
def outside(store) -> Outside:
    return Outside(store)


def shop(store, outside, mode="webhook", **traits):
    app = new_app(store, type="store", **traits)
    outside.modes[app.app_id] = mode
    return app


def ticket_in(body: bytes) -> str:
    return json.loads(body)["event"]["app_ticket"]


# ------------------------------------------------------------------------------------------------- what a ticket is


def test_every_process_makes_the_same_ticket_and_each_hour_another(store, outside):
    app = shop(store, outside)
    first = outside.tickets.ticket(app)
    assert re.fullmatch(r"[0-9a-f]{32}", first)
    outside.now = FULL + HOUR - 0.001
    assert outside.tickets.ticket(app) == first
    elsewhere = Outside(store)
    assert elsewhere.tickets.ticket(app) == first
    outside.now = FULL + HOUR
    assert outside.tickets.ticket(app) != first


@pytest.mark.parametrize(
    ("later", "accepted"),
    [
        (0, True),
        (HOUR, True),
        (13 * HOUR - 1, True),
        (13 * HOUR, False),
        (1000 * HOUR, False),
        (-1, True),  # made by a process for which the hour had already begun
        (-HOUR - 1, False),
    ],
)
def test_how_long_a_ticket_is_accepted(store, outside, later, accepted):
    app = shop(store, outside)
    ticket = outside.tickets.ticket(app)
    outside.now = FULL + later
    assert outside.tickets.accepts(app, ticket) is accepted
    assert outside.tickets.accepts(app, outside.tickets.ticket(app))


@pytest.mark.parametrize("spoil", [str.upper, lambda t: t[:-1], lambda t: t + "0", lambda t: "é" + t[1:], lambda t: ""])
def test_what_is_no_ticket(store, outside, spoil):
    app = shop(store, outside)
    assert not outside.tickets.accepts(app, spoil(outside.tickets.ticket(app)))


def test_another_apps_ticket_is_not_accepted(store, outside):
    mine, other = shop(store, outside), shop(store, outside)
    assert not outside.tickets.accepts(mine, outside.tickets.ticket(other))
    assert outside.tickets.accepts(other, outside.tickets.ticket(other))


def test_tickets_are_made_with_the_tenants_key(store, outside):
    there = tenants.Tenant("2", "0" * 16, "Elsewhere", "Asia/Tokyo", "another key", None, None, None)
    store.command_sync("2", lambda tx: tenants.insert(tx, there))
    app_id, _ = store.command_sync("2", lambda tx: apps.add_app(tx, "abroad", type="store"))
    theirs = asyncio.run(outside.apps.find(app_id))
    assert theirs is not None
    assert theirs.tenant_key == there.tenant_key
    assert shop(store, outside).tenant_key == f"{tenants.DEFAULT_TENANT_ID:>016}"
    assert not outside.tickets.accepts(replace(theirs, server_key="a key"), outside.tickets.ticket(theirs))
    assert outside.tickets.accepts(theirs, outside.tickets.ticket(theirs))


# ---------------------------------------------------------------------------------------------------------- pushing


def test_what_a_webhook_is_sent(store, outside):
    app = shop(store, outside)
    assert asyncio.run(outside.tickets.push(app)) == (True, "200")
    body = outside.posted()[app.app_id]
    told = json.loads(body)
    assert body == json.dumps(told, separators=(",", ":")).encode()
    assert re.fullmatch(r"[0-9a-f]{32}", told.pop("uuid"))
    assert told == {
        "ts": f"{FULL}.2500000",
        "token": "the token",
        "type": "event_callback",
        "event": {"app_id": app.app_id, "app_ticket": outside.tickets.ticket(app), "type": "app_ticket"},
    }


def test_each_push_is_an_event_of_its_own(store, outside):
    app = shop(store, outside)

    async def twice():
        return [json.loads((await outside.tickets.push(app)) and outside.posted()[app.app_id]) for _ in range(2)]

    first, second = asyncio.run(twice())
    assert first["uuid"] != second["uuid"]
    assert first["event"] == second["event"]


@pytest.mark.parametrize("mode", [None, "long_connection"])
def test_an_app_without_a_webhook_is_sent_nothing(store, outside, mode):
    assert asyncio.run(outside.tickets.push(shop(store, outside, mode))) is None
    assert outside.posted() == {}


def test_all_are_the_enabled_store_apps(store, outside):
    open_, closed, custom = shop(store, outside), shop(store, outside), new_app(store)
    outside.modes[custom.app_id] = "webhook"
    store.command_sync(tenants.DEFAULT_TENANT_ID, lambda tx: apps.set_enabled(tx, closed.app_id, enabled=False))
    asyncio.run(outside.tickets.push_all())
    assert list(outside.posted()) == [open_.app_id]


@pytest.mark.parametrize("trouble", [OSError("no"), Outcome(taken=False, said="503")])
def test_trouble_with_one_is_logged_and_keeps_no_other_from_its_ticket(store, outside, trouble, caplog):
    first, second, third = (shop(store, outside) for _ in range(3))
    outside.answers[second.app_id] = trouble
    asyncio.run(outside.tickets.push_all())
    assert outside.posted().keys() == {first.app_id, second.app_id, third.app_id}
    [record] = caplog.records
    assert second.app_id in record.getMessage()


# ---------------------------------------------------------------------------------------------------------- by the hour


def running(outside, story, then=lambda: None):
    """Run the story beside `run`, which is cancelled when it ends; `then` looks at what is left."""

    async def main():
        run = asyncio.create_task(outside.tickets.run())
        try:
            await asyncio.wait_for(story(), 30)
        finally:
            run.cancel()
            with pytest.raises(asyncio.CancelledError):
                await run
        then()

    asyncio.run(main())


def test_tickets_are_pushed_at_the_start_and_at_each_full_hour(store, outside):
    app = shop(store, outside)
    outside.now = FULL + HOUR - 0.001

    async def story():
        seen = []
        for hour in range(1, 4):
            app_id, body = await outside.posts.get()
            assert app_id == app.app_id
            seen.append(ticket_in(body))
            assert seen[-1] == outside.tickets.ticket(app)
            outside.now = FULL + (hour + 1) * HOUR - 0.001
        assert len(set(seen)) == 3

    running(outside, story)
    assert outside.posts.empty()


def test_an_hour_in_which_nothing_could_be_pushed_does_not_end_the_hours(store, outside, caplog):
    app = shop(store, outside)
    outside.now = FULL + HOUR - 0.001
    readable, listed = outside.apps.enabled_of_store, asyncio.Event()

    async def broken():
        listed.set()
        raise OSError("the store is gone")

    outside.apps.enabled_of_store = broken

    async def story():
        await listed.wait()
        outside.apps.enabled_of_store = readable
        outside.now = FULL + 2 * HOUR - 0.001
        assert (await outside.posts.get())[0] == app.app_id

    running(outside, story)
    [record] = caplog.records
    assert record.exc_info


# ---------------------------------------------------------------------------------------------------------- when asked


class Slow(Outside):
    """Webhooks that answer when `gate` is opened; `ended` are those that have, `broken_off` those that never could."""

    def __init__(self, store) -> None:
        super().__init__(store)
        self.gate = asyncio.Event()
        self.ended: asyncio.Queue[str] = asyncio.Queue()
        self.broken_off: list[str] = []

    async def post(self, subscriber, body):
        outcome = await super().post(subscriber, body)
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.broken_off.append(subscriber.app_id)
            raise
        self.ended.put_nowait(subscriber.app_id)
        return outcome


def registered(store, outside):
    app_id, app_secret = store.command_sync(
        tenants.DEFAULT_TENANT_ID, lambda tx: apps.add_app(tx, "shop", type="store")
    )
    outside.modes[app_id] = "webhook"
    return {"app_id": app_id, "app_secret": app_secret}


def test_asked_for_it_is_sent_again_and_the_answer_does_not_wait(store):
    outside = Slow(store)
    asked = registered(store, outside)
    toy = Toy(store, tickets=outside.tickets)

    async def story():
        got = await ask(toy.gateway, f"POST {RESEND}/", asked)
        assert (got.status, got.json) == (200, {"code": 0, "msg": "success"})
        app_id, body = await outside.posts.get()
        assert app_id == asked["app_id"]
        app = await outside.apps.find(app_id)
        assert app is not None
        assert outside.tickets.accepts(app, ticket_in(body))
        assert outside.ended.empty()
        outside.gate.set()
        assert await outside.ended.get() == app_id

    asyncio.run(asyncio.wait_for(story(), 30))


def test_an_app_that_asks_and_has_no_webhook_is_not_refused(store, outside):
    asked = registered(store, outside)
    outside.modes.clear()
    got = asyncio.run(ask(Toy(store, tickets=outside.tickets).gateway, f"POST {RESEND}", asked))
    assert got.json == {"code": 0, "msg": "success"}
    assert outside.posted() == {}


def test_a_push_underway_ends_with_the_hours(store):
    outside = Slow(store)
    app = shop(store, outside)

    async def story():
        outside.gate.set()
        await outside.ended.get()
        outside.gate.clear()
        outside.tickets.push_soon(app)
        for _ in range(2):
            await outside.posts.get()

    def then():
        assert outside.broken_off == [app.app_id]
        assert outside.ended.empty()

    running(outside, story, then)
