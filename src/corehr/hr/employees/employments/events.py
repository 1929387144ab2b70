"""Event bodies of employments."""

from collections.abc import Sequence

from corehr.kernel.event_log import Event


def created(employment_id: str) -> Event:
    return Event("corehr.employment.created_v1", employment_id, {"employment_id": employment_id})


def resigned(employment_id: str) -> Event:
    return Event("corehr.employment.resigned_v1", employment_id, {"employment_id": employment_id})


def updated(employment_id: str, fields: Sequence[str]) -> Event:
    return Event(
        "corehr.employment.updated_v1",
        employment_id,
        {"employment_id": employment_id, "field_changes": list(fields)},
    )
