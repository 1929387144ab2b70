"""A request and its response as one Exchange, and the hook that observes it."""

from typing import Protocol

from corehr.apps.log_ids import new_log_id


class Exchange:
    """A request and its response, as a RequestHook sees them; members that are not known (yet) are None or empty.

    `refused_by` names the rule that refused. If a hook sets `drop_response`, the request is executed but its connection
    is aborted instead of a response.
    """

    __slots__ = (
        "app_id",
        "code",
        "drop_response",
        "log_id",
        "method",
        "operation",
        "path",
        "refused_by",
        "request_body",
        "response_body",
        "status",
    )

    def __init__(self, method: str, path: str) -> None:
        self.method = method
        self.path = path
        self.log_id = new_log_id()
        self.operation: str | None = None
        self.app_id: str | None = None
        self.request_body = b""
        self.status = 0
        self.code = 0
        self.response_body = b""
        self.refused_by: str | None = None
        self.drop_response = False


class RequestHook(Protocol):
    """Observes requests and may interfere with them: the sandbox's request log and faults."""

    async def before_transaction(self, exchange: Exchange) -> None:
        """Run after all checks, before the transaction; may raise BusinessError, wait, or set `drop_response`."""
        ...

    def in_transaction(self, exchange: Exchange) -> None:
        """Run after the handler, while the transaction holds its locks; may sleep, since the thread is the store's."""
        ...

    def after_response(self, exchange: Exchange) -> None:
        """Run when the response, of a success or an error, is ready and is sent next."""
        ...
