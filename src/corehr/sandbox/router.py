"""Routes of the sandbox: who may call them, JSON bodies in and out, and errors as `{"error": …}`."""

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

from corehr.gateway.tokens import bearer_token

T = TypeVar("T")
Handler = Callable[[Request], Awaitable[Any]]
"""Returns data that can be encoded as JSON, or raises SandboxError."""

MAX_BODY_BYTES: Final = 2**20

_PROXY_HEADERS: Final = frozenset(
    (
        "via",
        "forwarded",
        "x-real-ip",
        "x-client-ip",
        "x-cluster-client-ip",
        "x-original-host",
        "x-original-url",
        "x-request-start",
        "true-client-ip",
        "cf-connecting-ip",
        "cdn-loop",
    )
)
"""Headers that proxies add, beside every `x-forwarded-*` and `x-envoy-*`."""

_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_encode: Final = msgspec.json.Encoder(enc_hook=str).encode
_log = logging.getLogger(__name__)


class SandboxError(Exception):
    """A refused call: an HTTP status, and one line with the reason."""

    def __init__(self, status: HTTPStatus, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


def bad_request(reason: str) -> SandboxError:
    """Return the error of a call that is malformed (400)."""
    return SandboxError(HTTPStatus.BAD_REQUEST, reason)


class SandboxRouter:
    """Builds authorized routes. With a `token`, callers must send it; without one only this machine may call.

    Without one, what a proxy on this machine passes on is refused as far as it can be told: it may come from anywhere.
    A page of another site may never call.
    """

    def __init__(self, token: str | None) -> None:
        self._token = token

    def route(self, path: str, handlers: Mapping[str, Handler]) -> Route:
        """Return a route that authorizes the caller, calls the handler of the method and encodes its result."""

        async def endpoint(request: Request) -> Response:
            try:
                self.authorize(request)
                handler = handlers.get(request.method)
                if handler is None:
                    raise SandboxError(HTTPStatus.METHOD_NOT_ALLOWED, f"allowed methods: {', '.join(handlers)}")
                return _json_response(HTTPStatus.OK, await handler(request))
            except SandboxError as error:
                return _json_response(error.status, {"error": error.reason})
            except Exception:  # noqa: BLE001  # the caller gets JSON for every failure
                _log.exception("%s %s failed", request.method, request.url.path)
                return _json_response(
                    HTTPStatus.INTERNAL_SERVER_ERROR, {"error": "the sandbox failed: see the server's log"}
                )

        return Route(path, endpoint, methods=list(_METHODS))

    def authorize(self, request: Request) -> None:
        """Raise SandboxError (403, or 401 for a missing or wrong token) unless the caller may call."""
        host = request.headers.get("host", "")
        origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site")
        if (origin is not None and not _is_same_origin(origin, host)) or site in ("cross-site", "same-site"):
            raise SandboxError(HTTPStatus.FORBIDDEN, "a page of another site may not call the sandbox")
        if self._token is not None:
            if not self._has_token(request):
                raise SandboxError(HTTPStatus.UNAUTHORIZED, "send the sandbox token, as X-Sandbox-Token")
        elif not (request.client and _is_loopback(request.client.host) and _is_loopback(_host_name(host))):
            raise SandboxError(HTTPStatus.FORBIDDEN, "without --sandbox-token only this machine may call the sandbox")
        elif (trace := _trace_of_proxy(request)) is not None:
            raise SandboxError(
                HTTPStatus.FORBIDDEN, f"without --sandbox-token nothing comes through a proxy, and {trace} shows one"
            )

    def _has_token(self, request: Request) -> bool:
        authorization = request.headers.get("authorization", "")
        token = request.headers.get("x-sandbox-token") or bearer_token(authorization)
        return hmac.compare_digest(token.encode(), (self._token or "").encode())


async def parse_body(request: Request, body_type: type[T]) -> T:
    """Return the body decoded as this type; no body is an empty object.

    Raises SandboxError (413) when it is longer than `MAX_BODY_BYTES`, (400) when it does not fit the type.
    """
    raw = b""
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > MAX_BODY_BYTES:
            raise SandboxError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body is longer than {MAX_BODY_BYTES} bytes")
    try:
        return msgspec.json.decode(raw or b"{}", type=body_type)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise bad_request(f"the body is invalid: {error}") from None


def positive_int(request: Request, name: str, default: int, maximum: int) -> int:
    """Return a query parameter, a whole number from 1 to `maximum`; raises SandboxError (400) for any other value."""
    text = request.query_params.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and 1 <= int(text) <= maximum):
        raise bad_request(f"{name} must be a whole number from 1 to {maximum}")
    return int(text)


def _json_response(status: HTTPStatus, data: Any) -> Response:
    return Response(_encode(data), status, media_type="application/json")


def _trace_of_proxy(request: Request) -> str | None:
    """Return what shows that a proxy passed the request on, or None."""
    for name in request.headers:
        if name in _PROXY_HEADERS or name.startswith(("x-forwarded-", "x-envoy-")):
            return f"the header {name}"
    # nginx speaks it to what is behind it, with no other trace, unless it is told otherwise; clients do not
    return "HTTP/1.0" if request.scope.get("http_version") == "1.0" else None


def _is_same_origin(origin: str, host: str) -> bool:
    """Whether the origin is that of a page served by the same host."""
    scheme, _, rest = origin.lower().partition("://")
    return scheme in ("http", "https") and rest == host.lower()


def _host_name(host: str) -> str:
    """Return the name or address in a Host header, without the port; empty when it is malformed."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _is_loopback(host: str) -> bool:
    """Whether the name or address means this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback
