"""Rulebooks: the documented errors of an operation as rules, checked in the order written."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any, Final, Generic, TypeVar

from corehr.kernel.errors import INVALID_FIELD, SUCCESS, BusinessError, GatewayReason

CaseT = TypeVar("CaseT")
ViolationT = TypeVar("ViolationT", bound=Callable[..., Any])
Violation = Callable[[CaseT], "bool | Mapping[str, str] | None"]
"""A predicate that is true when a case must be refused. It may return a mapping instead of True: the parameters of the
documented sentence. A violation that is bound to INVALID_FIELD must return the field violation, see `invalid_field`."""

FIELD_VIOLATION_MEMBERS: Final = frozenset({"field", "description"})
"""The members that every field violation has; it may have `value` too."""


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

    def violation_codes(self) -> frozenset[int]:
        """Return the error codes that violations raise, INVALID_FIELD among them."""
        return frozenset(rule.code for rule in self.rules if callable(rule.raised_by)) - {SUCCESS}

    def gateway_codes(self) -> dict[GatewayReason, int]:
        """Return the documented code of each gateway reason; the last rule wins when several name one reason."""
        return {rule.raised_by: rule.code for rule in self.rules if isinstance(rule.raised_by, GatewayReason)}

    def _error(self, rule: Rule[CaseT], result: Any) -> BusinessError:
        if rule.code == INVALID_FIELD:
            assert isinstance(result, Mapping), f"{rule.name}: return a field violation, see invalid_field"
            assert result.keys() >= FIELD_VIOLATION_MEMBERS, f"{rule.name}: {result} lacks a member"
            return BusinessError(self.operation, rule.code, rule.name, field_violations=[result])
        params = result if isinstance(result, Mapping) else {}
        return BusinessError(self.operation, rule.code, rule.name, message_params=params, message=rule.message)


def invalid_field(
    violation: "Callable[[CaseT], bool]", field: str, description: str | None = None
) -> "Callable[[CaseT], Mapping[str, str] | None]":
    """Make the violation to bind to INVALID_FIELD: the field violation of `field`, a dotted path, if `violation` holds.

    By default the description says that the field names no record.
    """
    members = {"field": field, "description": description or f"{field} is not a valid id or does not exist"}

    @wraps(violation)  # the rulebook shows its name, and the module that has it
    def field_violation(case: CaseT) -> Mapping[str, str] | None:
        return members if violation(case) else None

    return field_violation


def with_name(violation: ViolationT, name: str) -> ViolationT:
    """Set the name under which a violation made by a factory appears in the rulebook, and return the violation."""
    violation.__name__ = name
    return violation
