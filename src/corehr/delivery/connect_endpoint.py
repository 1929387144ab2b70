"""The endpoint of the long connection: an app requests an address, and is admitted when it connects to it."""

import asyncio
import hmac
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl

import msgspec

from corehr.apps.registry import App, AppRegistry
from corehr.delivery.frames import SERVICE_ID
from corehr.kernel.db import decode_json, encode_json
from corehr.kernel.ids import TimeOrderedIds, random_hex

ENDPOINT_PATH: Final = "/callback/ws/endpoint"
"""Where a client requests, by POST, the address to connect to."""

WEBSOCKET_PATH: Final = "/ws/v2"
"""The path of the address to connect to."""

MAX_CONNECTIONS_PER_APP: Final = 50
"""Connections that an app may have at the same time."""

CONNECT_TOKEN_TTL_SECONDS: Final = 60.0
"""Seconds for which an issued address is valid, for one connection."""

FORBIDDEN = 403
"""The error of an app that may not connect."""

AUTH_FAILED = 514
"""The error of a client that is not authenticated."""

_INTERNAL_ERROR = 1000040343
_NO_CREDENTIAL = 1000040344
_TOO_MANY_CONNECTIONS = 1000040350

_ERROR_MESSAGES = {
    FORBIDDEN: "forbidden",
    AUTH_FAILED: "auth failed",
    _INTERNAL_ERROR: "internal error",
    _NO_CREDENTIAL: "no credential",
    _TOO_MANY_CONNECTIONS: "the number of connections exceeded the limit",
}

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ClientConfig:
    """The settings by which a client keeps its connection: seconds, and a count where -1 means unlimited.

    A client pings every `ping_interval`. After a lost connection it waits for a random part of `reconnect_nonce`, and
    if that attempt fails it tries every `reconnect_interval`. The platform sends 120, 30 and 120. These defaults bring
    a client of a local server back within seconds without overloading a restarted server: 10,000 clients reconnect at
    2,000 a second, about as many as one process accepts, and a client that finds it busy tries again five seconds
    later. Their pings are 330 a second, 3 % of its time, and come before the minute after which proxies close idle
    connections.
    """

    reconnect_count: int = -1
    reconnect_interval: int = 5
    reconnect_nonce: int = 5
    ping_interval: int = 30

    def to_wire(self) -> dict[str, int]:
        """Return the JSON object with all four members: one SDK fails if any is missing."""
        return {
            "ReconnectCount": self.reconnect_count,
            "ReconnectInterval": self.reconnect_interval,
            "ReconnectNonce": self.reconnect_nonce,
            "PingInterval": self.ping_interval,
        }


DEFAULT_CLIENT_CONFIG: Final = ClientConfig()


class ConnectRefused(Exception):
    """An error by its code on the wire; `refused_by` is the name of the rule."""

    def __init__(self, code: int, refused_by: str) -> None:
        super().__init__(f"{code} {refused_by}")
        self.code = code
        self.refused_by = refused_by
        self.msg = _ERROR_MESSAGES[code]


class _ConnectToken(NamedTuple):
    secret: str
    app_id: str
    connection_id: str


class AddressResponse(NamedTuple):
    """The body of a response, its code (0 for success), and the name of the rule that refused, or None."""

    body: bytes
    code: int
    refused_by: str | None


