"""The whole life of a request: what is asked before its transaction, what happens inside it, what is answered."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from starlette.types import Receive, Scope, Send

from corehr.gateway import answers, idempotency, long_connection, scopes, tokens, wire
from corehr.gateway.answers import NOT_FOUND, Answer, Denied
from corehr.gateway.apps import App, Apps
from corehr.gateway.claims import Claims
from corehr.gateway.id_types import Directory, IdTypes
from corehr.gateway.log_ids import new_log_id, request_id
from corehr.gateway.long_connection import LongConnections
from corehr.gateway.rate_limits import RateLimits
from corehr.gateway.routes import Routes
from corehr.gateway.shapes import Arguments, Shape, ShapeError
from corehr.gateway.spec import Operation, Spec
from corehr.gateway.tickets import AppTickets
from corehr.kernel.db import Store, Tx
from corehr.kernel.errors import INVALID_FIELD, BusinessError, GatewayReason
from corehr.kernel.feature import Call, Handler

_log = logging.getLogger(__name__)


class Exchange:
    """A request and its answer, as a Watch sees them; what is not known (yet) is None or empty.

    `rule` names what refused. A Watch that sets `drop` lets the work be done and the answer be lost on its way.
    """

    __slots__ = ("answer", "app_id", "body", "code", "drop", "log_id", "method", "operation", "path", "rule", "status")

    def __init__(self, method: str, path: str) -> None:
        self.method = method
        self.path = path
        self.log_id = new_log_id()
        self.operation: str | None = None
        self.app_id: str | None = None
        self.body = b""
        self.status = 0
        self.code = 0
        self.answer = b""
        self.rule: str | None = None
        self.drop = False


class Watch(Protocol):
    """Sees requests go by, and may interfere: the sandbox's request log and faults."""

    async def before(self, exchange: Exchange) -> None:
        """Nothing speaks against the request and it is about to be served; may raise Refusal, wait, or set `drop`."""
        ...

    def holding(self, exchange: Exchange) -> None:
        """Its handler ran and its transaction holds its locks; may sleep: the thread is the store's."""
        ...

    def after(self, exchange: Exchange) -> None:
        """Its answer is ready, whatever it is, and leaves next."""
        ...


class Service:
    """How one operation is served: all that is known before a request comes."""

    def __init__(
        self,
        operation: Operation,
        handler: Handler,
        reasons: Mapping[GatewayReason, int],
        ids: IdTypes,
        *,
        changes: bool,
    ) -> None:
        self.operation = operation
        self.handler = handler
        self.changes = changes
        self.ids = ids
        self.shape = Shape(operation)
        self.veil = scopes.Veil(operation.response)
        self.value_scopes = [(field.name, field.value_scopes) for field in operation.query if field.value_scopes]
        self.key = _key(operation) if changes else None
        self.malformed = reasons.get(GatewayReason.MALFORMED)
        self.repeated = reasons.get(GatewayReason.DUPLICATE)
        self.claimed = reasons.get(GatewayReason.CLAIMED)
        self.broken = reasons.get(GatewayReason.INTERNAL_ERROR)


def _key(operation: Operation) -> tuple[str, str] | None:
    """Section and name of the field by which a request is the same as an earlier one."""
    for section, fields in (("query", operation.query), ("body", operation.body)):
        for field in fields:
            if field.idempotency or field.name == "client_token":
                return section, field.name
    return None


class Request:
    """A request on its way to a handler. Each attribute is set by one step and read by later ones only."""

    __slots__ = (
        "app", "authorization", "body", "call", "data", "exchange", "given", "path_params", "query_string", "service",
    )  # fmt: skip

    app: App
    given: Arguments
    """The arguments as they were spoken."""
    call: Call
    """The arguments as the handler wants them."""
    data: Mapping[str, Any] | None

    def __init__(self, exchange: Exchange, service: Service, path_params: Mapping[str, str], query: bytes) -> None:
        self.exchange = exchange
        self.service = service
        self.path_params = path_params
        self.query_string = query
        self.authorization: str | None = None
        self.body: bytes | None = b""
        """None when it is longer than it may be."""


# ------------------------------------------------------------------------------------------- before the transaction


async def who(gateway: "Gateway", request: Request) -> None:
    request.app = await gateway.tokens.app_of(request.authorization)
    request.exchange.app_id = request.app.app_id


async def of_a_type_that_may(gateway: "Gateway", request: Request) -> None:
    """No page says how a store app is refused; the platform calls an app it does not let in "unauthorized"."""
    if request.app.listed_as not in request.service.operation.apps:
        raise Denied(answers.APP_UNAUTHORIZED, "app_type_is_not_allowed")


async def with_a_scope(gateway: "Gateway", request: Request) -> None:
    scopes.require(request.app, request.service.operation.scopes, "scope_is_missing")


