"""Where an app's events go, and what is to be delivered to it again."""

from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from msgspec import Meta
from starlette.requests import Request

from corehr.entrypoints import subscriptions
from corehr.entrypoints.sandbox.door import Refused, bad, read
from corehr.gateway.apps import App
from corehr.kernel import subscribers
from corehr.kernel.db import Tx
from corehr.kernel.ids import random_hex
from corehr.kernel.settings import UsageError
from corehr.kernel.subscribers import Subscriber

if TYPE_CHECKING:
    from corehr.entrypoints.app import Installation

Text = Annotated[str, Meta(max_length=500, pattern=r"^[^\x00]*$")]
Name = Annotated[str, Meta(min_length=1, max_length=100, pattern=r"^[^\x00]*$")]


class Wanted(msgspec.Struct, forbid_unknown_fields=True):
    mode: Literal["webhook", "long_connection"] = "webhook"
    url: Annotated[str, Meta(max_length=2000, pattern=r"^[^\x00]*$")] = ""
    encrypt_key: Text = ""
    verification_token: Text | None = None
    events: Literal["*"] | list[Name] = "*"


class Again(msgspec.Struct, forbid_unknown_fields=True):
    app_id: Name | None = None


class Replay(msgspec.Struct, forbid_unknown_fields=True):
    since: Annotated[datetime, Meta(tz=True)] | None = None


class Subscribers:
    """PUT, GET and DELETE apps/{app_id}/webhook, POST apps/{app_id}/replay, POST events/{id}/redeliver."""

    def __init__(self, installation: "Installation") -> None:
        self._installation = installation

    async def put(self, request: Request) -> dict[str, Any]:
        """The app is told of its events there from now on; Refused when the address does not prove to be its own."""
        app, wanted, house = await self._app(request), await read(request, Wanted), self._installation
        it = Subscriber(
            tenant=app.tenant,
            app_id=app.app_id,
            mode=wanted.mode,
            url=wanted.url,
            encrypt_key=wanted.encrypt_key,
            verification_token=random_hex() if wanted.verification_token is None else wanted.verification_token,
        )
        try:
            types = subscriptions.resolve_event_types(house.spec, app, wanted.events)
        except UsageError as why:
            raise bad(str(why)) from None
        await self._prove(app, it)

        def subscribe(tx: Tx) -> dict[str, Any]:
            subscribers.subscribe(tx, it, types)
            return _shown(tx, it)

        shown = await house.store.command(app.tenant, subscribe)
        house.on_subscribed(app)
        return shown

    async def _prove(self, app: App, it: Subscriber) -> None:
        if it.mode == "long_connection":
            if it.url or it.encrypt_key:
                raise bad("a long connection has no url and no encrypt_key: the app connects here")
            if app.type == "store":
                raise bad("store apps are told by webhook only: give a url")
            return
        if not it.url:
            raise bad('give a url, or "mode": "long_connection"')
        why = await self._installation.webhooks.verify_url(it.url, it.encrypt_key, it.verification_token)
        if why is not None:
            raise bad(why)

    async def get(self, request: Request) -> dict[str, Any]:
        """Where the app's events go now."""
        app, house = await self._app(request), self._installation
        return await house.store.query(app.tenant, lambda tx: _shown(tx, _known(tx, app)))

    async def delete(self, request: Request) -> dict[str, Any]:
        """The app is told of nothing any more."""
        app, house = await self._app(request), self._installation
        await house.store.command(app.tenant, lambda tx: subscriptions.unsubscribe(tx, app.app_id))
        return {}

    async def replay(self, request: Request) -> dict[str, Any]:
        """Deliver again what was recorded since a moment of the world, or ever."""
        app, wanted, house = await self._app(request), await read(request, Replay), self._installation
        try:
            count = await subscriptions.replay(house.store, app.tenant, app.app_id, wanted.since)
        except UsageError as why:
            raise Refused(HTTPStatus.CONFLICT, str(why)) from None
        house.delivery_worker.wake()
        return {"count": count}

    async def redeliver(self, request: Request) -> dict[str, Any]:
        """Deliver one event again, to one app or to all that subscribe to it."""
        wanted, house = await read(request, Again), self._installation
        id = request.path_params["id"]
        try:
            apps = await house.store.command(house.tenant.id, lambda tx: subscriptions.redeliver(tx, id, wanted.app_id))
        except UsageError as why:
            raise Refused(HTTPStatus.NOT_FOUND, str(why)) from None
        house.delivery_worker.wake()
        return {"app_ids": apps}

    async def _app(self, request: Request) -> App:
        app = await self._installation.apps.get(request.path_params["app_id"])
        if app is None or app.tenant != self._installation.tenant.id:
            raise Refused(HTTPStatus.NOT_FOUND, "there is no such app")
        return app


def _known(tx: Tx, app: App) -> Subscriber:
    it = subscribers.get(tx, app.app_id)
    if it is None:
        raise Refused(HTTPStatus.NOT_FOUND, "the app is told of nothing: PUT says where its events go")
    return it


def _shown(tx: Tx, it: Subscriber) -> dict[str, Any]:
    return {
        "mode": it.mode,
        "url": it.url,
        "encrypt_key": it.encrypt_key,
        "verification_token": it.verification_token,
        "events": sorted(subscribers.list_event_types(tx, it.app_id)),
    }
