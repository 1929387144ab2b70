"""Event bodies of employments."""

from collections.abc import Sequence

from corehr.hr.basic_data import custom_fields
from corehr.kernel.event_log import Event


def created(employment_id: str) -> Event:
    return Event("corehr.employment.created_v1", employment_id, {"employment_id": employment_id})


def resigned(employment_id: str) -> Event:
    return Event("corehr.employment.resigned_v1", employment_id, {"employment_id": employment_id})


def updated(employment_id: str, fields: Sequence[str]) -> Event:
    """Return the event of changed fields; a custom field is listed by its name alone."""
    return Event(
        "corehr.employment.updated_v1",
        employment_id,
        {"employment_id": employment_id, "field_changes": [custom_fields.name_of(field) for field in fields]},
    )
