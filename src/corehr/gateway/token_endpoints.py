"""The token endpoints: apps exchange their secret, and store apps a ticket, for tokens."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial
from typing import Any, Final

import msgspec
from starlette.types import Scope

from corehr.apps.registry import App, AppRegistry
from corehr.gateway.asgi_io import MAX_TOKEN_BODY_BYTES, RequestBody
from corehr.gateway.errors import INTERNAL_ERROR, PLATFORM_ERRORS, RATE_LIMITED, PlatformError
from corehr.gateway.exchange import Exchange, RequestHook
from corehr.gateway.responses import Response
from corehr.gateway.tokens import TokenIssuer
from corehr.kernel.db import decode_json, encode_json

TENANT_TOKEN_PATH: Final = "/open-apis/auth/v3/tenant_access_token/internal"  # noqa: S105  # a path
STORE_APP_TOKEN_PATH: Final = "/open-apis/auth/v3/app_access_token"  # noqa: S105  # likewise
STORE_TENANT_TOKEN_PATH: Final = "/open-apis/auth/v3/tenant_access_token"  # noqa: S105  # likewise
RESEND_TICKET_PATH: Final = "/open-apis/auth/v3/app_ticket/resend"

CUSTOM_APP_ENDPOINTS: Final[Mapping[str, tuple[str, ...]]] = {
    TENANT_TOKEN_PATH: ("tenant_access_token",),
    # both tokens of a custom app are the same one
    "/open-apis/auth/v3/app_access_token/internal": ("app_access_token", "tenant_access_token"),
}
"""The token members in the response of each endpoint for custom apps, by path."""

OPERATION_IDS: Final[Mapping[str, str]] = {
    TENANT_TOKEN_PATH: "auth.v3.tenant_access_token.internal",
    "/open-apis/auth/v3/app_access_token/internal": "auth.v3.app_access_token.internal",
    STORE_APP_TOKEN_PATH: "auth.v3.app_access_token.create",
    STORE_TENANT_TOKEN_PATH: "auth.v3.tenant_access_token.create",
    RESEND_TICKET_PATH: "auth.v3.app_ticket.resend",
}
"""The name of each endpoint, as the official SDKs have it, by path."""

PATHS: Final = frozenset(
    path + slash
    for path in (*CUSTOM_APP_ENDPOINTS, STORE_APP_TOKEN_PATH, STORE_TENANT_TOKEN_PATH, RESEND_TICKET_PATH)
    for slash in ("", "/")
)
"""Every path that the token endpoints serve, with and without a slash at its end."""

_TOKEN_ERRORS: Final[Mapping[str, tuple[int, str]]] = {
    "credentials_are_malformed": (10003, "invalid param"),
    "app_is_unknown": (10014, "app id not exists"),
    "secret_is_wrong": (10014, "app secret invalid"),
    "app_is_disabled": (10014, "app unauthorized"),
    "app_is_from_the_store": (10005, "app id unauthorized"),
    # not 10012: a client that gets 10012 requests another ticket
    "app_is_custom": (10005, "app id unauthorized"),
    "ticket_is_not_accepted": (10012, "get app access token fail"),
    "app_token_is_invalid": (10013, "get tenant access token fail"),
    "tenant_key_is_wrong": (10013, "get tenant access token fail"),
    "app_is_sent_no_ticket": (10016, "app resend fail"),
}
"""Code and message by rule name."""

_ANY_ENDPOINT: Final = {code: PLATFORM_ERRORS[code] for code in (RATE_LIMITED, INTERNAL_ERROR)}
_BY_SECRET: Final = {
    10003: (200, "invalid param"),
    10014: (200, "app secret invalid"),
    10015: (200, "wrong app secret"),
    99991543: (400, "login_user invalid"),
    **_ANY_ENDPOINT,
}
FAULT_ERRORS: Final[Mapping[str, Mapping[int, tuple[int, str]]]] = {
    "auth.v3.tenant_access_token.internal": {**_BY_SECRET, 10005: (200, "app id unauthorized")},
    "auth.v3.app_access_token.internal": {**_BY_SECRET, 10005: (200, "app id unauthorized")},
    "auth.v3.app_access_token.create": {**_BY_SECRET, 10012: (200, "get app access token fail")},
    "auth.v3.tenant_access_token.create": {
        10003: (200, "invalid param"),
        10013: (200, "get tenant access token fail"),
        99991664: (200, "invalid app token"),
        **_ANY_ENDPOINT,
    },
    "auth.v3.app_ticket.resend": {**_BY_SECRET, 10016: (200, "app resend fail")},
}
"""The HTTP status and message of the codes that a hook may respond with at each endpoint, by its name: what the general
list of the platform says about secrets, tickets and tokens, with the statuses of `_TOKEN_ERRORS`."""

TokenBody = Mapping[str, Any]


class _TokenError(Exception):
    """A refusal, by the name of its rule."""

    def __init__(self, refused_by: str) -> None:
        super().__init__(refused_by)
        self.refused_by = refused_by
        self.code, self.msg = _TOKEN_ERRORS[refused_by]


class TokenEndpoints:
    """Issues tokens and resends tickets; it serves a POST to each of PATHS.

    `is_valid_ticket(app, text)` returns whether a text is a ticket of the app; `resend_ticket(app)` sends it one and
    does not wait.
    """

    def __init__(
        self,
        apps: AppRegistry,
        tokens: TokenIssuer,
        *,
        is_valid_ticket: Callable[[App, str], bool],
        resend_ticket: Callable[[App], None],
        hook: RequestHook | None = None,
    ) -> None:
        self._apps = apps
        self._tokens = tokens
        self._is_valid_ticket = is_valid_ticket
        self._resend_ticket = resend_ticket
        self._hook = hook
        self._by_path: Mapping[str, Callable[[Exchange, TokenBody], Awaitable[TokenBody]]] = {
            **{path: partial(self._issue_for_secret, names) for path, names in CUSTOM_APP_ENDPOINTS.items()},
            STORE_APP_TOKEN_PATH: self._issue_app_token,
            STORE_TENANT_TOKEN_PATH: self._issue_tenant_token,
            RESEND_TICKET_PATH: self._schedule_ticket,
        }

    async def respond(self, exchange: Exchange, scope: Scope, body: RequestBody) -> Response:
        """Return the flat response; its status is HTTP 200 for success and error alike."""
        path = scope["path"].removesuffix("/")
        exchange.operation = OPERATION_IDS[path]
        exchange.request_body = await body.read(MAX_TOKEN_BODY_BYTES) or b""
        try:
            request = _parse_body(exchange.request_body)
            return Response(200, 0, encode_json(await self._by_path[path](exchange, request)))
        except PlatformError as error:
            return _hook_response(exchange, error)
        except _TokenError as error:
            exchange.refused_by = error.refused_by
            extra: TokenBody = {"data": {}} if error.refused_by == "credentials_are_malformed" else {}
            return Response(200, error.code, encode_json({"code": error.code, **extra, "msg": error.msg}))

    async def _run_hook(self, exchange: Exchange, app: App) -> None:
        """Let the hook interfere, now that the request has passed all checks."""
        exchange.app_id = app.app_id
        if self._hook is not None:
            await self._hook.before_transaction(exchange)

    async def _issue_for_secret(self, names: Iterable[str], exchange: Exchange, request: TokenBody) -> TokenBody:
        app = await self._authenticate_app(request)
        if app.type != "custom":
            raise _TokenError("app_is_from_the_store")
        await self._run_hook(exchange, app)
        token = self._tokens.issue(app)
        return {"code": 0, "msg": "ok", **dict.fromkeys(names, token.text), "expire": token.expire}

    async def _issue_app_token(self, exchange: Exchange, request: TokenBody) -> TokenBody:
        ticket = _required_text(request, "app_ticket")
        app = await self._authenticate_app(request)
        if app.type != "store":
            raise _TokenError("app_is_custom")
        if not self._is_valid_ticket(app, ticket):
            raise _TokenError("ticket_is_not_accepted")
        await self._run_hook(exchange, app)
        token = self._tokens.issue_app_token(app)
        return {"code": 0, "msg": "success", "app_access_token": token.text, "expire": token.expire}

    async def _issue_tenant_token(self, exchange: Exchange, request: TokenBody) -> TokenBody:
        app_token, tenant_key = _required_text(request, "app_access_token"), _required_text(request, "tenant_key")
        app = await self._tokens.verify_app_token(app_token)
        if app is None:
            raise _TokenError("app_token_is_invalid")
        _check_enabled(app)
        if tenant_key != app.tenant_key:
            raise _TokenError("tenant_key_is_wrong")
        await self._run_hook(exchange, app)
        token = self._tokens.issue(app)
        return {"code": 0, "msg": "success", "tenant_access_token": token.text, "expire": token.expire}

    async def _schedule_ticket(self, exchange: Exchange, request: TokenBody) -> TokenBody:
        app = await self._authenticate_app(request)
        if app.type != "store":
            raise _TokenError("app_is_sent_no_ticket")
        await self._run_hook(exchange, app)
        self._resend_ticket(app)
        return {"code": 0, "msg": "success"}

    async def _authenticate_app(self, request: TokenBody) -> App:
        """Return the enabled app that the id and secret of the request authenticate; raise _TokenError otherwise."""
        app_id, app_secret = _required_text(request, "app_id"), _required_text(request, "app_secret")
        if not _is_app_id(app_id):
            raise _TokenError("credentials_are_malformed")
        app = await self._apps.get(app_id)
        if app is None:
            raise _TokenError("app_is_unknown")
        if not app.has_secret(app_secret):
            raise _TokenError("secret_is_wrong")
        _check_enabled(app)
        return app


def _hook_response(exchange: Exchange, error: PlatformError) -> Response:
    """Return the flat response to an error that the hook raised."""
    exchange.refused_by = error.refused_by
    status, msg = FAULT_ERRORS[exchange.operation or ""][error.code]
    return Response(status, error.code, encode_json({"code": error.code, "msg": msg}), error.headers)


def _check_enabled(app: App) -> None:
    if not app.enabled:
        raise _TokenError("app_is_disabled")


def _parse_body(body: bytes) -> TokenBody:
    try:
        request = decode_json(body)
    except (msgspec.DecodeError, RecursionError):
        raise _TokenError("credentials_are_malformed") from None
    if not isinstance(request, dict):
        raise _TokenError("credentials_are_malformed")
    return request


def _required_text(request: TokenBody, name: str) -> str:
    """Return a member that must be a string and not empty; raise _TokenError otherwise."""
    text = request.get(name)
    if not isinstance(text, str) or not text:
        raise _TokenError("credentials_are_malformed")
    return text


def _is_app_id(text: str) -> bool:
    digits = text.removeprefix("cli_")
    return len(text) == 20 and len(digits) == 16 and not digits.strip("0123456789abcdef")
