"""The event log: append-only rows of the command's own transaction; outbox, change feed and audit trail read it."""

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, NamedTuple

import sqlalchemy as sa

from corehr.kernel.statements import add, among, bind, mine, number, statement, table, text

event = table(
    "event",
    number("seq", key=True),
    text("type"),
    text("subject"),
    text("at"),
    text("facts"),
    sa.Index("event_by_type", "tenant", "type", "seq"),
)

APPEND = add(event)
SINCE = statement(
    sa.select(event).where(mine(event), event.c.seq > bind("since")).order_by(event.c.seq).limit(bind("limit"))
)
BY_SEQ = statement(sa.select(event).where(mine(event), among(event.c.seq, "seqs")).order_by(event.c.seq))
SINCE_OF_TYPE = statement(
    sa.select(event)
    .where(mine(event), event.c.type == bind("type"), event.c.seq > bind("since"))
    .order_by(event.c.seq)
    .limit(bind("limit"))
)
LAST = statement(sa.select(sa.func.coalesce(sa.func.max(event.c.seq), 0).label("seq")).where(mine(event)))


class Event(NamedTuple):
    """Something that happened: neutral facts as of the change, before any app's words are put to them."""

    type: str
    subject: str
    facts: Mapping[str, Any]


def event_id(tenant: str, seq: int) -> str:
    """The 32 hexadecimal digits by which subscribers know the event; the first 16 are its place in the log."""
    return f"{seq:016x}{blake2b(f'{tenant}/{seq}'.encode(), digest_size=8).hexdigest()}"


def place(event_id: str) -> int:
    """The place in the log of an event id; ValueError when it is not one."""
    if len(event_id) != 32:
        raise ValueError("an event id has 32 hexadecimal digits")
    return int(event_id[:16], 16)
