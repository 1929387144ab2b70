"""Subscribers: the apps that are told of events, where, and of which ones."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import sqlalchemy as sa

from corehr.kernel.statements import add, find, mine, remove, statement, table, text

if TYPE_CHECKING:
    from corehr.kernel.db import Tx

Mode = Literal["webhook", "long_connection"]

subscriber = table(
    "subscriber",
    text("app_id", key=True),
    text("mode"),
    text("url"),
    text("encrypt_key"),
    text("verification_token"),
)

subscription = table("subscription", text("type", key=True), text("app_id", key=True))

_ADD = add(subscriber)
_ADD_TYPE = add(subscription)
_REMOVE = remove(subscriber, "app_id")
_REMOVE_TYPES = remove(subscription, "app_id")
_FIND = find(subscriber, "app_id")
_ALL = statement(sa.select(subscriber).where(mine(subscriber)).order_by(subscriber.c.app_id))
_TYPES = find(subscription, "app_id")


@dataclass(frozen=True, slots=True)
class Subscriber:
    """Where an app's events go. `url` is empty with a long connection; the two secrets may be empty anywhere."""

    tenant: str
    app_id: str
    mode: Mode
    url: str
    encrypt_key: str = field(repr=False)
    verification_token: str = field(repr=False)


def subscribe(tx: "Tx", it: Subscriber, types: Collection[str]) -> None:
    """From now on the app is told of events of these types, there; what it was told of before, no longer."""
    tx.lock([f"subscriber {it.app_id}"])
    remove_subscriber(tx, it.app_id)
    tx.run(
        _ADD,
        app_id=it.app_id,
        mode=it.mode,
        url=it.url,
        encrypt_key=it.encrypt_key,
        verification_token=it.verification_token,
    )
    tx.run_many(_ADD_TYPE, [{"type": type, "app_id": it.app_id} for type in sorted(types)])


def remove_subscriber(tx: "Tx", app_id: str) -> None:
    """No event is meant for the app any more; what is on its way stays as it is."""
    tx.run(_REMOVE, app_id=app_id)
    tx.run(_REMOVE_TYPES, app_id=app_id)


def get(tx: "Tx", app_id: str) -> Subscriber | None:
    row = tx.one(_FIND, app_id=app_id)
    return Subscriber(**row) if row else None


def everybody(tx: "Tx") -> list[Subscriber]:
    """All subscribers, by app id."""
    return [Subscriber(**row) for row in tx.all(_ALL)]


def types_of(tx: "Tx", app_id: str) -> frozenset[str]:
    """The event types the app subscribes to."""
    return frozenset(row["type"] for row in tx.all(_TYPES, app_id=app_id))
