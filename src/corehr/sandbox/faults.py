"""Faults: a documented error of an operation, a delay while its locks are held, or a dropped response."""

import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta
from starlette.requests import Request

from corehr.kernel.ids import random_bool
from corehr.sandbox.router import bad_request, parse_body
from corehr.spec.loader import Operation, Spec

_PLACEHOLDER: Final = re.compile(r"\{\{(\w+)\}\}")
MAX_LATENCY_MS: Final = 60_000


class Fault(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """A fault as PUT faults sets it.

    `times` is how many requests it still applies to, None for no limit. `latency_ms` is in milliseconds.
    """

    operation: str
    code: int | None = None
    latency_ms: Annotated[int, Meta(ge=1, le=MAX_LATENCY_MS)] | None = None
    drop: bool = False
    times: Annotated[int, Meta(ge=1)] | None = None
    probability: Annotated[float, Meta(ge=0, le=1)] = 1.0


@dataclass(frozen=True, slots=True)
class FaultEffect:
    """The effect of a fault on one request. `message_params` fill the placeholders of the documented message."""

    code: int | None
    latency_seconds: float
    drop: bool
    message_params: Mapping[str, str]


class Faults:
    """The active faults, in the order in which they are tried, and the handlers of GET, PUT and DELETE faults."""

    def __init__(self, spec: Spec) -> None:
        self._spec = spec
        self._active: list[Fault] = []
        self._lock = threading.Lock()

    async def set_faults(self, request: Request) -> Sequence[Fault]:
        """Replace all faults and return the new ones.

        Raises SandboxError (400), and changes nothing, when the code of one is not documented or one has no effect.
        """
        faults = await parse_body(request, list[Fault])
        for fault in faults:
            self._require_documented(fault)
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

    def take(self, operation: str | None) -> FaultEffect | None:
        """Return the effect of the first fault that hits a request of this operation, and count it, or None."""
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
        """Return a value for each placeholder of the documented message: the placeholder's own name."""
        _, message = self._spec.operations[fault.operation].errors.get(fault.code or 0, (0, ""))
        return {name: name for name in _PLACEHOLDER.findall(message)}


def _is_documented(operation: Operation, code: int) -> bool:
    """Whether the operation's own page documents the code; errors of the gateway itself do not count."""
    return code in operation.errors or (
        code != 0 and any(shared_code == code for shared_code, _ in operation.shared_errors)
    )


def _documented_codes(operation: Operation) -> str:
    return ", ".join(map(str, sorted(operation.errors)))
