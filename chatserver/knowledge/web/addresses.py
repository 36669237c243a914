"""Which addresses the server fetches from: public ones, and those that the operator allowed (`FETCH_ALLOW`).

Whoever may name an address to fetch could otherwise look through the server at what only it can reach: services on its
own machine, the intranet, the cloud's metadata. What counts is where a connection really goes, so `Guard.addresses` is
asked for each one, by the part that connects (`web.transport`); `Guard.check_url` refuses early what needs no look-up.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import httpx

from chatserver.config import Config
from chatserver.hosts import NAME, WEB_PORTS, Address, HostRule, ends_in_a_number
from chatserver.knowledge.web.errors import Refused

__all__ = ["URL_CHARS", "Guard", "Resolver", "is_public", "resolve"]

URL_CHARS = 2000
"""The longest URL that is kept."""
ADDRESSES_MAX = 32
"""More addresses than any honest name has."""

type Resolver = Callable[[str, int], Awaitable[list[str]]]
"""From a name and a port to the addresses of that name, the best one first. Raises `OSError`."""

_GLOBAL_UNICAST = ip_network("2000::/3")
_NOT_PUBLIC = [
    ip_network(each)
    for each in (
        "168.63.129.16/32",  # Azure's own services, as seen from its machines
        "192.0.0.0/24",  # protocol assignments; at .192 Oracle's metadata
        "192.88.99.0/24",  # relays of 6to4
        "2001::/23",  # Teredo, ORCHID and other protocols
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4, which carries an IPv4 address
        "3fff::/20",  # documentation
    )
]
_NAT64 = ip_network("64:ff9b::/96")
_PRIVATE_NAMES = ("localhost", "local", "internal", "home.arpa")
"""Reserved for what is no part of the public net (RFC 6761, 6762, 8375; ICANN's .internal)."""


def is_public(address: Address) -> bool:
    """Whether the address belongs to the public internet: nobody's own machine, net, cloud or test set-up."""
    if isinstance(address, IPv6Address):
        if address.scope_id is not None:
            return False
        inner = address.ipv4_mapped or (IPv4Address(int(address) & 0xFFFFFFFF) if address in _NAT64 else None)
        if inner is not None:  # where an IPv4 address is meant, that one counts
            return is_public(inner)
        if address not in _GLOBAL_UNICAST:
            return False
    known = address.is_global and not address.is_multicast and not address.is_reserved
    return known and not any(address in network for network in _NOT_PUBLIC)


async def resolve(host: str, port: int) -> list[str]:
    """By the system, in a thread: the caller sets the time limit."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


class Guard:
    """The rule of one process. `resolver` may be another one, for tests."""

    def __init__(self, allowed: Iterable[HostRule] = (), resolver: Resolver = resolve) -> None:
        self._allowed = tuple(allowed)
        self._resolve = resolver

    @classmethod
    def from_settings(cls, settings: Config) -> Guard:
        return cls(HostRule.parse(entry) for entry in settings.fetch_allow)

    def check_url(self, text: str | httpx.URL) -> httpx.URL:
        """The URL without its fragment, if its spelling gives no reason to refuse it. Asks no name server.

        Raises `Refused` with the reason in words for who gave it.
        """
        try:
            url = httpx.URL(text)
        except (httpx.InvalidURL, ValueError):  # the second: a port that is no number
            raise Refused("This is no http(s) address.") from None
        if url.scheme not in ("http", "https") or not url.host:
            raise Refused("This is no http(s) address.")
        if url.userinfo:
            raise Refused("An address with a user name or password in it is not fetched.")
        url = url.copy_with(fragment=None)
        if url.path == "/":  # also where the address ends with the host
            url = url.copy_with(path="/")
        if len(str(url)) > URL_CHARS:
            raise Refused(f"This address has more than {URL_CHARS:,} characters.")
        self._check_host(url.raw_host.decode("ascii"), url.port or WEB_PORTS[url.scheme == "https"])
        return url

    async def addresses(self, host: str, port: int) -> list[str]:
        """Where a connection to the host may go: all its addresses, each of them checked, as they came from one look
        at the name. Raises `Refused`, and `OSError` for a name that cannot be resolved."""
        address = self._check_host(host, port)
        if address is not None:
            return [str(address)]
        try:
            found = [ip_address(each) for each in await self._resolve(host, port)][:ADDRESSES_MAX]
        except UnicodeError:  # a label that the system's IDNA refuses
            found = []
        if not found:
            raise OSError(f"{host} has no address")
        by_name = any(each.names(_bare(host), port) for each in self._allowed)
        for address in found:
            # One private address among public ones is an attack, or a mistake that hides one.
            if not by_name and not self._fits(address, port):
                raise Refused(f"{host} has an address that is not public.")
        return list(dict.fromkeys(map(str, found)))

    def _check_host(self, host: str, port: int) -> Address | None:
        """The address that the host is spelled as, None for a name. Raises `Refused`."""
        name = _bare(host)
        if any(each.names(name, port) for each in self._allowed):
            return None
        try:
            address = ip_address(host.strip("[]").rstrip("."))
        except ValueError:
            if not NAME.fullmatch(name) or len(name) > 253:
                raise Refused("This address has no host name that can be fetched from.") from None
            if ends_in_a_number(name):
                # 2130706433, 0x7f.1 and 0177.0.0.1 are 127.0.0.1 to the system's resolver.
                raise Refused("An IPv4 address is written with four decimal numbers.") from None
            if "." not in name or any(name == each or name.endswith(f".{each}") for each in _PRIVATE_NAMES):
                raise Refused(f"{host} is no public host; its operator can allow it (FETCH_ALLOW).") from None
            address = None
        if address is not None and not self._fits(address, port):
            raise Refused(f"{host} is no public address; its operator can allow it (FETCH_ALLOW).")
        if address is None and port not in WEB_PORTS and not any(port in each.ports for each in self._allowed):
            raise Refused(f"Only ports 80 and 443 are fetched from, not {port}.")
        return address

    def _fits(self, address: Address, port: int) -> bool:
        if any(each.holds(address, port) for each in self._allowed):
            return True
        return port in WEB_PORTS and is_public(address)


def _bare(host: str) -> str:
    return host.lower().rstrip(".")
