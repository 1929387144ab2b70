"""The request pipeline: the checks before a request's transaction, the steps inside it, and the response."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.types import Scope

from corehr.apps.handlers import Call, Handler
from corehr.apps.id_directory import IdDirectory
from corehr.apps.registry import App
from corehr.gateway import asgi_io, errors, idempotency
from corehr.gateway.asgi_io import MAX_BODY_BYTES, RequestBody
from corehr.gateway.endpoints import Endpoint
from corehr.gateway.errors import PlatformError, error_response
from corehr.gateway.exchange import Exchange, RequestHook
from corehr.gateway.exclusive_claims import ExclusiveClaims
from corehr.gateway.id_types import IdTranslator
from corehr.gateway.rate_limits import RateLimiter
from corehr.gateway.responses import NOT_FOUND, Response, success_body
from corehr.gateway.routes import RouteTable
from corehr.gateway.schemas import Arguments, ValidationError
from corehr.gateway.scopes import require_scope
from corehr.gateway.tokens import TokenIssuer
from corehr.kernel.db import Store, Tx
from corehr.kernel.errors import INVALID_FIELD, BusinessError, GatewayReason
from corehr.spec.loader import Spec


class RequestContext:
    """The state of one request in the pipeline. Each attribute is set by one step and read by later steps only."""

    __slots__ = (
        "app",
        "arguments",
        "body",
        "call",
        "data",
        "endpoint",
        "exchange",
        "headers",
        "path_params",
        "query_string",
        "request_body",
    )  # fmt: skip

    app: App
    arguments: Arguments
    """The validated arguments, with ids as they were sent."""
    body: bytes
    call: Call
    """The call passed to the handler, with CoreHR ids."""
    data: Mapping[str, Any] | None

    def __init__(
        self,
        exchange: Exchange,
        endpoint: Endpoint,
        path_params: Mapping[str, str],
        scope: Scope,
        request_body: RequestBody,
    ) -> None:
        self.exchange = exchange
        self.endpoint = endpoint
        self.path_params = path_params
        self.query_string: bytes = scope["query_string"]
        self.headers: Mapping[bytes, bytes] = dict(scope["headers"])
        self.request_body = request_body


# ------------------------------------------------------------------------------------------- before the transaction


async def authenticate(gateway: "Gateway", request: RequestContext) -> None:
    authorization = request.headers.get(b"authorization", b"").decode("latin-1")
    request.app = await gateway.tokens.authenticate(authorization)
    request.exchange.app_id = request.app.app_id


async def check_app_type(gateway: "Gateway", request: RequestContext) -> None:
    """Refuse an app of the wrong type. No page documents the code; the platform calls such an app "unauthorized"."""
    if request.app.type_in_spec not in request.endpoint.operation.app_types:
        raise PlatformError(errors.APP_UNAUTHORIZED, "app_type_is_not_allowed")


async def check_scopes(gateway: "Gateway", request: RequestContext) -> None:
    require_scope(request.app, request.endpoint.operation.scopes, "scope_is_missing")


async def check_rate_limit(gateway: "Gateway", request: RequestContext) -> None:
    operation, app = request.endpoint.operation, request.app
    exceeded = gateway.limiter.hit((operation.id, app.tenant, app.app_id), operation.limits)
    if exceeded is not None:
        raise PlatformError(errors.RATE_LIMITED, "limit_is_exceeded", headers=errors.rate_limit_headers(*exceeded))


async def read_body(gateway: "Gateway", request: RequestContext) -> None:
    body = await request.request_body.read(MAX_BODY_BYTES)
    if body is None:
        violation = {"field": "body", "description": f"the max len is {MAX_BODY_BYTES}"}
        raise PlatformError(INVALID_FIELD, "body_is_too_long", error_members={"field_violations": [violation]})
    request.body = request.exchange.request_body = body


async def validate(gateway: "Gateway", request: RequestContext) -> None:
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


PRE_TRANSACTION_STEPS = (
    authenticate,
    check_app_type,
    check_scopes,
    check_rate_limit,
    read_body,  # not earlier: nothing is kept in memory for a client without a valid token
    validate,
    check_value_scopes,
)


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
        if not request.endpoint.writes:
            _require_existing_ids(tx, request)
        operation, app = request.endpoint.operation, request.app
        request.call = Call(
            operation, app.app_id, app.data_range, app.pre_hires, arguments.path, arguments.query, arguments.body
        )


def run_handler(tx: Tx, request: RequestContext) -> None:
    if request.data is None:
        try:
            request.data = data = request.endpoint.handler(tx, request.call)
        except BusinessError:
            _require_existing_ids(
                tx, request
            )  # the rules refuse such an id, and the platform's error comes before theirs
            raise
        key = _idempotency_key(request)
        if key is not None:
            idempotency.store_result(tx, request.app.app_id, request.endpoint.operation.id, key, data)


def _require_existing_ids(tx: Tx, request: RequestContext) -> None:
    request.endpoint.id_translator.require_existing(tx, request.app, request.arguments)


def filter_fields(tx: Tx, request: RequestContext) -> None:
    request.data = request.endpoint.field_filter.apply(request.app.scopes, request.data or {})


def render_ids(tx: Tx, request: RequestContext) -> None:
    request.data = request.endpoint.id_translator.render(tx, request.app, request.arguments, request.data or {})


def encode_response(tx: Tx, request: RequestContext) -> None:
    """Encode the response inside the transaction, so that data that cannot be encoded is not committed."""
    request.exchange.response_body = success_body(request.data)


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
    """Serves the operations of the Open API. An operation without a handler is an unknown path.

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
        tokens: TokenIssuer,
        limiter: RateLimiter,
        catch_up: Callable[[str], Awaitable[None]],
        hook: RequestHook | None = None,
        on_commit: Callable[[], None] = lambda: None,
    ) -> None:
        self.store = store
        self.tokens = tokens
        self.limiter = limiter
        self.catch_up = catch_up
        self.hook = hook
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

    async def respond(self, exchange: Exchange, scope: Scope, body: RequestBody) -> Response:
        """Return the response to a request; that of an unknown path is NOT_FOUND."""
        found = self._routes.match(exchange.method, asgi_io.raw_path(scope))
        endpoint = self._endpoints.get(found[0].id) if found is not None else None
        if found is None or endpoint is None:
            exchange.refused_by = "path_is_unknown"
            return NOT_FOUND
        exchange.operation = endpoint.operation.id
        request = RequestContext(exchange, endpoint, found[1], scope, body)
        try:
            for step in PRE_TRANSACTION_STEPS:
                await step(self, request)
            if self.hook is not None:
                await self.hook.before_transaction(exchange)
            await self._run_transaction(request)
        except asgi_io.ClientDisconnected:
            raise
        except Exception as error:  # noqa: BLE001 - on any exception the client gets a response
            response, exchange.refused_by = error_response(error, endpoint, exchange.log_id)
            return response
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
