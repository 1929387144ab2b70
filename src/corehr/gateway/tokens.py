"""Access tokens: signed, so that they outlive a restart and are checked without a read."""

import base64
import binascii
import hmac
from collections.abc import Awaitable, Callable, Iterable, Mapping
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
from corehr.gateway.tickets import AppTickets
from corehr.kernel.clock import parse_timestamp, real_seconds
from corehr.kernel.db import decode_json

LIFE = 7200
"""Seconds a token lives."""

WINDOW = 5400
"""Seconds during which the same token is given: until less than half an hour of it remains."""

_TENANT, _APP = "t-", "a-"
_KINDS: Final[Mapping[str, bytes]] = {_TENANT: b"\x01", _APP: b"\x02"}
_REMEMBERED = 10_000

Given = Mapping[str, Any]


class Token(NamedTuple):
    """`expire` is what remains, in seconds."""

    text: str
    expire: int


class Tokens:
    """Gives tokens to apps and knows them again.

    A token is `t-` or `a-` and the base32 of app id (8 bytes), expiry (4 bytes, seconds since 1970), kind (1 byte) and
    a truncated HMAC-SHA256 (12 bytes) under the tenant's server key. It follows from the window alone, so every
    process gives the same one. Windows are counted from the making of the app: the first token of a new app lives
    its full two hours, and the apps of an installation do not all renew in the same second.
    """

    def __init__(self, apps: Apps, *, seconds: Callable[[], float] = real_seconds) -> None:
        self._apps = apps
        self._seconds = seconds
        self._verified: dict[str, tuple[str, int]] = {}

    def issue(self, app: App) -> Token:
        """The tenant token of the present window; between half an hour and two hours of it remain."""
        return self._made(app, _TENANT)

    def issue_app_token(self, app: App) -> Token:
        """A store app's own token: nothing but its tenant token is given for it."""
        return self._made(app, _APP)

    def _made(self, app: App, prefix: str) -> Token:
        now = int(self._seconds())
        begun = now - (now - int(parse_timestamp(app.created_at).timestamp())) % WINDOW
        body = bytes.fromhex(app.app_id[4:]) + (begun + LIFE).to_bytes(4, "big") + _KINDS[prefix]
        text = base64.b32encode(body + _seal(app, body)).decode()
        return Token(f"{prefix}{text}", begun + LIFE - now)

    async def app_of_app_token(self, token: str) -> App | None:
        """The store app that was given this app token; None when it is none."""
        return await self._verify(token) if token.startswith(_APP) else None

    async def app_of(self, authorization: str | None) -> App:
        """The app that an Authorization header speaks for; Denied when it speaks for none."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme != "Bearer" or not token:
            raise Denied(NO_TOKEN, "token_is_missing")
        if token.startswith(("eyJ", "u-")):
            raise Denied(INVALID_USER_TOKEN, "token_is_a_users")
        if not token.startswith(_TENANT):
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
        if len(raw) != 25 or body[12:] != _KINDS[token[:2]] or self._seconds() >= expiry:
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
STORE_APP_TOKEN: Final = "/open-apis/auth/v3/app_access_token"  # noqa: S105  # likewise
STORE_TENANT_TOKEN: Final = "/open-apis/auth/v3/tenant_access_token"  # noqa: S105  # likewise
RESEND: Final = "/open-apis/auth/v3/app_ticket/resend"

ENDPOINTS: Final[Mapping[str, tuple[str, ...]]] = {
    TENANT_TOKEN: ("tenant_access_token",),
    # both tokens of a custom app are the same one
    "/open-apis/auth/v3/app_access_token/internal": ("app_access_token", "tenant_access_token"),
}
"""Where custom apps ask for tokens, and which ones each place answers."""

_REFUSED: Final[Mapping[str, tuple[int, str]]] = {
    "credentials_are_malformed": (10003, "invalid param"),
    "app_is_unknown": (10014, "app id not exists"),
    "secret_is_wrong": (10014, "app secret invalid"),
    "app_is_disabled": (10014, "app unauthorized"),
    "app_is_from_the_store": (10005, "app id unauthorized"),
    # not 10012, upon which a client asks for another ticket
    "app_is_custom": (10005, "app id unauthorized"),
    "ticket_is_not_accepted": (10012, "get app access token fail"),
    "app_token_is_invalid": (10013, "get tenant access token fail"),
    "tenant_key_is_wrong": (10013, "get tenant access token fail"),
    "app_is_sent_no_ticket": (10016, "app resend fail"),
}
"""Code and message, by the rule that refuses."""


def is_endpoint(method: str, path: str) -> bool:
    """Whether apps ask for tokens there, or for the ticket that they get one for."""
    place = path.removesuffix("/")
    return method == "POST" and (place in ENDPOINTS or place in _OF_STORE)


async def answer(
    apps: Apps, tokens: Tokens, tickets: AppTickets | None, path: str, body: bytes
) -> tuple[Answer, str | None]:
    """The flat answer, HTTP 200 whether it is yes or no, and the rule that refused.

    Without `tickets` none is accepted and none is sent again.
    """
    place = path.removesuffix("/")
    try:
        given = _read(body)
        if place in ENDPOINTS:
            said = await _for_secret(apps, tokens, given, ENDPOINTS[place])
        else:
            said = await _OF_STORE[place](apps, tokens, tickets, given)
    except Denied as no:
        more: Given = {"data": {}} if no.rule == "credentials_are_malformed" else {}
        return Answer(200, no.code, encode({"code": no.code, **more, "msg": no.msg})), no.rule
    return Answer(200, 0, encode(said)), None


async def _for_secret(apps: Apps, tokens: Tokens, given: Given, names: Iterable[str]) -> Given:
    app = await _identified(apps, given)
    if app.type != "custom":
        raise _no("app_is_from_the_store")
    token = tokens.issue(app)
    return {"code": 0, "msg": "ok", **dict.fromkeys(names, token.text), "expire": token.expire}


async def _for_ticket(apps: Apps, tokens: Tokens, tickets: AppTickets | None, given: Given) -> Given:
    ticket = _text(given, "app_ticket")
    app = await _identified(apps, given)
    if app.type != "store":
        raise _no("app_is_custom")
    if tickets is None or not tickets.is_valid(app, ticket):
        raise _no("ticket_is_not_accepted")
    token = tokens.issue_app_token(app)
    return {"code": 0, "msg": "success", "app_access_token": token.text, "expire": token.expire}


async def _for_app_token(apps: Apps, tokens: Tokens, tickets: AppTickets | None, given: Given) -> Given:
    app_token, tenant_key = _text(given, "app_access_token"), _text(given, "tenant_key")
    app = await tokens.app_of_app_token(app_token)
    if app is None:
        raise _no("app_token_is_invalid")
    _check_enabled(app)
    if tenant_key != app.tenant_key:
        raise _no("tenant_key_is_wrong")
    token = tokens.issue(app)
    return {"code": 0, "msg": "success", "tenant_access_token": token.text, "expire": token.expire}


async def _resend(apps: Apps, tokens: Tokens, tickets: AppTickets | None, given: Given) -> Given:
    app = await _identified(apps, given)
    if app.type != "store" or tickets is None:
        raise _no("app_is_sent_no_ticket")
    tickets.schedule_push(app)
    return {"code": 0, "msg": "success"}


_OF_STORE: Final[Mapping[str, Callable[[Apps, Tokens, AppTickets | None, Given], Awaitable[Given]]]] = {
    STORE_APP_TOKEN: _for_ticket,
    STORE_TENANT_TOKEN: _for_app_token,
    RESEND: _resend,
}


async def _identified(apps: Apps, given: Given) -> App:
    """The enabled app whose id and secret these are."""
    app_id, app_secret = _text(given, "app_id"), _text(given, "app_secret")
    if not _is_app_id(app_id):
        raise _no("credentials_are_malformed")
    app = await apps.find(app_id)
    if app is None:
        raise _no("app_is_unknown")
    if not app.has_secret(app_secret):
        raise _no("secret_is_wrong")
    _check_enabled(app)
    return app


def _check_enabled(app: App) -> None:
    if not app.enabled:
        raise _no("app_is_disabled")


def _read(body: bytes) -> Given:
    try:
        given = decode_json(body)
    except (msgspec.DecodeError, RecursionError):
        raise _no("credentials_are_malformed") from None
    if not isinstance(given, dict):
        raise _no("credentials_are_malformed")
    return given


def _text(given: Given, name: str) -> str:
    """A member that must be a text with something in it."""
    text = given.get(name)
    if not isinstance(text, str) or not text:
        raise _no("credentials_are_malformed")
    return text


def _no(rule: str) -> Denied:
    code, msg = _REFUSED[rule]
    return Denied(code, rule, msg)


def _is_app_id(text: str) -> bool:
    digits = text.removeprefix("cli_")
    return len(text) == 20 and len(digits) == 16 and not digits.strip("0123456789abcdef")
