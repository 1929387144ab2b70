"""Page tokens: opaque text that says where the next page begins."""

import base64
import binascii
from typing import Any
from zlib import crc32

import msgspec

from corehr.kernel.db import decode_json, encode_json


def encode(cursor: Any) -> str:
    """The token of a place: any small JSON value, such as the sort key of the last row given."""
    body = encode_json(cursor)
    return base64.urlsafe_b64encode(crc32(body).to_bytes(4, "big") + body).decode().rstrip("=")


def decode(token: str) -> Any:
    """The place of a token; ValueError when `encode` did not make it.

    The checksum tells a slip from a token. It is no seal: a place must grant nothing that asking anew would not.
    """
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        if crc32(raw[4:]) != int.from_bytes(raw[:4], "big"):
            raise ValueError(token)
        cursor = decode_json(raw[4:])
    except (ValueError, binascii.Error, msgspec.DecodeError, RecursionError) as error:
        raise ValueError("this is not a page token") from error
    return cursor
