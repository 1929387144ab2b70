"""Custom fields of employments in a job change: how their values are read from a request and rendered again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from corehr.engines.custom_fields import FieldDefinition, InvalidValue, Value, decode, encode
from corehr.hr.basic_data import custom_fields
from corehr.hr.employees.employments import records as employments
from corehr.kernel.db import Tx


@dataclass(frozen=True)
class CustomValue:
    """A custom field in a request; `path` is the path of its list element, `definition` is None for an unknown field.

    `value` is the decoded `text`: None when it is empty, the reason when it is invalid.
    """

    path: str
    is_target: bool
    name: str
    text: str
    definition: FieldDefinition | None
    value: Value | InvalidValue | None


def read(tx: Tx, transfer_info: Mapping[str, Any], side: str) -> Sequence[CustomValue]:
    """Return the custom fields of one side (`original` or `target`) of a request, decoded by their definitions."""
    items = (transfer_info.get(f"{side}_employment_change") or {}).get("custom_fields")
    if not items:
        return ()
    definitions = custom_fields.get_definitions(tx, employments.FORM)
    path = f"transfer_info.{side}_employment_change.custom_fields"
    found = []
    for index, item in enumerate(items):
        definition, text = definitions.get(item["custom_api_name"]), _unquote(item["value"])
        value = decode(definition, text) if definition else None
        found.append(
            CustomValue(f"{path}[{index}]", side == "target", item["custom_api_name"], text, definition, value)
        )
    return found


def by_key(values: Sequence[CustomValue]) -> dict[str, Value | None]:
    """Return the values of known fields by the keys of a body; an invalid value is its text, which equals no value."""
    return {
        custom_fields.key_of(v.name): v.text if isinstance(v.value, InvalidValue) else v.value
        for v in values
        if v.definition
    }


def render(tx: Tx, values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the custom fields among stored values as the response shows them, in the order of `values`."""
    keys = [key for key in values if custom_fields.is_key(key)]
    if not keys:
        return []
    fields = custom_fields.get_fields(tx, employments.FORM)
    return [_render(fields[custom_fields.name_of(key)], values[key]) for key in keys]


def _render(field: custom_fields.CustomField, value: Value | None) -> dict[str, Any]:
    return {
        "custom_api_name": field.definition.name,
        "name": {"zh_cn": field.name_zh, "en_us": field.name_en},
        "type": int(field.definition.type),
        "value": _quote_if_needed(encode(value)),
    }


def _unquote(text: str) -> str:
    """Return the text within a JSON string; any other text is returned as it is."""
    if not text.startswith('"'):
        return text
    try:
        return msgspec.json.decode(text, type=str)
    except (msgspec.DecodeError, UnicodeError):
        return text


def _quote_if_needed(text: str) -> str:
    """Return the text, as a JSON string if `_unquote` would not return it as it is."""
    return text if _unquote(text) == text else msgspec.json.encode(text).decode()
