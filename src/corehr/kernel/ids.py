"""Ids that grow with time, up to 19 decimal digits; random secrets and random choices."""

import itertools
import random
import secrets
import threading
from collections.abc import Iterator, Sequence
from typing import Final, Protocol, TypeGuard, TypeVar

from corehr.kernel.clock import real_seconds

T = TypeVar("T")

UNKNOWN_ID: Final = "unknown"
"""The id that replaces an unknown one in a request: no record has it."""

SEEDED_IDS_START: Final = 1_600_000_000 << 32
"""Where seeded ids start: below every id made of real time."""


def is_digits(value: object) -> TypeGuard[str]:
    """Return whether the value is text of ASCII decimal digits, as every id is; the number may be of any size."""
    return isinstance(value, str) and value.isascii() and value.isdecimal()


class Ids(Protocol):
    def next(self) -> int: ...


class TimeOrderedIds:
    """Ids with the seconds of real time in the high bits, so that they sort by creation."""

    def __init__(self) -> None:
        self._last = 0
        self._lock = threading.Lock()

    def next(self) -> int:
        with self._lock:
            second = int(real_seconds()) << 32
            # a random start within each second keeps two processes apart
            self._last = self._last + 1 if self._last >= second else second | secrets.randbits(30)
            return self._last

    def resume_after(self, last_id: int) -> None:
        """Make every later id greater than `last_id`, which an earlier process issued, perhaps in the same second."""
        with self._lock:
            self._last = max(self._last, last_id)


class SeededIds:
    """Consecutive ids from a start, so that demo companies and tests get the same ids each time."""

    def __init__(self, start: int = SEEDED_IDS_START) -> None:
        self._numbers: Iterator[int] = itertools.count(start + 1)

    def next(self) -> int:
        return next(self._numbers)


def random_hex(length: int = 32) -> str:
    """Return a new random secret of `length` lower-case hexadecimal digits."""
    return secrets.token_hex((length + 1) // 2)[:length]


def random_bool(probability: float) -> bool:
    """Return True with the given probability, 0 to 1; used for the sandbox's faults."""
    return secrets.SystemRandom().random() < probability


def random_fraction() -> float:
    """Return a random number from 0 up to 1, such as the share of a pause."""
    return secrets.SystemRandom().random()


def random_choice(items: Sequence[T]) -> T:
    """Return a random item, each with equal probability; raise IndexError when there are none."""
    return secrets.choice(items)


def seeded_random(seed: int) -> random.Random:
    """Return a random generator whose choices are repeatable, for building demo companies."""
    return random.Random(seed)
