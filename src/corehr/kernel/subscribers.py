"""Subscribers: the apps that are told of events, where, and of which ones."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import sqlalchemy as sa

from corehr.kernel.statements import delete_by, insert_into, of_tenant, select_by, statement, tenant_table, text_column

if TYPE_CHECKING:
    from corehr.kernel.db import Tx

Mode = Literal["webhook", "long_connection"]

subscriber = tenant_table(
    "subscriber",
    text_column("app_id", key=True),
    text_column("mode"),
    text_column("url"),
    text_column("encrypt_key"),
    text_column("verification_token"),
)

subscription = tenant_table("subscription", text_column("type", key=True), text_column("app_id", key=True))

_ADD = insert_into(subscriber)
_ADD_TYPE = insert_into(subscription)
_REMOVE = delete_by(subscriber, "app_id")
_REMOVE_TYPES = delete_by(subscription, "app_id")
_FIND = select_by(subscriber, "app_id")
_ALL = statement(sa.select(subscriber).where(of_tenant(subscriber)).order_by(subscriber.c.app_id))
_TYPES = select_by(subscription, "app_id")


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
    tx.lock_names([f"subscriber {it.app_id}"])
    remove_subscriber(tx, it.app_id)
    tx.execute(
        _ADD,
        app_id=it.app_id,
        mode=it.mode,
        url=it.url,
        encrypt_key=it.encrypt_key,
        verification_token=it.verification_token,
    )
    tx.execute_many(_ADD_TYPE, [{"type": type, "app_id": it.app_id} for type in sorted(types)])


def remove_subscriber(tx: "Tx", app_id: str) -> None:
    """No event is meant for the app any more; what is on its way stays as it is."""
    tx.execute(_REMOVE, app_id=app_id)
    tx.execute(_REMOVE_TYPES, app_id=app_id)


def get(tx: "Tx", app_id: str) -> Subscriber | None:
    row = tx.fetch_one(_FIND, app_id=app_id)
    return Subscriber(**row) if row else None


def everybody(tx: "Tx") -> list[Subscriber]:
    """All subscribers, by app id."""
    return [Subscriber(**row) for row in tx.fetch_all(_ALL)]


def types_of(tx: "Tx", app_id: str) -> frozenset[str]:
    """The event types the app subscribes to."""
    return frozenset(row["type"] for row in tx.fetch_all(_TYPES, app_id=app_id))
