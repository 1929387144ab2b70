"""Validates values against their fields one by one and collects every violation."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from corehr.kernel.errors import INVALID_FIELD, INVALID_TYPE
from corehr.spec.fields import Field

MAX_DEPTH = 100
INT64_RANGE = (-(2**63), 2**63 - 1)
_CENTURY = "(?:19|[2-9][0-9])"
_LEAP_YEAR = "(?:0[48]|[2468][048]|[13579][26])"
DATE_PATTERN = re.compile(
    rf"\A(?:{_CENTURY}[0-9]{{2}}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
    rf"|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))"
    rf"|(?:{_CENTURY}{_LEAP_YEAR}|(?:[2468][048]|[3579][26])00)-02-29)\Z"
)
"""A calendar date from 1900-01-01 to 9999-12-31."""

_INT_PATTERN = re.compile(r"-?[0-9]{1,19}\Z")
_NUMBER_PATTERN = re.compile(r"-?[0-9]{1,300}(?:\.[0-9]{1,300})?\Z")
_BOOLEANS = {"true": True, "false": False}
_MAX_VIOLATIONS = 100
_MAX_QUOTE_CHARS = 200
_MAX_ENUM_VALUES_SHOWN = 20


class ValidationError(Exception):
    """A request that does not match the schema of its operation; the response has HTTP status 400.

    `code` is 9499 (a wrong JSON type, or no JSON) or 99992402; `field_violations` (for 99992402, the first hundred) are
    `{"field": dotted path, "description": …}`, with "value" when one was sent.
    """

    def __init__(self, code: int, msg: str, field_violations: Sequence[Mapping[str, str]] = ()) -> None:
        super().__init__(msg)
        self.code = code
        self.msg = msg
        self.field_violations = tuple(field_violations)


class Validator:
    """Validates one request; collects `violations`, and raises ValidationError at once for a wrong JSON type."""

    def __init__(self) -> None:
        self.violations: list[dict[str, str]] = []

    def raise_if_invalid(self) -> None:
        """Raise ValidationError 99992402 when there are violations."""
        if self.violations:
            raise ValidationError(INVALID_FIELD, "field validation failed", self.violations)

    def report_missing(self, path: str) -> None:
        self._append_violation({"field": path, "description": f"{path} is required"})

    def report_violation(self, path: str, value: object, description: str) -> None:
        self._append_violation({"field": path, "value": abbreviate(value), "description": description})

    def _append_violation(self, violation: dict[str, str]) -> None:
        if len(self.violations) < _MAX_VIOLATIONS:
            self.violations.append(violation)

    def validate_object(self, fields: Sequence[Field], values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
        """Return the known members of a JSON object; null means absent. `prefix` is the object's path with its dot."""
        validated: dict[str, Any] = {}
        for field in fields:
            value = values.get(field.name)
            if value is not None:
                path = prefix + field.name
                validated[field.name] = (
                    strip_nulls(value) if field.rulebook_owned else self.validate_value(field, value, path)
                )
            elif is_required(field):
                self.report_missing(prefix + field.name)
        return validated

    def validate_value(self, field: Field, value: Any, path: str) -> Any:
        """Return a JSON value converted to the field's type; raise ValidationError 9499 for another JSON type."""
        match field.type, value:
            case "list", list():
                self.validate_length(field, value, path)
                assert field.item is not None
                return [
                    self.validate_value(field.item, element, f"{path}[{index}]") for index, element in enumerate(value)
                ]
            case "object", dict():
                return self.validate_object(field.fields, value, f"{path}.") if field.fields else strip_nulls(value)
            case "boolean", bool():
                return value
            case (("string" | "int" | "number"), (str() | int() | float())) if not isinstance(value, bool):
                return self._validate_scalar(field, value, path)
        raise type_error(path, value)

    def _validate_scalar(self, field: Field, value: str | float, path: str) -> str | float:
        match field.type, value:
            case "string", str():
                self._validate_string(field, value, path)
                return value
            case "string", int() if field.range is not None:
                # Half of the clients send a page size declared as a string as a number.
                return self._validate_scalar(field, str(value), path)
            case "int", int() if INT64_RANGE[0] <= value <= INT64_RANGE[1]:
                self._validate_number(field, value, path)
                return value
            case "number", (int() | float()):
                try:
                    number = float(value)
                except OverflowError:
                    raise type_error(path, value) from None
                self._validate_number(field, number, path)
                return number
        raise type_error(path, value)

    def parse_text(self, field: Field, text: str, path: str, *, loose: bool) -> Any:
        """Return the value of a text from the path or the query; if `loose`, text of a wrong type is returned as is."""
        value: Any = None
        if field.type == "int":
            value = int(text) if _INT_PATTERN.match(text) and INT64_RANGE[0] <= int(text) <= INT64_RANGE[1] else None
        elif field.type == "number":
            value = float(text) if _NUMBER_PATTERN.match(text) else None
        elif field.type == "boolean":
            value = _BOOLEANS.get(text.lower())
        else:
            value = text
        if loose:
            return text if value is None else value
        if value is None:
            self.report_violation(path, text, f"the value must be of type {field.type}")
        elif field.type == "string":
            self._validate_string(field, text, path)
        elif field.type != "boolean":
            self._validate_number(field, value, path)
        return value

    def validate_length(self, field: Field, value: Sequence[Any], path: str) -> None:
        if field.length is not None:
            low, high = field.length
            if len(value) < low:
                self.report_violation(path, value, f"the min len is {low}")
            elif high is not None and len(value) > high:
                self.report_violation(path, value, f"the max len is {high}")

    def _validate_string(self, field: Field, value: str, path: str) -> None:
        if not self._validate_enum(field, value, path):
            return
        self.validate_length(field, value, path)
        if field.format is not None and not DATE_PATTERN.search(value):
            self.report_violation(path, value, "the value must be a date like 2006-01-02")
        if field.pattern is not None and not re.search(python_pattern(field.pattern), value):
            self.report_violation(path, value, f"the value must match {field.pattern}")
        if field.range is not None:
            if _INT_PATTERN.match(value):
                self._validate_number(field, int(value), path)
            else:
                self.report_violation(path, value, "the value must be an integer")

    def _validate_number(self, field: Field, value: float, path: str) -> None:
        if self._validate_enum(field, value, path) and field.range is not None:
            low, high = field.range
            if low is not None and value < low:
                self.report_violation(path, value, f"the min value is {low}")
            if high is not None and value > high:
                self.report_violation(path, value, f"the max value is {high}")

    def _validate_enum(self, field: Field, value: str | float, path: str) -> bool:
        if not has_closed_enum(field) or value in field.enum:
            return True
        shown = [str(choice) for choice in field.enum[:_MAX_ENUM_VALUES_SHOWN]] + ["…"] * (
            len(field.enum) > _MAX_ENUM_VALUES_SHOWN
        )
        self.report_violation(path, value, f"the value must be one of {', '.join(shown)}")
        return False