async def not_too_often(gateway: "Gateway", request: Request) -> None:
    operation, app = request.service.operation, request.app
    exceeded = gateway.limiter.take((operation.id, app.tenant, app.app_id), operation.limits)
    if exceeded is not None:
        raise Denied(answers.TOO_FREQUENT, "limit_is_exceeded", headers=answers.too_frequent(*exceeded))


async def in_shape(gateway: "Gateway", request: Request) -> None:
    if request.body is None:
        violation = {"field": "body", "description": f"the max len is {wire.LONGEST_BODY}"}
        raise Denied(INVALID_FIELD, "body_is_too_long", error={"field_violations": [violation]})
    query = wire.pairs(request.query_string) if request.query_string else ()
    given = request.service.shape.read(request.path_params, query, request.body)
    # PostgreSQL's text has no NUL character, so no field of ours takes one
    if b"\\u0000" in request.body or b"%00" in request.query_string or "\0" in "".join(request.path_params.values()):
        _refuse_nul(given)
    request.given = given


async def with_scopes_for_values(gateway: "Gateway", request: Request) -> None:
    for name, value_scopes in request.service.value_scopes:
        needed = value_scopes.get(request.given.query.get(name, ""))
        if needed is not None:
            scopes.require(request.app, needed, "value_scope_is_missing")


BEFORE = (who, of_a_type_that_may, with_a_scope, not_too_often, in_shape, with_scopes_for_values)


def _refuse_nul(given: Arguments) -> None:
    for section in (given.path, given.query, given.body):
        for name, value in section.items():
            if _has_nul(value):
                violation = {"field": name, "description": f"{name} must not contain the character U+0000"}
                raise ShapeError(INVALID_FIELD, "field validation failed", [violation])


def _has_nul(value: Any) -> bool:
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any(map(_has_nul, (*value, *value.values())))
    return isinstance(value, list) and any(map(_has_nul, value))


# ------------------------------------------------------------------------------------------- inside the transaction


def same_question_same_answer(tx: Tx, request: Request) -> None:
    request.data = None  # a command that PostgreSQL broke off begins here again
    key = _key_given(request)
    if key is None:
        return
    service = request.service
    request.data = idempotency.claim(tx, request.app.app_id, service.operation.id, key)
    if request.data is not None and service.repeated is not None:
        raise BusinessError(service.operation.id, service.repeated, "request_is_repeated")


def ids_inward(tx: Tx, request: Request) -> None:
    if request.data is None:
        given = request.service.ids.inward(tx, request.app, request.given)
        operation, app = request.service.operation.id, request.app
        request.call = Call(operation, app.app_id, app.data_range, app.pre_hires, given.path, given.query, given.body)


def handle(tx: Tx, request: Request) -> None:
    if request.data is None:
        request.data = data = request.service.handler(tx, request.call)
        key = _key_given(request)
        if key is not None:
            idempotency.remember(tx, request.app.app_id, request.service.operation.id, key, data)


def hide_fields(tx: Tx, request: Request) -> None:
    request.data = request.service.veil.hide(request.app.scopes, request.data or {})


def ids_outward(tx: Tx, request: Request) -> None:
    request.data = request.service.ids.outward(tx, request.app, request.given, request.data or {})


def write(tx: Tx, request: Request) -> None:
    """In here, so that what cannot be written down is not committed either."""
    request.exchange.answer = answers.success(request.data)


INSIDE = (same_question_same_answer, ids_inward, handle, hide_fields, ids_outward, write)


def _key_given(request: Request) -> str | None:
    place = request.service.key
    if place is None:
        return None
    section, name = place
    key = (request.given.query if section == "query" else request.given.body).get(name)
    return key if isinstance(key, str) and key else None


# ------------------------------------------------------------------------------------------------------ the gateway


