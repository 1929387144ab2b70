"""Rate limits: the calls of one operation by one app of one tenant within a window of real time."""

from collections.abc import Callable, Sequence
from math import ceil
from typing import NamedTuple

from corehr.kernel.clock import real_seconds
from corehr.spec.loader import RateLimit

_SWEEP_AT = 10_000

LimitKey = tuple[str, str, str]
"""Operation, tenant, app."""


class RateLimitExceeded(NamedTuple):
    """`limit` calls are allowed in the window that ends in `reset` seconds."""

    limit: int
    reset: int


class RateLimiter:
    """Counts calls in this process's memory; with `enabled=False` every call is allowed.

    A window opens with its first call, not on the clock's full second, so a burst meets the limit whenever in a second
    it begins. A refused call is not counted.
    """

    def __init__(self, *, enabled: bool = True, seconds: Callable[[], float] = real_seconds) -> None:
        self.enabled = enabled
        self._seconds = seconds
        self._windows: dict[LimitKey, list[list[float]]] = {}
        self._sweep_at = _SWEEP_AT

    def hit(self, key: LimitKey, limits: Sequence[RateLimit]) -> RateLimitExceeded | None:
        """Count one call and return None, or return the limit it exceeds: of several, the one that resets last."""
        if not self.enabled or not limits:
            return None
        now = self._seconds()
        windows = self._windows.get(key)
        if windows is None:
            windows = self._open_windows(key, limits, now)
        exceeded: RateLimitExceeded | None = None
        for window, limit in zip(windows, limits, strict=True):
            window_start, count = window
            if not 0 <= now - window_start < limit.seconds:
                window[0], window[1] = now, 0
            elif count >= limit.count:
                reset = max(1, ceil(window_start + limit.seconds - now))
                if exceeded is None or reset > exceeded.reset:
                    exceeded = RateLimitExceeded(limit.count, reset)
        if exceeded is None:
            for window in windows:
                window[1] += 1
        return exceeded

    def _open_windows(self, key: LimitKey, limits: Sequence[RateLimit], now: float) -> list[list[float]]:
        if len(self._windows) >= self._sweep_at:
            self._drop_idle_windows(now)
        windows = self._windows[key] = [[now, 0] for _ in limits]
        return windows

    def _drop_idle_windows(self, now: float) -> None:
        """Drop the keys without a call for 60 seconds, the longest window there is."""
        self._windows = {
            key: windows for key, windows in self._windows.items() if any(now - start < 60 for start, _ in windows)
        }
        self._sweep_at = max(_SWEEP_AT, 2 * len(self._windows))
