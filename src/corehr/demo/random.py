"""Repeatable random choices: the same seed makes the same choices in the same order."""

from collections.abc import Sequence
from typing import TypeVar

from corehr.kernel.ids import seeded_random

T = TypeVar("T")


class SeededRandom:
    """The random choices of one demo company."""

    def __init__(self, seed: int) -> None:
        self._random = seeded_random(seed)

    def choice(self, items: Sequence[T]) -> T:
        """Return one of the items, each equally likely."""
        return items[int(self._random.random() * len(items))]

    def randint(self, low: int, high: int) -> int:
        """Return a whole number from `low` to `high`, both included."""
        return low + int(self._random.random() * (high - low + 1))

    def chance(self, probability: float) -> bool:
        """Return True with this probability, from 0 to 1."""
        return self._random.random() < probability
