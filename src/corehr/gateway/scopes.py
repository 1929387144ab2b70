"""Scopes: which operations an app may call, and which fields of a response or an event it may see."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from corehr.gateway.apps import App, Scopes
from corehr.gateway.fields import Field
from corehr.gateway.responses import MISSING_SCOPE, PlatformError

_HELP_TEXT = (
    "Refer to the documentation to fix the error: "
    "https://open.feishu.cn/document/uAjLw4CM/ugTN1YjL4UTN24CO1UjN/trouble-shooting/how-to-fix-the-99991672-error"
)

HiddenFields = Mapping[str, Any]
"""By field name: None where the whole field is hidden, else the hidden fields among its members."""


def require_scope(app: App, any_of: Collection[str], refused_by: str) -> None:
    """Raise PlatformError MISSING_SCOPE unless the app has one of `any_of`; an empty collection requires nothing."""
    if not app.has_any_scope(any_of):
        raise PlatformError(MISSING_SCOPE, refused_by, *_missing_scope_message(app.app_id, any_of))


def _missing_scope_message(app_id: str, any_of: Collection[str]) -> tuple[str, dict[str, Any]]:
    names = ", ".join(any_of)
    url = f"https://open.feishu.cn/app/{app_id}/auth?q={','.join(any_of)}&op_from=openapi&token_type=tenant"
    advice = "点击链接申请并开通任一权限即可"
    msg = (
        f"Access denied. One of the following scopes is required: [{names}]."
        f"应用尚未开通所需的应用身份权限：[{names}]，{advice}：{url}"
    )
    error = {
        "message": _HELP_TEXT,
        "permission_violations": [{"type": "action_scope_required", "subject": scope} for scope in any_of],
        "helps": [{"url": url, "description": advice}],
    }
    return msg, error


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
