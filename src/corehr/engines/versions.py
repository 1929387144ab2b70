"""Stored timelines: versions have a valid time, when a fact holds, and a recorded time, when it was known.

Rows are only inserted, and marked when superseded or retracted, so that every past state can be read again. A
transaction keeps the current timelines that it has read in `Tx.timelines`, so that each is read once.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

import sqlalchemy as sa

from corehr.engines.timeline import Cause, Entry, Timeline, Version, apply, build, build_without, version_as_of
from corehr.kernel.clock import FOREVER, LAST_DAY, IsoDate
from corehr.kernel.db import Row, Tx
from corehr.kernel.statements import (
    bind,
    in_list,
    in_tenant,
    insert_into,
    integer_column,
    json_column,
    matches,
    partial_index,
    statement,
    tenant_table,
    text_column,
    update_columns,
)

entry = tenant_table(
    "entry",
    text_column("kind", key=True),
    text_column("entity_id", key=True),
    integer_column("seq", key=True),
    text_column("valid_from"),
    json_column("patch"),
    text_column("cause_kind"),
    text_column("cause_id"),
    text_column("recorded_at"),
    text_column("retracted_at", optional=True),
    sa.Index("entry_by_cause", "tenant", "cause_id"),
)
version = tenant_table(
    "version",
    text_column("entity_id", key=True),
    text_column("kind", key=True),
    integer_column("row", key=True),
    text_column("id"),
    text_column("valid_from"),
    json_column("body"),
    text_column("recorded_at"),
    text_column("superseded_at", optional=True),
    partial_index("version_current", "tenant", "entity_id", "kind", "valid_from", where="superseded_at IS NULL"),
)

_is_current = version.c.superseded_at.is_(None)
_INSERT_ENTRY = insert_into(entry)
_INSERT_VERSION = insert_into(version)
_SELECT_CURRENT = statement(
    sa.select(version)
    .where(in_tenant(version), in_list(version.c.entity_id, "entity_ids"), _is_current)
    .order_by(version.c.entity_id, version.c.kind, version.c.valid_from)
)
_SELECT_KNOWN_AT = statement(
    sa.select(version)
    .where(
        *matches(version, "entity_id", "kind"),
        version.c.recorded_at <= bind("known_at"),
        sa.or_(_is_current, version.c.superseded_at > bind("known_at")),
    )
    .order_by(version.c.valid_from)
)
_SUPERSEDE = statement(
    sa.update(version)
    .where(*matches(version, "entity_id", "kind", "valid_from"), _is_current)
    .values(superseded_at=bind("superseded_at"))
)
_SELECT_ENTRIES = statement(
    sa.select(entry).where(*matches(entry, "kind", "entity_id"), entry.c.retracted_at.is_(None)).order_by(entry.c.seq)
)
_SELECT_BY_CAUSE = statement(
    sa.select(entry.c.kind, entry.c.entity_id)
    .where(in_tenant(entry), entry.c.cause_id == bind("cause_id"), entry.c.cause_kind == bind("cause_kind"))
    .where(entry.c.retracted_at.is_(None))
)
_RETRACT = statement(
    sa.update(entry)
    .where(
        *matches(entry, "kind", "entity_id"),
        entry.c.cause_id == bind("cause_id"),
        entry.c.cause_kind == bind("cause_kind"),
    )
    .values(retracted_at=bind("retracted_at"))
)
_RETRACT_ENTRY = update_columns(entry, "retracted_at", by=("kind", "entity_id", "seq"))


def timeline(tx: Tx, kind: str, entity_id: str) -> Timeline:
    """Return the current timeline of an entity; empty when there is no such entity."""
    if entity_id not in tx.timelines:
        _read_timelines(tx, [entity_id])
    found: Timeline = tx.timelines[entity_id].get(kind, ())
    return found


def timeline_known_at(tx: Tx, kind: str, entity_id: str, known_at: str) -> Timeline:
    """Return the timeline of an entity as known at a timestamp; empty when there was no such entity."""
    return _timeline_from_rows(tx.fetch_all(_SELECT_KNOWN_AT, kind=kind, entity_id=entity_id, known_at=known_at))


def timelines(tx: Tx, entity_ids: Iterable[str]) -> Mapping[tuple[str, str], Timeline]:
    """Return the current timelines of many entities by (kind, id); missing entities are absent.

    Those that the transaction has not read yet are read in one query.
    """
    ids = sorted(set(entity_ids))
    if unread_ids := [id for id in ids if id not in tx.timelines]:
        _read_timelines(tx, unread_ids)
    return {(kind, id): timeline for id in ids for kind, timeline in tx.timelines[id].items()}


def forget_timelines(tx: Tx) -> None:
    """Read timelines again from now on: other commands may have changed them before a lock was obtained."""
    tx.timelines.clear()


def append(tx: Tx, kind: str, entity_id: str, valid_from: IsoDate, patch: Mapping[str, Any], cause: Cause) -> Timeline:
    """Append an entry: `patch` applies to the entity from `valid_from`. Return the timeline that results."""
    before = timeline(tx, kind, entity_id)
    entry = Entry(tx.new_id(), valid_from, patch, cause)
    _insert_entry(tx, kind, entity_id, entry)
    after = apply(before, entry)
    _store_difference(tx, kind, entity_id, before, after)
    return after


def list_entities_of_cause(tx: Tx, cause: Cause) -> Sequence[tuple[str, str]]:
    """Return the (kind, entity_id) of every entity with an entry of `cause` that is not retracted, sorted."""
    rows = tx.fetch_all(_SELECT_BY_CAUSE, cause_kind=cause[0], cause_id=cause[1])
    return sorted({(row["kind"], row["entity_id"]) for row in rows})  # with ORDER BY SQLite would read every entry


def timeline_without(tx: Tx, kind: str, entity_id: str, cause: Cause) -> Timeline:
    """Return the timeline as if `cause` had no entries about the entity; nothing is changed."""
    return build_without(list_entries(tx, kind, entity_id), cause)


def list_entries(tx: Tx, kind: str, entity_id: str) -> Sequence[Entry]:
    """Return the entries about an entity that are not retracted, in the order they were recorded."""
    return [
        Entry(str(row["seq"]), row["valid_from"], row["patch"], (row["cause_kind"], row["cause_id"]))
        for row in tx.fetch_all(_SELECT_ENTRIES, kind=kind, entity_id=entity_id)
    ]


def retract(tx: Tx, kind: str, entity_id: str, cause: Cause) -> tuple[Timeline, Timeline]:
    """Retract every entry of `cause` about an entity, and return the timeline before and after.

    Values that later versions had only inherited from these entries disappear from them, in whatever order the
    entries were recorded.
    """
    before, after = timeline(tx, kind, entity_id), timeline_without(tx, kind, entity_id, cause)
    tx.execute(
        _RETRACT, kind=kind, entity_id=entity_id, cause_kind=cause[0], cause_id=cause[1], retracted_at=tx.recorded_at
    )
    _store_difference(tx, kind, entity_id, before, after)
    return before, after


def retract_entry(tx: Tx, kind: str, entry: Entry, entity_id: str) -> None:
    """Retract one entry about an entity."""
    before = timeline(tx, kind, entity_id)
    tx.execute(_RETRACT_ENTRY, kind=kind, entity_id=entity_id, seq=int(entry.id), retracted_at=tx.recorded_at)
    _store_difference(tx, kind, entity_id, before, build(list_entries(tx, kind, entity_id)))


def reassign_entry(tx: Tx, kind: str, entry: Entry, entity_id: str, target_id: str) -> None:
    """Move an entry from one entity to another, keeping its id and so its place in the order of entries."""
    retract_entry(tx, kind, entry, entity_id)
    before = timeline(tx, kind, target_id)
    _insert_entry(tx, kind, target_id, entry)
    _store_difference(tx, kind, target_id, before, build(list_entries(tx, kind, target_id)))


def _insert_entry(tx: Tx, kind: str, entity_id: str, entry: Entry) -> None:
    tx.execute(
        _INSERT_ENTRY,
        kind=kind,
        entity_id=entity_id,
        seq=int(entry.id),
        valid_from=entry.valid_from,
        patch=entry.patch,
        cause_kind=entry.cause[0],
        cause_id=entry.cause[1],
        recorded_at=tx.recorded_at,
        retracted_at=None,
    )


def _read_timelines(tx: Tx, entity_ids: Sequence[str]) -> None:
    """Read the current timelines of entities, of every kind, into `tx.timelines`."""
    tx.timelines.update((id, {}) for id in entity_ids)
    rows = tx.fetch_all(_SELECT_CURRENT, entity_ids=entity_ids)
    for (id, kind), versions in groupby(rows, key=itemgetter("entity_id", "kind")):
        tx.timelines[id][kind] = _timeline_from_rows(list(versions))


def _timeline_from_rows(rows: Sequence[Row]) -> list[Version]:
    ends = [*(row["valid_from"] for row in rows[1:]), FOREVER]
    return [
        Version(row["id"], row["valid_from"], end, row["body"])
        for row, end in zip(rows, ends, strict=False)  # without rows, one end is left over
    ]


def _store_difference(tx: Tx, kind: str, entity_id: str, before: Timeline, after: Timeline) -> None:
    """Supersede the versions that have changed or are gone, and insert those that are new or have changed.

    A version ends where the next one starts, so a version that only ends earlier needs no new row. `after` is what the
    transaction reads from now on.
    """
    old_by_day = {v.valid_from: v for v in before}
    new_by_day = {v.valid_from: v for v in after}
    superseded = [v for v in before if not _is_same_version(v, new_by_day.get(v.valid_from))]
    added = [v for v in after if not _is_same_version(v, old_by_day.get(v.valid_from))]
    tx.execute_many(
        _SUPERSEDE,
        [
            {"kind": kind, "entity_id": entity_id, "valid_from": v.valid_from, "superseded_at": tx.recorded_at}
            for v in superseded
        ],
    )
    tx.execute_many(
        _INSERT_VERSION,
        [
            {
                "kind": kind,
                "entity_id": entity_id,
                "row": int(tx.new_id()),
                "id": v.id,
                "valid_from": v.valid_from,
                "body": v.body,
                "recorded_at": tx.recorded_at,
                "superseded_at": None,
            }
            for v in added
        ],
    )
    if after:
        tx.timelines[entity_id][kind] = after
    else:
        tx.timelines[entity_id].pop(kind, None)


def _is_same_version(a: Version, b: Version | None) -> bool:
    return b is not None and a.id == b.id and a.body == b.body


def to_record(timeline: Timeline, as_of: IsoDate) -> dict[str, Any] | None:
    """Return the JSON form of a timeline: the version as of a day and all versions; None for an empty timeline."""
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
        "valid_to": min(version.valid_to, LAST_DAY),
        "body": dict(version.body),
    }
