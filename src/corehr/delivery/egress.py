"""Restricts outgoing calls to the hosts that the operator allows and, in a sandbox, to this machine."""

import asyncio
import errno
import re
import socket
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_interface
from typing import Final

from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_LABEL = "[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
# the last label is not digits, nor 0x and digits: some resolvers read such a name as an address (127.1, 0x7f.1)
_HOST_NAME: Final = re.compile(rf"(?=.{{1,253}}$)({_LABEL}\.)*(?!([0-9]+|0x[0-9a-f]*)$){_LABEL}")
_NUMERIC: Final = socket.NI_NUMERICHOST | socket.NI_NUMERICSERV
_WITH_PORT: Final = re.compile(r"(?:\[([^\[\]]+)\]|([^:\[\]]+))(?::([0-9]{1,5}))?")

MAX_LOOKUPS: Final = 256
"""Names that are looked up at once; a further one fails at once instead of waiting."""


class EgressDenied(ValueError):
    """A call that is malformed or not allowed; the message is one line that says what to do."""


@dataclass(frozen=True, slots=True)
class EgressPolicy:
    """The allowed hosts and networks, each with its port, or None for any; `loopback` allows this machine as well.

    A host `.example.com` stands for all hosts below that domain. A named host may have any address; any other call is
    judged by the address that it connects to, whatever name resolved to it.
    """

    hosts: tuple[tuple[str, int | None], ...] = ()
    networks: tuple[tuple[Network, int | None], ...] = ()
    loopback: bool = False

    @classmethod
    def from_hosts(cls, names: Sequence[str], *, loopback: bool) -> "EgressPolicy":
        """Parse host names, `*.` with a domain, IP addresses and networks, each with or without `:port`.

        An IPv6 address or network with a port is in brackets. Raises ValueError, with a line of advice, for all else.
        """
        hosts: list[tuple[str, int | None]] = []
        networks: list[tuple[Network, int | None]] = []
        for name in names:
            host, port = _split_port(name)
            network = _parse_network(host)
            if network is None:
                hosts.append((_parse_host(host), port))
            else:
                networks.append((network, port))
        return cls(tuple(hosts), tuple(networks), loopback)

    def denial_reason(self, url: str) -> str | None:
        """Return why a URL is malformed or not allowed, decided without DNS, and what to do; else None."""
        try:
            self.validate_url(url)
        except EgressDenied as error:
            return str(error)
        return None

    def validate_url(self, url: str) -> URL:
        """Return the URL to call; raises EgressDenied with the reason that `denial_reason` returns.

        The caller must resolve names with `EgressResolver` and must not follow redirects.
        """
        target = _parse_url(url)
        host, port = target.raw_host or "", target.port or 0
        address = _parse_address(host)
        if address is not None:
            allowed = self._is_in_named_network(address, port) or (self.loopback and address.is_loopback)
        elif _HOST_NAME.fullmatch(host.removesuffix(".")):
            # the name may resolve into a named network or to this machine: `allowed_addresses` decides
            may_resolve_inside = self.loopback or any(named_port in (None, port) for _, named_port in self.networks)
            allowed = may_resolve_inside or self._is_named_host(host, port)
        else:
            raise EgressDenied(f"write the host as a name or as a plain IP address, not as {host[:60]!a}")
        if not allowed:
            raise _denied(str(address or host))
        return target

    def allowed_addresses(self, host: str, port: int, found: Sequence[str]) -> Sequence[str]:
        """Return those of the addresses found for a host name that may be connected to.

        A name counts as this machine only if all of its addresses are loopback: a single one may be an attack.
        """
        if self._is_named_host(host, port):
            return found
        addresses = {text: _unmap_ipv4(ip_address(text)) for text in found}
        in_named_network = [text for text, address in addresses.items() if self._is_in_named_network(address, port)]
        if not in_named_network and self.loopback and all(address.is_loopback for address in addresses.values()):
            return found
        return in_named_network

    def _is_named_host(self, host: str, port: int) -> bool:
        host = host.removesuffix(".")
        return any(
            named_port in (None, port) and (host.endswith(name) if name.startswith(".") else host == name)
            for name, named_port in self.hosts
        )

    def _is_in_named_network(self, address: Address, port: int) -> bool:
        return any(named_port in (None, port) and address in network for network, named_port in self.networks)


