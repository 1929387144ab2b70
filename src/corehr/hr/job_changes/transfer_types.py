"""Records of transfer types: the kinds of job change, each with its names and its approval flow."""

from dataclasses import dataclass

from corehr.kernel.db import Tx
from corehr.kernel.statements import insert_into, integer_column, select_by, tenant_table, text_column

transfer_type = tenant_table(
    "transfer_type",
    text_column("id", key=True),
    text_column("name_zh"),
    text_column("name_en"),
    text_column("flow_id", optional=True),
    integer_column("active"),
    integer_column("system_only"),
)

_INSERT = insert_into(transfer_type)
_SELECT = select_by(transfer_type, "id")


@dataclass(frozen=True, slots=True)
class TransferType:
    """A transfer type. `id` is the unique identifier; requests for `system_only` types are refused (reorganisation,
    handover, conversion).
    """

    tenant: str
    id: str
    name_zh: str
    name_en: str
    flow_id: str | None
    active: int
    system_only: int


def create(tx: Tx, transfer_type: TransferType) -> None:
    tx.execute(_INSERT, **{name: getattr(transfer_type, name) for name in TransferType.__slots__ if name != "tenant"})


def get(tx: Tx, id: str) -> TransferType | None:
    row = tx.fetch_one(_SELECT, id=id)
    return TransferType(**row) if row else None