class Gateway:
    """The Open API as a raw ASGI app. An operation without a handler is an unknown path.

    `commands` change rows, `queries` only read, both by operation id; `reasons` gives the documented code that an
    operation has for a Reason. `caught_up(tenant)` is awaited before a handler runs: days that have begun must be
    lived before anything else happens. `changed()` is called when a command is committed.
    """

    def __init__(
        self,
        spec: Spec,
        store: Store,
        *,
        commands: Mapping[str, Handler],
        queries: Mapping[str, Handler],
        reasons: Mapping[str, Mapping[GatewayReason, int]],
        directory: Directory,
        apps: Apps,
        tokens: tokens.Tokens,
        limiter: RateLimits,
        caught_up: Callable[[str], Awaitable[None]],
        watch: Watch | None = None,
        tickets: AppTickets | None = None,
        connections: LongConnections | None = None,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self.spec = spec
        self.store = store
        self.apps = apps
        self.tokens = tokens
        self.limiter = limiter
        self.caught_up = caught_up
        self.watch = watch
        self.tickets = tickets
        self.connections = connections
        self.changed = changed
        self.claims = Claims()
        self._routes = Routes(spec.operations.values())
        self._services: dict[str, Service] = {}
        for handlers, changes in ((queries, False), (commands, True)):
            for id, handler in handlers.items():
                operation = spec.operations[id]
                ids = IdTypes(operation, directory)
                self._services[id] = Service(operation, handler, reasons.get(id, {}), ids, changes=changes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = Exchange(scope["method"], scope["path"])
        given_request_id = authorization = None
        for name, value in scope["headers"]:
            if name == b"authorization":
                authorization = value.decode("latin-1")
            elif name == b"x-request-id":
                given_request_id = value.decode("latin-1")
        try:
            answer = await self._answer(exchange, scope, receive, authorization)
        except wire.ClientGone:
            return
        exchange.status, exchange.code, exchange.answer = answer.status, answer.code, answer.body
        if self.watch is not None:
            self.watch.after(exchange)
            if exchange.drop:
                await wire.hang_up(send)
                return
        await wire.send_answer(send, answer, exchange.log_id, request_id(given_request_id, exchange.log_id))

    async def _answer(self, exchange: Exchange, scope: Scope, receive: Receive, authorization: str | None) -> Answer:
        path = scope.get("raw_path", scope["path"].encode()).decode("latin-1")
        found = self._routes.find(exchange.method, path)
        service = self._services.get(found[0].id) if found is not None else None
        if found is None or service is None:
            if tokens.is_endpoint(exchange.method, path):
                return await self._give_token(exchange, path, receive)
            if self.connections is not None and (exchange.method, path) == ("POST", long_connection.ENDPOINT_PATH):
                return await self._let_in(self.connections, exchange, scope, receive)
            exchange.rule = "path_is_unknown"
            return NOT_FOUND
        exchange.operation = service.operation.id
        request = Request(exchange, service, found[1], scope["query_string"])
        request.authorization = authorization
        request.body = await wire.read_body(receive)
        exchange.body = request.body or b""
        return await self._serve(request)

    async def _give_token(self, exchange: Exchange, path: str, receive: Receive) -> Answer:
        exchange.body = await wire.read_body(receive) or b""
        answer, exchange.rule = await tokens.answer(self.apps, self.tokens, self.tickets, path, exchange.body)
        return answer

    async def _let_in(self, connections: LongConnections, exchange: Exchange, scope: Scope, receive: Receive) -> Answer:
        exchange.body = await wire.read_body(receive) or b""
        host = next((value for name, value in scope["headers"] if name == b"host"), b"").decode("latin-1")
        answer, exchange.rule = await connections.issue_address(exchange.body, host, scope["scheme"])
        return answer

    async def _serve(self, request: Request) -> Answer:
        exchange, service = request.exchange, request.service
        try:
            for step in BEFORE:
                await step(self, request)
            if self.watch is not None:
                await self.watch.before(exchange)
            await self._transact(request)
        except ShapeError as no:
            return self._out_of_shape(no, request)
        except Denied as no:
            exchange.rule = no.rule
            return answers.denial(no, service.operation.id, exchange.log_id)
        except BusinessError as no:
            return self._refused(no, request)
        except Exception:  # noqa: BLE001 - whatever breaks, the client gets an answer and the log the traceback
            return self._broken(request)
        return Answer(200, 0, exchange.answer)

    async def _transact(self, request: Request) -> None:
        tenant, watch = request.app.tenant, self.watch
        await self.caught_up(tenant)

        def work(tx: Tx) -> None:
            for step in INSIDE:
                step(tx, request)
            if watch is not None:
                watch.holding(request.exchange)

        service = request.service
        with self.claims.held(tenant, service.operation, request.given, service.claimed):
            await (self.store.command if service.changes else self.store.query)(tenant, work)
        if service.changes:
            self.changed()

    def _out_of_shape(self, no: ShapeError, request: Request) -> Answer:
        service = request.service
        if no.code == INVALID_FIELD and service.malformed is not None:
            return self._refused(
                BusinessError(service.operation.id, service.malformed, "request_is_malformed"), request
            )
        request.exchange.rule = "request_is_malformed"
        error = {"field_violations": no.field_violations} if no.field_violations else {}
        denied = Denied(no.code, "request_is_malformed", no.msg, error)
        return answers.denial(denied, service.operation.id, request.exchange.log_id)

    def _refused(self, no: BusinessError, request: Request) -> Answer:
        try:
            answer = answers.refusal(no, self.spec, request.exchange.log_id)
        except KeyError:
            return self._broken(request)
        request.exchange.rule = no.refused_by
        return answer

    def _broken(self, request: Request) -> Answer:
        """To be called while the exception is handled: it goes to the log and nowhere else."""
        operation, log_id = request.service.operation.id, request.exchange.log_id
        _log.exception("%s failed, log id %s", operation, log_id)
        request.exchange.rule = "broken"
        code = request.service.broken
        if code is not None and answers.documented(request.service.operation, code):
            return answers.refusal(BusinessError(operation, code, "broken"), self.spec, log_id)
        return answers.denial(Denied(answers.BROKEN, "broken"), operation, log_id)
