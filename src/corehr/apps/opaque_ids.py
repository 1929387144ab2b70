"""Opaque ids: open_id, union_id and open_department_id, encoded from CoreHR ids by a keyed permutation.

They need neither a table nor a read: an opaque id is AES of one block, the id's number in 8 bytes and 8 zero bytes. A
block that decrypts without the zero bytes was not encoded here. Only single blocks are encrypted, so AES serves as a
pseudo-random permutation of numbers, not as a cipher of messages: the same id must give the same text every time. The
key is derived from the tenant's server key and the purpose, and for an open_id from the app as well; the open_id of
another app is therefore unknown.
"""

import hmac
import threading
from functools import lru_cache

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from corehr.kernel.ids import UNKNOWN_ID

_PADDING = bytes(8)
_HEX_DIGITS = frozenset("0123456789abcdef")
_INT64_END = 1 << 63


class OpaqueIdCodec(threading.local):
    """Encodes and decodes one type of opaque id; each thread has its own AES context, which is not thread-safe."""

    def __init__(self, prefix: str, key: bytes) -> None:
        cipher = Cipher(algorithms.AES(key), modes.ECB())  # noqa: S305 - exactly one block, see the module docstring
        self._prefix = prefix
        self._encrypt = cipher.encryptor().update
        self._decrypt = cipher.decryptor().update

    def encode(self, id: str) -> str:
        """Return the opaque id: the prefix and 32 hexadecimal digits. Text that is no CoreHR id is returned as is."""
        if not is_corehr_id(id):
            return id
        return self._prefix + self._encrypt(int(id).to_bytes(8, "big") + _PADDING).hex()

    def decode(self, opaque_id: str) -> str:
        """Return the CoreHR id, or UNKNOWN_ID when `opaque_id` was not encoded with this codec's key."""
        digits = opaque_id.removeprefix(self._prefix)
        if len(digits) != 32 or len(opaque_id) != 35 or not _HEX_DIGITS.issuperset(digits):
            return UNKNOWN_ID
        block = self._decrypt(bytes.fromhex(digits))
        number = int.from_bytes(block[:8], "big")
        return str(number) if block[8:] == _PADDING and number < _INT64_END else UNKNOWN_ID


@lru_cache(maxsize=1024)
def _codec(server_key: str, prefix: str, purpose: str) -> OpaqueIdCodec:
    return OpaqueIdCodec(prefix, hmac.digest(server_key.encode(), purpose.encode(), "sha256"))


def open_id_codec(server_key: str, app_id: str) -> OpaqueIdCodec:
    """Return the codec for the open ids of the tenant's employees in one of its apps."""
    return _codec(server_key, "ou_", f"open_id {app_id}")


def union_id_codec(server_key: str) -> OpaqueIdCodec:
    """Return the codec for the union ids of the tenant's employees, the same in all of its apps."""
    return _codec(server_key, "on_", "union_id")


def open_department_id_codec(server_key: str) -> OpaqueIdCodec:
    """Return the codec for the open department ids of the tenant, the same in all of its apps."""
    return _codec(server_key, "od-", "open_department_id")


def encode_open_id(server_key: str, app_id: str, employment_id: str) -> str:
    return open_id_codec(server_key, app_id).encode(employment_id)


def encode_union_id(server_key: str, employment_id: str) -> str:
    return union_id_codec(server_key).encode(employment_id)


def encode_open_department_id(server_key: str, department_id: str) -> str:
    return open_department_id_codec(server_key).encode(department_id)


def is_corehr_id(text: str) -> bool:
    """Return whether the text has the form of a CoreHR id: decimal digits of a number below 2^63."""
    return text.isdecimal() and text.isascii() and len(text) <= 19 and int(text) < _INT64_END
