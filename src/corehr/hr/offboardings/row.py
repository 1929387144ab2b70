"""The row of an offboarding."""

from collections.abc import Mapping

from corehr.engines.custom_fields import Value
from corehr.kernel.clock import IsoDate
from corehr.kernel.db import Record


class Offboarding(Record, frozen=True):
    """An offboarding, field by field as its table holds it; `info` and `proposal` are values by form field.

    `info` has the fields that are not empty; a None in `proposal` empties a field.
    `status` is a value of `records.Status`, `checklist_status` one of `records.Checklist`.
    """

    tenant: str
    id: str
    employment_id: str
    status: str
    type: str
    offboarding_date: IsoDate
    previous_end_date: IsoDate | None
    info: Mapping[str, Value]
    proposal: Mapping[str, Value | None] | None
    process_id: str | None
    checklist_status: str
    checklist_process_id: str | None
    created_at: str
    updated_at: str
    updated_by: str | None
    revoked_at: str | None
    revoked_by: str | None
