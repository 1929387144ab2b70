"""The check that an app has a scope that an operation requires."""

from collections.abc import Collection
from typing import Any

from corehr.apps.registry import App
from corehr.gateway.errors import MISSING_SCOPE, PlatformError

_HELP_TEXT = (
    "Refer to the documentation to fix the error: "
    "https://open.feishu.cn/document/uAjLw4CM/ugTN1YjL4UTN24CO1UjN/trouble-shooting/how-to-fix-the-99991672-error"
)


def require_scope(app: App, any_of: Collection[str], refused_by: str) -> None:
    """Raise PlatformError MISSING_SCOPE unless the app has one of `any_of`; an empty collection requires nothing."""
    if not app.has_any_scope(any_of):
        raise missing_scope_error(app.app_id, any_of, refused_by)


def missing_scope_error(app_id: str, any_of: Collection[str], refused_by: str) -> PlatformError:
    """Return the error of an app that has none of these scopes."""
    return PlatformError(MISSING_SCOPE, refused_by, *_missing_scope_message(app_id, any_of))


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
