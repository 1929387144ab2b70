"""Records of contracts: each is an effective-dated entity of its own and belongs to one employment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import sqlalchemy as sa

from corehr.engines import versions
from corehr.engines.timeline import Cause, Entry, Timeline, version_as_of
from corehr.hr.contracts import events
from corehr.kernel.clock import IsoDate, next_day
from corehr.kernel.db import Tx
from corehr.kernel.statements import insert_into, matches, select_by, statement, tenant_table, text_column

KIND: Final = "contract"
ACTUAL_END_DATE: Final = "actual_end_date"
"""The day on which a contract actually ended, whatever end was agreed; a field of its body beside FIELDS."""

FIELDS: Final = frozenset(
    {
        "company_id",
        "contract_number",
        "contract_type",
        "duration_type",
        "signing_type",
        "contract_start_date",
        "contract_end_date",
    }
)

_CARRIED_OVER_FIELDS: Final = FIELDS - {"contract_start_date", "contract_end_date"}

contract = tenant_table(
    "contract",
    text_column("id", key=True),
    text_column("employment_id"),
    sa.Index("contract_by_employment", "tenant", "employment_id", "id"),
)


@dataclass(frozen=True, slots=True)
class Contract:
    """A contract with its body as of a day."""

    id: str
    body: Mapping[str, Any]


_INSERT = insert_into(contract)
_SELECT = select_by(contract, "id")
_SELECT_IDS_BY_EMPLOYMENT = statement(
    sa.select(contract.c.id).where(*matches(contract, "employment_id")).order_by(contract.c.id)
)


def sign(tx: Tx, employment_id: str, day: IsoDate, body: Mapping[str, Any], cause: Cause) -> str:
    """Insert a contract with the fields of FIELDS, valid from `day`; return its id."""
    id = tx.new_id()
    tx.execute(_INSERT, id=id, employment_id=employment_id)
    versions.append(tx, KIND, id, day, body, cause)
    tx.emit(events.created(id))
    return id


def amend(tx: Tx, id: str, day: IsoDate, patch: Mapping[str, Any], cause: Cause) -> None:
    """Apply `patch` to the contract from `day` on."""
    versions.append(tx, KIND, id, day, patch, cause)
    tx.emit(events.updated(id))


def close(tx: Tx, contract: Contract, last_day: IsoDate, cause: Cause) -> None:
    """Set the actual end date to `last_day`, whatever end was agreed; the field is valid from the day after."""
    amend(tx, contract.id, next_day(last_day), {ACTUAL_END_DATE: last_day}, cause)


def retract(tx: Tx, id: str, cause: Cause) -> None:
    """Retract every entry of `cause` on the contract.

    If `cause` signed the contract, the contract is deleted, and each entry of another cause moves to the contract
    that would have been in force on its day without this one.
    """
    signing_cause = versions.list_entries(tx, KIND, id)[0].cause
    versions.retract(tx, KIND, id, cause)
    if signing_cause != cause:
        tx.emit(events.updated(id))
        return
    tx.emit(events.deleted(id))
    for entry in versions.list_entries(tx, KIND, id):
        _reassign_entry(tx, id, entry)


def apply_terms(tx: Tx, employment_id: str, day: IsoDate, patch: Mapping[str, Any], cause: Cause) -> None:
    """Apply contract terms from `day` on: amend the contract in force, or insert a new one, as `place_terms` says."""
    ids = list_ids(tx, employment_id)
    id, patch = place_terms(versions.timelines(tx, ids), ids, day, patch)
    if id is None:
        sign(tx, employment_id, day, patch, cause)
    else:
        amend(tx, id, day, patch, cause)


def place_terms(
    timelines: Mapping[tuple[str, str], Timeline], ids: Sequence[str], day: IsoDate, patch: Mapping[str, Any]
) -> tuple[str | None, Mapping[str, Any]]:
    """Return the id of the contract that these terms amend from `day` on, and the patch.

    If no contract is in force, or `patch` starts one later than it, the terms are a contract of their own (a renewal):
    the id is None, the patch has a start, and `contract_in_force` carries over what the patch does not set.
    """
    target = find_in_force(timelines, ids, day)
    if target is None or _is_renewal(target, patch):
        return None, {"contract_start_date": day, **patch}
    return target.id, patch


def _is_renewal(target: Contract, patch: Mapping[str, Any]) -> bool:
    start = patch.get("contract_start_date")
    return bool(start) and str(start) > start_date(target.body)


def _reassign_entry(tx: Tx, id: str, entry: Entry) -> None:
    """Move an entry of a deleted contract to where `apply_terms` would have put it without that contract."""
    row = tx.fetch_one(_SELECT, id=id)
    assert row is not None
    others = [other for other in list_ids(tx, row["employment_id"]) if other != id]
    target = contract_in_force(tx, others, entry.valid_from)
    is_closing = ACTUAL_END_DATE in entry.patch
    if is_closing and (target is None or target.body.get(ACTUAL_END_DATE)):
        versions.retract_entry(tx, KIND, entry, id)
        return
    if target is not None and not _is_renewal(target, entry.patch):
        versions.reassign_entry(tx, KIND, entry, id, target.id)
        tx.emit(events.updated(target.id))
        return
    new_id = tx.new_id()
    tx.execute(_INSERT, id=new_id, employment_id=row["employment_id"])
    signing_entry = replace(entry, patch={"contract_start_date": entry.valid_from, **entry.patch})
    versions.reassign_entry(tx, KIND, signing_entry, id, new_id)
    tx.emit(events.created(new_id))


def list_ids(tx: Tx, employment_id: str) -> Sequence[str]:
    """Return the ids of all contracts that the employment ever had, oldest first."""
    return [row["id"] for row in tx.fetch_all(_SELECT_IDS_BY_EMPLOYMENT, employment_id=employment_id)]


def contract_in_force(tx: Tx, ids: Sequence[str], day: IsoDate) -> Contract | None:
    """Return the contract in force on `day`, of those with the given ids."""
    return find_in_force(versions.timelines(tx, ids), ids, day)


def find_in_force(timelines: Mapping[tuple[str, str], Timeline], ids: Sequence[str], day: IsoDate) -> Contract | None:
    """Return the contract in force on `day`: of the given contracts that started by then, the one that started last.

    Fields that it does not set carry over from the contracts before it, except the start and end dates.
    """
    started = []
    for id in ids:
        version = version_as_of(timelines.get((KIND, id), ()), day)
        if version and start_date(version.body) <= day:
            started.append(Contract(id, version.body))
    started.sort(key=lambda c: start_date(c.body))
    if not started:
        return None
    body = {f: v for earlier in started[:-1] for f, v in earlier.body.items() if f in _CARRIED_OVER_FIELDS}
    return replace(started[-1], body={**body, **started[-1].body})


def start_date(body: Mapping[str, Any]) -> IsoDate:
    return body.get("contract_start_date") or ""


EVENTS_BY_PRIMITIVE: Final[Mapping[str, Sequence[str]]] = {
    "apply_terms": ("corehr.contract.created_v1", "corehr.contract.updated_v1"),
    "amend": ("corehr.contract.updated_v1",),
    "close": ("corehr.contract.updated_v1",),
    "sign": ("corehr.contract.created_v1",),
    "retract": ("corehr.contract.created_v1", "corehr.contract.deleted_v1", "corehr.contract.updated_v1"),
}
"""The events that each function above emits when it changes rows; the other functions emit none."""
