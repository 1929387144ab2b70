"""The keys under which secrets are encrypted in a database; the keys themselves are never in it."""

import base64
import hmac
import re
from collections.abc import Sequence
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from corehr.kernel.errors import UsageError
from corehr.kernel.ids import random_hex

KEY_HEX_DIGITS: Final = 64
"""Hexadecimal digits of a key: 256 bits."""

_FORMAT: Final = "k1"
_NONCE_BYTES: Final = 12
_KEY: Final = re.compile(rf"[0-9a-fA-F]{{{KEY_HEX_DIGITS}}}")


def generate_key() -> str:
    """Return a new key as text."""
    return random_hex(KEY_HEX_DIGITS)


class _Key:
    """One key: `id` names it in the database."""

    def __init__(self, raw: bytes) -> None:
        self.id = hmac.digest(raw, b"key id", "sha256")[:4].hex()
        self._nonce_key = hmac.digest(raw, b"nonce", "sha256")
        self._cipher = AESGCM(raw)

    def encrypt(self, secret: bytes, context: bytes) -> bytes:
        # the nonce depends on all that is encrypted: it repeats only where the whole result repeats, and the same
        # company is encrypted to the same bytes
        message = len(context).to_bytes(4, "big") + context + secret
        nonce = hmac.digest(self._nonce_key, message, "sha256")[:_NONCE_BYTES]
        return nonce + self._cipher.encrypt(nonce, secret, context)

    def decrypt(self, encrypted: bytes, context: bytes) -> bytes:
        return self._cipher.decrypt(encrypted[:_NONCE_BYTES], encrypted[_NONCE_BYTES:], context)


class KeyRing:
    """The keys of an installation: the first one encrypts, every one decrypts.

    A secret is encrypted with AES-256-GCM for one context, such as a column of one row, so that it cannot be moved to
    another. The text in the database names its key, so that a ring can have several while one replaces another.
    `advice` says, as a clause, how the operator gives the keys; it ends the message about a key that is missing.
    """

    def __init__(self, keys: Sequence[str], advice: str) -> None:
        """Use these keys; UsageError, which does not show the key, when one is malformed."""
        self._advice = advice
        if not all(map(_KEY.fullmatch, keys)):
            raise UsageError(f"a key has {KEY_HEX_DIGITS} hexadecimal digits, and one given has not: {advice}")
        self._keys = {key.id: key for key in (_Key(bytes.fromhex(text)) for text in keys)}
        self._first = next(iter(self._keys.values()), None)

    def __bool__(self) -> bool:
        return self._first is not None

    def encrypt(self, secret: str, context: str) -> str:
        """Return the secret as text for the database; UsageError when there is no key."""
        if self._first is None:
            raise UsageError(f"there is no key to encrypt secrets with: {self._advice}")
        encrypted = self._first.encrypt(secret.encode(errors="surrogatepass"), context.encode())
        return f"{_FORMAT}.{self._first.id}.{base64.b64encode(encrypted).decode()}"

    def decrypt(self, text: str, context: str) -> str:
        """Return the secret that was encrypted for this context; UsageError when its key is not in the ring."""
        version, _, rest = text.partition(".")
        key_id, _, encoded = rest.partition(".")
        key = self._keys.get(key_id) if version == _FORMAT else None
        if key is None:
            raise UsageError(f"the key that encrypts this database is missing: {self._advice}")
        try:
            return key.decrypt(base64.b64decode(encoded, validate=True), context.encode()).decode(
                errors="surrogatepass"
            )
        except (ValueError, InvalidTag):
            raise UsageError(f"a secret in this database was changed ({context}): restore it from a backup") from None


NO_KEYS: Final = KeyRing((), "give --key-file or COREHR_KEY")
