"""Webhooks: posts events to subscribers' URLs, and asks a URL whether it is a subscriber's."""

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

from corehr.gateway.reach import Names, NotAllowed, Reach
from corehr.gateway.wire import one_line
from corehr.kernel.clock import real_seconds
from corehr.kernel.db import decode_json, encode_json
from corehr.kernel.ids import random_hex
from corehr.kernel.outbox import Outcome

_log = logging.getLogger(__name__)

_IDLE: Final = 1.5
"""Seconds a connection is kept without use: less than servers keep theirs, so that none is used as it is closed."""

_READ: Final = 4096
"""Bytes read of an answer. A connection whose answer is longer is closed."""

_HEADERS: Final = {
    "Accept-Encoding": "identity",
    "Content-Type": "application/json; charset=utf-8",
    "User-Agent": f"corehr/{version('corehr')}",
}


class Deadlines(NamedTuple):
    """Seconds to make a connection, to answer an event, and to answer a challenge."""

    connection: float = 2
    event: float = 3
    challenge: float = 1


class _Answer(NamedTuple):
    status: int
    body: bytes


class Webhooks:
    """One pool of connections for all subscribers; how many calls are made at a time is the caller's to say.

    Nothing is posted before `open`, nor after `close`, and both belong to the event loop that posts.
    """

    def __init__(
        self, reach: Reach, *, seconds: Callable[[], float] = real_seconds, deadlines: Deadlines | None = None
    ) -> None:
        self._reach = reach
        self._seconds = seconds
        self._deadlines = deadlines or Deadlines()
        self._session: ClientSession | None = None

    async def open(self) -> None:
        connector = TCPConnector(limit=0, resolver=Names(self._reach), keepalive_timeout=_IDLE)
        self._session = ClientSession(
            connector=connector,
            headers=_HEADERS,
            cookie_jar=DummyCookieJar(),
            auto_decompress=False,
            read_bufsize=_READ,
            trust_env=False,
        )

    async def close(self) -> None:
        """Ends what is under way, too: it was not taken."""
        if self._session is not None:
            session, self._session = self._session, None
            await session.close()

    async def post(self, url: str, body: bytes, encrypt_key: str) -> Outcome:
        """Send an event once, sealed and signed when there is a key; nothing but HTTP 200 in time takes it."""
        headers = None
        if encrypt_key:
            body = seal(body, encrypt_key)
            timestamp, nonce = str(int(self._seconds())), random_hex()
            headers = {
                "X-Lark-Request-Timestamp": timestamp,
                "X-Lark-Request-Nonce": nonce,
                "X-Lark-Signature": signature(timestamp, nonce, encrypt_key, body),
            }
        answer = await self._ask(url, body, headers, self._deadlines.event)
        if isinstance(answer, str):
            return Outcome(False, answer)
        return Outcome(True, "HTTP 200") if answer.status == 200 else Outcome(False, _said(answer))

    async def verify(self, url: str, encrypt_key: str, verification_token: str) -> str | None:
        """Ask a URL for the challenge it is sent; None when it gives it, else why not and what to do, in one line."""
        challenge = random_hex()
        asked = encode_json({"challenge": challenge, "token": verification_token, "type": "url_verification"})
        within = self._deadlines.challenge
        answer = await self._ask(url, seal(asked, encrypt_key) if encrypt_key else asked, None, within)
        if isinstance(answer, str):
            late = answer.startswith("no answer")
            return f"{answer}: have it answer the url_verification within {within:g} s" if late else answer
        if answer.status != 200:
            return f"{_said(answer)}: have it answer the url_verification with HTTP 200 and the challenge"
        if _fields(answer.body).get("challenge") != challenge:
            return 'HTTP 200 without the challenge: have it answer the url_verification with {"challenge":"…"}, as sent'
        return None

    async def _ask(self, url: str, body: bytes, headers: Mapping[str, str] | None, within: float) -> _Answer | str:
        """The answer, or why there is none."""
        session = self._session
        if session is None:
            return "not sent: corehr is stopping"
        timeout = ClientTimeout(total=within, connect=min(within, self._deadlines.connection))
        try:
            target = self._reach.target(url)
            asking = session.post(target, data=body, headers=headers, timeout=timeout, allow_redirects=False)
            async with asking as response:
                return _Answer(response.status, await _beginning(response))
        except NotAllowed as no:
            return f"not allowed: {no}"
        except ConnectionTimeoutError:
            return f"no connection within {timeout.connect:g} s"
        except TimeoutError:
            return f"no answer within {within:g} s"
        except (ClientError, OSError) as failed:
            return _why(failed)
        except Exception:  # noqa: BLE001  # one attempt that fails must not end whoever makes the next
            _log.exception("a webhook could not be called")
            return "failed: the log of corehr says why"


async def _beginning(response: ClientResponse) -> bytes:
    """What of the body comes in time, and no more than matters: the status has been said already."""
    content, found = response.content, b""
    try:
        while len(found) < _READ and not content.at_eof():
            found += await content.readany()
    except (TimeoutError, ClientError):
        pass
    return found[:_READ]


# ------------------------------------------------------------------------------------------ what is sealed and signed


def seal(body: bytes, encrypt_key: str) -> bytes:
    """The body that carries another one encrypted: `{"encrypt":"…"}`."""
    iv = bytes.fromhex(random_hex(32))
    padder = PKCS7(128).padder()
    encryptor = Cipher(algorithms.AES(sha256(encrypt_key.encode()).digest()), modes.CBC(iv)).encryptor()
    sealed = encryptor.update(padder.update(body) + padder.finalize()) + encryptor.finalize()
    return b'{"encrypt":"%b"}' % base64.b64encode(iv + sealed)


def signature(timestamp: str, nonce: str, encrypt_key: str, raw: bytes) -> str:
    """Of the bytes on the wire; 64 hexadecimal digits."""
    return sha256((timestamp + nonce + encrypt_key).encode() + raw).hexdigest()


# ---------------------------------------------------------------------------------------------------- what was said


def _why(failed: Exception) -> str:
    match failed:
        case ClientConnectorDNSError():
            return f"host name not found: {failed.os_error.strerror}"
        case ClientConnectorCertificateError():
            return f"certificate not accepted: {getattr(failed.certificate_error, 'verify_message', '')}"
        case ClientConnectorSSLError():
            return f"no TLS: {getattr(failed.os_error, 'reason', '')}"
        case ClientConnectorError():
            return os.strerror(failed.os_error.errno).lower() if failed.os_error.errno else "no connection"
        case ClientResponseError():
            return "the answer is not HTTP"
    return "connection lost before an answer"


def _said(answer: _Answer) -> str:
    if 300 <= answer.status < 400:
        return f"HTTP {answer.status}: redirects are not followed"
    message = _fields(answer.body).get("msg")
    text = message if isinstance(message, str) else answer.body.decode(errors="replace")
    return one_line(f"HTTP {answer.status}: {text}").removesuffix(":")


def _fields(body: bytes) -> Mapping[str, object]:
    try:
        given = decode_json(body)
    except (ValueError, RecursionError):
        return {}
    return given if isinstance(given, dict) else {}
