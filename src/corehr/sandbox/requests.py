"""The request log: the last thousand requests to the Open API, listed with secrets and personal numbers masked."""

import re
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec
from starlette.requests import Request

from corehr.gateway.exchange import Exchange
from corehr.kernel.clock import to_timestamp
from corehr.sandbox.router import positive_int

MAX_REQUESTS: Final = 1000
MAX_LOGGED_BODY_BYTES: Final = 65_536
"""The longest request or response body that is kept; of a longer one only the length is kept."""

MASK: Final = "***"
_SECRET_NAMES: Final = re.compile(
    r"secret|password|access_token|refresh_token|verification_token|encrypt_key|ticket"
    r"|national_id|identification|id_number|bank_account|account_number|card_number",
    re.IGNORECASE,
)
_URL_SECRETS: Final = re.compile(r"(?<=[?&]access_key=)[^&]*|(?<=[?&]ticket=)[^&]*")
"""Query parameters that authenticate a client in the address of its long connection."""

_NAME_KEYS: Final = ("field_name", "custom_api_name", "variable_api_name", "key", "name")
"""Members of an object that name the field whose value it holds."""

_NATIONAL_ID: Final = re.compile(r"(?<![0-9A-Za-z_])[0-9]{17}[0-9Xx](?![0-9A-Za-z])")
"""Eighteen digits on their own; longer runs with letters are log ids and open ids."""


@dataclass(frozen=True, slots=True)
class LoggedRequest:
    """One request as it is kept: each body unmasked, or its length in bytes when it is too long."""

    logged_at: datetime
    method: str
    path: str
    operation: str | None
    app_id: str | None
    status: int
    code: int
    refused_by: str | None
    fault: str | None
    log_id: str
    request_body: bytes | int
    response_body: bytes | int


class RequestLog:
    """The last `MAX_REQUESTS` requests, in memory."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._logged: deque[LoggedRequest] = deque(maxlen=MAX_REQUESTS)

    def append(self, exchange: Exchange) -> None:
        """Log a request and its response."""
        self._logged.append(
            LoggedRequest(
                logged_at=self._now(),
                method=exchange.method,
                path=exchange.path,
                operation=exchange.operation,
                app_id=exchange.app_id,
                status=exchange.status,
                code=exchange.code,
                refused_by=exchange.refused_by,
                fault=exchange.fault,
                log_id=exchange.log_id,
                request_body=_truncate(exchange.request_body),
                response_body=_truncate(exchange.response_body),
            )
        )

    async def list_requests(self, request: Request) -> Mapping[str, Any]:
        """Return the last `limit` requests, by default 100, oldest first; raises SandboxError (400) for a bad limit."""
        limit = positive_int(request, "limit", 100, MAX_REQUESTS)
        return {"items": [_to_json(logged) for logged in list(self._logged)[-limit:]]}


def _truncate(raw: bytes) -> bytes | int:
    return raw if len(raw) <= MAX_LOGGED_BODY_BYTES else len(raw)


def _to_json(logged: LoggedRequest) -> Mapping[str, Any]:
    return {
        "at": to_timestamp(logged.logged_at),
        "method": logged.method,
        "path": logged.path,
        "operation": logged.operation,
        "app": logged.app_id,
        "status": logged.status,
        "code": logged.code,
        "rule": logged.refused_by,
        "fault": logged.fault,
        "log_id": logged.log_id,
        "body": _masked_body(logged.request_body),
        "answer": _masked_body(logged.response_body),
    }


def _masked_body(raw: bytes | int) -> Any:
    """Return a body as masked JSON, or a text with its length when it is too long or not JSON; None when empty."""
    if isinstance(raw, int):
        return f"({raw} bytes)"
    if not raw:
        return None
    try:
        return mask(msgspec.json.decode(raw))
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return f"(no JSON, {len(raw)} bytes)"


def mask(value: Any) -> Any:
    """Return a copy in which secrets, tokens, national ids and bank accounts are replaced by `MASK`."""
    if isinstance(value, dict):
        names_a_secret = any(isinstance(n := value.get(name), str) and _SECRET_NAMES.search(n) for name in _NAME_KEYS)
        return {
            name: MASK if _SECRET_NAMES.search(name) or (names_a_secret and name not in _NAME_KEYS) else mask(inner)
            for name, inner in value.items()
        }
    if isinstance(value, list):
        return _mask_all(value)
    return _NATIONAL_ID.sub(MASK, _URL_SECRETS.sub(MASK, value)) if isinstance(value, str) else value


def _mask_all(values: Sequence[Any]) -> list[Any]:
    return [mask(value) for value in values]
