"""Exclusive claims: a record that one request at a time may use; a second request is refused without waiting."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from corehr.gateway.schemas import Arguments
from corehr.kernel.errors import BusinessError
from corehr.spec.loader import Operation

ClaimKey = tuple[str, str, str]


class ExclusiveClaims:
    """The records claimed in this process. Only the event loop's thread uses it, so it needs no lock.

    A record is claimed before the request waits for the store, and released when its transaction has ended.
    """

    def __init__(self) -> None:
        self._claimed: set[ClaimKey] = set()

    @contextmanager
    def claim(self, tenant: str, operation: Operation, arguments: Arguments, code: int | None) -> Iterator[None]:
        """Claim the record that the request names; raise BusinessError `code` when another request has claimed it."""
        key = None if code is None else _claim_key(tenant, operation, arguments)
        if key is None or code is None:
            yield
            return
        if key in self._claimed:
            raise BusinessError(operation.id, code, "record_is_claimed")
        self._claimed.add(key)
        try:
            yield
        finally:
            self._claimed.discard(key)


def _claim_key(tenant: str, operation: Operation, arguments: Arguments) -> ClaimKey | None:
    sections: tuple[tuple[Any, Any], ...] = ((operation.path_params, arguments.path), (operation.body, arguments.body))
    for fields, values in sections:
        for field in fields:
            if field.exclusive and isinstance(values.get(field.name), str):
                return tenant, field.name, values[field.name]
    return None
