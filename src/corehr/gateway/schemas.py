"""The schema of an operation's requests: built once from the spec, used to parse every call.

A body is decoded straight into typed dictionaries; only when that fails does `validator.py` go through the untyped JSON
and collect every violation. Both accept and refuse the same bodies. The Content-Type is ignored, since one of the SDKs
sends none.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NotRequired, Required, TypedDict

import msgspec

from corehr.gateway.validator import (
    DATE_PATTERN,
    INT64_RANGE,
    ValidationError,
    Validator,
    depth_error,
    has_closed_enum,
    is_required,
    python_pattern,
    strip_nulls,
    type_error,
)
from corehr.kernel.errors import INVALID_TYPE
from corehr.spec.fields import Field
from corehr.spec.loader import Operation

__all__ = ["Arguments", "RequestSchema", "ValidationError"]

_PYTHON_TYPES = {"string": str, "int": int, "number": float}
# mypy supports TypedDict only with a literal body; these are built from the spec's fields.
_typed_dict: Callable[[str, dict[str, Any]], Any] = TypedDict  # type: ignore[assignment]
_decode_anything = msgspec.json.Decoder().decode


@dataclass(frozen=True, slots=True)
class Arguments:
    """The validated arguments of a call, by wire name: without nulls, with defaults filled in."""

    path: dict[str, Any]
    query: dict[str, Any]
    body: dict[str, Any]


class RequestSchema:
    """Parses and validates the requests of one operation."""

    def __init__(self, operation: Operation) -> None:
        self._path = _TextParameters(operation.path_params)
        self._query = _TextParameters(operation.query)
        self._body = operation.body
        self._parses_body = bool(operation.body) and operation.method != "GET" and "json" in operation.content_type
        self._defaults = tuple((field.name, field.default) for field in operation.body if field.default is not None)
        self._decode = msgspec.json.Decoder(_object_type(operation.id, operation.body)).decode
        self._always_slow = any(map(_needs_slow_path, operation.body))
        self._untyped_paths = _untyped_members(operation.body)

    def parse(self, path: Mapping[str, str], query: Iterable[tuple[str, str]], body: bytes) -> Arguments:
        """Return the arguments of a call; raise ValidationError when they are invalid.

        `path` and `query` are percent-decoded. An empty query parameter counts as absent; of a repeated one the first
        value counts, unless the field is a list. Unknown names are ignored everywhere. The body is ignored on GET and
        where the operation has none; an empty one counts as `{}`. Rulebook-owned fields are returned as they were sent,
        and may be absent.
        """
        validator = Validator()
        path_values = self._path.parse(path.items(), validator)
        query_values = self._query.parse(query, validator)
        body_values = self._parse_body(body, validator) if self._parses_body else {}
        if validator.violations:
            validator.raise_if_invalid()
        for name, default in self._defaults:
            if name not in body_values:
                body_values[name] = _copy_default(default)
        return Arguments(path_values, query_values, body_values)

    def _parse_body(self, body: bytes, validator: Validator) -> dict[str, Any]:
        if not self._always_slow:
            try:
                values: dict[str, Any] = self._decode(body)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                pass  # The validator finds the violations, or only removes a null.
            else:
                if self._untyped_paths:
                    _strip_untyped_nulls(values, self._untyped_paths)
                return values
        return self._parse_slowly(body, validator)

    def _parse_slowly(self, body: bytes, validator: Validator) -> dict[str, Any]:
        try:
            decoded = _decode_anything(body) if body.strip() else {}
            if not isinstance(decoded, dict):
                raise type_error("body", decoded)
            return validator.validate_object(self._body, decoded)
        except RecursionError:
            raise depth_error() from None
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise ValidationError(INVALID_TYPE, "bad request") from None


class _TextParameters:
    """The parameters that arrive as text: those of the path, or those of the query."""

    def __init__(self, fields: Sequence[Field]) -> None:
        self._fields = {field.name: field for field in fields}
        self._lists = tuple(field for field in fields if field.type == "list" and not field.rulebook_owned)
        self._defaults = tuple((field.name, field.default) for field in fields if field.default is not None)
        self._required = tuple(field.name for field in fields if is_required(field))

    def parse(self, pairs: Iterable[tuple[str, str]], validator: Validator) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name, text in pairs:
            field = self._fields.get(name)
            if field is None or not text:
                continue
            if field.item is not None:
                values.setdefault(name, []).append(
                    validator.parse_text(field.item, text, name, loose=field.rulebook_owned)
                )
            elif name not in values:
                values[name] = validator.parse_text(field, text, name, loose=field.rulebook_owned)
        if self._lists or self._required:
            self._validate(values, validator)
        for name, default in self._defaults:
            if name not in values:
                values[name] = _copy_default(default)
        return values

    def _validate(self, values: Mapping[str, Any], validator: Validator) -> None:
        for field in self._lists:
            if field.name in values:
                validator.validate_length(field, values[field.name], field.name)
        for name in self._required:
            if name not in values:
                validator.report_missing(name)


def _copy_default(default: Any) -> Any:
    return list(default) if isinstance(default, list) else default


# ------------------------------------------------------------------------------------------------ open members

_UntypedPaths = tuple[tuple[str, "_UntypedPaths | None"], ...]


def _untyped_members(fields: Sequence[Field]) -> _UntypedPaths:
    """Return the paths to members whose values are not typed; None marks the start of such a value."""
    found: list[tuple[str, _UntypedPaths | None]] = []
    for field in fields:
        inner = field
        while inner.item is not None:
            inner = inner.item
        if field.rulebook_owned or (inner.type == "object" and not inner.fields):
            found.append((field.name, None))
        elif inner_paths := _untyped_members(inner.fields):
            found.append((field.name, inner_paths))
    return tuple(found)


def _strip_untyped_nulls(values: Any, members: _UntypedPaths) -> None:
    """Remove nulls in place from the values that the decoder leaves untyped."""
    if isinstance(values, list):
        for element in values:
            _strip_untyped_nulls(element, members)
        return
    for name, inner in members:
        value = values.get(name)
        if value is None:
            values.pop(name, None)
        elif inner is not None:
            _strip_untyped_nulls(value, inner)
        elif isinstance(value, dict | list):
            values[name] = strip_nulls(value)


# ------------------------------------------------------------------------------------------------ types for msgspec


def _object_type(name: str, fields: Sequence[Field]) -> Any:
    members: dict[str, Any] = {}
    for field in fields:
        python_type = Any if field.rulebook_owned else _value_type(f"{name}.{field.name}", field)
        members[field.name] = Required[python_type] if is_required(field) else NotRequired[python_type]
    return _typed_dict(name, members)


def _value_type(name: str, field: Field) -> Any:
    if field.item is not None:
        return _constrained(list[_value_type(name, field.item)], field)  # type: ignore[misc]  # a type made at run time
    if field.type == "object":
        return _object_type(name, field.fields) if field.fields else dict[str, Any]
    if field.type == "boolean":
        return bool
    return Literal[field.enum] if has_closed_enum(field) else _constrained(_PYTHON_TYPES[field.type], field)


def _constrained(python_type: Any, field: Field) -> Any:
    """Return the type with the limits of the field; every int is limited to 64 bits."""
    constraints: dict[str, Any] = {}
    if field.length is not None:
        constraints["min_length"], constraints["max_length"] = field.length[0] or None, field.length[1]
    if field.type in ("int", "number"):
        low, high = field.range or (None, None)
        floor, ceiling = INT64_RANGE if field.type == "int" else (None, None)
        constraints["ge"], constraints["le"] = floor if low is None else low, ceiling if high is None else high
    if field.format is not None:
        constraints["pattern"] = DATE_PATTERN.pattern
    elif field.pattern is not None:
        constraints["pattern"] = python_pattern(field.pattern)
    constraints = {name: constraint for name, constraint in constraints.items() if constraint is not None}
    return Annotated[python_type, msgspec.Meta(**constraints)] if constraints else python_type


def _needs_slow_path(field: Field) -> bool:
    """Return whether the field is or contains a string with a numeric range, which no type can express."""
    inner = field.fields if field.item is None else (field.item,)
    return (field.type == "string" and field.range is not None) or any(map(_needs_slow_path, inner))