def python_pattern(pattern: str) -> str:
    """Return a pattern of the spec in Python's syntax, where a final `$` would also match before a last newline."""
    return rf"{pattern[:-1]}\Z" if pattern.endswith("$") and not pattern.endswith(r"\$") else pattern


def is_required(field: Field) -> bool:
    """Return whether validation refuses a request without the field."""
    return field.required and field.default is None and not field.rulebook_owned


def has_closed_enum(field: Field) -> bool:
    """Return whether only the values of the field's enum are accepted."""
    return bool(field.enum) and not field.open_enum


def strip_nulls(value: Any, levels: int = MAX_DEPTH) -> Any:
    """Return the JSON value without null members of objects; raise ValidationError beyond `levels` of nesting."""
    if levels < 0:
        raise depth_error()
    if isinstance(value, dict):
        return {name: strip_nulls(member, levels - 1) for name, member in value.items() if member is not None}
    if isinstance(value, list):
        return [strip_nulls(element, levels - 1) for element in value]
    return value


def depth_error() -> ValidationError:
    """Return the error for JSON nested deeper than MAX_DEPTH."""
    violation = {"field": "body", "description": f"the max depth is {MAX_DEPTH}"}
    return ValidationError(INVALID_FIELD, "field validation failed", [violation])


def type_error(path: str, value: object) -> ValidationError:
    """Return the error for a JSON value whose type is not the field's."""
    quotation = abbreviate(value, as_json=True)
    return ValidationError(
        INVALID_TYPE,
        f"Invalid parameter type in json: {path}. Invalid parameter value: {quotation}. "
        "Please check and modify accordingly.",
    )


def abbreviate(value: object, *, as_json: bool = False) -> str:
    """Return the value as text of at most _MAX_QUOTE_CHARS characters; a string is not encoded unless `as_json`."""
    text = value if isinstance(value, str) and not as_json else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _MAX_QUOTE_CHARS else f"{text[:_MAX_QUOTE_CHARS]}…"
