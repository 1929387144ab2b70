"""Scopes: what an app may access: fields of responses and events, employments and pre-hires."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from corehr.spec.fields import Field

ALL_SCOPES: Final = "*"
Scopes = frozenset[str] | Literal["*"]

PreHireAccess = Literal["all", "read", "none"]
"""An app's access to pre-hires: read and change, read only, none."""


@dataclass(frozen=True, slots=True)
class DataRange:
    """The employments an app may access: all, or those in these departments and the departments below them."""

    everyone: bool
    departments: frozenset[str] = frozenset()


HiddenFields = Mapping[str, Any]
"""By field name: None where the whole field is hidden, else the hidden fields among its members."""


class FieldScopeFilter:
    """Removes the fields that an app may not see from an object: the data of a response or the body of an event."""

    def __init__(self, fields: Sequence[Field]) -> None:
        self._fields = fields
        # apps whose scopes differ only in ones that no field requires share an entry
        self._scope_names = frozenset(_scopes(fields))
        self._hidden_by_scopes: dict[frozenset[str], HiddenFields] = {}

    def apply(self, scopes: Scopes, data: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the object without the fields that require a missing scope; what changes is copied."""
        if isinstance(scopes, str) or not self._scope_names:
            return data
        granted = self._scope_names & scopes
        hidden = self._hidden_by_scopes.get(granted)
        if hidden is None:
            hidden = self._hidden_by_scopes[granted] = _hidden_fields(self._fields, granted)
        return _remove_hidden(hidden, data) if hidden else data


def _scopes(fields: Sequence[Field]) -> set[str]:
    names: set[str] = set()
    for field in fields:
        names.update(field.scopes)
        names |= _scopes(_members(field))
    return names


def _members(field: Field) -> Sequence[Field]:
    while field.item is not None:
        field = field.item
    return field.fields


def _hidden_fields(fields: Sequence[Field], granted: frozenset[str]) -> HiddenFields:
    hidden: dict[str, Any] = {}
    for field in fields:
        if field.scopes and granted.isdisjoint(field.scopes):
            hidden[field.name] = None
        elif inner := _hidden_fields(_members(field), granted):
            hidden[field.name] = inner
    return hidden


def _remove_hidden(hidden: HiddenFields, data: Mapping[str, Any]) -> dict[str, Any]:
    visible = dict(data)
    for name, inner in hidden.items():
        if name in visible:
            if inner is None:
                del visible[name]
            else:
                visible[name] = _remove_from_value(inner, visible[name])
    return visible


def _remove_from_value(hidden: HiddenFields, value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_remove_from_value(hidden, element) for element in value]
    return _remove_hidden(hidden, value) if isinstance(value, dict) else value
