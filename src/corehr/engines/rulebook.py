"""An operation's error table, executable: rows of (code, violation), tried in the order written."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from corehr.kernel.errors import INVALID_FIELD, BusinessError, GatewayReason

C = TypeVar("C")
V = TypeVar("V", bound=Callable[..., Any])
Violation = Callable[[C], "bool | Mapping[str, str] | None"]
"""A predicate that is true of a case that must be refused; a mapping fills the blanks of the documented sentence,
or, bound to INVALID_FIELD, is the field violation itself."""


@dataclass(frozen=True)
class Unreachable:
    """A documented code that no state of corehr can raise, and why."""

    reason: str


@dataclass(frozen=True)
class Rule(Generic[C]):
    """One binding: what a code stands for here, our reading of the sentence, and how sure we are of it.

    `grade` is doc, sdk, recorded or reading.
    """

    code: int
    raised_by: "Violation[C] | GatewayReason | Unreachable"
    interpretation: str
    evidence: str = "reading"

    @property
    def name(self) -> str:
        if isinstance(self.raised_by, GatewayReason):
            return f"gateway: {self.raised_by.name.lower()}"
        if isinstance(self.raised_by, Unreachable):
            return "never"
        return str(getattr(self.raised_by, "__name__", self.raised_by))


@dataclass(frozen=True)
class Rulebook(Generic[C]):
    """Order is meaning: the first violation that is true of the case is the answer."""

    operation: str
    rules: Sequence[Rule[C]]

    def check(self, case: C) -> None:
        """Raise the Refusal of the first row that the case violates."""
        for rule in self.rules:
            if not callable(rule.raised_by):
                continue
            if result := rule.raised_by(case):
                raise self._error(rule, result)

    def gateway_codes(self) -> dict[GatewayReason, int]:
        """The codes that gateway reasons stand for in this operation; where several rows name one, the last."""
        return {rule.raised_by: rule.code for rule in self.rules if isinstance(rule.raised_by, GatewayReason)}

    def _error(self, rule: Rule[C], result: Any) -> BusinessError:
        params = result if isinstance(result, Mapping) else {}
        if rule.code == INVALID_FIELD:
            return BusinessError(self.operation, rule.code, rule.name, field_violations=[params])
        return BusinessError(self.operation, rule.code, rule.name, message_params=params)


def with_name(violation: V, name: str) -> V:
    """Give a violation made by a factory the name it goes by in the rulebook."""
    violation.__name__ = name
    return violation
