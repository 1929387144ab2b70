"""Log ids: by one of them a caller, an answer and the log speak of the same request."""

import re
from datetime import UTC, datetime

from corehr.kernel.clock import real_seconds
from corehr.kernel.ids import random_hex

_SANE = re.compile(r"[\x21-\x7e]{1,128}")
_second = (0, "")


def new_log_id() -> str:
    """34 characters: the real second as `yyyyMMddHHmmss` in UTC, and 20 upper-case hexadecimal digits."""
    global _second  # noqa: PLW0603 - formatting the second once, not for each of its thousand requests
    now = int(real_seconds())
    second, text = _second
    if second != now:
        text = datetime.fromtimestamp(now, UTC).strftime("%Y%m%d%H%M%S")
        _second = (now, text)
    return text + random_hex(20).upper()


def request_id(given: str | None, log_id: str) -> str:
    """The caller's own request id when it is visible ASCII of at most 128 characters, else the log id."""
    return given if given is not None and _SANE.fullmatch(given) else log_id
