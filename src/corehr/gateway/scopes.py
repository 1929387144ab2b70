"""Scopes: which operations an app may call, and which fields of an answer or an event it may see."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from corehr.gateway.answers import NO_SCOPE, Denied
from corehr.gateway.apps import App, Scopes
from corehr.gateway.fields import Field

_HOW_TO = (
    "Refer to the documentation to fix the error: "
    "https://open.feishu.cn/document/uAjLw4CM/ugTN1YjL4UTN24CO1UjN/trouble-shooting/how-to-fix-the-99991672-error"
)

Gone = Mapping[str, Any]
"""By field name: None where the field goes, the Gone of its members where it stays."""


def require(app: App, any_of: Collection[str], rule: str) -> None:
    """Denied with NO_SCOPE unless the app holds one of `any_of`; an empty collection asks for nothing."""
    if not app.holds(any_of):
        raise Denied(NO_SCOPE, rule, *_words(app.app_id, any_of))


def _words(app_id: str, any_of: Collection[str]) -> tuple[str, dict[str, Any]]:
    names = ", ".join(any_of)
    url = f"https://open.feishu.cn/app/{app_id}/auth?q={','.join(any_of)}&op_from=openapi&token_type=tenant"
    advice = "点击链接申请并开通任一权限即可"
    msg = (
        f"Access denied. One of the following scopes is required: [{names}]."
        f"应用尚未开通所需的应用身份权限：[{names}]，{advice}：{url}"
    )
    error = {
        "message": _HOW_TO,
        "permission_violations": [{"type": "action_scope_required", "subject": scope} for scope in any_of],
        "helps": [{"url": url, "description": advice}],
    }
    return msg, error


class Veil:
    """What an app must not see of an object with these fields: an operation's answer, or the body of an event."""

    def __init__(self, fields: Sequence[Field]) -> None:
        self._fields = fields
        # apps that differ only in scopes these fields do not ask for share a plan
        self._named = frozenset(_scopes(fields))
        self._plans: dict[frozenset[str], Gone] = {}

    def hide(self, scopes: Scopes, data: Mapping[str, Any]) -> Mapping[str, Any]:
        """The object without what the scopes do not show; what changes is copied, not changed in place."""
        if isinstance(scopes, str) or not self._named:
            return data
        held = self._named & scopes
        gone = self._plans.get(held)
        if gone is None:
            gone = self._plans[held] = _gone(self._fields, held)
        return _without(gone, data) if gone else data


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


def _gone(fields: Sequence[Field], held: frozenset[str]) -> Gone:
    gone: dict[str, Any] = {}
    for field in fields:
        if field.scopes and held.isdisjoint(field.scopes):
            gone[field.name] = None
        elif inner := _gone(_members(field), held):
            gone[field.name] = inner
    return gone


def _without(gone: Gone, holder: Mapping[str, Any]) -> dict[str, Any]:
    kept = dict(holder)
    for name, inner in gone.items():
        if name in kept:
            if inner is None:
                del kept[name]
            else:
                kept[name] = _cleared(inner, kept[name])
    return kept


def _cleared(gone: Gone, value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_cleared(gone, each) for each in value]
    return _without(gone, value) if isinstance(value, dict) else value
