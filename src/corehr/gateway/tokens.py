"""Access tokens: signed, so that they stay valid after a restart and are verified without a read."""

import base64
import binascii
import hmac
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from corehr.apps.registry import App, AppRegistry
from corehr.gateway.errors import (
    APP_DISABLED,
    INVALID_TOKEN,
    INVALID_USER_TOKEN,
    MALFORMED_TOKEN,
    MISSING_TOKEN,
    PlatformError,
)
from corehr.kernel.clock import parse_timestamp, real_seconds

TOKEN_TTL_SECONDS = 7200
"""Seconds for which a token is valid."""

REUSE_WINDOW_SECONDS = 5400
"""Seconds for which the same token is issued: until its remaining validity falls below half an hour."""

MAX_CLOCK_STEP_SECONDS = 60
"""Seconds by which the clock may have been ahead when a token was issued; it is still accepted."""

_TENANT_PREFIX, _APP_PREFIX = "t-", "a-"
_KIND_BYTES: Final[Mapping[str, bytes]] = {_TENANT_PREFIX: b"\x01", _APP_PREFIX: b"\x02"}
_MAX_CACHED_TOKENS = 10_000


class Token(NamedTuple):
    """A token; `expire` is its remaining validity in seconds."""

    text: str
    expire: int


class TokenIssuer:
    """Issues and verifies tokens.

    A token is `t-` or `a-` and the base32 of app id (8 bytes), expiry (4 bytes, seconds since 1970), kind (1 byte) and
    a truncated HMAC-SHA256 (12 bytes) under the tenant's server key. It depends only on the window, so every process
    issues the same one. Windows are counted from the creation of the app: the first token of a new app is valid for
    its full two hours, and the apps of an installation do not all renew in the same second. When the tokens of an app
    are revoked, its windows are counted from then on, and the tokens of windows that began before are not valid.
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
        window_start = self.window_start(app)
        body = (
            bytes.fromhex(app.app_id[4:]) + (window_start + TOKEN_TTL_SECONDS).to_bytes(4, "big") + _KIND_BYTES[prefix]
        )
        text = base64.b32encode(body + _sign(app, body)).decode()
        return Token(f"{prefix}{text}", window_start + TOKEN_TTL_SECONDS - now)

    def window_start(self, app: App) -> int:
        """Return when the present window of the app began, in whole seconds since 1970."""
        now = int(self._seconds())
        first = parse_timestamp(app.tokens_revoked_at or app.created_at)
        return now - (now - int(first.timestamp())) % REUSE_WINDOW_SECONDS

    async def verify_app_token(self, token: str) -> App | None:
        """Return the store app of an app token, or None when the token is invalid or expired."""
        return await self._verify(token) if token.startswith(_APP_PREFIX) else None

    async def authenticate(self, authorization: str) -> App:
        """Return the enabled app that an Authorization header authenticates; raise PlatformError when there is none."""
        token = bearer_token(authorization)
        if not token:
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
            app = await self._apps.get(app_id) if self._is_current(expiry) else None
            return None if app is None or _is_revoked(app, expiry) else app
        try:
            raw = base64.b32decode(token[2:])
        except (ValueError, binascii.Error):
            return None
        body, signature = raw[:13], raw[13:]
        expiry = int.from_bytes(body[8:12], "big")
        if len(raw) != 25 or body[12:] != _KIND_BYTES[token[:2]] or not self._is_current(expiry):
            return None
        app = await self._apps.get(f"cli_{body[:8].hex()}")
        if app is None or not hmac.compare_digest(_sign(app, body), signature) or _is_revoked(app, expiry):
            return None
        if len(self._verified) >= _MAX_CACHED_TOKENS:
            self._verified.clear()
        self._verified[token] = (app.app_id, expiry)
        return app

    def _is_current(self, expiry: int) -> bool:
        """Return whether the expiry is in the future, and no further than a token is valid."""
        return 0 < expiry - self._seconds() <= TOKEN_TTL_SECONDS + MAX_CLOCK_STEP_SECONDS


def _is_revoked(app: App, expiry: int) -> bool:
    """Return whether the window of a token with this expiry began before the tokens of the app were revoked."""
    revoked_at = app.tokens_revoked_at
    return revoked_at is not None and expiry - TOKEN_TTL_SECONDS < int(parse_timestamp(revoked_at).timestamp())


def bearer_token(authorization: str) -> str:
    """Return the token of an Authorization value as RFC 9110 reads it, or "" when its scheme is not Bearer.

    White space around the value is not part of it, the scheme's case does not matter, and more than one space may
    follow it.
    """
    scheme, _, token = authorization.strip(" \t").partition(" ")
    return token.lstrip(" ") if scheme.lower() == "bearer" else ""


def _sign(app: App, body: bytes) -> bytes:
    key = hmac.digest(app.server_key.encode(), b"tenant access token", "sha256")
    return hmac.digest(key, body, "sha256")[:12]
