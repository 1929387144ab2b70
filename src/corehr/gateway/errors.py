"""The errors of the Open API: an exception of the pipeline becomes a response here, and nowhere else.

A PlatformError has a code that every operation may respond with; a BusinessError has the status and message of its
operation's page; any other exception is a failure of ours, which the response does not disclose.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from corehr.gateway.endpoints import Endpoint
from corehr.gateway.headers import RATE_LIMIT_LIMIT, RATE_LIMIT_RESET
from corehr.gateway.id_errors import ID_ERRORS, InvalidIdError
from corehr.gateway.responses import Response
from corehr.gateway.validator import ValidationError
from corehr.kernel.db import encode_json
from corehr.kernel.errors import INVALID_FIELD, INVALID_TYPE, BusinessError
from corehr.spec.loader import Operation

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
    **ID_ERRORS,
}
"""HTTP status and message of the codes that every operation may respond with."""

_UNKNOWN_IDS = (400, "these ids not existed: [x]")
GENERAL_ERRORS: Mapping[int, tuple[int, str]] = {
    99991401: (400, "ip 203.0.113.7 is denied by app setting"),
    99991403: (400, "This month's API call quota has been exceeded"),
    99991664: (400, "invalid app token"),
    99991665: (400, "invalid tenant code"),
    99991676: (400, "token no permission"),
    99992352: (400, "these lark ids not existed: [x]"),
    99992353: (400, "these lark ids not existed: [x]"),
    99992354: _UNKNOWN_IDS,
    99992355: (400, "these lark ids not existed: [x]"),
    99992356: (400, "these open_chat ids not existed: [x]"),
    99992358: _UNKNOWN_IDS,
    99992359: (400, "these user ids not existed: [x]"),
    99992363: _UNKNOWN_IDS,
    99992379: _UNKNOWN_IDS,
    99992381: (400, "union_id cross tenant"),
}
"""Further codes of the platform's general list, which only a fault of the sandbox responds with. It has no statuses:
400 is inferred from the codes of the same groups that were observed."""

_TROUBLESHOOTER = "排查建议查看(Troubleshooting suggestions): https://open.feishu.cn/search?from=openapi&log_id={}&code={}&method_id={}"

_log = logging.getLogger(__name__)


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


def rate_limit_headers(limit: int, reset: int) -> Sequence[tuple[bytes, bytes]]:
    """Return the headers of RATE_LIMITED: calls allowed in the window, and seconds until it ends."""
    return (RATE_LIMIT_LIMIT, b"%d" % limit), (RATE_LIMIT_RESET, b"%d" % reset)


def error_response(error: Exception, endpoint: Endpoint, log_id: str) -> tuple[Response, str]:
    """Return the response to an exception of the pipeline, and the name of the rule that refused."""
    refusal = _refusal(error, endpoint)
    if refusal is None:
        _log.error("%s failed, log id %s", endpoint.operation.id, log_id, exc_info=error)
        refusal = _internal_error(endpoint)
    if isinstance(refusal, PlatformError):
        response = _platform_error_response(refusal, endpoint.operation, log_id)
    else:
        response = _business_error_response(refusal, endpoint.operation, log_id)
    return response, refusal.refused_by


def _refusal(error: Exception, endpoint: Endpoint) -> PlatformError | BusinessError | None:
    """Return the error to respond with, or None when the exception is a failure of ours."""
    if isinstance(error, ValidationError):
        if error.code != INVALID_FIELD or endpoint.malformed_code is None:
            error_members = {"field_violations": error.field_violations} if error.field_violations else {}
            return PlatformError(error.code, "request_is_malformed", error.msg, error_members)
        error = BusinessError(endpoint.operation.id, endpoint.malformed_code, "request_is_malformed")
    if isinstance(error, InvalidIdError):
        return PlatformError(error.code, error.refused_by, error.msg, error.error_members)
    if isinstance(error, PlatformError):
        return error
    if isinstance(error, BusinessError) and _is_documented(endpoint.operation, error.code):
        return error
    return None


def _internal_error(endpoint: Endpoint) -> PlatformError | BusinessError:
    code = endpoint.internal_error_code
    if code is not None and _is_documented(endpoint.operation, code):
        return BusinessError(endpoint.operation.id, code, "internal_error")
    return PlatformError(INTERNAL_ERROR, "internal_error")


def _is_documented(operation: Operation, code: int) -> bool:
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


def _platform_error_response(error: PlatformError, operation: Operation, log_id: str) -> Response:
    status, msg = PLATFORM_ERRORS.get(error.code) or GENERAL_ERRORS[error.code]
    return _response(status, error.code, error.msg or msg, operation, log_id, error.error_members, error.headers)


def _business_error_response(error: BusinessError, operation: Operation, log_id: str) -> Response:
    status, msg = _status_and_message(operation, error.code)
    for name, value in error.message_params.items():
        msg = msg.replace("{{" + name + "}}", value)
    error_members = {"field_violations": error.field_violations} if error.code == INVALID_FIELD else {}
    headers = (
        rate_limit_headers(operation.limits[0].count, 1) if error.code == RATE_LIMITED and operation.limits else ()
    )
    return _response(status, error.code, msg, operation, log_id, error_members, headers)


def _response(
    status: int,
    code: int,
    msg: str,
    operation: Operation,
    log_id: str,
    error_members: Mapping[str, Any],
    headers: Sequence[tuple[bytes, bytes]],
) -> Response:
    error_object = {
        **error_members,
        "log_id": log_id,
        "troubleshooter": _TROUBLESHOOTER.format(log_id, code, operation.id),
    }
    return Response(status, code, encode_json({"code": code, "msg": msg, "error": error_object}), headers)
