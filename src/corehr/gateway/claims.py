"""Claims: records that one request at a time may be at; who finds one claimed is told so and does not wait."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from corehr.gateway.shapes import Arguments
from corehr.gateway.spec import Operation
from corehr.kernel.errors import BusinessError

Subject = tuple[str, str, str]


class Claims:
    """The records claimed in this process. It is the event loop's own, so no lock guards it.

    A claim is taken before the request waits for the store, and held until its transaction is over.
    """

    def __init__(self) -> None:
        self._held: set[Subject] = set()

    @contextmanager
    def held(self, tenant: str, operation: Operation, given: Arguments, code: int | None) -> Iterator[None]:
        """Keep the record that the request names; Refusal with the operation's `code` when somebody else does."""
        subject = None if code is None else _subject(tenant, operation, given)
        if subject is None or code is None:
            yield
            return
        if subject in self._held:
            raise BusinessError(operation.id, code, "record_is_claimed")
        self._held.add(subject)
        try:
            yield
        finally:
            self._held.discard(subject)


def _subject(tenant: str, operation: Operation, given: Arguments) -> Subject | None:
    sections: tuple[tuple[Any, Any], ...] = ((operation.path_params, given.path), (operation.body, given.body))
    for fields, values in sections:
        for field in fields:
            if field.claim and isinstance(values.get(field.name), str):
                return tenant, field.name, values[field.name]
    return None
