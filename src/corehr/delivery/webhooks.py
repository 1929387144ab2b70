"""Webhooks: posts events to subscribers' URLs, and verifies such a URL by a challenge."""

import base64
import logging
import os
from collections.abc import Callable, Mapping
from hashlib import sha256
from importlib.metadata import version
from typing import Final, NamedTuple

from aiohttp import (
    ClientConnectorCertificateError,
    ClientConnectorDNSError,
    ClientConnectorError,
    ClientConnectorSSLError,
    ClientError,
    ClientResponse,
    ClientResponseError,
    ClientSession,
    ClientTimeout,
    ConnectionTimeoutError,
    DummyCookieJar,
    TCPConnector,
)
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

from corehr.delivery.egress import EgressDenied, EgressPolicy, EgressResolver
from corehr.delivery.faults import STALE_SECONDS, DeliveryFaultName, cut, wrong
from corehr.delivery.outbox import AttemptResult
from corehr.delivery.peer_text import printable_line
from corehr.kernel.clock import real_seconds
from corehr.kernel.db import decode_json, encode_json
from corehr.kernel.ids import random_hex

_log = logging.getLogger(__name__)

_KEEPALIVE_SECONDS: Final = 1.5
"""Seconds that an idle connection is kept: less than servers keep theirs, so that none is used while it is closed."""

_MAX_RESPONSE_BYTES: Final = 4096
"""Bytes read of a response. A connection whose response is longer is closed."""

_HEADERS: Final = {
    "Accept-Encoding": "identity",
    "Content-Type": "application/json; charset=utf-8",
    "User-Agent": f"corehr/{version('corehr')}",
}


class Timeouts(NamedTuple):
    """Seconds within which a connection must be made, an event answered, and a challenge answered."""

    connection: float = 2
    event: float = 3
    challenge: float = 1


class _WebhookResponse(NamedTuple):
    status: int
    body: bytes


class WebhookClient:
    """A client with one pool of connections for all subscribers; callers limit the number of parallel requests.

    Nothing is posted before `open` or after `close`, and both must run on the event loop that posts.
    """

    def __init__(
        self,
        egress_policy: EgressPolicy,
        *,
        seconds: Callable[[], float] = real_seconds,
        timeouts: Timeouts | None = None,
    ) -> None:
        self._egress_policy = egress_policy
        self._seconds = seconds
        self._timeouts = timeouts or Timeouts()
        self._session: ClientSession | None = None

    async def open(self) -> None:
        connector = TCPConnector(
            limit=0, resolver=EgressResolver(self._egress_policy), keepalive_timeout=_KEEPALIVE_SECONDS
        )
        self._session = ClientSession(
            connector=connector,
            headers=_HEADERS,
            cookie_jar=DummyCookieJar(),
            auto_decompress=False,
            read_bufsize=_MAX_RESPONSE_BYTES,
            trust_env=False,
        )

    async def close(self) -> None:
        """Close all connections; requests that are under way become failed attempts."""
        if self._session is not None:
            session, self._session = self._session, None
            await session.close()

    async def post(
        self, url: str, body: bytes, encrypt_key: str, fault: DeliveryFaultName | None = None
    ) -> AttemptResult:
        """Post an event once, encrypted and signed when there is a key; only HTTP 200 in time accepts it."""
        headers = None
        if encrypt_key:
            key = wrong(encrypt_key) if fault == "wrong_encrypt_key" else encrypt_key
            signing_key = wrong(key) if fault == "wrong_signature" else key
            age = STALE_SECONDS if fault == "stale_timestamp" else 0
            body = encrypt_body(body, key)
            timestamp, nonce = str(int(self._seconds()) - age), random_hex()
            headers = {
                "X-Lark-Request-Timestamp": timestamp,
                "X-Lark-Request-Nonce": nonce,
                "X-Lark-Signature": sign(timestamp, nonce, signing_key, body),
            }
        if fault == "cut_body":
            body = cut(body)
        response = await self._post(url, body, headers, self._timeouts.event)
        if isinstance(response, str):
            return AttemptResult(False, response)
        return (
            AttemptResult(True, "HTTP 200")
            if response.status == 200
            else AttemptResult(False, _describe_response(response))
        )

    async def verify_url(self, url: str, encrypt_key: str, verification_token: str) -> str | None:
        """Send a challenge to a URL. Return None when it answers with it, else one line: the reason and what to do."""
        challenge = random_hex()
        body = encode_json({"challenge": challenge, "token": verification_token, "type": "url_verification"})
        timeout_seconds = self._timeouts.challenge
        response = await self._post(
            url, encrypt_body(body, encrypt_key) if encrypt_key else body, None, timeout_seconds
        )
        if isinstance(response, str):
            timed_out = response.startswith("no response")
            return (
                f"{response}: have it answer the url_verification within {timeout_seconds:g} s"
                if timed_out
                else response
            )
        if response.status != 200:
            return (
                f"{_describe_response(response)}: have it answer the url_verification with HTTP 200 and the challenge"
            )
        if _json_object(response.body).get("challenge") != challenge:
            return 'HTTP 200 without the challenge: have it answer the url_verification with {"challenge":"…"}, as sent'
        return None

    async def _post(
        self, url: str, body: bytes, headers: Mapping[str, str] | None, timeout_seconds: float
    ) -> _WebhookResponse | str:
        """Return the response, or the reason why there is none."""
        session = self._session
        if session is None:
            return "not sent: corehr is stopping"
        timeout = ClientTimeout(total=timeout_seconds, connect=min(timeout_seconds, self._timeouts.connection))
        try:
            target = self._egress_policy.validate_url(url)
            request = session.post(target, data=body, headers=headers, timeout=timeout, allow_redirects=False)
            async with request as response:
                return _WebhookResponse(response.status, await _read_prefix(response))
        except EgressDenied as error:
            return f"not allowed: {error}"
        except ConnectionTimeoutError:
            return f"no connection within {timeout.connect:g} s"
        except TimeoutError:
            return f"no response within {timeout_seconds:g} s"
        except (ClientError, OSError) as error:
            return _describe_failure(error)
        except Exception:  # noqa: BLE001  # one failed attempt must not prevent the next
            _log.exception("a webhook could not be called")
            return "failed: see the log of corehr"


