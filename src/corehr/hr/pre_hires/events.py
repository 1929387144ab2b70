"""The events of pre-hires, built from their rows."""

from collections.abc import Sequence

from corehr.hr.pre_hires.row import PreHire
from corehr.kernel.db import Row
from corehr.kernel.event_log import Event


def updated(pre_hire: PreHire, fields: Sequence[str]) -> Event:
    return Event("corehr.pre_hire.updated_v1", pre_hire.id, {"pre_hire_id": pre_hire.id, "field_changes": list(fields)})


def onboarding_flow_changed(pre_hire: PreHire, flow: Row, tasks: Sequence[Row]) -> Event:
    """Return the event of an onboarding flow that reached `flow_status`; `tasks` are those that changed with it."""
    return Event(
        "corehr.pre_hire.onboarding_task_changed_v2",
        pre_hire.id,
        {
            "tenant_id": pre_hire.tenant,
            "pre_hire_id": pre_hire.id,
            "onboarding_task_changes": [{"after_status": t["status"], "task_code": t["code"]} for t in tasks],
            "onboarding_flow_change": {"after_status": pre_hire.flow_status},
            "onboarding_flow_id": pre_hire.flow_instance_id,
            "flow_info": {"id": flow["id"], "name": {"zh_cn": flow["name_zh"], "en_us": flow["name_en"]}},
        },
    )
