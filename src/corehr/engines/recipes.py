"""Recipes: for the documented codes of an operation, requests that get them from a new demo company."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from corehr.kernel.clock import IsoDate

RecipeCall = dict[str, Any]
"""A call: its method, path, query and body."""

UNKNOWN_RECORD_ID: Final = "1"
"""An id that belongs to no record."""


class RecipeContext(Protocol):
    """What recipes are built from: the named records and `today`, the day on which the demo company was made."""

    today: IsoDate

    def fact(self, kind: str, name: str, key: str = "id") -> Any:
        """Return one fact of a named record, its id by default."""

    def day(self, days: int) -> IsoDate:
        """Return the date `days` days after today, before it when negative."""


def nothing_refused(context: RecipeContext) -> Mapping[int, RecipeCall]:
    """Return no request: the operation has no code that the state of the demo company raises."""
    return {}


@dataclass(frozen=True)
class Recipes:
    """The recipes of one operation: a valid request, and by code the requests that the state refuses.

    A documented code that no state raises needs no request of its own: a fault turns the valid one into it. A code
    that a violation raises although the page does not have it, such as INVALID_FIELD, needs one.
    """

    valid: Callable[[RecipeContext], RecipeCall]
    refused: Callable[[RecipeContext], Mapping[int, RecipeCall]] = nothing_refused
