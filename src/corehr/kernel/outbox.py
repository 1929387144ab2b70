"""The outbox: who subscribes to what, and one row per event and subscriber until it is delivered or given up.

Rows are written with the events, in the command's own transaction, so that nothing committed goes untold and nothing
rolled back is told. Whoever delivers claims rows by their state, under a lease.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

Mode = Literal["webhook", "long_connection"]


@dataclass(frozen=True, slots=True)
class Subscriber:
    """Where an app's events go. `url` is empty with a long connection; the two secrets may be empty anywhere."""

    tenant: str
    app_id: str
    mode: Mode
    url: str
    encrypt_key: str = field(repr=False)
    verification_token: str = field(repr=False)


class Outcome(NamedTuple):
    """What came of one attempt: whether the subscriber took it, and in a few words what it said or why it did not."""

    taken: bool
    said: str
