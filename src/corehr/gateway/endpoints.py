"""The endpoints of the Open API: each operation with what serves it."""

from collections.abc import Mapping

from corehr.apps.handlers import Handler
from corehr.apps.scopes import FieldScopeFilter
from corehr.gateway.id_types import IdTranslator
from corehr.gateway.schemas import RequestSchema
from corehr.kernel.errors import GatewayReason
from corehr.spec.loader import Operation


class Endpoint:
    """One operation with everything that serves it and can be built before a request arrives."""

    def __init__(
        self,
        operation: Operation,
        handler: Handler,
        gateway_codes: Mapping[GatewayReason, int],
        id_translator: IdTranslator,
        *,
        writes: bool,
    ) -> None:
        self.operation = operation
        self.handler = handler
        self.writes = writes
        self.id_translator = id_translator
        self.schema = RequestSchema(operation)
        self.field_filter = FieldScopeFilter(operation.response)
        self.value_scopes = [(field.name, field.value_scopes) for field in operation.query if field.value_scopes]
        self.idempotency_field = _idempotency_field(operation) if writes else None
        self.malformed_code = gateway_codes.get(GatewayReason.MALFORMED)
        self.duplicate_code = gateway_codes.get(GatewayReason.DUPLICATE)
        self.claimed_code = gateway_codes.get(GatewayReason.CLAIMED)
        self.internal_error_code = gateway_codes.get(GatewayReason.INTERNAL_ERROR)


def _idempotency_field(operation: Operation) -> tuple[str, str] | None:
    """Return the section and name of the operation's idempotency key field, or None."""
    for section, fields in (("query", operation.query), ("body", operation.body)):
        for field in fields:
            if field.idempotency or field.name == "client_token":
                return section, field.name
    return None
