"""Who may bend reality, and how the sandbox is spoken to: JSON in, JSON out, errors as `{"error": …}`."""

import hmac
import logging
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from ipaddress import ip_address
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

T = TypeVar("T")
Handler = Callable[[Request], Awaitable[Any]]
"""Answers what JSON can say; Refused when it will not."""

LONGEST: Final = 2**20
"""Bytes of a body at most."""

_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_encode: Final = msgspec.json.Encoder(enc_hook=str).encode
_log = logging.getLogger(__name__)


class Refused(Exception):
    """The sandbox says no: an HTTP status, and one line that says why."""

    def __init__(self, status: HTTPStatus, why: str) -> None:
        super().__init__(why)
        self.status = status
        self.why = why


def bad(why: str) -> Refused:
    """What was asked makes no sense."""
    return Refused(HTTPStatus.BAD_REQUEST, why)


class Door:
    """`token` is what callers must show; without one only this machine may call, from no other site's page."""

    def __init__(self, token: str | None) -> None:
        self._token = token

    def route(self, path: str, handlers: Mapping[str, Handler]) -> Route:
        """A route with a handler per method."""

        async def endpoint(request: Request) -> Response:
            try:
                self.admit(request)
                handler = handlers.get(request.method)
                if handler is None:
                    raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, f"this takes {', '.join(handlers)}")
                return _answer(HTTPStatus.OK, await handler(request))
            except Refused as no:
                return _answer(no.status, {"error": no.why})
            except Exception:  # noqa: BLE001  # whatever it is, the caller gets JSON
                _log.exception("%s %s failed", request.method, request.url.path)
                return _answer(HTTPStatus.INTERNAL_SERVER_ERROR, {"error": "the sandbox failed: the log says why"})

        return Route(path, endpoint, methods=list(_METHODS))

    def admit(self, request: Request) -> None:
        """Refused unless the caller is who may call."""
        host = request.headers.get("host", "")
        origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site")
        if (origin is not None and not _is_of(origin, host)) or site in ("cross-site", "same-site"):
            raise Refused(HTTPStatus.FORBIDDEN, "a page of another site may not call the sandbox")
        if self._token is not None:
            if not self._has_token(request):
                raise Refused(HTTPStatus.UNAUTHORIZED, "show the sandbox token, as X-Sandbox-Token")
        elif not (request.client and _is_near(request.client.host) and _is_near(_name(host))):
            raise Refused(HTTPStatus.FORBIDDEN, "from elsewhere the sandbox needs --sandbox-token")

    def _has_token(self, request: Request) -> bool:
        scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
        shown = request.headers.get("x-sandbox-token") or (bearer if scheme.lower() == "bearer" else "")
        return hmac.compare_digest(shown.encode(), (self._token or "").encode())


async def read(request: Request, into: type[T]) -> T:
    """The body as this type says it is, no body as an empty object; Refused when it is not."""
    raw = b""
    async for part in request.stream():
        raw += part
        if len(raw) > LONGEST:
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body is longer than {LONGEST} bytes")
    try:
        return msgspec.json.decode(raw or b"{}", type=into)
    except (msgspec.MsgspecError, ValueError, RecursionError) as why:
        raise bad(f"the body is not as it should be: {why}") from None


def whole(request: Request, name: str, default: int, most: int) -> int:
    """A query parameter that is a whole number from 1 to `most`."""
    text = request.query_params.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and 1 <= int(text) <= most):
        raise bad(f"{name} must be a whole number from 1 to {most}")
    return int(text)


def _answer(status: HTTPStatus, data: Any) -> Response:
    return Response(_encode(data), status, media_type="application/json")


def _is_of(origin: str, host: str) -> bool:
    """Is this the origin of a page that the same host serves?"""
    scheme, _, rest = origin.lower().partition("://")
    return scheme in ("http", "https") and rest == host.lower()


def _name(host: str) -> str:
    """The name or address in a Host header, without the port."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _is_near(host: str) -> bool:
    """Does the name or address mean this machine?"""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback
