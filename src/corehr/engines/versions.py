"""Timelines, stored, on two axes: versions say when a fact holds and when we believed it.

A row is never changed but to say that it is no longer believed, so that any past answer can be given again.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from corehr.engines.timeline import Cause, Entry, Timeline, Version, apply, build, build_without, version_as_of
from corehr.kernel.clock import FOREVER, IsoDate
from corehr.kernel.db import Row, Tx, decode_json, encode_json
from corehr.kernel.statements import (
    bind,
    in_list,
    insert_into,
    integer_column,
    matches,
    of_tenant,
    statement,
    tenant_table,
    text_column,
    update_columns,
)

entry = tenant_table(
    "entry",
    text_column("kind", key=True),
    text_column("thing", key=True),
    integer_column("seq", key=True),
    text_column("valid_from"),
    text_column("patch"),
    text_column("cause_kind"),
    text_column("cause_id"),
    text_column("recorded_at"),
    text_column("withdrawn_at", optional=True),
    sa.Index("entry_by_cause", "tenant", "cause_id"),
)
version = tenant_table(
    "version",
    text_column("thing", key=True),
    text_column("kind", key=True),
    integer_column("row", key=True),
    text_column("id"),
    text_column("valid_from"),
    text_column("body"),
    text_column("recorded_at"),
    text_column("superseded_at", optional=True),
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

_is_current = version.c.superseded_at.is_(None)
_INSERT_ENTRY = insert_into(entry)
_INSERT_VERSION = insert_into(version)
_SELECT_CURRENT = statement(
    sa.select(version).where(*matches(version, "thing", "kind"), _is_current).order_by(version.c.valid_from)
)
_SELECT_CURRENT_OF_MANY = statement(
    sa.select(version)
    .where(of_tenant(version), in_list(version.c.thing, "things"), _is_current)
    .order_by(version.c.thing, version.c.kind, version.c.valid_from)
)
_SELECT_KNOWN_AT = statement(
    sa.select(version)
    .where(
        *matches(version, "thing", "kind"),
        version.c.recorded_at <= bind("known"),
        sa.or_(_is_current, version.c.superseded_at > bind("known")),
    )
    .order_by(version.c.valid_from)
)
_SUPERSEDE = statement(
    sa.update(version)
    .where(*matches(version, "thing", "kind", "valid_from"), _is_current)
    .values(superseded_at=bind("superseded_at"))
)
_SELECT_ENTRIES = statement(
    sa.select(entry).where(*matches(entry, "kind", "thing"), entry.c.withdrawn_at.is_(None)).order_by(entry.c.seq)
)
_SELECT_BY_CAUSE = statement(
    sa.select(entry.c.kind, entry.c.thing)
    .where(of_tenant(entry), entry.c.cause_id == bind("cause_id"), entry.c.cause_kind == bind("cause_kind"))
    .where(entry.c.withdrawn_at.is_(None))
)
_RETRACT = statement(
    sa.update(entry)
    .where(
        *matches(entry, "kind", "thing"),
        entry.c.cause_id == bind("cause_id"),
        entry.c.cause_kind == bind("cause_kind"),
    )
    .values(withdrawn_at=bind("withdrawn_at"))
)
_RETRACT_ENTRY = update_columns(entry, "withdrawn_at", by=("kind", "thing", "seq"))


def timeline(tx: Tx, kind: str, entity_id: str) -> Timeline:
    """The thing's life as we believe it now; empty when there is no such thing."""
    return _timeline_from_rows(tx.fetch_all(_SELECT_CURRENT, kind=kind, thing=entity_id))


def timeline_known_at(tx: Tx, kind: str, entity_id: str, known_at: str) -> Timeline:
    """The thing's life as we believed it at a stamped moment."""
    return _timeline_from_rows(tx.fetch_all(_SELECT_KNOWN_AT, kind=kind, thing=entity_id, known=known_at))


def timelines(tx: Tx, entity_ids: Iterable[str]) -> Mapping[tuple[str, str], Timeline]:
    """The lives of many things in one reading, by kind and id; what does not exist is absent."""
    rows: dict[tuple[str, str], list[Row]] = {}
    for row in tx.fetch_all(_SELECT_CURRENT_OF_MANY, things=sorted(set(entity_ids))):
        rows.setdefault((row["kind"], row["thing"]), []).append(row)
    return {key: _timeline_from_rows(versions) for key, versions in rows.items()}


def append(tx: Tx, kind: str, entity_id: str, valid_from: IsoDate, patch: Mapping[str, Any], cause: Cause) -> Timeline:
    """Say `patch` of the thing from a day on; the timeline that results."""
    return append_to_timeline(tx, kind, entity_id, timeline(tx, kind, entity_id), valid_from, patch, cause)


def append_to_timeline(
    tx: Tx, kind: str, entity_id: str, before: Timeline, valid_from: IsoDate, patch: Mapping[str, Any], cause: Cause
) -> Timeline:
    """As `write`, for a caller that has just read the timeline."""
    entry = Entry(tx.new_id(), valid_from, patch, cause)
    _insert_entry(tx, kind, entity_id, entry)
    after = apply(before, entry)
    _store_difference(tx, kind, entity_id, before, after)
    return after


