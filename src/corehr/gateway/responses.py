"""Response bodies: successes, platform errors, and business errors with the message of the spec."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from corehr.gateway.headers import RATE_LIMIT_LIMIT, RATE_LIMIT_RESET
from corehr.kernel.errors import INVALID_FIELD, BusinessError
from corehr.spec.loader import Operation, Spec

encode_json = msgspec.json.Encoder().encode
"""Encodes JSON in UTF-8, members in insertion order."""

INVALID_TYPE = 9499
INTERNAL_ERROR = 2200
RATE_LIMITED = 99991400
MISSING_TOKEN = 99991661
APP_DISABLED = 99991662
INVALID_TOKEN = 99991663
INVALID_USER_TOKEN = 99991668
MALFORMED_TOKEN = 99991671
MISSING_SCOPE = 99991672
APP_UNAUTHORIZED = 99991673

PLATFORM_ERRORS: Mapping[int, tuple[int, str]] = {
    INVALID_TYPE: (400, "invalid param"),
    INTERNAL_ERROR: (500, "Internal Server Error"),
    RATE_LIMITED: (429, "request trigger frequency limit"),
    MISSING_TOKEN: (400, "Missing access token for authorization. Please make a request with token attached."),
    APP_DISABLED: (400, "app not in use"),
    INVALID_TOKEN: (400, "Invalid access token for authorization. Please make a request with token attached."),
    INVALID_USER_TOKEN: (400, "Invalid access token for authorization. Please make a request with token attached."),
    MALFORMED_TOKEN: (400, "Invalid token: must start with t-/u-"),
    MISSING_SCOPE: (400, "Access denied."),
    APP_UNAUTHORIZED: (400, "unauthorized app"),
    INVALID_FIELD: (400, "field validation failed"),
}
"""HTTP status and message of the codes that every operation may respond with."""

_TROUBLESHOOTER = "排查建议查看(Troubleshooting suggestions): https://open.feishu.cn/search?from=openapi&log_id={}&code={}&method_id={}"


class PlatformError(Exception):
    """A request refused by the gateway with a platform code.

    `refused_by` names the rule, for the request log. `msg` replaces the code's message; `error_members` are further
    members of the response's `error` object.
    """

    def __init__(
        self,
        code: int,
        refused_by: str,
        msg: str | None = None,
        error_members: Mapping[str, Any] | None = None,
        headers: Sequence[tuple[bytes, bytes]] = (),
    ) -> None:
        super().__init__(f"{code} {refused_by}")
        self.code = code
        self.refused_by = refused_by
        self.msg = msg
        self.error_members = error_members or {}
        self.headers = headers


class Response(NamedTuple):
    """A response to send; `body` is JSON in UTF-8 unless the status is 404, `code` is its code, 0 for success."""

    status: int
    code: int
    body: bytes
    headers: Sequence[tuple[bytes, bytes]] = ()


NOT_FOUND = Response(404, 0, b"404 page not found")


def success_body(data: Any) -> bytes:
    """Return the body of a success, with code 0."""
    return b'{"code":0,"msg":"success","data":' + encode_json(data) + b"}"


def platform_error_response(error: PlatformError, operation: str, log_id: str) -> Response:
    status, msg = PLATFORM_ERRORS[error.code]
    return _error_response(status, error.code, error.msg or msg, operation, log_id, error.error_members, error.headers)


def business_error_response(error: BusinessError, spec: Spec, log_id: str) -> Response:
    """Return the documented error; raise KeyError when neither the operation's page nor the platform has the code."""
    operation = spec.operations[error.operation]
    status, msg = _status_and_message(operation, error.code)
    for name, value in error.message_params.items():
        msg = msg.replace("{{" + name + "}}", value)
    error_members = {"field_violations": error.field_violations} if error.code == INVALID_FIELD else {}
    headers = (
        rate_limit_headers(operation.limits[0].count, 1) if error.code == RATE_LIMITED and operation.limits else ()
    )
    return _error_response(status, error.code, msg, error.operation, log_id, error_members, headers)


def rate_limit_headers(limit: int, reset: int) -> Sequence[tuple[bytes, bytes]]:
    """Return the headers of RATE_LIMITED: calls allowed in the window, and seconds until it ends."""
    return (RATE_LIMIT_LIMIT, b"%d" % limit), (RATE_LIMIT_RESET, b"%d" % reset)


def is_documented(operation: Operation, code: int) -> bool:
    """Return whether a BusinessError of this operation may carry this code."""
    try:
        _status_and_message(operation, code)
    except KeyError:
        return False
    return True


def _status_and_message(operation: Operation, code: int) -> tuple[int, str]:
    if code in operation.errors:
        return operation.errors[code]
    for shared_code, msg in operation.shared_errors:  # the shared lists have no status
        if shared_code == code:
            return 400, msg
    return PLATFORM_ERRORS[code]


def _error_response(
    status: int,
    code: int,
    msg: str,
    operation: str,
    log_id: str,
    error_members: Mapping[str, Any],
    headers: Sequence[tuple[bytes, bytes]] = (),
) -> Response:
    error_object = {
        **error_members,
        "log_id": log_id,
        "troubleshooter": _TROUBLESHOOTER.format(log_id, code, operation),
    }
    return Response(status, code, encode_json({"code": code, "msg": msg, "error": error_object}), headers)
