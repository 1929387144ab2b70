"""The sandbox calls that set an app's subscription, replay events to it and redeliver one event.

Each raises SandboxError (404) when there is no such app, (400) when its body is invalid.
"""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta
from starlette.requests import Request

from corehr.app.installation import Installation
from corehr.apps.registry import App
from corehr.delivery import subscribers, subscriptions
from corehr.delivery.subscribers import Subscriber
from corehr.kernel.db import Tx
from corehr.kernel.errors import UsageError
from corehr.kernel.ids import random_hex
from corehr.sandbox.apps import get_app
from corehr.sandbox.router import SandboxError, bad_request, parse_body

ShortText = Annotated[str, Meta(max_length=500, pattern=r"^[^\x00]*$")]
NameText = Annotated[str, Meta(min_length=1, max_length=100, pattern=r"^[^\x00]*$")]


class SubscriptionBody(msgspec.Struct, forbid_unknown_fields=True):
    mode: Literal["webhook", "long_connection"] = "webhook"
    url: Annotated[str, Meta(max_length=2000, pattern=r"^[^\x00]*$")] = ""
    encrypt_key: ShortText = ""
    verification_token: ShortText | None = None
    events: Literal["*"] | list[NameText] = "*"


class RedeliverBody(msgspec.Struct, forbid_unknown_fields=True):
    app_id: NameText | None = None


class ReplayBody(msgspec.Struct, forbid_unknown_fields=True):
    since: Annotated[datetime, Meta(tz=True)] | None = None


async def set_subscription(installation: Installation, request: Request) -> dict[str, Any]:
    """Deliver the app's events to a webhook or a long connection from now on, and return the subscription.

    Raises SandboxError (400) when the events are not available to the app or the URL is not verified.
    """
    app, body = await get_app(installation, request.path_params["app_id"]), await parse_body(request, SubscriptionBody)
    subscriber = Subscriber(
        tenant=app.tenant,
        app_id=app.app_id,
        mode=body.mode,
        url=body.url,
        encrypt_key=body.encrypt_key,
        verification_token=random_hex() if body.verification_token is None else body.verification_token,
    )
    try:
        types = subscriptions.resolve_event_types(installation.spec, app, body.events)
    except UsageError as error:
        raise bad_request(str(error)) from None
    await _verify_url(installation, app, subscriber)

    def subscribe(tx: Tx) -> dict[str, Any]:
        subscribers.subscribe(tx, subscriber, types)
        return _to_json(tx, subscriber)

    subscription = await installation.store.command(app.tenant, subscribe)
    installation.on_subscribed(app)
    return subscription


async def _verify_url(installation: Installation, app: App, subscriber: Subscriber) -> None:
    if subscriber.mode == "long_connection":
        if subscriber.url or subscriber.encrypt_key:
            raise bad_request("a long connection has no url and no encrypt_key: the app connects here")
        if app.type == "store":
            raise bad_request("store apps receive events by webhook only: give a url")
        return
    if not subscriber.url:
        raise bad_request('give a url, or "mode": "long_connection"')
    reason = await installation.webhooks.verify_url(
        subscriber.url, subscriber.encrypt_key, subscriber.verification_token
    )
    if reason is not None:
        raise bad_request(reason)


async def get_subscription(installation: Installation, request: Request) -> dict[str, Any]:
    """Return the app's subscription; raises SandboxError (404) when it has none."""
    app = await get_app(installation, request.path_params["app_id"])
    return await installation.store.query(app.tenant, lambda tx: _to_json(tx, _get_existing(tx, app)))


async def delete_subscription(installation: Installation, request: Request) -> dict[str, Any]:
    """Delete the app's subscription and return an empty object."""
    app = await get_app(installation, request.path_params["app_id"])
    await installation.store.command(app.tenant, lambda tx: subscriptions.unsubscribe(tx, app.app_id))
    return {}


async def replay(installation: Installation, request: Request) -> dict[str, Any]:
    """Replay to the app the events recorded since an instant of world time, by default all, and return their count.

    Raises SandboxError (409) when the app has no subscription.
    """
    app, body = await get_app(installation, request.path_params["app_id"]), await parse_body(request, ReplayBody)
    try:
        count = await subscriptions.replay(installation.store, app.tenant, app.app_id, body.since)
    except UsageError as error:
        raise SandboxError(HTTPStatus.CONFLICT, str(error)) from None
    installation.delivery_worker.wake()
    return {"count": count}


async def redeliver(installation: Installation, request: Request) -> dict[str, Any]:
    """Redeliver one event to one app, or to all that subscribe to its type, and return the ids of the apps.

    Raises SandboxError (404) when there is no such event, or no such subscriber.
    """
    body = await parse_body(request, RedeliverBody)
    id = request.path_params["id"]
    try:
        apps = await installation.store.command(
            installation.tenant.id, lambda tx: subscriptions.redeliver(tx, id, body.app_id)
        )
    except UsageError as error:
        raise SandboxError(HTTPStatus.NOT_FOUND, str(error)) from None
    installation.delivery_worker.wake()
    return {"app_ids": apps}


def _get_existing(tx: Tx, app: App) -> Subscriber:
    subscriber = subscribers.get(tx, app.app_id)
    if subscriber is None:
        raise SandboxError(HTTPStatus.NOT_FOUND, "the app has no subscription: set one with PUT")
    return subscriber


def _to_json(tx: Tx, subscriber: Subscriber) -> dict[str, Any]:
    return {
        "mode": subscriber.mode,
        "url": subscriber.url,
        "encrypt_key": subscriber.encrypt_key,
        "verification_token": subscriber.verification_token,
        "events": sorted(subscribers.list_event_types(tx, subscriber.app_id)),
    }
