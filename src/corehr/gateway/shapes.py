"""The shape of an operation's requests: built once from the spec, read on every call.

A body is decoded straight into typed dictionaries; only when that fails does `checks.py` walk over the untyped JSON, to
say everything that is wrong. Both take and refuse the same bodies. The Content-Type is never looked at, since one of
the SDKs sends none.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NotRequired, Required, TypedDict

import msgspec

from corehr.gateway.checks import (
    DATE,
    INT64,
    WRONG_TYPE,
    Check,
    ShapeError,
    is_closed,
    is_demanded,
    too_deep,
    without_nulls,
    wrong_type,
)
from corehr.gateway.fields import Field
from corehr.gateway.spec import Operation

__all__ = ["Arguments", "Shape", "ShapeError"]

_NUMBER_OR_TEXT = {"string": str, "int": int, "number": float}
# mypy knows TypedDict only with a literal body; these are made of the spec's fields.
_typed_dict: Callable[[str, dict[str, Any]], Any] = TypedDict  # type: ignore[assignment]
_decode_anything = msgspec.json.Decoder().decode


@dataclass(frozen=True, slots=True)
class Arguments:
    """What a call gave, checked: by wire name, without nulls, defaults filled in."""

    path: dict[str, Any]
    query: dict[str, Any]
    body: dict[str, Any]


class Shape:
    """Reads the requests of one operation."""

    def __init__(self, operation: Operation) -> None:
        self._path = _Texts(operation.path_params)
        self._query = _Texts(operation.query)
        self._body = operation.body
        self._reads_body = bool(operation.body) and operation.method != "GET" and "json" in operation.content
        self._defaults = tuple((field.name, field.default) for field in operation.body if field.default is not None)
        self._decode = msgspec.json.Decoder(_object_type(operation.id, operation.body)).decode
        self._only_by_walking = any(map(_cannot_be_typed, operation.body))
        self._open = _open_members(operation.body)

    def read(self, path: Mapping[str, str], query: Iterable[tuple[str, str]], body: bytes) -> Arguments:
        """The arguments of a call, or ShapeError.

        `path` and `query` are percent-decoded; a query parameter that is empty counts as absent, of a repeated one the
        first counts unless it is a list. Unknown names are ignored everywhere. The body is not looked at on GET, nor
        where the operation has none; an empty one counts as `{}`. Fields owned by the operation's rulebook come as they
        were sent, or not at all.
        """
        check = Check()
        path_values = self._path.read(path.items(), check)
        query_values = self._query.read(query, check)
        body_values = self._read_body(body, check) if self._reads_body else {}
        if check.violations:
            check.finish()
        for name, default in self._defaults:
            if name not in body_values:
                body_values[name] = _fresh(default)
        return Arguments(path_values, query_values, body_values)

    def _read_body(self, body: bytes, check: Check) -> dict[str, Any]:
        if not self._only_by_walking:
            try:
                values: dict[str, Any] = self._decode(body)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                pass  # The walk says what is wrong, or that it was only a null.
            else:
                if self._open:
                    _tidy(values, self._open)
                return values
        return self._walk(body, check)

    def _walk(self, body: bytes, check: Check) -> dict[str, Any]:
        try:
            given = _decode_anything(body) if body.strip() else {}
            if not isinstance(given, dict):
                raise wrong_type("body", given)
            return check.members(self._body, given)
        except RecursionError:
            raise too_deep() from None
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise ShapeError(WRONG_TYPE, "bad request") from None


class _Texts:
    """The parameters that come as text: those of the path, or those of the query."""

    def __init__(self, fields: Sequence[Field]) -> None:
        self._fields = {field.name: field for field in fields}
        self._lists = tuple(field for field in fields if field.type == "list" and not field.business)
        self._defaults = tuple((field.name, field.default) for field in fields if field.default is not None)
        self._demanded = tuple(field.name for field in fields if is_demanded(field))

    def read(self, pairs: Iterable[tuple[str, str]], check: Check) -> dict[str, Any]:
        taken: dict[str, Any] = {}
        for name, text in pairs:
            field = self._fields.get(name)
            if field is None or not text:
                continue
            if field.item is not None:
                taken.setdefault(name, []).append(check.text(field.item, text, name, loose=field.business))
            elif name not in taken:
                taken[name] = check.text(field, text, name, loose=field.business)
        if self._lists or self._demanded:
            self._check(taken, check)
        for name, default in self._defaults:
            if name not in taken:
                taken[name] = _fresh(default)
        return taken

    def _check(self, taken: Mapping[str, Any], check: Check) -> None:
        for field in self._lists:
            if field.name in taken:
                check.length(field, taken[field.name], field.name)
        for name in self._demanded:
            if name not in taken:
                check.missing(name)


def _fresh(default: Any) -> Any:
    return list(default) if isinstance(default, list) else default


# ------------------------------------------------------------------------------------------------ open members

_Open = tuple[tuple[str, "_Open | None"], ...]


def _open_members(fields: Sequence[Field]) -> _Open:
    """The members whose values are not typed, with the way down to them; None where such a value begins."""
    found: list[tuple[str, _Open | None]] = []
    for field in fields:
        inner = field
        while inner.item is not None:
            inner = inner.item
        if field.business or (inner.type == "object" and not inner.fields):
            found.append((field.name, None))
        elif way := _open_members(inner.fields):
            found.append((field.name, way))
    return tuple(found)


def _tidy(values: Any, members: _Open) -> None:
    """Takes the nulls out of the values that the decoder let through as they were."""
    if isinstance(values, list):
        for one in values:
            _tidy(one, members)
        return
    for name, inner in members:
        value = values.get(name)
        if value is None:
            values.pop(name, None)
        elif inner is not None:
            _tidy(value, inner)
        elif isinstance(value, dict | list):
            values[name] = without_nulls(value)


# ------------------------------------------------------------------------------------------------ types for msgspec


def _object_type(name: str, fields: Sequence[Field]) -> Any:
    members: dict[str, Any] = {}
    for field in fields:
        wanted = Any if field.business else _value_type(f"{name}.{field.name}", field)
        members[field.name] = Required[wanted] if is_demanded(field) else NotRequired[wanted]
    return _typed_dict(name, members)


def _value_type(name: str, field: Field) -> Any:
    if field.item is not None:
        return _limited(list[_value_type(name, field.item)], field)  # type: ignore[misc]  # a type made at run time
    if field.type == "object":
        return _object_type(name, field.fields) if field.fields else dict[str, Any]
    if field.type == "boolean":
        return bool
    return Literal[field.enum] if is_closed(field) else _limited(_NUMBER_OR_TEXT[field.type], field)


def _limited(wanted: Any, field: Field) -> Any:
    """The type with the limits of the field; every int stays within 64 bits."""
    limits: dict[str, Any] = {}
    if field.length is not None:
        limits["min_length"], limits["max_length"] = field.length[0] or None, field.length[1]
    if field.type in ("int", "number"):
        low, high = field.range or (None, None)
        floor, ceiling = INT64 if field.type == "int" else (None, None)
        limits["ge"], limits["le"] = floor if low is None else low, ceiling if high is None else high
    if field.format is not None:
        limits["pattern"] = DATE.pattern
    elif field.pattern is not None:
        limits["pattern"] = field.pattern
    limits = {name: limit for name, limit in limits.items() if limit is not None}
    return Annotated[wanted, msgspec.Meta(**limits)] if limits else wanted


def _cannot_be_typed(field: Field) -> bool:
    """A string with a range of numbers, here or within: no type says that."""
    inner = field.fields if field.item is None else (field.item,)
    return (field.type == "string" and field.range is not None) or any(map(_cannot_be_typed, inner))
