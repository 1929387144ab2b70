"""Access tokens: signed, so that they outlive a restart and are checked without a read."""

import base64
import binascii
import hmac
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from corehr.gateway.answers import (
    APP_DISABLED,
    INVALID_TOKEN,
    INVALID_USER_TOKEN,
    MALFORMED_TOKEN,
    NO_TOKEN,
    Answer,
    Denied,
    encode,
)
from corehr.gateway.apps import App, Apps
from corehr.kernel.clock import moment, real_seconds
from corehr.kernel.db import decode_json

LIFE = 7200
"""Seconds a token lives."""

WINDOW = 5400
"""Seconds during which the same token is given: until less than half an hour of it remains."""

_OF_TENANT = b"\x01"
_REMEMBERED = 10_000


class Token(NamedTuple):
    """`expire` is what remains, in seconds."""

    text: str
    expire: int


class Tokens:
    """Gives tokens to custom apps and knows them again.

    A token is `t-` and the base32 of app id (8 bytes), expiry (4 bytes, seconds since 1970), kind (1 byte) and a
    truncated HMAC-SHA256 (12 bytes) under the tenant's server key. It follows from the window alone, so every
    process gives the same one. Windows are counted from the making of the app: the first token of a new app lives
    its full two hours, and the apps of an installation do not all renew in the same second.
    """

    def __init__(self, apps: Apps, *, seconds: Callable[[], float] = real_seconds) -> None:
        self._apps = apps
        self._seconds = seconds
        self._verified: dict[str, tuple[str, int]] = {}

    def issue(self, app: App) -> Token:
        """The token of the present window; between half an hour and two hours of it remain."""
        now = int(self._seconds())
        begun = now - (now - int(moment(app.created_at).timestamp())) % WINDOW
        body = bytes.fromhex(app.app_id[4:]) + (begun + LIFE).to_bytes(4, "big") + _OF_TENANT
        text = base64.b32encode(body + _seal(app, body)).decode()
        return Token(f"t-{text}", begun + LIFE - now)

    async def app_of(self, authorization: str | None) -> App:
        """The app that an Authorization header speaks for; Denied when it speaks for none."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme != "Bearer" or not token:
            raise Denied(NO_TOKEN, "token_is_missing")
        if token.startswith(("eyJ", "u-")):
            raise Denied(INVALID_USER_TOKEN, "token_is_a_users")
        if not token.startswith("t-"):
            raise Denied(MALFORMED_TOKEN, "token_is_malformed")
        app = await self._verify(token)
        if app is None:
            raise Denied(INVALID_TOKEN, "token_is_invalid")
        if not app.enabled:
            raise Denied(APP_DISABLED, "app_is_disabled")
        return app

    async def _verify(self, token: str) -> App | None:
        known = self._verified.get(token)
        if known is not None:
            app_id, expiry = known
            return await self._apps.find(app_id) if self._seconds() < expiry else None
        try:
            raw = base64.b32decode(token[2:])
        except (ValueError, binascii.Error):
            return None
        body, seal = raw[:13], raw[13:]
        expiry = int.from_bytes(body[8:12], "big")
        if len(raw) != 25 or self._seconds() >= expiry:
            return None
        app = await self._apps.find(f"cli_{body[:8].hex()}")
        if app is None or not hmac.compare_digest(_seal(app, body), seal):
            return None
        if len(self._verified) >= _REMEMBERED:
            self._verified.clear()
        self._verified[token] = (app.app_id, expiry)
        return app


def _seal(app: App, body: bytes) -> bytes:
    key = hmac.digest(app.server_key.encode(), b"tenant access token", "sha256")
    return hmac.digest(key, body, "sha256")[:12]


# ------------------------------------------------------------------------------------------- where apps ask for them

TENANT_TOKEN: Final = "/open-apis/auth/v3/tenant_access_token/internal"  # noqa: S105  # a path

ENDPOINTS: Final[Mapping[str, tuple[str, ...]]] = {
    TENANT_TOKEN: ("tenant_access_token",),
    # both tokens of a custom app are the same one
    "/open-apis/auth/v3/app_access_token/internal": ("app_access_token", "tenant_access_token"),
}
"""Where apps ask for tokens, and which ones each place answers."""


def is_endpoint(method: str, path: str) -> bool:
    """Whether apps ask for tokens there."""
    return method == "POST" and path.removesuffix("/") in ENDPOINTS


async def answer(apps: Apps, tokens: Tokens, path: str, body: bytes) -> tuple[Answer, str | None]:
    """The flat answer, HTTP 200 whether it is yes or no, and the rule that refused."""
    asked = _asked(body)
    if asked is None:
        return _no(10003, "invalid param", data={}), "credentials_are_malformed"
    app_id, app_secret = asked
    app = await apps.find(app_id)
    if app is None:
        return _no(10014, "app id not exists"), "app_is_unknown"
    if not app.has_secret(app_secret):
        return _no(10014, "app secret invalid"), "secret_is_wrong"
    if not app.enabled:
        return _no(10014, "app unauthorized"), "app_is_disabled"
    if app.type != "custom":  # a store app gets its tokens for a ticket, which only it is sent
        return _no(10005, "app id unauthorized"), "app_is_from_the_store"
    token = tokens.issue(app)
    names = dict.fromkeys(ENDPOINTS[path.removesuffix("/")], token.text)
    return Answer(200, 0, encode({"code": 0, "msg": "ok", **names, "expire": token.expire})), None


def _no(code: int, msg: str, **more: Any) -> Answer:
    return Answer(200, code, encode({"code": code, **more, "msg": msg}))


def _asked(body: bytes) -> tuple[str, str] | None:
    """App id and secret; None when one is missing or the app id has not the form of one."""
    try:
        given = decode_json(body)
    except (msgspec.DecodeError, RecursionError):
        return None
    if not isinstance(given, dict):
        return None
    app_id, app_secret = given.get("app_id"), given.get("app_secret")
    if not (isinstance(app_id, str) and isinstance(app_secret, str) and app_secret and _is_app_id(app_id)):
        return None
    return app_id, app_secret


def _is_app_id(text: str) -> bool:
    digits = text.removeprefix("cli_")
    return len(text) == 20 and len(digits) == 16 and not digits.strip("0123456789abcdef")
