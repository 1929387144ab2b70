"""A response as the gateway sends it."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from corehr.kernel.db import encode_json


class Response(NamedTuple):
    """A response to send; `body` is JSON in UTF-8 unless the status is 404, `code` is its code, 0 for success."""

    status: int
    code: int
    body: bytes
    headers: Sequence[tuple[bytes, bytes]] = ()


NOT_FOUND = Response(404, 0, b"404 page not found")


def success_body(data: Any) -> bytes:
    """Return the body of a success, with code 0."""
    return b'{"code":0,"msg":"success","data":' + encode_json(data) + b"}"
