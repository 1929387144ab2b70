"""Log ids, which identify one request in its response and in the log, and request ids of clients."""

import re
from datetime import UTC, datetime

from corehr.kernel.clock import real_seconds
from corehr.kernel.ids import random_hex

_VISIBLE_ASCII = re.compile(r"[\x21-\x7e]{1,128}")
_cached_second = (0, "")


def new_log_id() -> str:
    """Return 34 characters: the real second as `yyyyMMddHHmmss` in UTC, and 20 upper-case hexadecimal digits."""
    global _cached_second  # noqa: PLW0603 - each second is formatted once, not once per request
    now = int(real_seconds())
    second, text = _cached_second
    if second != now:
        text = datetime.fromtimestamp(now, UTC).strftime("%Y%m%d%H%M%S")
        _cached_second = (now, text)
    return text + random_hex(20).upper()


def sanitize_request_id(client_request_id: str, log_id: str) -> str:
    """Return the client's request id if it is visible ASCII of 1 to 128 characters, else the log id."""
    return client_request_id if _VISIBLE_ASCII.fullmatch(client_request_id) else log_id
