"""The row of a job change."""

from collections.abc import Mapping
from typing import Any

from corehr.kernel.clock import IsoDate
from corehr.kernel.db import Record


class JobChange(Record, frozen=True):
    """A job change, field by field as its table holds it; `targets` and `originals` have our own field names as keys.

    `status` is a value of `records.Status`. The effective date begins in the time zone `zone`.
    """

    tenant: str
    id: str
    employment_id: str
    status: str
    mode: int
    transfer_type: str
    transfer_reason: str | None
    flow_id: str | None
    process_id: str | None
    effective_date: IsoDate
    zone: str
    app_id: str | None
    transfer_key: str | None
    transfer_key_hash: str | None
    initiator_id: str | None
    remark: str | None
    offer_info: str | None
    dotted_manager_clean: int | None
    probation_exist: int | None
    targets: Mapping[str, Any]
    originals: Mapping[str, Any]
    target_department_id: str | None
    created_at: str
    updated_at: str
    revoked_by: str | None
    revoked_at: str | None
