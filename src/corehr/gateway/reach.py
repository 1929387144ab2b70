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
_NAME: Final = re.compile(rf"(?=.{{1,253}}$)({_LABEL}\.)*(?!([0-9]+|0x[0-9a-f]*)$){_LABEL}")
_WITH_PORT: Final = re.compile(r"(?:\[([^\[\]]+)\]|([^:\[\]]+))(?::([0-9]{1,5}))?")


class NotAllowed(ValueError):
    """Why no call goes there: one line, which says what to do."""


@dataclass(frozen=True, slots=True)
class Reach:
    """What was named, each with its port, None for any; `loopback` says whether this machine may be called as well.

    Of hosts, `.example.com` stands for all that are below it. A host that was named may have any address; any other
    call goes by the address that it connects to, whatever name led there.
    """

    hosts: tuple[tuple[str, int | None], ...] = ()
    networks: tuple[tuple[Network, int | None], ...] = ()
    loopback: bool = False

    @classmethod
    def of(cls, names: Sequence[str], *, loopback: bool) -> "Reach":
        """From host names, `*.` and a domain, IP addresses and networks, each with `:port` or without.

        An IPv6 address or network with a port stands in brackets. ValueError for anything else, with a line of advice.
        """
        hosts: list[tuple[str, int | None]] = []
        networks: list[tuple[Network, int | None]] = []
        for name in names:
            what, port = _split(name)
            network = _network(what)
            if network is None:
                hosts.append((_host(what), port))
            else:
                networks.append((network, port))
        return cls(tuple(hosts), tuple(networks), loopback)

    def refuses(self, url: str) -> str | None:
        """Why a URL can be seen to be malformed or not allowed, without asking DNS, and what to do; else None."""
        try:
            self.target(url)
        except NotAllowed as no:
            return str(no)
        return None

    def target(self, url: str) -> URL:
        """The URL as it is to be called; NotAllowed as `refuses` says.

        Whoever connects must take the addresses of names from `Names`, and follow no redirect.
        """
        target = _parsed(url)
        host, port = target.raw_host or "", target.port or 0
        address = _address(host)
        if address is not None:
            allowed = self._inside(address, port) or (self.loopback and address.is_loopback)
        elif _NAME.fullmatch(host.removesuffix(".")):
            # in a network that was named, or on this machine: its addresses will tell
            perhaps = self.loopback or any(only in (None, port) for _, only in self.networks)
            allowed = perhaps or self._named(host, port)
        else:
            raise NotAllowed(f"write the host as a name or as a plain IP address, not as {host[:60]!a}")
        if not allowed:
            raise _not_allowed(str(address or host))
        return target

    def allowed(self, host: str, port: int, found: Sequence[str]) -> Sequence[str]:
        """Of the addresses found for a host name, those that may be connected to.

        A name leads to this machine when all of its addresses do; one of many may be there to get in.
        """
        if self._named(host, port):
            return found
        addresses = {text: _plain(ip_address(text)) for text in found}
        inside = [text for text, address in addresses.items() if self._inside(address, port)]
        if not inside and self.loopback and all(address.is_loopback for address in addresses.values()):
            return found
        return inside

    def _named(self, host: str, port: int) -> bool:
        host = host.removesuffix(".")
        return any(
            only in (None, port) and (host.endswith(name) if name.startswith(".") else host == name)
            for name, only in self.hosts
        )

    def _inside(self, address: Address, port: int) -> bool:
        return any(only in (None, port) and address in network for network, only in self.networks)


class Names(AbstractResolver):
    """DNS for outgoing calls: finds of a name's addresses only those that may be connected to, else NotAllowed."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach
        self._dns = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await self._dns.resolve(host, port, family)
        allowed = self._reach.allowed(host, port, [each["host"] for each in found])
        if not allowed:
            raise _not_allowed(host)
        return [each for each in found if each["host"] in allowed]

    async def close(self) -> None:
        await self._dns.close()


def _not_allowed(host: str) -> NotAllowed:
    return NotAllowed(f"{host} may not be called; the operator allows it with --webhook-to {host}")


# ------------------------------------------------------------------------------------------------- what a URL says


def _parsed(url: str) -> URL:
    try:
        target = URL(url) if url.isprintable() and " " not in url else None
    except ValueError:
        target = None
    if target is None or target.scheme not in ("http", "https") or not target.raw_host:
        raise NotAllowed("write the URL as http://host/path or https://host/path, without spaces")
    if "@" in target.raw_authority:
        raise NotAllowed("leave user and password out of the URL")
    return target


def _address(host: str) -> Address | None:
    """The address that a host is in its usual spelling; None for names, odd spellings, and a zone's addresses."""
    try:
        return None if "%" in host else _plain(ip_address(host))
    except ValueError:
        return None


def _plain(address: Address) -> Address:
    """An IPv4 address that was written as one of IPv6 leads where the IPv4 address does."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


# --------------------------------------------------------------------------------------------- what an operator names


def _split(name: str) -> tuple[str, int | None]:
    if match := _WITH_PORT.fullmatch(name):
        bracketed, bare, port = match.groups()
        if port is not None and not 0 < int(port) < 65536:
            raise ValueError(f"{name!r}: a port is a number from 1 to 65535")
        return bracketed or bare, None if port is None else int(port)
    return name, None  # an IPv6 address or network without brackets


def _network(what: str) -> Network | None:
    try:
        written = ip_interface(what)
    except ValueError:
        return None
    if isinstance(written, IPv6Address) and (written.ipv4_mapped or written.scope_id):
        raise ValueError(f"{what!r}: write an IPv4 address as one, and leave out a zone")
    if written.ip != written.network.network_address:
        raise ValueError(f"{what!r}: write the address alone, or the whole network as {written.network}")
    return written.network


def _host(what: str) -> str:
    domain = what.removeprefix("*.")
    try:
        name = URL.build(scheme="http", host=domain).raw_host or ""
    except ValueError:
        name = ""
    name = name.removesuffix(".")
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"{what!r}: name a host (hooks.example.com), all below a domain (*.example.com) or a network "
            "(10.1.0.0/16), with a port if only that one (hooks.example.com:8443)"
        )
    return name if domain == what else f".{name}"
