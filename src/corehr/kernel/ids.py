"""Ids: 19-digit decimal text, growing with time; and random secrets."""

import itertools
import random
import secrets
import threading
from collections.abc import Iterator, Sequence
from typing import Final, Protocol, TypeVar

from corehr.kernel.clock import real_seconds

T = TypeVar("T")

UNKNOWN_ID: Final = "unknown"
"""Stands where a request named nobody: no record ever has this id."""

SEEDED_IDS_START: Final = 1_600_000_000 << 32
"""Where seeded ids begin: below every id that real time gives."""


class Ids(Protocol):
    def next(self) -> int: ...


class TimeOrderedIds:
    """Seconds of real time in the high bits, so that order of making is order of ids."""

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
        """An earlier process gave this one: ids grow on from there, though it be of the same second."""
        with self._lock:
            self._last = max(self._last, last_id)


class SeededIds:
    """The same ids for the same start: for demo companies and tests."""

    def __init__(self, start: int = SEEDED_IDS_START) -> None:
        self._numbers: Iterator[int] = itertools.count(start + 1)

    def next(self) -> int:
        return next(self._numbers)


def random_hex(length: int = 32) -> str:
    """A fresh random secret of lower-case hexadecimal digits."""
    return secrets.token_hex((length + 1) // 2)[:length]


def random_bool(probability: float) -> bool:
    """True with the given probability; only the sandbox's faults ask."""
    return secrets.SystemRandom().random() < probability


def random_choice(items: Sequence[T]) -> T:
    """One of them, each as likely as the others; IndexError when there are none."""
    return secrets.choice(items)


def seeded_random(seed: int) -> random.Random:
    """A source of repeatable choices, for making demo companies."""
    return random.Random(seed)
