"""App tickets: a store app needs one to get its app token. There is one for each hour of real time.

A ticket is a truncated HMAC-SHA256 of app id and hour under the tenant's server key, so that none is stored and every
process generates the same one. It does not authenticate the app: the app secret is required with it.
"""

import hmac
from collections.abc import Callable
from typing import Final

from corehr.apps.registry import App
from corehr.kernel.clock import real_seconds

HOUR_SECONDS: Final = 3600
"""Seconds for which a ticket is the newest."""

ACCEPTED_PAST_HOURS: Final = 12
"""Hours after its own for which a ticket is still valid: the longest time for which an official SDK caches one."""

_ACCEPTED_FUTURE_HOURS: Final = 1
"""Hours before its own for which a ticket is already valid: the clock of the process that issued it may be ahead."""


def current_ticket(app: App, *, seconds: Callable[[], float] = real_seconds) -> str:
    """Return the ticket of the current hour: 32 hexadecimal digits."""
    return _ticket_for_hour(app, hour_number(seconds()))


def is_valid_ticket(app: App, ticket: str, *, seconds: Callable[[], float] = real_seconds) -> bool:
    """Return whether it is a ticket of this app for an accepted hour."""
    encoded, now = ticket.encode(), hour_number(seconds())
    hours = range(now - ACCEPTED_PAST_HOURS, now + _ACCEPTED_FUTURE_HOURS + 1)
    return any(hmac.compare_digest(_ticket_for_hour(app, hour).encode(), encoded) for hour in hours)


def hour_number(seconds: float) -> int:
    """Return the number of the hour that an instant, in seconds since 1970, lies in."""
    return int(seconds) // HOUR_SECONDS


def _ticket_for_hour(app: App, hour: int) -> str:
    key = hmac.digest(app.server_key.encode(), b"app ticket", "sha256")
    return hmac.digest(key, f"{app.app_id} {hour}".encode(), "sha256")[:16].hex()
