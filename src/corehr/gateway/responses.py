"""A response as the gateway sends it."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from corehr.kernel.db import encode_json


class Response(NamedTuple):
    """A response to send; `code` is its code, 0 for success and where the body is not JSON."""

    status: int
    code: int
    body: bytes
    headers: Sequence[tuple[bytes, bytes]] = ()
    content_type: bytes = b"application/json; charset=utf-8"


NOT_FOUND = Response(404, 0, b"404 page not found", content_type=b"text/plain")


def success_body(data: Any) -> bytes:
    """Return the body of a success, with code 0."""
    return b'{"code":0,"msg":"success","data":' + encode_json(data) + b"}"
