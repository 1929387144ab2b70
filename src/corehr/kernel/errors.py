"""The documented errors of operations, and the gateway's reasons to refuse a request."""

from collections.abc import Mapping, Sequence
from enum import Enum


class GatewayReason(Enum):
    """Why the gateway, not a rule, refuses a request. A rulebook may bind a documented code to a reason."""

    MALFORMED = "the request does not have the documented shape"
    FORBIDDEN = "the app or its operator may not do this"
    RATE_LIMITED = "too many requests at once"
    CLAIMED = "another request works on the same record"
    DUPLICATE = "the same request was sent before"
    TIMED_OUT = "the system took too long"
    INTERNAL_ERROR = "the system failed"


SUCCESS = 0
"""The code of a success. A BusinessError with this code has a message: the page has neither a code nor a sentence."""

INVALID_TYPE = 9499
"""The platform's code for a wrong JSON type, or for a body that is no JSON."""

INVALID_FIELD = 99992402
"""The platform's code for an invalid field; rulebooks may bind rules to it."""


class UsageError(Exception):
    """A mistake of the operator; the message says on one line what to do instead."""


class CommandFailed(Exception):
    """The command cannot be carried out now; the text says on one line why, and what to do."""


class BusinessError(Exception):
    """A documented error of an operation; one code may mean different things in two operations.

    `message_params` fill the blanks of the documented sentence. `field_violations` are
    `{"field", "value"?, "description"}` and are only sent with INVALID_FIELD. `refused_by` is the name of the rule,
    for the request log. An error with `code` SUCCESS has a `message`; its handler returns it as data.
    """

    def __init__(
        self,
        operation: str,
        code: int,
        refused_by: str,
        message_params: Mapping[str, str] | None = None,
        field_violations: Sequence[Mapping[str, str]] = (),
        message: str | None = None,
    ) -> None:
        super().__init__(f"{operation} {code} {refused_by}")
        self.operation = operation
        self.code = code
        self.refused_by = refused_by
        self.message_params = message_params or {}
        self.field_violations = field_violations
        self.message = message
