"""Faults of requests: an error, a delay while locks are held, or what goes wrong between a client and the API."""

import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta
from starlette.requests import Request

from corehr.app.installation import Installation
from corehr.gateway.errors import RATE_LIMITED
from corehr.gateway.exchange import Exchange
from corehr.gateway.token_endpoints import FAULT_ERRORS as TOKEN_ERRORS
from corehr.kernel.errors import BusinessError
from corehr.kernel.ids import random_bool
from corehr.sandbox.apps import get_app
from corehr.sandbox.platform_errors import PLATFORM_CODES, platform_error
from corehr.sandbox.router import bad_request, parse_body
from corehr.spec.loader import Operation, Spec

MAX_LATENCY_MS: Final = 60_000
MAX_RESET_SECONDS: Final = 3600

ANY_OPERATION: Final = "*"
ANY_TOKEN_ENDPOINT: Final = "auth.*"  # noqa: S105  # a name of endpoints

_PLACEHOLDER: Final = re.compile(r"\{\{(\w+)\}\}")
_EXECUTED_BY_DEFAULT: Final = (504,)
"""The statuses of a proxy that waited in vain: the request arrived."""


class Fault(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """A fault as PUT faults sets it.

    `operation` is an operation, a token endpoint, ANY_OPERATION or ANY_TOKEN_ENDPOINT; without `app_id` every app is
    hit. `ratelimit_reset`, in seconds, is a header of RATE_LIMITED, 1 by default. `http_status` is the response of a
    proxy; `cut`, `drop` and `reset` interrupt the response. `executed` is whether the request is executed all the same,
    with `http_status` and `reset`. `times` is how many requests the fault still applies to, None for no limit.
    `latency_ms` is in milliseconds.
    """

    operation: str
    app_id: str | None = None
    code: int | None = None
    ratelimit_reset: Annotated[int, Meta(ge=1, le=MAX_RESET_SECONDS)] | None = None
    http_status: Literal[500, 502, 503, 504] | None = None
    cut: bool = False
    drop: bool = False
    reset: bool = False
    executed: bool | None = None
    latency_ms: Annotated[int, Meta(ge=1, le=MAX_LATENCY_MS)] | None = None
    times: Annotated[int, Meta(ge=1)] | None = None
    probability: Annotated[float, Meta(ge=0, le=1)] = 1.0

    @property
    def name(self) -> str:
        """The fault in one word, for the request log."""
        if self.http_status is not None:
            return f"http_status {self.http_status}"
        return self.interruption or ("code" if self.code is not None else "latency_ms")

    @property
    def interruption(self) -> Literal["cut", "drop", "reset"] | None:
        return "cut" if self.cut else "drop" if self.drop else "reset" if self.reset else None

    @property
    def prevents_execution(self) -> bool:
        """Whether the request is not executed, although nothing is wrong with it."""
        if self.http_status is None and not self.reset:
            return False
        return not (self.http_status in _EXECUTED_BY_DEFAULT if self.executed is None else self.executed)

    def hits(self, exchange: Exchange) -> bool:
        """Whether the fault is about requests like this one."""
        operation = exchange.operation or ""
        group = ANY_TOKEN_ENDPOINT if operation in TOKEN_ERRORS else ANY_OPERATION
        return self.operation in (operation, group) and self.app_id in (None, exchange.app_id)


@dataclass(frozen=True, slots=True)
class FaultEffect:
    """The effect of a fault on one request; `error` is raised instead of executing it."""

    fault: Fault
    error: Exception | None


class Faults:
    """The active faults, in the order in which they are tried, and the handlers of GET, PUT and DELETE faults."""

    def __init__(self, spec: Spec) -> None:
        self._spec = spec
        self._active: list[Fault] = []
        self._lock = threading.Lock()

    async def set_faults(self, installation: Installation, request: Request) -> Sequence[Fault]:
        """Replace all faults and return the new ones.

        Raises SandboxError, and changes nothing, when there is no such operation (400) or app (404), when the code of
        one is not documented, or when one has no effect or several.
        """
        faults = await parse_body(request, list[Fault])
        for fault in faults:
            self._require_valid(fault)
            if fault.app_id is not None:
                await get_app(installation, fault.app_id)
        self._active = faults
        return faults

    async def list_faults(self, request: Request) -> Sequence[Fault]:
        """Return the faults that still apply."""
        return self._active

    async def delete_faults(self, request: Request) -> Sequence[Any]:
        """Delete all faults and return an empty list."""
        self.clear()
        return []

    def clear(self) -> None:
        self._active = []

    def take(self, exchange: Exchange) -> FaultEffect | None:
        """Return the effect of the first fault that hits this request, and count it, or None."""
        with self._lock:
            for fault in self._active:
                if fault.hits(exchange) and random_bool(fault.probability):
                    if fault.times is not None:
                        fault.times -= 1
                    self._active = [f for f in self._active if f.times != 0]
                    return FaultEffect(fault, self._error(fault, exchange))
        return None

    def _error(self, fault: Fault, exchange: Exchange) -> Exception | None:
        if fault.code is None or exchange.operation is None:
            return None
        operation = self._spec.operations.get(exchange.operation)
        if operation is not None and _is_documented(operation, fault.code):
            return BusinessError(operation.id, fault.code, "fault", _message_params(operation, fault.code))
        return platform_error(fault.code, operation, exchange.app_id or "", fault.ratelimit_reset or 1)

    def _require_valid(self, fault: Fault) -> None:
        name = fault.operation
        if name not in (ANY_OPERATION, ANY_TOKEN_ENDPOINT, *TOKEN_ERRORS, *self._spec.operations):
            raise bad_request(
                f"there is no operation {name!r}: ids are like v1.job_change.create, * is all of them, token endpoints "
                f"are {', '.join((*TOKEN_ERRORS, ANY_TOKEN_ENDPOINT))}"
            )
        _require_one_effect(fault)
        if fault.code is not None:
            self._require_documented(name, fault.code)

    def _require_documented(self, name: str, code: int) -> None:
        operation = self._spec.operations.get(name)
        if operation is not None and _is_documented(operation, code):
            return
        if name == ANY_TOKEN_ENDPOINT:
            codes = set.intersection(*(set(errors) for errors in TOKEN_ERRORS.values()))
        elif name in TOKEN_ERRORS:
            codes = set(TOKEN_ERRORS[name])
        else:
            codes = set(PLATFORM_CODES)
        if code not in codes:
            own = f"its codes are {_list(operation.errors)}; those of the platform are " if operation else "codes are "
            raise bad_request(f"{name} does not document {code}: {own}{_list(codes)}")


def _require_one_effect(fault: Fault) -> None:
    name = fault.operation
    responses = [fault.http_status is not None, fault.cut, fault.drop, fault.reset]
    if fault.code is None and fault.latency_ms is None and not any(responses):
        raise bad_request(
            f"the fault of {name} does nothing: give it a code, http_status, cut, drop, reset or latency_ms"
        )
    if sum(responses) > 1 or (fault.code is not None and (fault.http_status is not None or fault.reset)):
        raise bad_request(f"a request of {name} can have one response: give one of code, http_status, cut, drop, reset")
    if fault.executed is not None and fault.http_status is None and not fault.reset:
        raise bad_request(f"whether a request of {name} is executed is open with http_status and reset only")
    if fault.ratelimit_reset is not None and fault.code != RATE_LIMITED:
        raise bad_request(f"ratelimit_reset is a header of {RATE_LIMITED} only")
    if fault.latency_ms is not None and (fault.code is not None or fault.prevents_execution):
        raise bad_request(f"a request of {name} that is not executed holds no locks: leave out latency_ms")


def _is_documented(operation: Operation, code: int) -> bool:
    """Whether the operation's own page documents the code."""
    return code in operation.errors or (
        code != 0 and any(shared_code == code for shared_code, _ in operation.shared_errors)
    )


def _message_params(operation: Operation, code: int) -> Mapping[str, str]:
    """Return a value for each placeholder of the documented message: the placeholder's own name."""
    _, message = operation.errors.get(code, (0, ""))
    return {name: name for name in _PLACEHOLDER.findall(message)}


def _list(codes: Mapping[int, Any] | set[int]) -> str:
    return ", ".join(map(str, sorted(codes)))
