"""Subscribers: the apps that receive events, with the address and the event types of each."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Literal

import sqlalchemy as sa

from corehr.kernel.db import Tx
from corehr.kernel.statements import (
    delete_by,
    in_tenant,
    insert_into,
    select_by,
    statement,
    tenant_table,
    text_column,
)

DeliveryMode = Literal["webhook", "long_connection"]

subscriber = tenant_table(
    "subscriber",
    text_column("app_id", key=True),
    text_column("mode"),
    text_column("url"),
    text_column("encrypt_key"),
    text_column("verification_token"),
)

subscription = tenant_table("subscription", text_column("type", key=True), text_column("app_id", key=True))

_INSERT = insert_into(subscriber)
_INSERT_SUBSCRIPTION = insert_into(subscription)
_DELETE = delete_by(subscriber, "app_id")
_DELETE_SUBSCRIPTIONS = delete_by(subscription, "app_id")
_SELECT = select_by(subscriber, "app_id")
_SELECT_ALL = statement(sa.select(subscriber).where(in_tenant(subscriber)).order_by(subscriber.c.app_id))
_SELECT_SUBSCRIPTIONS = select_by(subscription, "app_id")


@dataclass(frozen=True, slots=True)
class Subscriber:
    """Where an app's events go. `url` is empty with a long connection; both secrets may be empty in either mode."""

    tenant: str
    app_id: str
    mode: DeliveryMode
    url: str
    encrypt_key: str = field(repr=False)
    verification_token: str = field(repr=False)


def subscribe(tx: Tx, subscriber: Subscriber, types: Collection[str]) -> None:
    """Subscribe the app to events of these types from now on; an earlier subscription is replaced."""
    tx.lock_names([f"subscriber {subscriber.app_id}"])
    delete_subscriber(tx, subscriber.app_id)
    tx.execute(
        _INSERT,
        app_id=subscriber.app_id,
        mode=subscriber.mode,
        url=subscriber.url,
        encrypt_key=subscriber.encrypt_key,
        verification_token=subscriber.verification_token,
    )
    tx.execute_many(_INSERT_SUBSCRIPTION, [{"type": type, "app_id": subscriber.app_id} for type in sorted(types)])


def delete_subscriber(tx: Tx, app_id: str) -> None:
    """Delete the app's subscription, so that no later event is for it; existing deliveries stay as they are."""
    tx.execute(_DELETE, app_id=app_id)
    tx.execute(_DELETE_SUBSCRIPTIONS, app_id=app_id)


def get(tx: Tx, app_id: str) -> Subscriber | None:
    row = tx.fetch_one(_SELECT, app_id=app_id)
    return Subscriber(**row) if row else None


def list_all(tx: Tx) -> list[Subscriber]:
    """Return all subscribers, ordered by app id."""
    return [Subscriber(**row) for row in tx.fetch_all(_SELECT_ALL)]


def list_event_types(tx: Tx, app_id: str) -> frozenset[str]:
    """Return the event types that the app subscribes to."""
    return frozenset(row["type"] for row in tx.fetch_all(_SELECT_SUBSCRIPTIONS, app_id=app_id))
