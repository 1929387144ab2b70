"""Timelines, stored, on two axes: versions say when a fact holds and when we believed it.

A row is never changed but to say that it is no longer believed, so that any past answer can be given again.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from corehr.engines.timeline import Cause, Entry, Timeline, Version, at, put, told, withdraw
from corehr.kernel.clock import FOREVER, Day
from corehr.kernel.db import Row, Tx, decode_json, encode_json
from corehr.kernel.statements import add, among, bind, change, having, mine, number, statement, table, text

entry = table(
    "entry",
    text("kind", key=True),
    text("thing", key=True),
    number("seq", key=True),
    text("valid_from"),
    text("patch"),
    text("cause_kind"),
    text("cause_id"),
    text("recorded_at"),
    text("withdrawn_at", optional=True),
    sa.Index("entry_by_cause", "tenant", "cause_id"),
)
version = table(
    "version",
    text("thing", key=True),
    text("kind", key=True),
    number("row", key=True),
    text("id"),
    text("valid_from"),
    text("body"),
    text("recorded_at"),
    text("superseded_at", optional=True),
    sa.Index(
        "version_believed",
        "tenant",
        "thing",
        "kind",
        "valid_from",
        sqlite_where=sa.text("superseded_at IS NULL"),
        postgresql_where=sa.text("superseded_at IS NULL"),
    ),
)

_believed = version.c.superseded_at.is_(None)
_ADD_ENTRY = add(entry)
_ADD_VERSION = add(version)
_BELIEVED = statement(
    sa.select(version).where(*having(version, "thing", "kind"), _believed).order_by(version.c.valid_from)
)
_BELIEVED_OF_MANY = statement(
    sa.select(version)
    .where(mine(version), among(version.c.thing, "things"), _believed)
    .order_by(version.c.thing, version.c.kind, version.c.valid_from)
)
_KNOWN_AT = statement(
    sa.select(version)
    .where(
        *having(version, "thing", "kind"),
        version.c.recorded_at <= bind("known"),
        sa.or_(_believed, version.c.superseded_at > bind("known")),
    )
    .order_by(version.c.valid_from)
)
_SUPERSEDE = statement(
    sa.update(version)
    .where(*having(version, "thing", "kind", "valid_from"), _believed)
    .values(superseded_at=bind("superseded_at"))
)
_ENTRIES = statement(
    sa.select(entry).where(*having(entry, "kind", "thing"), entry.c.withdrawn_at.is_(None)).order_by(entry.c.seq)
)
_SAID_BY = statement(
    sa.select(entry.c.kind, entry.c.thing)
    .where(mine(entry), entry.c.cause_id == bind("cause_id"), entry.c.cause_kind == bind("cause_kind"))
    .where(entry.c.withdrawn_at.is_(None))
)
_WITHDRAW = statement(
    sa.update(entry)
    .where(
        *having(entry, "kind", "thing"),
        entry.c.cause_id == bind("cause_id"),
        entry.c.cause_kind == bind("cause_kind"),
    )
    .values(withdrawn_at=bind("withdrawn_at"))
)
_WITHDRAW_ONE = change(entry, "withdrawn_at", by=("kind", "thing", "seq"))


def timeline(tx: Tx, kind: str, thing: str) -> Timeline:
    """The thing's life as we believe it now; empty when there is no such thing."""
    return _timeline(tx.all(_BELIEVED, kind=kind, thing=thing))


def timeline_known(tx: Tx, kind: str, thing: str, known: str) -> Timeline:
    """The thing's life as we believed it at a stamped moment."""
    return _timeline(tx.all(_KNOWN_AT, kind=kind, thing=thing, known=known))


def timelines(tx: Tx, things: Iterable[str]) -> Mapping[tuple[str, str], Timeline]:
    """The lives of many things in one reading, by kind and id; what does not exist is absent."""
    rows: dict[tuple[str, str], list[Row]] = {}
    for row in tx.all(_BELIEVED_OF_MANY, things=sorted(set(things))):
        rows.setdefault((row["kind"], row["thing"]), []).append(row)
    return {key: _timeline(lives) for key, lives in rows.items()}


def write(tx: Tx, kind: str, thing: str, valid_from: Day, patch: Mapping[str, Any], cause: Cause) -> Timeline:
    """Say `patch` of the thing from a day on; the timeline that results."""
    return say(tx, kind, thing, timeline(tx, kind, thing), valid_from, patch, cause)


def say(
    tx: Tx, kind: str, thing: str, before: Timeline, valid_from: Day, patch: Mapping[str, Any], cause: Cause
) -> Timeline:
    """As `write`, for a caller that has just read the timeline."""
    said = Entry(tx.new_id(), valid_from, patch, cause)
    _add_entry(tx, kind, thing, said)
    after = put(before, said)
    _believe(tx, kind, thing, before, after)
    return after


