"""What is sent back: envelopes, the platform's own errors, and refusals in the words of the spec."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from corehr.gateway.headers import LIMIT, RESET
from corehr.gateway.spec import Operation, Spec
from corehr.kernel.errors import INVALID_FIELD, BusinessError

encode = msgspec.json.Encoder().encode
"""JSON in UTF-8, members in the order they were given."""

INVALID_TYPE = 9499
BROKEN = 2200
TOO_FREQUENT = 99991400
NO_TOKEN = 99991661
APP_DISABLED = 99991662
INVALID_TOKEN = 99991663
INVALID_USER_TOKEN = 99991668
MALFORMED_TOKEN = 99991671
NO_SCOPE = 99991672
APP_UNAUTHORIZED = 99991673

PLATFORM: Mapping[int, tuple[int, str]] = {
    INVALID_TYPE: (400, "invalid param"),
    BROKEN: (500, "Internal Server Error"),
    TOO_FREQUENT: (429, "request trigger frequency limit"),
    NO_TOKEN: (400, "Missing access token for authorization. Please make a request with token attached."),
    APP_DISABLED: (400, "app not in use"),
    INVALID_TOKEN: (400, "Invalid access token for authorization. Please make a request with token attached."),
    INVALID_USER_TOKEN: (400, "Invalid access token for authorization. Please make a request with token attached."),
    MALFORMED_TOKEN: (400, "Invalid token: must start with t-/u-"),
    NO_SCOPE: (400, "Access denied."),
    APP_UNAUTHORIZED: (400, "unauthorized app"),
    INVALID_FIELD: (400, "field validation failed"),
}
"""Status and message of the codes every operation may answer with."""

_TROUBLESHOOTER = "排查建议查看(Troubleshooting suggestions): https://open.feishu.cn/search?from=openapi&log_id={}&code={}&method_id={}"


class Denied(Exception):
    """The gateway's own no, with one of the platform's codes; `rule` names what refused, for the request log.

    `msg` replaces the code's message, `error` are further members of the answer's `error`.
    """

    def __init__(
        self,
        code: int,
        rule: str,
        msg: str | None = None,
        error: Mapping[str, Any] | None = None,
        headers: Sequence[tuple[bytes, bytes]] = (),
    ) -> None:
        super().__init__(f"{code} {rule}")
        self.code = code
        self.rule = rule
        self.msg = msg
        self.error = error or {}
        self.headers = headers


class Answer(NamedTuple):
    """`body` is JSON in UTF-8 unless the status is 404; `code` is what it says, 0 for success."""

    status: int
    code: int
    body: bytes
    headers: Sequence[tuple[bytes, bytes]] = ()


NOT_FOUND = Answer(404, 0, b"404 page not found")


def success(data: Any) -> bytes:
    return b'{"code":0,"msg":"success","data":' + encode(data) + b"}"


def denial(denied: Denied, operation: str, log_id: str) -> Answer:
    status, msg = PLATFORM[denied.code]
    return _failure(status, denied.code, denied.msg or msg, operation, log_id, denied.error, denied.headers)


def refusal(refused: BusinessError, spec: Spec, log_id: str) -> Answer:
    """The documented no; KeyError when neither the operation's page nor the platform has the code."""
    operation = spec.operations[refused.operation]
    status, msg = _sentence(operation, refused.code)
    for name, value in refused.message_params.items():
        msg = msg.replace("{{" + name + "}}", value)
    error = {"field_violations": refused.field_violations} if refused.code == INVALID_FIELD else {}
    headers = too_frequent(operation.limits[0].count, 1) if refused.code == TOO_FREQUENT and operation.limits else ()
    return _failure(status, refused.code, msg, refused.operation, log_id, error, headers)


def too_frequent(limit: int, reset: int) -> Sequence[tuple[bytes, bytes]]:
    """The headers of TOO_FREQUENT: calls in the window, seconds until it ends."""
    return (LIMIT, b"%d" % limit), (RESET, b"%d" % reset)


def documented(operation: Operation, code: int) -> bool:
    """Whether a Refusal of this operation may carry this code."""
    try:
        _sentence(operation, code)
    except KeyError:
        return False
    return True


def _sentence(operation: Operation, code: int) -> tuple[int, str]:
    if code in operation.errors:
        return operation.errors[code]
    for listed, msg in operation.more_errors:  # the shared lists give no status
        if listed == code:
            return 400, msg
    return PLATFORM[code]


def _failure(
    status: int,
    code: int,
    msg: str,
    operation: str,
    log_id: str,
    error: Mapping[str, Any],
    headers: Sequence[tuple[bytes, bytes]] = (),
) -> Answer:
    about = {**error, "log_id": log_id, "troubleshooter": _TROUBLESHOOTER.format(log_id, code, operation)}
    return Answer(status, code, encode({"code": code, "msg": msg, "error": about}), headers)
