"""Page tokens: opaque text that encodes where the next page begins."""

import base64
import binascii
from typing import Any
from zlib import crc32

import msgspec

from corehr.kernel.db import decode_json, encode_json


def encode(cursor: Any) -> str:
    """Return the token of a cursor: any small JSON value, such as the sort key of the last row of the page."""
    body = encode_json(cursor)
    return base64.urlsafe_b64encode(crc32(body).to_bytes(4, "big") + body).decode().rstrip("=")


def decode(token: str) -> Any:
    """Return the cursor of a token; raise ValueError when `encode` did not produce the token.

    The checksum detects damage, not forgery: a cursor must not give access to anything that a new query would not.
    """
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        if crc32(raw[4:]) != int.from_bytes(raw[:4], "big"):
            raise ValueError(token)
        cursor = decode_json(raw[4:])
    except (ValueError, binascii.Error, msgspec.DecodeError, RecursionError) as error:
        raise ValueError("this is not a page token") from error
    return cursor
