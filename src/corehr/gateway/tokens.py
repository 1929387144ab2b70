"""Access tokens: signed, so that they stay valid after a restart and are verified without a read."""

import base64
import binascii
import hmac
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from corehr.apps.registry import App, AppRegistry
from corehr.delivery.ticket_push import AppTickets
from corehr.gateway.responses import (
    APP_DISABLED,
    INVALID_TOKEN,
    INVALID_USER_TOKEN,
    MALFORMED_TOKEN,
    MISSING_TOKEN,
    PlatformError,
    Response,
    encode_json,
)
from corehr.kernel.clock import parse_timestamp, real_seconds
from corehr.kernel.db import decode_json

TOKEN_TTL_SECONDS = 7200
"""Seconds for which a token is valid."""

REUSE_WINDOW_SECONDS = 5400
"""Seconds for which the same token is issued: until its remaining validity falls below half an hour."""

_TENANT_PREFIX, _APP_PREFIX = "t-", "a-"
_KIND_BYTES: Final[Mapping[str, bytes]] = {_TENANT_PREFIX: b"\x01", _APP_PREFIX: b"\x02"}
_MAX_CACHED_TOKENS = 10_000

TokenBody = Mapping[str, Any]


class Token(NamedTuple):
    """A token; `expire` is its remaining validity in seconds."""

    text: str
    expire: int


