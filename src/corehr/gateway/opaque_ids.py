"""open_id, union_id and open_department_id, made from CoreHR's own ids by a keyed permutation.

They need neither a table nor a read: a made id is AES of one block that holds the id's number in 8 bytes and 8 zero
bytes. Going back, a block without the zero bytes was never ours. One block is all that is ever encrypted at once, so
AES stands here for a pseudo-random permutation of numbers, not for a cipher of messages: the same id must give the
same text every time. The key follows from the tenant's server key and the purpose; an open_id's from the app as well,
which is why the open_id that another app knows names nobody.
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
    """One kind of made ids; every thread has its own, since an AES context serves one caller at a time."""

    def __init__(self, prefix: str, key: bytes) -> None:
        cipher = Cipher(algorithms.AES(key), modes.ECB())  # noqa: S305 - exactly one block, as said above
        self._prefix = prefix
        self._encrypt = cipher.encryptor().update
        self._decrypt = cipher.decryptor().update

    def encode(self, id: str) -> str:
        """The made id: the prefix and 32 hexadecimal digits. What is no CoreHR id stays as it is."""
        if not is_corehr_id(id):
            return id
        return self._prefix + self._encrypt(int(id).to_bytes(8, "big") + _PADDING).hex()

    def decode(self, opaque_id: str) -> str:
        """The CoreHR id, UNKNOWN when `made` is not of this making."""
        digits = opaque_id.removeprefix(self._prefix)
        if len(digits) != 32 or len(opaque_id) != 35 or not _HEX_DIGITS.issuperset(digits):
            return UNKNOWN_ID
        block = self._decrypt(bytes.fromhex(digits))
        number = int.from_bytes(block[:8], "big")
        return str(number) if block[8:] == _PADDING and number < _INT64_END else UNKNOWN_ID


@lru_cache(maxsize=1024)
def _codec(server_key: str, prefix: str, purpose: str) -> OpaqueIdCodec:
    return OpaqueIdCodec(prefix, hmac.digest(server_key.encode(), purpose.encode(), "sha256"))


def open_ids(server_key: str, app_id: str) -> OpaqueIdCodec:
    """Of the tenant's people, for one of its apps."""
    return _codec(server_key, "ou_", f"open_id {app_id}")


def union_ids(server_key: str) -> OpaqueIdCodec:
    """Of the tenant's people, for all of its apps."""
    return _codec(server_key, "on_", "union_id")


def open_department_ids(server_key: str) -> OpaqueIdCodec:
    """Of the tenant's departments, for all of its apps."""
    return _codec(server_key, "od-", "open_department_id")


def encode_open_id(server_key: str, app_id: str, employment_id: str) -> str:
    return open_ids(server_key, app_id).encode(employment_id)


def encode_union_id(server_key: str, employment_id: str) -> str:
    return union_ids(server_key).encode(employment_id)


def encode_open_department_id(server_key: str, department_id: str) -> str:
    return open_department_ids(server_key).encode(department_id)


def is_corehr_id(text: str) -> bool:
    """Whether it has the form of a CoreHR id: decimal digits of a number below 2^63."""
    return text.isdecimal() and text.isascii() and len(text) <= 19 and int(text) < _INT64_END