class ConnectEndpoint:
    """Issues addresses to connect to, and admits the clients that connect to them.

    `count_connections(app_id)` returns how many connections an app has.
    """

    def __init__(
        self,
        apps: AppRegistry,
        count_connections: Callable[[str], int],
        *,
        config: ClientConfig,
        token_ttl_seconds: float,
    ) -> None:
        self._apps = apps
        self._count_connections = count_connections
        self._config = config
        self._token_ttl_seconds = token_ttl_seconds
        self._ids = TimeOrderedIds()
        self._tokens: dict[str, _ConnectToken] = {}

    async def issue_address(self, body: bytes, host: str, scheme: str) -> AddressResponse:
        """Return the response with the address to connect to; its status is HTTP 200 for success and error alike.

        `host` and `scheme` are those of the client's request, `host` with its port.
        """
        code, msg, refused_by = 0, "", None
        data: dict[str, Any] = {}
        try:
            app = await self._authenticate(body)
            url = f"{'wss' if scheme == 'https' else 'ws'}://{host}{WEBSOCKET_PATH}?{self._connect_query(app)}"
            data = {"URL": url, "ClientConfig": self._config.to_wire()}
        except ConnectRefused as error:
            code, msg, refused_by = error.code, error.msg, error.refused_by
        except Exception:  # noqa: BLE001 - clients retry after this response, and the log has the error
            _log.exception("an address to connect to could not be issued")
            code, msg, refused_by = _INTERNAL_ERROR, _ERROR_MESSAGES[_INTERNAL_ERROR], "internal_error"
        # without `data` one SDK treats every error as temporary
        return AddressResponse(encode_json({"code": code, "msg": msg, "data": data}), code, refused_by)

    async def admit(self, query: bytes) -> tuple[App, str]:
        """Return the app that may connect with the query of an issued address, and the id of its connection.

        An address admits one connection. Raises ConnectRefused.
        """
        params = dict(parse_qsl(query.decode(errors="replace")))
        token = self._tokens.pop(params.get("access_key", ""), None)
        if token is None or not hmac.compare_digest(token.secret.encode(), params.get("ticket", "").encode()):
            raise ConnectRefused(AUTH_FAILED, "connect_token_is_unknown")
        app = await self._apps.get(token.app_id)
        if app is None:
            raise ConnectRefused(FORBIDDEN, "app_is_unknown")
        self._check_may_connect(app)
        return app, token.connection_id

    async def _authenticate(self, body: bytes) -> App:
        app_id, app_secret = _parse_credentials(body)
        app = await self._apps.get(app_id)
        if app is None:
            raise ConnectRefused(AUTH_FAILED, "app_is_unknown")
        if not app.has_secret(app_secret):
            raise ConnectRefused(AUTH_FAILED, "secret_is_wrong")
        self._check_may_connect(app)
        return app

    def _check_may_connect(self, app: App) -> None:
        if not app.enabled:
            raise ConnectRefused(FORBIDDEN, "app_is_disabled")
        if app.type != "custom":
            raise ConnectRefused(FORBIDDEN, "app_is_from_the_store")
        if self._count_connections(app.app_id) >= MAX_CONNECTIONS_PER_APP:
            raise ConnectRefused(_TOO_MANY_CONNECTIONS, "connections_are_too_many")

    def _connect_query(self, app: App) -> str:
        """Return the query of an address, with a new connect token.

        One SDK parses the whole address as a query, so the parameters that it reads must not be the first one.
        """
        key, token = random_hex(), _ConnectToken(random_hex(), app.app_id, str(self._ids.next()))
        self._tokens[key] = token
        asyncio.get_running_loop().call_later(self._token_ttl_seconds, self._tokens.pop, key, None)
        return (
            f"fpid=1&aid=1&device_id={token.connection_id}&access_key={key}"
            f"&service_id={SERVICE_ID}&ticket={token.secret}"
        )


def _parse_credentials(body: bytes) -> tuple[str, str]:
    """Return app id and secret; raises ConnectRefused unless the body has both."""
    try:
        decoded = decode_json(body)
    except (msgspec.DecodeError, RecursionError):
        decoded = None
    if isinstance(decoded, dict):
        app_id, app_secret = decoded.get("AppID"), decoded.get("AppSecret")
        if isinstance(app_id, str) and isinstance(app_secret, str) and app_id and app_secret:
            return app_id, app_secret
    raise ConnectRefused(_NO_CREDENTIAL, "credentials_are_malformed")
