"""Where outgoing calls may go: nowhere but to what the operator named and, in a sandbox, to this machine."""

import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_interface
from typing import Final

from aiohttp import ThreadedResolver
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_LABEL = "[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
# a last label of digits, or 0x and digits, makes an address of it for those who take odd spellings: 127.1, 0x7f.1
_HOST_NAME: Final = re.compile(rf"(?=.{{1,253}}$)({_LABEL}\.)*(?!([0-9]+|0x[0-9a-f]*)$){_LABEL}")
_WITH_PORT: Final = re.compile(r"(?:\[([^\[\]]+)\]|([^:\[\]]+))(?::([0-9]{1,5}))?")


class EgressDenied(ValueError):
    """Why no call goes there: one line, which says what to do."""


@dataclass(frozen=True, slots=True)
class EgressPolicy:
    """What was named, each with its port, None for any; `loopback` says whether this machine may be called as well.

    Of hosts, `.example.com` stands for all that are below it. A host that was named may have any address; any other
    call goes by the address that it connects to, whatever name led there.
    """

    hosts: tuple[tuple[str, int | None], ...] = ()
    networks: tuple[tuple[Network, int | None], ...] = ()
    loopback: bool = False

    @classmethod
    def from_hosts(cls, names: Sequence[str], *, loopback: bool) -> "EgressPolicy":
        """From host names, `*.` and a domain, IP addresses and networks, each with `:port` or without.

        An IPv6 address or network with a port stands in brackets. ValueError for anything else, with a line of advice.
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
        """Why a URL can be seen to be malformed or not allowed, without asking DNS, and what to do; else None."""
        try:
            self.validate_url(url)
        except EgressDenied as error:
            return str(error)
        return None

    def validate_url(self, url: str) -> URL:
        """The URL as it is to be called; NotAllowed as `refuses` says.

        Whoever connects must take the addresses of names from `Names`, and follow no redirect.
        """
        target = _parse_url(url)
        host, port = target.raw_host or "", target.port or 0
        address = _parse_address(host)
        if address is not None:
            allowed = self._is_in_named_network(address, port) or (self.loopback and address.is_loopback)
        elif _HOST_NAME.fullmatch(host.removesuffix(".")):
            # in a network that was named, or on this machine: its addresses will tell
            may_resolve_inside = self.loopback or any(named_port in (None, port) for _, named_port in self.networks)
            allowed = may_resolve_inside or self._is_named_host(host, port)
        else:
            raise EgressDenied(f"write the host as a name or as a plain IP address, not as {host[:60]!a}")
        if not allowed:
            raise _denied(str(address or host))
        return target

    def allowed_addresses(self, host: str, port: int, found: Sequence[str]) -> Sequence[str]:
        """Of the addresses found for a host name, those that may be connected to.

        A name leads to this machine when all of its addresses do; one of many may be there to get in.
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
    """DNS for outgoing calls: finds of a name's addresses only those that may be connected to, else NotAllowed."""

    def __init__(self, policy: EgressPolicy) -> None:
        self._policy = policy
        self._dns = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await self._dns.resolve(host, port, family)
        allowed = self._policy.allowed_addresses(host, port, [result["host"] for result in found])
        if not allowed:
            raise _denied(host)
        return [each for each in found if each["host"] in allowed]

    async def close(self) -> None:
        await self._dns.close()


def _denied(host: str) -> EgressDenied:
    return EgressDenied(f"{host} may not be called; the operator allows it with --webhook-to {host}")


# ------------------------------------------------------------------------------------------------- what a URL says


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
    """The address that a host is in its usual spelling; None for names, odd spellings, and a zone's addresses."""
    try:
        return None if "%" in host else _unmap_ipv4(ip_address(host))
    except ValueError:
        return None


def _unmap_ipv4(address: Address) -> Address:
    """An IPv4 address that was written as one of IPv6 leads where the IPv4 address does."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


# --------------------------------------------------------------------------------------------- what an operator names


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
