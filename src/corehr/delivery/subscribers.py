"""Subscribers: the apps that receive events, with the address and the event types of each."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final, Literal

import sqlalchemy as sa

from corehr.kernel.db import Row, Tx
from corehr.kernel.statements import (
    delete_by,
    in_tenant,
    insert_into,
    select_by,
    statement,
    tenant_table,
    text_column,
    update_columns,
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
_UPDATE_SECRETS = update_columns(subscriber, "encrypt_key", "verification_token", by=("app_id",))
_DELETE = delete_by(subscriber, "app_id")
_DELETE_SUBSCRIPTIONS = delete_by(subscription, "app_id")
_SELECT = select_by(subscriber, "app_id")
_SELECT_ALL = statement(sa.select(subscriber).where(in_tenant(subscriber)).order_by(subscriber.c.app_id))
_SELECT_SUBSCRIPTIONS = select_by(subscription, "app_id")


@dataclass(frozen=True, slots=True)
class Subscriber:
    """Where an app's events go. `url` is empty with a long connection; both secrets may be empty in either mode.

    The secrets are stored encrypted.
    """

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
        **_encrypted_secrets(tx, subscriber),
    )
    tx.execute_many(_INSERT_SUBSCRIPTION, [{"type": type, "app_id": subscriber.app_id} for type in sorted(types)])


def delete_subscriber(tx: Tx, app_id: str) -> None:
    """Delete the app's subscription, so that no later event is for it; existing deliveries stay as they are."""
    tx.execute(_DELETE, app_id=app_id)
    tx.execute(_DELETE_SUBSCRIPTIONS, app_id=app_id)


def get(tx: Tx, app_id: str) -> Subscriber | None:
    row = tx.fetch_one(_SELECT, app_id=app_id)
    return _from_row(tx, row) if row else None


def list_all(tx: Tx) -> list[Subscriber]:
    """Return all subscribers, ordered by app id."""
    return [_from_row(tx, row) for row in tx.fetch_all(_SELECT_ALL)]


def encrypt_again(tx: Tx) -> None:
    """Encrypt the secrets of every subscriber under the first key of the ring."""
    rows = [{"app_id": found.app_id, **_encrypted_secrets(tx, found)} for found in list_all(tx)]
    tx.execute_many(_UPDATE_SECRETS, rows)


def list_event_types(tx: Tx, app_id: str) -> frozenset[str]:
    """Return the event types that the app subscribes to."""
    return frozenset(row["type"] for row in tx.fetch_all(_SELECT_SUBSCRIPTIONS, app_id=app_id))


_SECRETS: Final = ("encrypt_key", "verification_token")


def _encrypted_secrets(tx: Tx, subscriber: Subscriber) -> dict[str, str]:
    return {name: tx.keys.encrypt(getattr(subscriber, name), _context(subscriber.app_id, name)) for name in _SECRETS}


def _from_row(tx: Tx, row: Row) -> Subscriber:
    secrets = {name: tx.keys.decrypt(row[name], _context(row["app_id"], name)) for name in _SECRETS}
    return Subscriber(**row | secrets)


def _context(app_id: str, name: str) -> str:
    return f"subscriber {app_id} {name}"
