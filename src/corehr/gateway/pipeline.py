"""The request pipeline: the checks before a request's transaction, the steps inside it, and the response."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from starlette.types import Receive, Scope, Send

from corehr.apps.handlers import Call, Handler
from corehr.apps.id_directory import IdDirectory
from corehr.apps.log_ids import new_log_id, sanitize_request_id
from corehr.apps.registry import App, AppRegistry
from corehr.apps.scopes import FieldScopeFilter
from corehr.delivery import connections
from corehr.delivery.connections import LongConnections
from corehr.delivery.ticket_push import AppTickets
from corehr.gateway import asgi_io, idempotency, responses, tokens
from corehr.gateway.exclusive_claims import ExclusiveClaims
from corehr.gateway.id_types import IdTranslator
from corehr.gateway.rate_limits import RateLimiter
from corehr.gateway.responses import NOT_FOUND, PlatformError, Response
from corehr.gateway.routes import RouteTable
from corehr.gateway.schemas import Arguments, RequestSchema, ValidationError
from corehr.gateway.scopes import require_scope
from corehr.kernel.db import Store, Tx
from corehr.kernel.errors import INVALID_FIELD, BusinessError, GatewayReason
from corehr.spec.loader import Operation, Spec

_log = logging.getLogger(__name__)


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


class RequestContext:
    """The state of one request in the pipeline. Each attribute is set by one step and read by later steps only."""

    __slots__ = (
        "app",
        "arguments",
        "authorization",
        "body",
        "call",
        "data",
        "endpoint",
        "exchange",
        "path_params",
        "query_string",
    )  # fmt: skip

    app: App
    arguments: Arguments
    """The validated arguments, with ids as they were sent."""
    call: Call
    """The call passed to the handler, with CoreHR ids."""
    data: Mapping[str, Any] | None

    def __init__(
        self, exchange: Exchange, endpoint: Endpoint, path_params: Mapping[str, str], query_string: bytes
    ) -> None:
        self.exchange = exchange
        self.endpoint = endpoint
        self.path_params = path_params
        self.query_string = query_string
        self.authorization: str | None = None
        self.body: bytes | None = b""
        """None when it exceeds `asgi_io.MAX_BODY_BYTES`."""


# ------------------------------------------------------------------------------------------- before the transaction


async def authenticate(gateway: "Gateway", request: RequestContext) -> None:
    request.app = await gateway.tokens.authenticate(request.authorization)
    request.exchange.app_id = request.app.app_id


async def check_app_type(gateway: "Gateway", request: RequestContext) -> None:
    """Refuse an app of the wrong type. No page documents the code; the platform calls such an app "unauthorized"."""
    if request.app.type_in_spec not in request.endpoint.operation.app_types:
        raise PlatformError(responses.APP_UNAUTHORIZED, "app_type_is_not_allowed")


async def check_scopes(gateway: "Gateway", request: RequestContext) -> None:
    require_scope(request.app, request.endpoint.operation.scopes, "scope_is_missing")


async def check_rate_limit(gateway: "Gateway", request: RequestContext) -> None:
    operation, app = request.endpoint.operation, request.app
    exceeded = gateway.limiter.hit((operation.id, app.tenant, app.app_id), operation.limits)
    if exceeded is not None:
        raise PlatformError(
            responses.RATE_LIMITED, "limit_is_exceeded", headers=responses.rate_limit_headers(*exceeded)
        )


async def validate(gateway: "Gateway", request: RequestContext) -> None:
    if request.body is None:
        violation = {"field": "body", "description": f"the max len is {asgi_io.MAX_BODY_BYTES}"}
        raise PlatformError(INVALID_FIELD, "body_is_too_long", error_members={"field_violations": [violation]})
    query = asgi_io.parse_query(request.query_string) if request.query_string else ()
    arguments = request.endpoint.schema.parse(request.path_params, query, request.body)
    # PostgreSQL's text type has no NUL character, so no field accepts one
    if b"\\u0000" in request.body or b"%00" in request.query_string or "\0" in "".join(request.path_params.values()):
        _reject_nul(arguments)
    request.arguments = arguments


async def check_value_scopes(gateway: "Gateway", request: RequestContext) -> None:
    for name, value_scopes in request.endpoint.value_scopes:
        needed = value_scopes.get(request.arguments.query.get(name, ""))
        if needed is not None:
            require_scope(request.app, needed, "value_scope_is_missing")


PRE_TRANSACTION_STEPS = (authenticate, check_app_type, check_scopes, check_rate_limit, validate, check_value_scopes)


def _reject_nul(arguments: Arguments) -> None:
    for section in (arguments.path, arguments.query, arguments.body):
        for name, value in section.items():
            if _has_nul(value):
                violation = {"field": name, "description": f"{name} must not contain the character U+0000"}
                raise ValidationError(INVALID_FIELD, "field validation failed", [violation])


def _has_nul(value: Any) -> bool:
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any(map(_has_nul, (*value, *value.values())))
    return isinstance(value, list) and any(map(_has_nul, value))


# ------------------------------------------------------------------------------------------- inside the transaction


def check_idempotency_key(tx: Tx, request: RequestContext) -> None:
    request.data = None  # a command that PostgreSQL aborted is run again from here
    key = _idempotency_key(request)
    if key is None:
        return
    endpoint = request.endpoint
    request.data = idempotency.reserve_key(tx, request.app.app_id, endpoint.operation.id, key)
    if request.data is not None and endpoint.duplicate_code is not None:
        raise BusinessError(endpoint.operation.id, endpoint.duplicate_code, "request_is_duplicate")


def resolve_ids(tx: Tx, request: RequestContext) -> None:
    if request.data is None:
        arguments = request.endpoint.id_translator.resolve(tx, request.app, request.arguments)
        operation, app = request.endpoint.operation.id, request.app
        request.call = Call(
            operation, app.app_id, app.data_range, app.pre_hires, arguments.path, arguments.query, arguments.body
        )


def run_handler(tx: Tx, request: RequestContext) -> None:
    if request.data is None:
        request.data = data = request.endpoint.handler(tx, request.call)
        key = _idempotency_key(request)
        if key is not None:
            idempotency.store_result(tx, request.app.app_id, request.endpoint.operation.id, key, data)


def filter_fields(tx: Tx, request: RequestContext) -> None:
    request.data = request.endpoint.field_filter.apply(request.app.scopes, request.data or {})


def render_ids(tx: Tx, request: RequestContext) -> None:
    request.data = request.endpoint.id_translator.render(tx, request.app, request.arguments, request.data or {})


def encode_response(tx: Tx, request: RequestContext) -> None:
    """Encode the response inside the transaction, so that data that cannot be encoded is not committed."""
    request.exchange.response_body = responses.success_body(request.data)


TRANSACTION_STEPS = (check_idempotency_key, resolve_ids, run_handler, filter_fields, render_ids, encode_response)


def _idempotency_key(request: RequestContext) -> str | None:
    field = request.endpoint.idempotency_field
    if field is None:
        return None
    section, name = field
    key = (request.arguments.query if section == "query" else request.arguments.body).get(name)
    return key if isinstance(key, str) and key else None


# ------------------------------------------------------------------------------------------------------ the gateway


class Gateway:
    """The Open API as a raw ASGI app. An operation without a handler is an unknown path.

    `commands` change rows, `queries` only read, both by operation id; `gateway_codes` has the documented code of an
    operation for a GatewayReason. `catch_up(tenant)` is awaited before a handler runs: days that have begun must be
    processed before anything else happens. `on_commit()` is called after a command is committed.
    """

    def __init__(
        self,
        spec: Spec,
        store: Store,
        *,
        commands: Mapping[str, Handler],
        queries: Mapping[str, Handler],
        gateway_codes: Mapping[str, Mapping[GatewayReason, int]],
        directory: IdDirectory,
        apps: AppRegistry,
        tokens: tokens.TokenIssuer,
        limiter: RateLimiter,
        catch_up: Callable[[str], Awaitable[None]],
        hook: RequestHook | None = None,
        tickets: AppTickets | None = None,
        connections: LongConnections | None = None,
        on_commit: Callable[[], None] = lambda: None,
    ) -> None:
        self.spec = spec
        self.store = store
        self.apps = apps
        self.tokens = tokens
        self.limiter = limiter
        self.catch_up = catch_up
        self.hook = hook
        self.tickets = tickets
        self.connections = connections
        self.on_commit = on_commit
        self.claims = ExclusiveClaims()
        self._routes = RouteTable(spec.operations.values())
        self._endpoints: dict[str, Endpoint] = {}
        for handlers, writes in ((queries, False), (commands, True)):
            for id, handler in handlers.items():
                operation = spec.operations[id]
                id_translator = IdTranslator(operation, directory)
                self._endpoints[id] = Endpoint(
                    operation, handler, gateway_codes.get(id, {}), id_translator, writes=writes
                )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = Exchange(scope["method"], scope["path"])
        client_request_id = authorization = None
        for name, value in scope["headers"]:
            if name == b"authorization":
                authorization = value.decode("latin-1")
            elif name == b"x-request-id":
                client_request_id = value.decode("latin-1")
        try:
            response = await self._respond(exchange, scope, receive, authorization)
        except asgi_io.ClientDisconnected:
            return
        exchange.status, exchange.code, exchange.response_body = response.status, response.code, response.body
        if self.hook is not None:
            self.hook.after_response(exchange)
            if exchange.drop_response:
                await asgi_io.abort_connection(send)
                return
        await asgi_io.send_response(
            send, response, exchange.log_id, sanitize_request_id(client_request_id, exchange.log_id)
        )

    async def _respond(self, exchange: Exchange, scope: Scope, receive: Receive, authorization: str | None) -> Response:
        path = scope.get("raw_path", scope["path"].encode()).decode("latin-1")
        found = self._routes.match(exchange.method, path)
        endpoint = self._endpoints.get(found[0].id) if found is not None else None
        if found is None or endpoint is None:
            if tokens.is_token_endpoint(exchange.method, path):
                return await self._issue_token(exchange, path, receive)
            if self.connections is not None and (exchange.method, path) == ("POST", connections.ENDPOINT_PATH):
                return await self._issue_connection_address(self.connections, exchange, scope, receive)
            exchange.refused_by = "path_is_unknown"
            return NOT_FOUND
        exchange.operation = endpoint.operation.id
        request = RequestContext(exchange, endpoint, found[1], scope["query_string"])
        request.authorization = authorization
        request.body = await asgi_io.read_body(receive)
        exchange.request_body = request.body or b""
        return await self._serve(request)

    async def _issue_token(self, exchange: Exchange, path: str, receive: Receive) -> Response:
        exchange.request_body = await asgi_io.read_body(receive) or b""
        response, exchange.refused_by = await tokens.handle_token_request(
            self.apps, self.tokens, self.tickets, path, exchange.request_body
        )
        return response

    async def _issue_connection_address(
        self, connections: LongConnections, exchange: Exchange, scope: Scope, receive: Receive
    ) -> Response:
        exchange.request_body = await asgi_io.read_body(receive) or b""
        host = next((value for name, value in scope["headers"] if name == b"host"), b"").decode("latin-1")
        response, exchange.refused_by = await connections.issue_address(exchange.request_body, host, scope["scheme"])
        return response

    async def _serve(self, request: RequestContext) -> Response:
        exchange, endpoint = request.exchange, request.endpoint
        try:
            for step in PRE_TRANSACTION_STEPS:
                await step(self, request)
            if self.hook is not None:
                await self.hook.before_transaction(exchange)
            await self._run_transaction(request)
        except ValidationError as error:
            return self._validation_error_response(error, request)
        except PlatformError as error:
            exchange.refused_by = error.refused_by
            return responses.platform_error_response(error, endpoint.operation.id, exchange.log_id)
        except BusinessError as error:
            return self._business_error_response(error, request)
        except Exception:  # noqa: BLE001 - on any exception the client gets a response and the log the traceback
            return self._internal_error_response(request)
        return Response(200, 0, exchange.response_body)

    async def _run_transaction(self, request: RequestContext) -> None:
        tenant, hook = request.app.tenant, self.hook
        await self.catch_up(tenant)

        def run_steps(tx: Tx) -> None:
            for step in TRANSACTION_STEPS:
                step(tx, request)
            if hook is not None:
                hook.in_transaction(request.exchange)

        endpoint = request.endpoint
        with self.claims.claim(tenant, endpoint.operation, request.arguments, endpoint.claimed_code):
            await (self.store.command if endpoint.writes else self.store.query)(tenant, run_steps)
        if endpoint.writes:
            self.on_commit()

    def _validation_error_response(self, error: ValidationError, request: RequestContext) -> Response:
        endpoint = request.endpoint
        if error.code == INVALID_FIELD and endpoint.malformed_code is not None:
            return self._business_error_response(
                BusinessError(endpoint.operation.id, endpoint.malformed_code, "request_is_malformed"), request
            )
        request.exchange.refused_by = "request_is_malformed"
        error_members = {"field_violations": error.field_violations} if error.field_violations else {}
        platform_error = PlatformError(error.code, "request_is_malformed", error.msg, error_members)
        return responses.platform_error_response(platform_error, endpoint.operation.id, request.exchange.log_id)

    def _business_error_response(self, error: BusinessError, request: RequestContext) -> Response:
        try:
            response = responses.business_error_response(error, self.spec, request.exchange.log_id)
        except KeyError:
            return self._internal_error_response(request)
        request.exchange.refused_by = error.refused_by
        return response

    def _internal_error_response(self, request: RequestContext) -> Response:
        """Log the exception being handled and return an internal error that does not disclose it."""
        operation, log_id = request.endpoint.operation.id, request.exchange.log_id
        _log.exception("%s failed, log id %s", operation, log_id)
        request.exchange.refused_by = "internal_error"
        code = request.endpoint.internal_error_code
        if code is not None and responses.is_documented(request.endpoint.operation, code):
            return responses.business_error_response(
                BusinessError(operation, code, "internal_error"), self.spec, log_id
            )
        return responses.platform_error_response(
            PlatformError(responses.INTERNAL_ERROR, "internal_error"), operation, log_id
        )
