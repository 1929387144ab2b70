"""Opaque ids: open_id, union_id and open_department_id, encoded from CoreHR ids by a keyed permutation.

They need neither a table nor a read: an opaque id is AES of one block, the id's number in 8 bytes and a tag of 8 bytes.
A block that decrypts without the tag was not encoded here. The tag of an open_id is of its app, so that the open_id of
another app is recognized (ADR 0037); other tags are zero. Only single blocks are encrypted, so AES serves as a
pseudo-random permutation of numbers, not as a cipher of messages: the same id must give the same text every time. The
key is derived from the tenant's server key and the purpose.
"""

import hmac
import threading
from functools import lru_cache

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from corehr.kernel.ids import UNKNOWN_ID

_TAG_BYTES = 8
_ZEROS = bytes(3)
"""The end of every tag: a block that was not encoded here has it once in 16 million."""
_HEX_DIGITS = frozenset("0123456789abcdef")
_INT64_END = 1 << 63


class OpaqueIdCodec(threading.local):
    """Encodes and decodes one type of opaque id; each thread has its own AES context, which is not thread-safe."""

    def __init__(self, prefix: str, key: bytes, tag: bytes) -> None:
        cipher = Cipher(algorithms.AES(key), modes.ECB())  # noqa: S305 - exactly one block, see the module docstring
        self._prefix = prefix
        self._tag = tag
        self._encrypt = cipher.encryptor().update
        self._decrypt = cipher.decryptor().update

    def encode(self, id: str) -> str:
        """Return the opaque id: the prefix and 32 hexadecimal digits. Text that is no CoreHR id is returned as is."""
        if not is_corehr_id(id):
            return id
        return self._prefix + self._encrypt(int(id).to_bytes(8, "big") + self._tag).hex()

    def decode(self, opaque_id: str) -> str:
        """Return the CoreHR id, or UNKNOWN_ID when `opaque_id` was not encoded by this codec."""
        number, tag = self._decrypt_block(opaque_id)
        return str(number) if tag == self._tag and number < _INT64_END else UNKNOWN_ID

    def is_of_another_app(self, opaque_id: str) -> bool:
        """Return whether `opaque_id` was encoded with this codec's key and another tag."""
        number, tag = self._decrypt_block(opaque_id)
        return tag.endswith(_ZEROS) and tag != self._tag and number < _INT64_END

    def _decrypt_block(self, opaque_id: str) -> tuple[int, bytes]:
        """Return the number and the tag that were encrypted; the tag is empty when the text has another form."""
        digits = opaque_id.removeprefix(self._prefix)
        if len(digits) != 32 or len(opaque_id) != 35 or not _HEX_DIGITS.issuperset(digits):
            return 0, b""
        block = self._decrypt(bytes.fromhex(digits))
        return int.from_bytes(block[:8], "big"), block[8:]


@lru_cache(maxsize=1024)
def _codec(server_key: str, prefix: str, purpose: str, app_id: str | None = None) -> OpaqueIdCodec:
    key = hmac.digest(server_key.encode(), purpose.encode(), "sha256")
    tag = b"" if app_id is None else hmac.digest(key, app_id.encode(), "sha256")[: _TAG_BYTES - len(_ZEROS)]
    return OpaqueIdCodec(prefix, key, tag.ljust(_TAG_BYTES, b"\0"))


def open_id_codec(server_key: str, app_id: str) -> OpaqueIdCodec:
    """Return the codec for the open ids of the tenant's employees in one of its apps."""
    return _codec(server_key, "ou_", "open_id", app_id)


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