def list_entities_of_cause(tx: Tx, cause: Cause) -> Sequence[tuple[str, str]]:
    """Every (kind, thing) of which this cause has said something that was not withdrawn."""
    found = {
        (row["kind"], row["thing"]) for row in tx.fetch_all(_SELECT_BY_CAUSE, cause_kind=cause[0], cause_id=cause[1])
    }
    return sorted(found)  # sorted here: to sort them itself SQLite would read every entry there is


def timeline_without(tx: Tx, kind: str, entity_id: str, cause: Cause) -> Timeline:
    """The timeline as it would be had `cause` never said anything of it; nothing is changed."""
    return build_without(list_entries(tx, kind, entity_id), cause)


def list_entries(tx: Tx, kind: str, entity_id: str) -> Sequence[Entry]:
    """What was said of the thing and not withdrawn, in the order in which it was said."""
    return [
        Entry(str(row["seq"]), row["valid_from"], decode_json(row["patch"]), (row["cause_kind"], row["cause_id"]))
        for row in tx.fetch_all(_SELECT_ENTRIES, kind=kind, thing=entity_id)
    ]


def retract(tx: Tx, kind: str, entity_id: str, cause: Cause) -> tuple[Timeline, Timeline]:
    """Withdraw what `cause` said of the thing; its life before and after.

    Later versions forget what they had only inherited from it, whatever order things were said in.
    """
    before, after = timeline(tx, kind, entity_id), timeline_without(tx, kind, entity_id, cause)
    tx.execute(
        _RETRACT, kind=kind, thing=entity_id, cause_kind=cause[0], cause_id=cause[1], withdrawn_at=tx.recorded_at
    )
    _store_difference(tx, kind, entity_id, before, after)
    return before, after


def retract_entry(tx: Tx, kind: str, entry: Entry, entity_id: str) -> None:
    """One thing that was said of the thing is withdrawn."""
    before = timeline(tx, kind, entity_id)
    tx.execute(_RETRACT_ENTRY, kind=kind, thing=entity_id, seq=int(entry.id), withdrawn_at=tx.recorded_at)
    _store_difference(tx, kind, entity_id, before, build(list_entries(tx, kind, entity_id)))


def reassign_entry(tx: Tx, kind: str, entry: Entry, entity_id: str, target_id: str) -> None:
    """What was said of one thing is said of another instead, keeping its place among all that was said."""
    retract_entry(tx, kind, entry, entity_id)
    before = timeline(tx, kind, target_id)
    _insert_entry(tx, kind, target_id, entry)
    _store_difference(tx, kind, target_id, before, build(list_entries(tx, kind, target_id)))


def _insert_entry(tx: Tx, kind: str, entity_id: str, entry: Entry) -> None:
    tx.execute(
        _INSERT_ENTRY,
        kind=kind,
        thing=entity_id,
        seq=int(entry.id),
        valid_from=entry.valid_from,
        patch=encode_json(entry.patch).decode(),
        cause_kind=entry.cause[0],
        cause_id=entry.cause[1],
        recorded_at=tx.recorded_at,
        withdrawn_at=None,
    )


def _timeline_from_rows(rows: Sequence[Row]) -> list[Version]:
    ends = [*(row["valid_from"] for row in rows[1:]), FOREVER]
    return [
        Version(row["id"], row["valid_from"], end, decode_json(row["body"]))
        for row, end in zip(rows, ends, strict=False)  # of no rows, the last end stays over
    ]


def _store_difference(tx: Tx, kind: str, entity_id: str, before: Timeline, after: Timeline) -> None:
    """Supersede the versions that no longer look as they did, and record those that look new.

    A version's end is where the next one begins, so a version that is only cut short needs no new row.
    """
    old_by_day = {v.valid_from: v for v in before}
    new_by_day = {v.valid_from: v for v in after}
    superseded = [v for v in before if not _is_same_version(v, new_by_day.get(v.valid_from))]
    added = [v for v in after if not _is_same_version(v, old_by_day.get(v.valid_from))]
    tx.execute_many(
        _SUPERSEDE,
        [
            {"kind": kind, "thing": entity_id, "valid_from": v.valid_from, "superseded_at": tx.recorded_at}
            for v in superseded
        ],
    )
    tx.execute_many(
        _INSERT_VERSION,
        [
            {
                "kind": kind,
                "thing": entity_id,
                "row": int(tx.new_id()),
                "id": v.id,
                "valid_from": v.valid_from,
                "body": encode_json(v.body).decode(),
                "recorded_at": tx.recorded_at,
                "superseded_at": None,
            }
            for v in added
        ],
    )


def _is_same_version(a: Version, b: Version | None) -> bool:
    return b is not None and a.id == b.id and a.body == b.body


def to_record(timeline: Timeline, as_of: IsoDate) -> dict[str, Any] | None:
    """A thing as a plain record: how it looks on a day, and its versions; None when there is no such thing."""
    if not timeline:
        return None
    version = version_as_of(timeline, as_of)
    return {
        "on": as_of,
        "version": _version_to_dict(version) if version else None,
        "versions": [_version_to_dict(v) for v in timeline],
    }


def _version_to_dict(version: Version) -> dict[str, Any]:
    return {
        "id": version.id,
        "valid_from": version.valid_from,
        "valid_to": version.valid_to,
        "body": dict(version.body),
    }
