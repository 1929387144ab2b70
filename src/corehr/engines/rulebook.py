"""Rulebooks: the documented errors of an operation as rules, checked in the order written."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from corehr.kernel.errors import INVALID_FIELD, BusinessError, GatewayReason

CaseT = TypeVar("CaseT")
ViolationT = TypeVar("ViolationT", bound=Callable[..., Any])
Violation = Callable[[CaseT], "bool | Mapping[str, str] | None"]
"""A predicate that is true when a case must be refused. It may return a mapping instead of True: the parameters of the
documented sentence or, for INVALID_FIELD, the field violation."""


@dataclass(frozen=True)
class Unreachable:
    """The reason why no state of corehr can raise a documented code."""

    reason: str


@dataclass(frozen=True)
class Rule(Generic[CaseT]):
    """What raises a documented code, our interpretation of its sentence, and the evidence for the interpretation.

    `evidence` is doc, sdk, recorded or inferred. A refusal without a documented code has the code SUCCESS and a
    `message`, which the response has in its data.
    """

    code: int
    raised_by: "Violation[CaseT] | GatewayReason | Unreachable"
    interpretation: str
    evidence: str = "inferred"
    message: str | None = None

    @property
    def name(self) -> str:
        if isinstance(self.raised_by, GatewayReason):
            return f"gateway: {self.raised_by.name.lower()}"
        if isinstance(self.raised_by, Unreachable):
            return "unreachable"
        return str(getattr(self.raised_by, "__name__", self.raised_by))


@dataclass(frozen=True)
class Rulebook(Generic[CaseT]):
    """The rules of an operation; the first one that a case violates is its error."""

    operation: str
    rules: Sequence[Rule[CaseT]]

    def check(self, case: CaseT) -> None:
        """Raise the BusinessError of the first rule that the case violates."""
        for rule in self.rules:
            if not callable(rule.raised_by):
                continue
            if result := rule.raised_by(case):
                raise self._error(rule, result)

    def gateway_codes(self) -> dict[GatewayReason, int]:
        """Return the documented code of each gateway reason; the last rule wins when several name one reason."""
        return {rule.raised_by: rule.code for rule in self.rules if isinstance(rule.raised_by, GatewayReason)}

    def _error(self, rule: Rule[CaseT], result: Any) -> BusinessError:
        params = result if isinstance(result, Mapping) else {}
        if rule.code == INVALID_FIELD:
            return BusinessError(self.operation, rule.code, rule.name, field_violations=[params])
        return BusinessError(self.operation, rule.code, rule.name, message_params=params, message=rule.message)


def with_name(violation: ViolationT, name: str) -> ViolationT:
    """Set the name under which a violation made by a factory appears in the rulebook, and return the violation."""
    violation.__name__ = name
    return violation
