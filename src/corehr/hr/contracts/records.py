"""Contracts, as records: each is a dated thing of its own, and belongs to one employment."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from corehr.engines import versions
from corehr.engines.timeline import Cause, Timeline, at
from corehr.hr.contracts import events
from corehr.kernel.clock import Day, day_after
from corehr.kernel.db import Tx
from corehr.kernel.statements import add, having, statement, table, text

KIND: Final = "contract"
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

contract = table(
    "contract",
    text("id", key=True),
    text("employment_id"),
    sa.Index("contract_by_employment", "tenant", "employment_id", "id"),
)


@dataclass(frozen=True, slots=True)
class Contract:
    """A contract as it looks on a day, and its whole life."""

    id: str
    body: Mapping[str, Any]
    life: Timeline


_ADD = add(contract)
_OF = statement(sa.select(contract.c.id).where(*having(contract, "employment_id")).order_by(contract.c.id))


def sign(tx: Tx, employment_id: str, day: Day, body: Mapping[str, Any], cause: Cause) -> str:
    """A new contract, with the fields of FIELDS; its id."""
    id = tx.new_id()
    tx.run(_ADD, id=id, employment_id=employment_id)
    versions.write(tx, KIND, id, day, body, cause)
    tx.emit(events.created(id))
    return id


def amend(tx: Tx, id: str, before: Timeline, day: Day, patch: Mapping[str, Any], cause: Cause) -> None:
    """From a day on the contract also says `patch`."""
    versions.say(tx, KIND, id, before, day, patch, cause)
    tx.emit(events.updated(id))


def close(tx: Tx, it: Contract, last_day: Day, cause: Cause) -> None:
    """The contract really ended on a day, whatever was agreed: it says so from the day after."""
    amend(tx, it.id, it.life, day_after(last_day), {"actual_end_date": last_day}, cause)


def take_back(tx: Tx, id: str, cause: Cause) -> None:
    """What `cause` said of the contract is withdrawn; a contract of which nothing is said any more is gone."""
    _before, after = versions.take_back(tx, KIND, id, cause)
    tx.emit(events.updated(id) if after else events.deleted(id))


def ids_of(tx: Tx, employment_id: str) -> Sequence[str]:
    """Every contract the employment ever had, oldest first."""
    return [row["id"] for row in tx.all(_OF, employment_id=employment_id)]


def in_force(lives: Mapping[tuple[str, str], Timeline], ids: Iterable[str], day: Day) -> Contract | None:
    """Of these contracts, the one in force on a day: of those begun by then, the one begun last."""
    begun = []
    for id in ids:
        life = lives.get((KIND, id), ())
        version = at(life, day)
        if version and (version.body.get("contract_start_date") or "") <= day:
            begun.append(Contract(id, version.body, life))
    return max(begun, key=lambda c: c.body.get("contract_start_date") or "", default=None)