def said_by(tx: Tx, cause: Cause) -> Sequence[tuple[str, str]]:
    """Every (kind, thing) of which this cause has said something that was not withdrawn."""
    found = {(r["kind"], r["thing"]) for r in tx.all(_SAID_BY, cause_kind=cause[0], cause_id=cause[1])}
    return sorted(found)  # sorted here: to sort them itself SQLite would read every entry there is


def without(tx: Tx, kind: str, thing: str, cause: Cause) -> Timeline:
    """The timeline as it would be had `cause` never said anything of it; nothing is changed."""
    return withdraw(entries(tx, kind, thing), cause)


def entries(tx: Tx, kind: str, thing: str) -> Sequence[Entry]:
    """What was said of the thing and not withdrawn, in the order in which it was said."""
    return [
        Entry(str(r["seq"]), r["valid_from"], decode_json(r["patch"]), (r["cause_kind"], r["cause_id"]))
        for r in tx.all(_ENTRIES, kind=kind, thing=thing)
    ]


def take_back(tx: Tx, kind: str, thing: str, cause: Cause) -> tuple[Timeline, Timeline]:
    """Withdraw what `cause` said of the thing; its life before and after.

    Later versions forget what they had only inherited from it, whatever order things were said in.
    """
    before, after = timeline(tx, kind, thing), without(tx, kind, thing, cause)
    tx.run(_WITHDRAW, kind=kind, thing=thing, cause_kind=cause[0], cause_id=cause[1], withdrawn_at=tx.recorded_at)
    _believe(tx, kind, thing, before, after)
    return before, after


def drop(tx: Tx, kind: str, said: Entry, thing: str) -> None:
    """One thing that was said of the thing is withdrawn."""
    before = timeline(tx, kind, thing)
    tx.run(_WITHDRAW_ONE, kind=kind, thing=thing, seq=int(said.id), withdrawn_at=tx.recorded_at)
    _believe(tx, kind, thing, before, told(entries(tx, kind, thing)))


def move(tx: Tx, kind: str, said: Entry, thing: str, to: str) -> None:
    """What was said of one thing is said of another instead, keeping its place among all that was said."""
    drop(tx, kind, said, thing)
    before = timeline(tx, kind, to)
    _add_entry(tx, kind, to, said)
    _believe(tx, kind, to, before, told(entries(tx, kind, to)))


def _add_entry(tx: Tx, kind: str, thing: str, said: Entry) -> None:
    tx.run(
        _ADD_ENTRY,
        kind=kind,
        thing=thing,
        seq=int(said.id),
        valid_from=said.valid_from,
        patch=encode_json(said.patch).decode(),
        cause_kind=said.cause[0],
        cause_id=said.cause[1],
        recorded_at=tx.recorded_at,
        withdrawn_at=None,
    )


def _timeline(rows: Sequence[Row]) -> list[Version]:
    ends = [*(row["valid_from"] for row in rows[1:]), FOREVER]
    return [
        Version(row["id"], row["valid_from"], end, decode_json(row["body"]))
        for row, end in zip(rows, ends, strict=False)  # of no rows, the last end stays over
    ]


def _believe(tx: Tx, kind: str, thing: str, before: Timeline, after: Timeline) -> None:
    """Supersede the versions that no longer look as they did, and record those that look new.

    A version's end is where the next one begins, so a version that is only cut short needs no new row.
    """
    was = {v.valid_from: v for v in before}
    looks = {v.valid_from: v for v in after}
    gone = [v for v in before if not _same(v, looks.get(v.valid_from))]
    new = [v for v in after if not _same(v, was.get(v.valid_from))]
    tx.run_many(
        _SUPERSEDE,
        [{"kind": kind, "thing": thing, "valid_from": v.valid_from, "superseded_at": tx.recorded_at} for v in gone],
    )
    tx.run_many(
        _ADD_VERSION,
        [
            {
                "kind": kind,
                "thing": thing,
                "row": int(tx.new_id()),
                "id": v.id,
                "valid_from": v.valid_from,
                "body": encode_json(v.body).decode(),
                "recorded_at": tx.recorded_at,
                "superseded_at": None,
            }
            for v in new
        ],
    )


def _same(a: Version, b: Version | None) -> bool:
    return b is not None and a.id == b.id and a.body == b.body


def shown(life: Timeline, on: Day) -> dict[str, Any] | None:
    """A thing as a plain record: how it looks on a day, and its versions; None when there is no such thing."""
    if not life:
        return None
    version = at(life, on)
    return {
        "on": on,
        "version": _plain(version) if version else None,
        "versions": [_plain(v) for v in life],
    }


def _plain(version: Version) -> dict[str, Any]:
    return {
        "id": version.id,
        "valid_from": version.valid_from,
        "valid_to": version.valid_to,
        "body": dict(version.body),
    }
