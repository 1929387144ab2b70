"""Checks values against their fields, one by one, and writes down everything that is wrong with them."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from corehr.gateway.fields import Field

WRONG_TYPE = 9499
ILL_FORMED = 99992402

DEEPEST = 100
INT64 = (-(2**63), 2**63 - 1)
_CENTURY = "(?:19|[2-9][0-9])"
_LEAP = "(?:0[48]|[2468][048]|[13579][26])"
DATE = re.compile(
    rf"\A(?:{_CENTURY}[0-9]{{2}}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
    rf"|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))"
    rf"|(?:{_CENTURY}{_LEAP}|(?:[2468][048]|[3579][26])00)-02-29)\Z"
)
"""A day of the calendar from 1900-01-01 to 9999-12-31."""

_INT_TEXT = re.compile(r"-?[0-9]{1,19}\Z")
_NUMBER_TEXT = re.compile(r"-?[0-9]{1,300}(?:\.[0-9]{1,300})?\Z")
_BOOLEANS = {"true": True, "false": False}
_MOST_VIOLATIONS = 100
_LONGEST_QUOTE = 200
_ENUM_SHOWN = 20


class ShapeError(Exception):
    """A request without the shape its operation asks for; answered with HTTP 400.

    `code` is 9499 (a wrong JSON type, or no JSON) or 99992402; `field_violations` (for 99992402, the first hundred) are
    `{"field": dotted path, "description": …}`, with "value" when there was one.
    """

    def __init__(self, code: int, msg: str, field_violations: Sequence[Mapping[str, str]] = ()) -> None:
        super().__init__(msg)
        self.code = code
        self.msg = msg
        self.field_violations = tuple(field_violations)


class Check:
    """One pass over one request; `violations` grows, a wrong JSON type ends it at once."""

    def __init__(self) -> None:
        self.violations: list[dict[str, str]] = []

    def finish(self) -> None:
        """ShapeError 99992402 when anything was wrong."""
        if self.violations:
            raise ShapeError(ILL_FORMED, "field validation failed", self.violations)

    def missing(self, where: str) -> None:
        self._violation({"field": where, "description": f"{where} is required"})

    def wrong(self, where: str, value: object, description: str) -> None:
        self._violation({"field": where, "value": quote(value), "description": description})

    def _violation(self, violation: dict[str, str]) -> None:
        if len(self.violations) < _MOST_VIOLATIONS:
            self.violations.append(violation)

    def members(self, fields: Sequence[Field], given: Mapping[str, Any], where: str = "") -> dict[str, Any]:
        """The known members of a JSON object; null means absent. `where` is the path of the object, with its dot."""
        taken: dict[str, Any] = {}
        for field in fields:
            value = given.get(field.name)
            if value is not None:
                path = where + field.name
                taken[field.name] = without_nulls(value) if field.business else self.value(field, value, path)
            elif is_demanded(field):
                self.missing(where + field.name)
        return taken

    def value(self, field: Field, value: Any, where: str) -> Any:
        """A JSON value as the field wants it; ShapeError 9499 when its type is another."""
        match field.type, value:
            case "list", list():
                self.length(field, value, where)
                assert field.item is not None
                return [self.value(field.item, one, f"{where}[{at}]") for at, one in enumerate(value)]
            case "object", dict():
                return self.members(field.fields, value, f"{where}.") if field.fields else without_nulls(value)
            case "boolean", bool():
                return value
            case (("string" | "int" | "number"), (str() | int() | float())) if not isinstance(value, bool):
                return self._scalar(field, value, where)
        raise wrong_type(where, value)

    def _scalar(self, field: Field, value: str | float, where: str) -> str | float:
        match field.type, value:
            case "string", str():
                self._string(field, value, where)
                return value
            case "string", int() if field.range is not None:
                # A page size declared as a string comes as a number from half of the clients.
                return self._scalar(field, str(value), where)
            case "int", int() if INT64[0] <= value <= INT64[1]:
                self._number(field, value, where)
                return value
            case "number", (int() | float()):
                try:
                    number = float(value)
                except OverflowError:
                    raise wrong_type(where, value) from None
                self._number(field, number, where)
                return number
        raise wrong_type(where, value)

    def text(self, field: Field, text: str, where: str, *, loose: bool) -> Any:
        """A value that came as text in the path or the query; a loose one that cannot be read stays text."""
        value: Any = None
        if field.type == "int":
            value = int(text) if _INT_TEXT.match(text) and INT64[0] <= int(text) <= INT64[1] else None
        elif field.type == "number":
            value = float(text) if _NUMBER_TEXT.match(text) else None
        elif field.type == "boolean":
            value = _BOOLEANS.get(text.lower())
        else:
            value = text
        if loose:
            return text if value is None else value
        if value is None:
            self.wrong(where, text, f"the value must be of type {field.type}")
        elif field.type == "string":
            self._string(field, text, where)
        elif field.type != "boolean":
            self._number(field, value, where)
        return value

    def length(self, field: Field, value: Sequence[Any], where: str) -> None:
        if field.length is not None:
            low, high = field.length
            if len(value) < low:
                self.wrong(where, value, f"the min len is {low}")
            elif high is not None and len(value) > high:
                self.wrong(where, value, f"the max len is {high}")

    def _string(self, field: Field, value: str, where: str) -> None:
        if not self._one_of(field, value, where):
            return
        self.length(field, value, where)
        if field.format is not None and not DATE.search(value):
            self.wrong(where, value, "the value must be a date like 2006-01-02")
        if field.pattern is not None and not re.search(field.pattern, value):
            self.wrong(where, value, f"the value must match {field.pattern}")
        if field.range is not None:
            if _INT_TEXT.match(value):
                self._number(field, int(value), where)
            else:
                self.wrong(where, value, "the value must be an integer")

    def _number(self, field: Field, value: float, where: str) -> None:
        if self._one_of(field, value, where) and field.range is not None:
            low, high = field.range
            if low is not None and value < low:
                self.wrong(where, value, f"the min value is {low}")
            if high is not None and value > high:
                self.wrong(where, value, f"the max value is {high}")

    def _one_of(self, field: Field, value: str | float, where: str) -> bool:
        if not is_closed(field) or value in field.enum:
            return True
        shown = [str(one) for one in field.enum[:_ENUM_SHOWN]] + ["…"] * (len(field.enum) > _ENUM_SHOWN)
        self.wrong(where, value, f"the value must be one of {', '.join(shown)}")
        return False


def is_demanded(field: Field) -> bool:
    """Whether a request without the field is refused here."""
    return field.required and field.default is None and not field.business


def is_closed(field: Field) -> bool:
    """Whether only the values of the field's enum are taken."""
    return bool(field.enum) and not field.enum_open


