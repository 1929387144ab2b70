"""Faults: any documented error of an operation, a wait while locks are held, an answer lost on its way."""

import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta
from starlette.requests import Request

from corehr.entrypoints.sandbox.door import bad, read
from corehr.gateway.spec import Operation, Spec
from corehr.kernel.ids import random_bool

_BLANK: Final = re.compile(r"\{\{(\w+)\}\}")
LONGEST: Final = 60_000
"""Milliseconds."""


class Fault(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """As PUT sends it. `times` counts down as it happens; None is for ever."""

    operation: str
    code: int | None = None
    latency_ms: Annotated[int, Meta(ge=1, le=LONGEST)] | None = None
    drop: bool = False
    times: Annotated[int, Meta(ge=1)] | None = None
    probability: Annotated[float, Meta(ge=0, le=1)] = 1.0


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is to happen to one request."""

    code: int | None
    latency: float
    drop: bool
    blanks: Mapping[str, str]


class Faults:
    """Those that are set, in the order in which they are tried."""

    def __init__(self, spec: Spec) -> None:
        self._spec = spec
        self._set: list[Fault] = []
        self._lock = threading.Lock()

    async def put(self, request: Request) -> Sequence[Fault]:
        """PUT: these and no others; Refused when one of them is not documented."""
        faults = await read(request, list[Fault])
        for fault in faults:
            self._check(fault)
        self._set = faults
        return faults

    async def get(self, request: Request) -> Sequence[Fault]:
        """GET: what is still to come."""
        return self._set

    async def delete(self, request: Request) -> Sequence[Any]:
        """DELETE: nothing more goes wrong."""
        self.clear()
        return []

    def clear(self) -> None:
        self._set = []

    def strike(self, operation: str | None) -> Trouble | None:
        """What happens to a request of this operation that comes now."""
        with self._lock:
            for fault in self._set:
                if fault.operation == operation and random_bool(fault.probability):
                    if fault.times is not None:
                        fault.times -= 1
                    self._set = [f for f in self._set if f.times != 0]
                    return Trouble(fault.code, (fault.latency_ms or 0) / 1000, fault.drop, self._blanks(fault))
        return None

    def _check(self, fault: Fault) -> None:
        operation = self._spec.operations.get(fault.operation)
        if operation is None:
            raise bad(f"there is no operation {fault.operation!r}: ids are like v1.job_change.create")
        if fault.code is None and fault.latency_ms is None and not fault.drop:
            raise bad(f"the fault of {fault.operation} does nothing: give it a code, latency_ms or drop")
        if fault.code is not None and fault.latency_ms is not None:
            raise bad(f"a refused request of {fault.operation} holds no locks: give code or latency_ms")
        if fault.code is not None and not _documented(operation, fault.code):
            raise bad(f"{fault.operation} does not document {fault.code}: its codes are {_codes(operation)}")

    def _blanks(self, fault: Fault) -> Mapping[str, str]:
        """The blanks of the documented sentence, each filled with what it is called."""
        _, sentence = self._spec.operations[fault.operation].errors.get(fault.code or 0, (0, ""))
        return {name: name for name in _BLANK.findall(sentence)}


def _documented(operation: Operation, code: int) -> bool:
    """By its own page, that is: what the platform says to everybody is not for a fault."""
    return code in operation.errors or (code != 0 and any(listed == code for listed, _ in operation.shared_errors))


def _codes(operation: Operation) -> str:
    return ", ".join(map(str, sorted(operation.errors)))
