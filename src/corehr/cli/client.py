"""HTTP client of a running server. Like an SDK, it gets a token for the app, then calls the operation."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from corehr.gateway.headers import LOG_ID
from corehr.gateway.token_endpoints import TENANT_TOKEN_PATH
from corehr.kernel.errors import CommandFailed, UsageError
from corehr.spec.loader import Operation

TIMEOUT_SECONDS: Final = 60
"""Seconds to wait for a response."""


@dataclass(frozen=True)
class ClientResponse:
    """A response: its body as received and as decoded JSON, code and msg, and the request's id in the server's log."""

    body: bytes
    json: Mapping[str, Any]
    code: int
    msg: str
    log_id: str

    def error_line(self) -> str:
        """Return code, message and log id on one line."""
        return f"{self.code} {' '.join(self.msg.split())} (log id {self.log_id})"


class Client:
    """Calls the server at a URL as one app."""

    def __init__(self, url: str, app_id: str, app_secret: str) -> None:
        self._url = url.rstrip("/")
        self._scheme, self._host, self._port, self._base = _split_url(self._url)
        self._app = {"app_id": app_id, "app_secret": app_secret}

    def call(
        self, operation: Operation, path: Mapping[str, str], query: Iterable[tuple[str, str]], body: bytes
    ) -> ClientResponse:
        """Call the operation and return the response; CommandFailed if there is none, or no token."""
        segments = operation.path.split("/")
        target = "/".join(quote(path[part[1:]], safe="") if part[:1] == ":" else part for part in segments)
        encoded_query = urlencode(list(query))
        token = self._fetch_token()
        return self._send(operation.method, f"{target}?{encoded_query}" if encoded_query else target, body, token)

    def _fetch_token(self) -> str:
        response = self._send("POST", TENANT_TOKEN_PATH, msgspec.json.encode(self._app))
        if response.code:
            raise CommandFailed(
                f"no token: {response.error_line()}; give --app-id and --app-secret of an app of this server"
            )
        return str(response.json.get("tenant_access_token"))

    def _send(self, method: str, target: str, body: bytes, token: str | None = None) -> ClientResponse:
        headers = {"Content-Type": "application/json; charset=utf-8"} if body else {}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        connection_class = HTTPSConnection if self._scheme == "https" else HTTPConnection
        connection = connection_class(self._host, self._port, timeout=TIMEOUT_SECONDS)
        try:
            connection.request(method, self._base + target, body, headers)
            response = connection.getresponse()
            return _decode_response(
                response.status, response.getheader(LOG_ID.decode(), "unknown"), response.read(), self._url
            )
        except (OSError, HTTPException, UnicodeError) as error:
            detail = str(error) or type(error).__name__
            raise CommandFailed(
                f"{self._url} does not answer ({detail}): check that a server runs there, or give --url another"
            ) from None
        finally:
            connection.close()


def _decode_response(status: int, log_id: str, body: bytes, url: str) -> ClientResponse:
    try:
        decoded = msgspec.json.decode(body, type=dict[str, Any])
        return ClientResponse(body, decoded, int(decoded["code"]), str(decoded["msg"]), log_id)
    except (msgspec.MsgspecError, KeyError, TypeError, ValueError):
        advice = "check that it is a corehr of this version, or give --url another"
        raise CommandFailed(f"{url} answers HTTP {status}, and not as corehr does: {advice}") from None


def is_loopback_url(url: str) -> bool:
    """Return whether the host of the URL is loopback."""
    host = _split_url(url)[1]
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _split_url(url: str) -> tuple[str, str, int | None, str]:
    """Return scheme, host, port and base path of a server's URL; UsageError if it is not an HTTP URL of these parts."""
    try:
        parts = urlsplit(url)
        unsupported = parts.query or parts.fragment or parts.username
        if parts.scheme in ("http", "https") and parts.hostname and not unsupported:
            return parts.scheme, parts.hostname, parts.port, parts.path.rstrip("/")
    except ValueError:
        pass
    raise UsageError(f"{url!r} is not a URL of a server: write --url as http://127.0.0.1:8321")