class TokenIssuer:
    """Issues and verifies tokens.

    A token is `t-` or `a-` and the base32 of app id (8 bytes), expiry (4 bytes, seconds since 1970), kind (1 byte) and
    a truncated HMAC-SHA256 (12 bytes) under the tenant's server key. It depends only on the window, so every process
    issues the same one. Windows are counted from the creation of the app: the first token of a new app is valid for
    its full two hours, and the apps of an installation do not all renew in the same second.
    """

    def __init__(self, apps: AppRegistry, *, seconds: Callable[[], float] = real_seconds) -> None:
        self._apps = apps
        self._seconds = seconds
        self._verified: dict[str, tuple[str, int]] = {}

    def issue(self, app: App) -> Token:
        """Return the tenant token of the current window; it is valid for another half hour to two hours."""
        return self._build(app, _TENANT_PREFIX)

    def issue_app_token(self, app: App) -> Token:
        """Return a store app's own token, which can only be exchanged for its tenant token."""
        return self._build(app, _APP_PREFIX)

    def _build(self, app: App, prefix: str) -> Token:
        now = int(self._seconds())
        window_start = now - (now - int(parse_timestamp(app.created_at).timestamp())) % REUSE_WINDOW_SECONDS
        body = (
            bytes.fromhex(app.app_id[4:]) + (window_start + TOKEN_TTL_SECONDS).to_bytes(4, "big") + _KIND_BYTES[prefix]
        )
        text = base64.b32encode(body + _sign(app, body)).decode()
        return Token(f"{prefix}{text}", window_start + TOKEN_TTL_SECONDS - now)

    async def verify_app_token(self, token: str) -> App | None:
        """Return the store app of an app token, or None when the token is invalid or expired."""
        return await self._verify(token) if token.startswith(_APP_PREFIX) else None

    async def authenticate(self, authorization: str | None) -> App:
        """Return the enabled app that an Authorization header authenticates; raise PlatformError when there is none."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme != "Bearer" or not token:
            raise PlatformError(MISSING_TOKEN, "token_is_missing")
        if token.startswith(("eyJ", "u-")):
            raise PlatformError(INVALID_USER_TOKEN, "token_is_a_users")
        if not token.startswith(_TENANT_PREFIX):
            raise PlatformError(MALFORMED_TOKEN, "token_is_malformed")
        app = await self._verify(token)
        if app is None:
            raise PlatformError(INVALID_TOKEN, "token_is_invalid")
        if not app.enabled:
            raise PlatformError(APP_DISABLED, "app_is_disabled")
        return app

    async def _verify(self, token: str) -> App | None:
        cached = self._verified.get(token)
        if cached is not None:
            app_id, expiry = cached
            return await self._apps.get(app_id) if self._seconds() < expiry else None
        try:
            raw = base64.b32decode(token[2:])
        except (ValueError, binascii.Error):
            return None
        body, signature = raw[:13], raw[13:]
        expiry = int.from_bytes(body[8:12], "big")
        if len(raw) != 25 or body[12:] != _KIND_BYTES[token[:2]] or self._seconds() >= expiry:
            return None
        app = await self._apps.get(f"cli_{body[:8].hex()}")
        if app is None or not hmac.compare_digest(_sign(app, body), signature):
            return None
        if len(self._verified) >= _MAX_CACHED_TOKENS:
            self._verified.clear()
        self._verified[token] = (app.app_id, expiry)
        return app


def _sign(app: App, body: bytes) -> bytes:
    key = hmac.digest(app.server_key.encode(), b"tenant access token", "sha256")
    return hmac.digest(key, body, "sha256")[:12]


# ---------------------------------------------------------------------------------------------- the token endpoints

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


def is_token_endpoint(method: str, path: str) -> bool:
    """Return whether this is an endpoint that issues tokens or resends app tickets."""
    endpoint = path.removesuffix("/")
    return method == "POST" and (endpoint in CUSTOM_APP_ENDPOINTS or endpoint in _STORE_ENDPOINTS)


async def handle_token_request(
    apps: AppRegistry, tokens: TokenIssuer, tickets: AppTickets | None, path: str, body: bytes
) -> tuple[Response, str | None]:
    """Return the flat response, HTTP 200 for success and error alike, and the name of the rule that refused, or None.

    Without `tickets` no ticket is accepted and none is resent.
    """
    endpoint = path.removesuffix("/")
    try:
        request = _parse_body(body)
        if endpoint in CUSTOM_APP_ENDPOINTS:
            data = await _issue_for_secret(apps, tokens, request, CUSTOM_APP_ENDPOINTS[endpoint])
        else:
            data = await _STORE_ENDPOINTS[endpoint](apps, tokens, tickets, request)
    except PlatformError as error:
        extra: TokenBody = {"data": {}} if error.refused_by == "credentials_are_malformed" else {}
        return Response(200, error.code, encode_json({"code": error.code, **extra, "msg": error.msg})), error.refused_by
    return Response(200, 0, encode_json(data)), None


async def _issue_for_secret(
    apps: AppRegistry, tokens: TokenIssuer, request: TokenBody, names: Iterable[str]
) -> TokenBody:
    app = await _authenticate_app(apps, request)
    if app.type != "custom":
        raise _error("app_is_from_the_store")
    token = tokens.issue(app)
    return {"code": 0, "msg": "ok", **dict.fromkeys(names, token.text), "expire": token.expire}


async def _issue_app_token(
    apps: AppRegistry, tokens: TokenIssuer, tickets: AppTickets | None, request: TokenBody
) -> TokenBody:
    ticket = _required_text(request, "app_ticket")
    app = await _authenticate_app(apps, request)
    if app.type != "store":
        raise _error("app_is_custom")
    if tickets is None or not tickets.is_valid(app, ticket):
        raise _error("ticket_is_not_accepted")
    token = tokens.issue_app_token(app)
    return {"code": 0, "msg": "success", "app_access_token": token.text, "expire": token.expire}


async def _issue_tenant_token(
    apps: AppRegistry, tokens: TokenIssuer, tickets: AppTickets | None, request: TokenBody
) -> TokenBody:
    app_token, tenant_key = _required_text(request, "app_access_token"), _required_text(request, "tenant_key")
    app = await tokens.verify_app_token(app_token)
    if app is None:
        raise _error("app_token_is_invalid")
    _check_enabled(app)
    if tenant_key != app.tenant_key:
        raise _error("tenant_key_is_wrong")
    token = tokens.issue(app)
    return {"code": 0, "msg": "success", "tenant_access_token": token.text, "expire": token.expire}


async def _resend_ticket(
    apps: AppRegistry, tokens: TokenIssuer, tickets: AppTickets | None, request: TokenBody
) -> TokenBody:
    app = await _authenticate_app(apps, request)
    if app.type != "store" or tickets is None:
        raise _error("app_is_sent_no_ticket")
    tickets.schedule_push(app)
    return {"code": 0, "msg": "success"}


_STORE_ENDPOINTS: Final[
    Mapping[str, Callable[[AppRegistry, TokenIssuer, AppTickets | None, TokenBody], Awaitable[TokenBody]]]
] = {
    STORE_APP_TOKEN_PATH: _issue_app_token,
    STORE_TENANT_TOKEN_PATH: _issue_tenant_token,
    RESEND_TICKET_PATH: _resend_ticket,
}


async def _authenticate_app(apps: AppRegistry, request: TokenBody) -> App:
    """Return the enabled app that the id and secret of the request authenticate; raise PlatformError otherwise."""
    app_id, app_secret = _required_text(request, "app_id"), _required_text(request, "app_secret")
    if not _is_app_id(app_id):
        raise _error("credentials_are_malformed")
    app = await apps.get(app_id)
    if app is None:
        raise _error("app_is_unknown")
    if not app.has_secret(app_secret):
        raise _error("secret_is_wrong")
    _check_enabled(app)
    return app


def _check_enabled(app: App) -> None:
    if not app.enabled:
        raise _error("app_is_disabled")


def _parse_body(body: bytes) -> TokenBody:
    try:
        request = decode_json(body)
    except (msgspec.DecodeError, RecursionError):
        raise _error("credentials_are_malformed") from None
    if not isinstance(request, dict):
        raise _error("credentials_are_malformed")
    return request


def _required_text(request: TokenBody, name: str) -> str:
    """Return a member that must be a string and not empty; raise PlatformError otherwise."""
    text = request.get(name)
    if not isinstance(text, str) or not text:
        raise _error("credentials_are_malformed")
    return text


def _error(refused_by: str) -> PlatformError:
    code, msg = _TOKEN_ERRORS[refused_by]
    return PlatformError(code, refused_by, msg)


def _is_app_id(text: str) -> bool:
    digits = text.removeprefix("cli_")
    return len(text) == 20 and len(digits) == 16 and not digits.strip("0123456789abcdef")
