"""Transfer types, as records: what a job change may be called, and the approval flow it goes through."""

from dataclasses import dataclass

from corehr.kernel.db import Tx
from corehr.kernel.statements import add, find, number, table, text

transfer_type = table(
    "transfer_type",
    text("id", key=True),
    text("name_zh"),
    text("name_en"),
    text("flow_id", optional=True),
    number("active"),
    number("system_only"),
)

_ADD = add(transfer_type)
_FIND = find(transfer_type, "id")


@dataclass(frozen=True, slots=True)
class TransferType:
    """`id` is the unique identifier; `system_only` types (reorganisation, handover, conversion) cannot be asked for."""

    tenant: str
    id: str
    name_zh: str
    name_en: str
    flow_id: str | None
    active: int
    system_only: int


def add_transfer_type(tx: Tx, it: TransferType) -> None:
    tx.run(_ADD, **{name: getattr(it, name) for name in TransferType.__slots__ if name != "tenant"})


def get(tx: Tx, id: str) -> TransferType | None:
    row = tx.one(_FIND, id=id)
    return TransferType(**row) if row else None
