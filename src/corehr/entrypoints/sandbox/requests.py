"""What came in: the last thousand requests, with what is nobody's business masked."""

import re
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec
from starlette.requests import Request

from corehr.entrypoints.sandbox.door import whole
from corehr.gateway.pipeline import Exchange
from corehr.kernel.clock import to_timestamp

KEPT: Final = 1000
LONGEST: Final = 65_536
"""Bytes of a body or an answer that are kept; of a longer one only the length is."""

MASK: Final = "***"
_HIDDEN: Final = re.compile(
    r"secret|password|access_token|refresh_token|verification_token|encrypt_key|ticket"
    r"|national_id|identification|id_number|bank_account|account_number|card_number",
    re.IGNORECASE,
)
_IN_A_URL: Final = re.compile(r"(?<=[?&]access_key=)[^&]*|(?<=[?&]ticket=)[^&]*")
"""What lets a client in at the address of its long connection."""

_NAMING: Final = ("field_name", "custom_api_name", "variable_api_name", "key", "name")
"""Members by which an object says whose value it holds."""

_NATIONAL_ID: Final = re.compile(r"(?<![0-9A-Za-z_])[0-9]{17}[0-9Xx](?![0-9A-Za-z])")
"""Eighteen digits that stand alone: log ids and open ids hold longer rows of them and letters."""


@dataclass(frozen=True, slots=True)
class Noted:
    """One request as it is kept, bodies as they were sent."""

    at: datetime
    method: str
    path: str
    operation: str | None
    app: str | None
    status: int
    code: int
    rule: str | None
    log_id: str
    body: bytes | int
    answer: bytes | int


class Requests:
    """The log, in memory."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._noted: deque[Noted] = deque(maxlen=KEPT)

    def note(self, exchange: Exchange) -> None:
        self._noted.append(
            Noted(
                at=self._now(),
                method=exchange.method,
                path=exchange.path,
                operation=exchange.operation,
                app=exchange.app_id,
                status=exchange.status,
                code=exchange.code,
                rule=exchange.refused_by,
                log_id=exchange.log_id,
                body=_kept(exchange.request_body),
                answer=_kept(exchange.response_body),
            )
        )

    async def get(self, request: Request) -> Mapping[str, Any]:
        """GET: the last `limit` of them, oldest first."""
        limit = whole(request, "limit", 100, KEPT)
        return {"items": [_told(one) for one in list(self._noted)[-limit:]]}


def _kept(raw: bytes) -> bytes | int:
    return raw if len(raw) <= LONGEST else len(raw)


def _told(one: Noted) -> Mapping[str, Any]:
    return {
        "at": to_timestamp(one.at),
        "method": one.method,
        "path": one.path,
        "operation": one.operation,
        "app": one.app,
        "status": one.status,
        "code": one.code,
        "rule": one.rule,
        "log_id": one.log_id,
        "body": _readable(one.body),
        "answer": _readable(one.answer),
    }


def _readable(raw: bytes | int) -> Any:
    """JSON, masked; a text that says how long it was for what is no JSON."""
    if isinstance(raw, int):
        return f"({raw} bytes)"
    if not raw:
        return None
    try:
        return masked(msgspec.json.decode(raw))
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return f"(no JSON, {len(raw)} bytes)"


def masked(value: Any) -> Any:
    """The same without secrets, tokens, national ids and bank accounts."""
    if isinstance(value, dict):
        telling = any(isinstance(n := value.get(name), str) and _HIDDEN.search(n) for name in _NAMING)
        return {
            name: MASK if _HIDDEN.search(name) or (telling and name not in _NAMING) else masked(inner)
            for name, inner in value.items()
        }
    if isinstance(value, list):
        return _each(value)
    return _NATIONAL_ID.sub(MASK, _IN_A_URL.sub(MASK, value)) if isinstance(value, str) else value


def _each(values: Sequence[Any]) -> list[Any]:
    return [masked(value) for value in values]