class EgressResolver(AbstractResolver):
    """The resolver for outgoing calls: returns the allowed addresses of a name; raises EgressDenied without any."""

    def __init__(self, policy: EgressPolicy) -> None:
        self._policy = policy
        self._lookups = 0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await self._look_up(host, port, family)
        allowed = self._policy.allowed_addresses(host, port, [result["host"] for result in found])
        if not allowed:
            raise _denied(host)
        return [result for result in found if result["host"] in allowed]

    async def close(self) -> None: ...

    async def _look_up(self, host: str, port: int, family: socket.AddressFamily) -> list[ResolveResult]:
        """Return the addresses of a name, looked up in a thread of its own.

        A name whose servers do not answer blocks its thread for many seconds, and nothing can end that: in a pool a
        few such names would delay all others. The threads do not keep the process from ending.
        """
        if self._lookups >= MAX_LOOKUPS:
            raise OSError(errno.EAGAIN, "too many names are being looked up")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[list[ResolveResult]] = loop.create_future()

        def finish(found: list[ResolveResult], error: Exception | None) -> None:
            self._lookups -= 1
            if future.done():  # the caller has cancelled it
                return
            if error is None:
                future.set_result(found)
            else:
                future.set_exception(error)

        def run() -> None:
            found: list[ResolveResult] = []
            error: Exception | None = None
            try:
                found = _get_addresses(host, port, family)
            except Exception as caught:  # noqa: BLE001  # raised in the caller
                error = caught
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(finish, found, error)

        threading.Thread(target=run, name="corehr-dns", daemon=True).start()
        self._lookups += 1
        return await future


def _get_addresses(host: str, port: int, family: socket.AddressFamily) -> list[ResolveResult]:
    """Return what the system's resolver finds for a name, as a connector of aiohttp needs it."""
    found: list[ResolveResult] = []
    for kind, _, proto, _, address in socket.getaddrinfo(
        host, port, family, socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG
    ):
        # a link-local address has a zone, which only getnameinfo writes out
        is_zoned = kind == socket.AF_INET6 and len(address) > 3 and address[3]
        text = socket.getnameinfo(address, _NUMERIC)[0] if is_zoned else str(address[0])
        found.append(
            ResolveResult(
                hostname=host,
                host=text,
                port=port,
                family=kind,
                proto=proto,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
        )
    return found


def _denied(host: str) -> EgressDenied:
    return EgressDenied(f"{host} may not be called; the operator allows it with --allow-webhook-host {host}")


# ----------------------------------------------------------------------------------------------------------------- URLs


def _parse_url(url: str) -> URL:
    try:
        target = URL(url) if url.isprintable() and " " not in url else None
    except ValueError:
        target = None
    if target is None or target.scheme not in ("http", "https") or not target.raw_host:
        raise EgressDenied("write the URL as http://host/path or https://host/path, without spaces")
    if "@" in target.raw_authority:
        raise EgressDenied("leave user and password out of the URL")
    return target


def _parse_address(host: str) -> Address | None:
    """Return the address that a host spells in the usual way; None for names, other spellings and IPv6 zones."""
    try:
        return None if "%" in host else _unmap_ipv4(ip_address(host))
    except ValueError:
        return None


def _unmap_ipv4(address: Address) -> Address:
    """Return the IPv4 address that an IPv4-mapped IPv6 address stands for; any other address unchanged."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


# --------------------------------------------------------------------------------------------------- hosts and networks


def _split_port(name: str) -> tuple[str, int | None]:
    if match := _WITH_PORT.fullmatch(name):
        bracketed, bare, port = match.groups()
        if port is not None and not 0 < int(port) < 65536:
            raise ValueError(f"{name!r}: a port is a number from 1 to 65535")
        return bracketed or bare, None if port is None else int(port)
    return name, None  # an IPv6 address or network without brackets


def _parse_network(text: str) -> Network | None:
    try:
        interface = ip_interface(text)
    except ValueError:
        return None
    if isinstance(interface, IPv6Address) and (interface.ipv4_mapped or interface.scope_id):
        raise ValueError(f"{text!r}: write an IPv4 address as one, and leave out a zone")
    if interface.ip != interface.network.network_address:
        raise ValueError(f"{text!r}: write the address alone, or the whole network as {interface.network}")
    return interface.network


def _parse_host(text: str) -> str:
    domain = text.removeprefix("*.")
    try:
        name = URL.build(scheme="http", host=domain).raw_host or ""
    except ValueError:
        name = ""
    name = name.removesuffix(".")
    if not _HOST_NAME.fullmatch(name):
        raise ValueError(
            f"{text!r}: name a host (hooks.example.com), all below a domain (*.example.com) or a network "
            "(10.1.0.0/16), with a port if only that one (hooks.example.com:8443)"
        )
    return name if domain == text else f".{name}"
