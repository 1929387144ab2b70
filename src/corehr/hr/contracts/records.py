"""Contracts, as records: each is a dated thing of its own, and belongs to one employment."""

from collections.abc import Iterable, Mapping, Sequence
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
ENDED: Final = "actual_end_date"
"""When a contract really ended, whatever was agreed; a field of its body beside FIELDS."""

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

_LASTING: Final = FIELDS - {"contract_start_date", "contract_end_date"}

contract = tenant_table(
    "contract",
    text_column("id", key=True),
    text_column("employment_id"),
    sa.Index("contract_by_employment", "tenant", "employment_id", "id"),
)


@dataclass(frozen=True, slots=True)
class Contract:
    """A contract as it looks on a day, and its whole life."""

    id: str
    body: Mapping[str, Any]
    life: Timeline


_ADD = insert_into(contract)
_FIND = select_by(contract, "id")
_OF = statement(sa.select(contract.c.id).where(*matches(contract, "employment_id")).order_by(contract.c.id))


def sign(tx: Tx, employment_id: str, day: IsoDate, body: Mapping[str, Any], cause: Cause) -> str:
    """A new contract, with the fields of FIELDS; its id."""
    id = tx.new_id()
    tx.execute(_ADD, id=id, employment_id=employment_id)
    versions.append(tx, KIND, id, day, body, cause)
    tx.emit(events.created(id))
    return id


def amend(tx: Tx, id: str, before: Timeline, day: IsoDate, patch: Mapping[str, Any], cause: Cause) -> None:
    """From a day on the contract also says `patch`."""
    versions.append_to_timeline(tx, KIND, id, before, day, patch, cause)
    tx.emit(events.updated(id))


def close(tx: Tx, it: Contract, last_day: IsoDate, cause: Cause) -> None:
    """The contract really ended on a day, whatever was agreed: it says so from the day after."""
    amend(tx, it.id, it.life, next_day(last_day), {ENDED: last_day}, cause)


def take_back(tx: Tx, id: str, cause: Cause) -> None:
    """What `cause` said of the contract is withdrawn.

    Where that was its signing the contract is gone, and what others said of it falls to the contract that would have
    been in force on their day without it.
    """
    signed_by = versions.list_entries(tx, KIND, id)[0].cause
    versions.retract(tx, KIND, id, cause)
    if signed_by != cause:
        tx.emit(events.updated(id))
        return
    for said in versions.list_entries(tx, KIND, id):
        _find_home(tx, id, said)
    tx.emit(events.deleted(id))


def agree(
    tx: Tx,
    employment_id: str,
    lives: Mapping[tuple[str, str], Timeline],
    ids: Sequence[str],
    day: IsoDate,
    patch: Mapping[str, Any],
    cause: Cause,
) -> None:
    """From a day on `patch` holds of the person's contract: a later start is a new one, which leaves open what the
    one before said; anything else is said of the one in force."""
    home = in_force(lives, ids, day)
    if home is None or _renews(home, patch):
        sign(tx, employment_id, day, {"contract_start_date": day, **patch}, cause)
    else:
        amend(tx, home.id, home.life, day, patch, cause)


def _renews(home: Contract, patch: Mapping[str, Any]) -> bool:
    start = patch.get("contract_start_date")
    return bool(start) and str(start) > _start(home.body)


def _find_home(tx: Tx, id: str, said: Entry) -> None:
    """Say elsewhere what was said of a contract that is gone: where `agree` would have said it without that one."""
    row = tx.fetch_one(_FIND, id=id)
    assert row is not None
    others = [other for other in ids_of(tx, row["employment_id"]) if other != id]
    home = in_force(versions.timelines(tx, others), others, said.valid_from)
    closes = ENDED in said.patch
    if closes and (home is None or home.body.get(ENDED)):
        versions.retract_entry(tx, KIND, said, id)
        return
    if home is not None and not _renews(home, said.patch):
        versions.reassign_entry(tx, KIND, said, id, home.id)
        tx.emit(events.updated(home.id))
        return
    new = tx.new_id()
    tx.execute(_ADD, id=new, employment_id=row["employment_id"])
    signing = replace(said, patch={"contract_start_date": said.valid_from, **said.patch})
    versions.reassign_entry(tx, KIND, signing, id, new)
    tx.emit(events.created(new))


def ids_of(tx: Tx, employment_id: str) -> Sequence[str]:
    """Every contract the employment ever had, oldest first."""
    return [row["id"] for row in tx.fetch_all(_OF, employment_id=employment_id)]


def in_force(lives: Mapping[tuple[str, str], Timeline], ids: Iterable[str], day: IsoDate) -> Contract | None:
    """Of these contracts, the one in force on a day: of those begun by then, the one begun last.

    What it leaves open is as in those before it, but for how long they ran.
    """
    begun = []
    for id in ids:
        life = lives.get((KIND, id), ())
        version = version_as_of(life, day)
        if version and _start(version.body) <= day:
            begun.append(Contract(id, version.body, life))
    begun.sort(key=lambda c: _start(c.body))
    if not begun:
        return None
    body = {f: v for earlier in begun[:-1] for f, v in earlier.body.items() if f in _LASTING}
    return replace(begun[-1], body={**body, **begun[-1].body})


def _start(body: Mapping[str, Any]) -> IsoDate:
    return body.get("contract_start_date") or ""
