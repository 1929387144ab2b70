"""A request and its response as one Exchange, and the hook that observes it."""

from typing import Literal, Protocol

from corehr.apps.log_ids import new_log_id
from corehr.gateway.responses import Response


class Exchange:
    """A request and its response, as a RequestHook sees them; members that are not known (yet) are None or empty.

    `refused_by` names the rule that refused. A hook may set `interruption`, to close the connection without a response
    ("drop"), in the middle of one ("cut") or with a TCP reset ("reset"); and `replacement`, a response that is sent
    instead as it is, like that of a proxy. Neither prevents the request from being executed. `fault` names it.
    """

    __slots__ = (
        "app_id",
        "code",
        "fault",
        "interruption",
        "log_id",
        "method",
        "operation",
        "path",
        "refused_by",
        "replacement",
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
        self.fault: str | None = None
        self.interruption: Literal["drop", "cut", "reset"] | None = None
        self.replacement: Response | None = None


class RequestHook(Protocol):
    """Observes requests and may interfere with them: the sandbox's request log and faults."""

    async def before_transaction(self, exchange: Exchange) -> None:
        """Run after all checks, before the transaction or before a token is issued.

        It may raise BusinessError or PlatformError, wait, or set members of the exchange.
        """
        ...

    def in_transaction(self, exchange: Exchange) -> None:
        """Run after the handler, while the transaction holds its locks; may sleep, since the thread is the store's."""
        ...

    def after_response(self, exchange: Exchange) -> None:
        """Run when the response, of a success or an error, is ready and is sent next."""
        ...
