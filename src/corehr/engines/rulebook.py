"""An operation's error table, executable: rows of (code, violation), tried in the order written."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from corehr.kernel.errors import INVALID_FIELD, Reason, Refusal

C = TypeVar("C")
V = TypeVar("V", bound=Callable[..., Any])
Violation = Callable[[C], "bool | Mapping[str, str] | None"]
"""A predicate that is true of a case that must be refused; a mapping fills the blanks of the documented sentence,
or, bound to INVALID_FIELD, is the field violation itself."""


@dataclass(frozen=True)
class Never:
    """A documented code that no state of corehr can raise, and why."""

    why: str


@dataclass(frozen=True)
class Row(Generic[C]):
    """One binding: what a code stands for here, our reading of the sentence, and how sure we are of it.

    `grade` is doc, sdk, recorded or reading.
    """

    code: int
    bound_to: "Violation[C] | Reason | Never"
    reading: str
    grade: str = "reading"

    @property
    def name(self) -> str:
        if isinstance(self.bound_to, Reason):
            return f"gateway: {self.bound_to.name.lower()}"
        if isinstance(self.bound_to, Never):
            return "never"
        return str(getattr(self.bound_to, "__name__", self.bound_to))


@dataclass(frozen=True)
class Rulebook(Generic[C]):
    """Order is meaning: the first violation that is true of the case is the answer."""

    operation: str
    rows: Sequence[Row[C]]

    def check(self, case: C) -> None:
        """Raise the Refusal of the first row that the case violates."""
        for row in self.rows:
            if not callable(row.bound_to):
                continue
            if found := row.bound_to(case):
                raise self._refusal(row, found)

    def reasons(self) -> dict[Reason, int]:
        """The codes that gateway reasons stand for in this operation; where several rows name one, the last."""
        return {row.bound_to: row.code for row in self.rows if isinstance(row.bound_to, Reason)}

    def _refusal(self, row: Row[C], found: Any) -> Refusal:
        words = found if isinstance(found, Mapping) else {}
        if row.code == INVALID_FIELD:
            return Refusal(self.operation, row.code, row.name, violations=[words])
        return Refusal(self.operation, row.code, row.name, blanks=words)


def named(violation: V, name: str) -> V:
    """Give a violation made by a factory the name it goes by in the rulebook."""
    violation.__name__ = name
    return violation
