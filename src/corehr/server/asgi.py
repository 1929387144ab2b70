"""The ASGI application over an installation: the Open API, the routes of our own, and the sandbox where it is on."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

from starlette.applications import Starlette
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from corehr.app.features import COMMANDS, QUERIES, check_rulebooks_match_spec
from corehr.app.installation import Installation, open_installation
from corehr.app.settings import Settings
from corehr.delivery.connect_endpoint import ENDPOINT_PATH, ConnectEndpoint
from corehr.gateway import asgi_io, token_endpoints
from corehr.gateway.asgi_io import MAX_TOKEN_BODY_BYTES, RequestBody
from corehr.gateway.exchange import Exchange, RequestHook
from corehr.gateway.headers import canonical_headers
from corehr.gateway.http_app import HttpApp
from corehr.gateway.responses import Response
from corehr.kernel.clock import Clock
from corehr.reference import openapi
from corehr.sandbox import Sandbox
from corehr.server import health, home
from corehr.server.resets import with_resets
from corehr.spec import loader


@dataclass(frozen=True, slots=True)
class Application:
    """An installation and the ASGI app that serves it; the app's lifespan starts and stops the installation."""

    installation: Installation
    asgi: ASGIApp


def open_application(settings: Settings) -> Application:
    """Return the application of the tenant that the settings name; UsageError, on one line, when it cannot be opened.

    The sandbox is part of it only when the settings turn it on.
    """
    spec, clock = loader.load(), Clock()
    check_rulebooks_match_spec(spec)
    sandbox = Sandbox(spec, clock, settings) if settings.sandbox else None
    hook = sandbox.hook if sandbox else None
    installation = open_installation(settings, spec, clock, hook, sandbox.delivery_faults if sandbox else None)
    operation_ids = (*COMMANDS, *QUERIES)
    operations = [spec.operations[id] for id in operation_ids]
    routes: list[BaseRoute] = [
        *home.routes(installation, operations, sandbox=settings.sandbox),
        *health.routes(installation),
        *openapi.routes(spec, operation_ids),
    ]
    if sandbox:
        routes += sandbox.routes(installation)
    asgi = canonical_headers(_build_root_app(installation, hook, routes))
    return Application(installation, with_resets(asgi) if sandbox else asgi)


def _build_root_app(installation: Installation, hook: RequestHook | None, routes: list[BaseRoute]) -> "RootApp":
    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        await installation.start()
        yield
        await installation.stop()

    gateway = HttpApp(installation.gateway.respond, hook)
    tokens = HttpApp(installation.token_endpoints.respond, hook)
    addresses = HttpApp(partial(_issue_address, installation.connections.connect_endpoint), hook)
    internal_routes = Starlette(routes=routes, lifespan=lifespan)
    internal_routes.router.default = gateway
    return RootApp(
        gateway,
        {**dict.fromkeys(token_endpoints.PATHS, tokens), ENDPOINT_PATH: addresses},
        installation.connections.websocket,
        internal_routes,
    )


async def _issue_address(endpoint: ConnectEndpoint, exchange: Exchange, scope: Scope, body: RequestBody) -> Response:
    """Respond with an address to which the client can open its long connection."""
    exchange.request_body = await body.read(MAX_TOKEN_BODY_BYTES) or b""
    host = next((value for name, value in scope["headers"] if name == b"host"), b"").decode("latin-1")
    response_body, code, exchange.refused_by = await endpoint.issue_address(
        exchange.request_body, host, scope["scheme"]
    )
    return Response(200, code, response_body)


class RootApp:
    """Routes each request to the app that serves it; the gateway answers unknown paths as the platform does.

    `endpoints` are apps that serve a POST to one path, by that path.
    """

    def __init__(
        self, gateway: ASGIApp, endpoints: Mapping[str, ASGIApp], websocket: ASGIApp, internal_routes: ASGIApp
    ) -> None:
        self._gateway = gateway
        self._endpoints = endpoints
        self._websocket = websocket
        self._internal_routes = internal_routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app_for(scope)(scope, receive, send)

    def _app_for(self, scope: Scope) -> ASGIApp:
        if scope["type"] == "websocket":
            return self._websocket
        if scope["type"] == "http":
            if scope["method"] == "POST" and (endpoint := self._endpoints.get(asgi_io.raw_path(scope))) is not None:
                return endpoint
            if scope["path"].startswith("/open-apis/"):
                return self._gateway
        return self._internal_routes