async def _read_prefix(response: ClientResponse) -> bytes:
    """Read at most `_MAX_RESPONSE_BYTES` of the body, or what arrives before the timeout.

    The status is already known, so a cut body is not an error.
    """
    content, prefix = response.content, b""
    try:
        while len(prefix) < _MAX_RESPONSE_BYTES and not content.at_eof():
            prefix += await content.readany()
    except (TimeoutError, ClientError):
        pass
    return prefix[:_MAX_RESPONSE_BYTES]


# --------------------------------------------------------------------------------------------- encryption and signature


def encrypt_body(body: bytes, encrypt_key: str) -> bytes:
    """Return the body that carries `body` encrypted with AES-256-CBC: `{"encrypt":"…"}`."""
    iv = bytes.fromhex(random_hex(32))
    padder = PKCS7(128).padder()
    encryptor = Cipher(algorithms.AES(sha256(encrypt_key.encode()).digest()), modes.CBC(iv)).encryptor()
    encrypted = encryptor.update(padder.update(body) + padder.finalize()) + encryptor.finalize()
    return b'{"encrypt":"%b"}' % base64.b64encode(iv + encrypted)


def sign(timestamp: str, nonce: str, encrypt_key: str, raw: bytes) -> str:
    """Return the signature of `raw`, the bytes on the wire: 64 hexadecimal digits."""
    return sha256((timestamp + nonce + encrypt_key).encode() + raw).hexdigest()


# --------------------------------------------------------------------------------------------- descriptions of failures


def _describe_failure(error: Exception) -> str:
    match error:
        case ClientConnectorDNSError():
            return f"host name not found: {error.os_error.strerror}"
        case ClientConnectorCertificateError():
            return f"certificate not accepted: {getattr(error.certificate_error, 'verify_message', '')}"
        case ClientConnectorSSLError():
            return f"no TLS: {getattr(error.os_error, 'reason', '')}"
        case ClientConnectorError():
            return os.strerror(error.os_error.errno).lower() if error.os_error.errno else "no connection"
        case ClientResponseError():
            return "the response is not HTTP"
    return "connection lost before a response"


def _describe_response(response: _WebhookResponse) -> str:
    if 300 <= response.status < 400:
        return f"HTTP {response.status}: redirects are not followed"
    message = _json_object(response.body).get("msg")
    text = message if isinstance(message, str) else response.body.decode(errors="replace")
    return printable_line(f"HTTP {response.status}: {text}").removesuffix(":")


def _json_object(body: bytes) -> Mapping[str, object]:
    try:
        decoded = decode_json(body)
    except (ValueError, RecursionError):
        return {}
    return decoded if isinstance(decoded, dict) else {}
