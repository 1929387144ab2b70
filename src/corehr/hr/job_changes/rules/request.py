"""The request to create a job change."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from corehr.hr.job_changes.rules.custom_values import CustomValue
from corehr.kernel.clock import IsoDate


@dataclass(frozen=True)
class CreateJobChange:
    """A request to create a job change. `targets` and `originals` have our own field names as keys; ids are CoreHR ids.

    Values that the rules check are as received: `employment_id`, `transfer_type`, `targets["weekly_working_hours"]`
    and `targets["cost_center_rates"]` may be of any JSON type. `custom_values` are the custom fields as received.
    """

    mode: int
    employment_id: Any
    transfer_type: Any
    effective_date: IsoDate
    flow_id: str | None
    targets: Mapping[str, Any]
    originals: Mapping[str, Any]
    remark: str | None
    offer_info: str | None
    dotted_manager_clean: bool | None
    probation_exist: bool | None
    app_id: str | None
    transfer_key: str | None
    initiator_id: str | None
    custom_values: Sequence[CustomValue] = ()
