"""Faults of deliveries: what goes wrong on purpose between corehr and a subscriber, in a sandbox."""

from typing import Final, Literal, NamedTuple, Protocol

from corehr.delivery.subscribers import Subscriber
from corehr.kernel.db import decode_json, encode_json

DeliveryFaultName = Literal[
    "duplicate",
    "delay",
    "swap",
    "wrong_signature",
    "stale_timestamp",
    "wrong_verification_token",
    "cut_body",
    "wrong_encrypt_key",
]

NEED_ENCRYPT_KEY: Final[frozenset[DeliveryFaultName]] = frozenset(
    {"wrong_signature", "stale_timestamp", "wrong_encrypt_key"}
)
"""The faults of what only a webhook with an encrypt key has: encryption, and the headers of the signature."""

STALE_SECONDS: Final = 3600
"""How old a stale timestamp is."""


class DeliveryFault(NamedTuple):
    """A fault of one attempt; `delay_seconds`, of world time, is for a delay."""

    name: DeliveryFaultName
    delay_seconds: int = 0


class NextAttempt(NamedTuple):
    """An attempt that is about to be made.

    `followed` is whether another event of the same subject is due as well, `delayed` whether a delay has just ended.
    """

    subscriber: Subscriber
    event_type: str
    followed: bool
    delayed: bool


class DeliveryFaultSource(Protocol):
    """Decides which attempts fail on purpose."""

    def take(self, attempt: NextAttempt) -> DeliveryFault | None:
        """Return the fault of an attempt, and count it, or None."""
        ...


def wrong(secret: str) -> str:
    """Return a secret that is not this one."""
    return f"not {secret}"


def with_wrong_token(body: bytes) -> bytes:
    """Return the envelope of an event with another verification token."""
    envelope = decode_json(body)
    envelope["header"]["token"] = wrong(envelope["header"]["token"])
    return encode_json(envelope)


def cut(body: bytes) -> bytes:
    """Return the first half of a body."""
    return body[: len(body) // 2]
