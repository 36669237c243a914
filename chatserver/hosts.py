"""Rules that name hosts, as an operator writes them into a setting."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

from msgspec import Struct

__all__ = ["NAME", "WEB_PORTS", "Address", "HostRule", "ends_in_a_number"]

WEB_PORTS = (80, 443)
type Address = IPv4Address | IPv6Address

_LABEL = "[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
"""A host name in lower case; an IPv4 address looks like one too."""
_NUMBER = re.compile("[0-9]+|0x[0-9a-f]*")
_BRACKETED = re.compile(r"\[([^\]]+)\](?::([0-9]{1,5}))?")
_PLAIN = re.compile(r"([^:\[\]]+)(?::([0-9]{1,5}))?")


def ends_in_a_number(name: str) -> bool:
    """Whether the name is an IPv4 address in some spelling, such as 2130706433 or 0x7f.1 (WHATWG URL, 3.5)."""
    return _NUMBER.fullmatch(name.rpartition(".")[2]) is not None


class HostRule(Struct, frozen=True):
    """A host name, an address or a network, on one port or on 80 and 443."""

    host: str | IPv4Network | IPv6Network
    ports: tuple[int, ...] = WEB_PORTS

    @classmethod
    def parse(cls, entry: str) -> HostRule:
        """`intranet.example`, `wiki:8080`, `10.1.0.0/16`, `[fd00::/8]:8080`. Raises `ValueError`."""
        bracketed = _BRACKETED.fullmatch(entry)
        found = bracketed or _PLAIN.fullmatch(entry)
        host, port = (found[1], found[2]) if found else (entry, None)  # the rest is IPv6 without brackets
        if port is not None and not 0 < int(port) < 65536:
            raise ValueError(f"{port} is no port")
        ports = (int(port),) if port else WEB_PORTS
        try:
            return cls(ip_network(host), ports)
        except ValueError:
            name = host.lower().rstrip(".")
            if bracketed or not NAME.fullmatch(name) or ends_in_a_number(name):
                raise ValueError(f"{entry!r} is neither a host name nor a network") from None
            return cls(name, ports)

    def names(self, name: str, port: int) -> bool:
        """Whether it is this very name, in lower case, that is meant."""
        return self.host == name and port in self.ports

    def holds(self, address: Address, port: int) -> bool:
        return not isinstance(self.host, str) and address in self.host and port in self.ports
