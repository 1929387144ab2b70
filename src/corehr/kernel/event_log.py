"""The event log: append-only rows of the command's own transaction; outbox, change feed and audit trail read it."""

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, NamedTuple

import sqlalchemy as sa

from corehr.kernel.statements import (
    bind,
    in_list,
    in_tenant,
    insert_into,
    integer_column,
    json_column,
    statement,
    tenant_table,
    text_column,
)

event = tenant_table(
    "event",
    integer_column("seq", key=True),
    text_column("type"),
    text_column("subject"),
    text_column("recorded_at"),
    json_column("payload"),
    sa.Index("event_by_type", "tenant", "type", "seq"),
)

INSERT = insert_into(event)
SELECT_SINCE = statement(
    sa.select(event).where(in_tenant(event), event.c.seq > bind("since")).order_by(event.c.seq).limit(bind("limit"))
)
SELECT_BY_SEQ = statement(sa.select(event).where(in_tenant(event), in_list(event.c.seq, "seqs")).order_by(event.c.seq))
SELECT_SINCE_BY_TYPE = statement(
    sa.select(event)
    .where(in_tenant(event), event.c.type == bind("type"), event.c.seq > bind("since"))
    .order_by(event.c.seq)
    .limit(bind("limit"))
)
SELECT_LAST_SEQ = statement(
    sa.select(sa.func.coalesce(sa.func.max(event.c.seq), 0).label("seq")).where(in_tenant(event))
)


class Event(NamedTuple):
    """An event, with a neutral payload as of the change; it is rendered for each app when it is delivered."""

    type: str
    subject: str
    payload: Mapping[str, Any]


def event_id(tenant: str, seq: int) -> str:
    """Return the event's id for subscribers: 32 hexadecimal digits, of which the first 16 are its sequence number."""
    return f"{seq:016x}{blake2b(f'{tenant}/{seq}'.encode(), digest_size=8).hexdigest()}"


def seq_of(event_id: str) -> int:
    """Return the sequence number in an event id; raise ValueError when `event_id` is not an event id."""
    if len(event_id) != 32:
        raise ValueError("an event id has 32 hexadecimal digits")
    return int(event_id[:16], 16)
