"""How a request is said no to."""

from collections.abc import Mapping, Sequence
from enum import Enum


class GatewayReason(Enum):
    """Why the gateway, not a rule, says no. A rulebook may bind a documented code to one of these."""

    MALFORMED = "the request does not have the documented shape"
    FORBIDDEN = "the app or its operator may not do this"
    RATE_LIMITED = "too many requests at once"
    CLAIMED = "somebody else is at the same record at this moment"
    DUPLICATE = "the same request was made before"
    TIMED_OUT = "the system took too long"
    INTERNAL_ERROR = "the system failed"


INVALID_FIELD = 99992402
"""The platform's own code for a field that cannot be accepted; rulebooks may bind rules to it."""


class BusinessError(Exception):
    """A documented no. The operation and the code together are its meaning.

    `blanks` fills the documented sentence; `violations` are `{"field", "value"?, "description"}`
    and are only sent with INVALID_FIELD; `rule` is the name of what refused, for the request log.
    """

    def __init__(
        self,
        operation: str,
        code: int,
        refused_by: str,
        message_params: Mapping[str, str] | None = None,
        field_violations: Sequence[Mapping[str, str]] = (),
    ) -> None:
        super().__init__(f"{operation} {code} {refused_by}")
        self.operation = operation
        self.code = code
        self.refused_by = refused_by
        self.message_params = message_params or {}
        self.field_violations = field_violations
