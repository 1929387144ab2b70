"""What is said when a probation changes."""

from typing import Any

from corehr.kernel.event_log import Event


def updated(employment_id: str, facts: dict[str, Any]) -> Event:
    return Event("corehr.probation.updated_v2", employment_id, {"employment_id": employment_id, **facts})
