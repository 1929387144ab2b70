"""The ASGI application over an installation: the gateway, the routes of our own, and the sandbox where it is on."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from corehr.app.features import COMMANDS, QUERIES, check_rulebooks_match_spec
from corehr.app.installation import Installation, open_installation
from corehr.app.settings import Settings
from corehr.gateway.headers import canonical_headers
from corehr.kernel.clock import Clock
from corehr.reference import openapi
from corehr.sandbox import Sandbox
from corehr.server import health
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
    installation = open_installation(settings, spec, clock, sandbox.hook if sandbox else None)
    routes: list[BaseRoute] = [*health.routes(installation), *openapi.routes(spec, (*COMMANDS, *QUERIES))]
    if sandbox:
        routes += sandbox.routes(installation)
    return Application(installation, canonical_headers(RootApp(installation, routes)))


class RootApp:
    """Routes our own paths; all others go to the gateway, which answers unknown paths as the platform does."""

    def __init__(self, installation: Installation, routes: list[BaseRoute]) -> None:
        self._gateway: ASGIApp = installation.gateway
        self._connections = installation.connections

        @asynccontextmanager
        async def lifespan(app: Starlette) -> AsyncIterator[None]:
            await installation.start()
            yield
            await installation.stop()

        self._internal_routes = Starlette(routes=routes, lifespan=lifespan)
        self._internal_routes.router.default = installation.gateway

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith("/open-apis/"):
            await self._gateway(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._connections.websocket(scope, receive, send)
        else:
            await self._internal_routes(scope, receive, send)