def without_nulls(value: Any, levels: int = DEEPEST) -> Any:
    """The JSON value without the members of objects that are null; ShapeError when it is nested beyond reason."""
    if levels < 0:
        raise too_deep()
    if isinstance(value, dict):
        return {name: without_nulls(one, levels - 1) for name, one in value.items() if one is not None}
    if isinstance(value, list):
        return [without_nulls(one, levels - 1) for one in value]
    return value


def too_deep() -> ShapeError:
    """The refusal of JSON nested beyond reason."""
    violation = {"field": "body", "description": f"the max depth is {DEEPEST}"}
    return ShapeError(ILL_FORMED, "field validation failed", [violation])


def wrong_type(where: str, value: object) -> ShapeError:
    """The refusal of a JSON value whose type is not the field's."""
    quoted = quote(value, as_json=True)
    return ShapeError(
        WRONG_TYPE,
        f"Invalid parameter type in json: {where}. Invalid parameter value: {quoted}. "
        "Please check and modify accordingly.",
    )


def quote(value: object, *, as_json: bool = False) -> str:
    """The value as text, a string as it is unless JSON is asked for, and not more of it than an answer should carry."""
    text = value if isinstance(value, str) and not as_json else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST_QUOTE else f"{text[:_LONGEST_QUOTE]}…"
