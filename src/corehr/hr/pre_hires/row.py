"""The row of a pre-hire."""

from collections.abc import Mapping
from typing import Any

from corehr.kernel.clock import IsoDate
from corehr.kernel.db import Record


class PreHire(Record, frozen=True):
    """A pre-hire with its onboarding flow, field by field as its table holds it; `offer` are other agreed fields.

    `onboarding_status` is a value of `records.Status`, `flow_status` one of `records.FlowStatus`.
    """

    tenant: str
    id: str
    name: str
    onboarding_status: str
    onboarding_date: IsoDate | None
    department_id: str | None
    offer: Mapping[str, Any]
    flow_id: str
    flow_instance_id: str
    flow_status: str
    withdrawn_reason: str | None
    withdrawn_by: str | None
    withdrawn_at: str | None
    created_at: str
    updated_at: str
