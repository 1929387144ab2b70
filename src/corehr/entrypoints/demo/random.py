"""Repeatable choices: the same seed draws the same things in the same order."""

from collections.abc import Sequence
from typing import TypeVar

from corehr.kernel.ids import seeded_random

T = TypeVar("T")


class SeededRandom:
    """Draws for one demo company."""

    def __init__(self, seed: int) -> None:
        self._random = seeded_random(seed)

    def choice(self, items: Sequence[T]) -> T:
        """One of the things, each as likely."""
        return items[int(self._random.random() * len(items))]

    def randint(self, low: int, high: int) -> int:
        """A whole number from `low` to `high`, both included."""
        return low + int(self._random.random() * (high - low + 1))

    def chance(self, probability: float) -> bool:
        """True as often as the probability says."""
        return self._random.random() < probability
