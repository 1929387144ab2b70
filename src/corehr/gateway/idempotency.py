"""Idempotency: a request repeated under the same key gets the stored result and is not executed again."""

from datetime import timedelta
from hashlib import sha256

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from corehr.apps.handlers import JsonObject
from corehr.kernel.clock import to_timestamp
from corehr.kernel.db import Tx
from corehr.kernel.statements import (
    bind,
    in_tenant,
    json_column,
    matches,
    select_by,
    statement,
    tenant_table,
    text_column,
    update_columns,
)

RETENTION = timedelta(hours=24)
"""World time after which a key may be reused; the platform does not document how long it stores keys."""

_KEY_COLUMNS = ("app_id", "operation", "key")

idempotency = tenant_table(
    "idempotency",
    text_column("app_id", key=True),
    text_column("operation", key=True),
    text_column("key", key=True),
    json_column("result", optional=True),
    text_column("recorded_at"),
    sa.Index("idempotency_by_age", "tenant", "recorded_at"),
)

# PostgreSQL's ON CONFLICT DO NOTHING without a target is valid on SQLite too
_INSERT = statement(insert(idempotency).on_conflict_do_nothing())
_SELECT = select_by(idempotency, *_KEY_COLUMNS)
_UPDATE_EXPIRED = statement(
    sa.update(idempotency)
    .where(*matches(idempotency, *_KEY_COLUMNS), idempotency.c.recorded_at <= bind("before"))
    .values(recorded_at=bind("now"), result=sa.null())
)
_UPDATE_RESULT = update_columns(idempotency, "result", by=_KEY_COLUMNS)
_DELETE_EXPIRED = statement(
    sa.delete(idempotency).where(in_tenant(idempotency), idempotency.c.recorded_at <= bind("before"))
)


def reserve_key(tx: Tx, app_id: str, operation: str, key: str) -> JsonObject | None:
    """Return the result stored under this key, or None when the key is new; it is then reserved for the caller.

    On PostgreSQL the insert waits for another command that has inserted the key, until it commits its result or rolls
    back. On SQLite commands run one after the other.
    """
    key_values = {"app_id": app_id, "operation": operation, "key": _digest(key)}
    if tx.execute(_INSERT, **key_values, result=None, recorded_at=tx.recorded_at):
        return None
    if tx.execute(_UPDATE_EXPIRED, **key_values, before=to_timestamp(tx.now - RETENTION), now=tx.recorded_at):
        return None
    row = tx.fetch_one(_SELECT, **key_values)
    if row is None:  # pruned between the two statements
        return reserve_key(tx, app_id, operation, key)
    result: JsonObject = row["result"]
    return result


def store_result(tx: Tx, app_id: str, operation: str, key: str, result: JsonObject) -> None:
    """Store the result under the key that `reserve_key` inserted, in the command's own transaction."""
    tx.execute(_UPDATE_RESULT, app_id=app_id, operation=operation, key=_digest(key), result=result)


def prune(tx: Tx) -> int:
    """Delete the keys older than RETENTION in world time; return how many there were."""
    return tx.execute(_DELETE_EXPIRED, before=to_timestamp(tx.now - RETENTION))


def _digest(key: str) -> str:
    """Return a fixed-length digest: a key may have any length and content, an index entry may not."""
    return sha256(key.encode(errors="surrogatepass")).hexdigest()
