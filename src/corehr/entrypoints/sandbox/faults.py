"""Faults: any documented error of an operation, a wait while locks are held, an answer lost on its way."""

import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta
from starlette.requests import Request

from corehr.entrypoints.sandbox.router import bad_request, parse_body
from corehr.gateway.spec import Operation, Spec
from corehr.kernel.ids import random_bool

_PLACEHOLDER: Final = re.compile(r"\{\{(\w+)\}\}")
MAX_LATENCY_MS: Final = 60_000
"""Milliseconds."""


class Fault(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """As PUT sends it. `times` counts down as it happens; None is for ever."""

    operation: str
    code: int | None = None
    latency_ms: Annotated[int, Meta(ge=1, le=MAX_LATENCY_MS)] | None = None
    drop: bool = False
    times: Annotated[int, Meta(ge=1)] | None = None
    probability: Annotated[float, Meta(ge=0, le=1)] = 1.0


@dataclass(frozen=True, slots=True)
class FaultEffect:
    """What is to happen to one request."""

    code: int | None
    latency_seconds: float
    drop: bool
    message_params: Mapping[str, str]


class Faults:
    """Those that are set, in the order in which they are tried."""

    def __init__(self, spec: Spec) -> None:
        self._spec = spec
        self._active: list[Fault] = []
        self._lock = threading.Lock()

    async def set_faults(self, request: Request) -> Sequence[Fault]:
        """PUT: these and no others; Refused when one of them is not documented."""
        faults = await parse_body(request, list[Fault])
        for fault in faults:
            self._require_documented(fault)
        self._active = faults
        return faults

    async def list_faults(self, request: Request) -> Sequence[Fault]:
        """GET: what is still to come."""
        return self._active

    async def delete_faults(self, request: Request) -> Sequence[Any]:
        """DELETE: nothing more goes wrong."""
        self.clear()
        return []

    def clear(self) -> None:
        self._active = []

    def take(self, operation: str | None) -> FaultEffect | None:
        """What happens to a request of this operation that comes now."""
        with self._lock:
            for fault in self._active:
                if fault.operation == operation and random_bool(fault.probability):
                    if fault.times is not None:
                        fault.times -= 1
                    self._active = [f for f in self._active if f.times != 0]
                    return FaultEffect(
                        fault.code, (fault.latency_ms or 0) / 1000, fault.drop, self._message_params(fault)
                    )
        return None

    def _require_documented(self, fault: Fault) -> None:
        operation = self._spec.operations.get(fault.operation)
        if operation is None:
            raise bad_request(f"there is no operation {fault.operation!r}: ids are like v1.job_change.create")
        if fault.code is None and fault.latency_ms is None and not fault.drop:
            raise bad_request(f"the fault of {fault.operation} does nothing: give it a code, latency_ms or drop")
        if fault.code is not None and fault.latency_ms is not None:
            raise bad_request(f"a refused request of {fault.operation} holds no locks: give code or latency_ms")
        if fault.code is not None and not _is_documented(operation, fault.code):
            raise bad_request(
                f"{fault.operation} does not document {fault.code}: its codes are {_documented_codes(operation)}"
            )

    def _message_params(self, fault: Fault) -> Mapping[str, str]:
        """The blanks of the documented sentence, each filled with what it is called."""
        _, sentence = self._spec.operations[fault.operation].errors.get(fault.code or 0, (0, ""))
        return {name: name for name in _PLACEHOLDER.findall(sentence)}


def _is_documented(operation: Operation, code: int) -> bool:
    """By its own page, that is: what the platform says to everybody is not for a fault."""
    return code in operation.errors or (
        code != 0 and any(shared_code == code for shared_code, _ in operation.shared_errors)
    )


def _documented_codes(operation: Operation) -> str:
    return ", ".join(map(str, sorted(operation.errors)))
