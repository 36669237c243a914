"""How soon a TCP connection to an engine on another machine is known to be dead.

A machine that is cut off, or loses its power, says nothing: left to itself, the kernel waits for a quarter of an hour
where something is unacknowledged, and for ever where nothing is.
"""

from __future__ import annotations

import socket
from typing import Any

__all__ = ["LIBPQ", "OPTIONS", "POSTGRES", "SECONDS", "redis_options", "watch"]

SECONDS = 6
"""Unacknowledged for this long is dead. An answer's next attempt begins 8 s after its writer was last heard."""

_WANTED = {
    "TCP_USER_TIMEOUT": SECONDS * 1000,
    "TCP_KEEPIDLE": SECONDS // 2,
    "TCP_KEEPINTVL": SECONDS // 2,
    "TCP_KEEPCNT": 2,
}

OPTIONS: dict[int, int] = {
    int(getattr(socket, name)): value for name, value in _WANTED.items() if hasattr(socket, name)
}
"""Socket options of IPPROTO_TCP, as far as this system has them."""

LIBPQ: dict[str, Any] = {
    "tcp_user_timeout": SECONDS * 1000,
    "keepalives_idle": SECONDS // 2,
    "keepalives_interval": SECONDS // 2,
    "keepalives_count": 2,
}
"""The same in libpq's words; it ignores them over a Unix socket."""

POSTGRES: dict[str, str] = {
    "tcp_user_timeout": str(SECONDS * 1000),
    "tcp_keepalives_idle": str(SECONDS // 2),
    "tcp_keepalives_interval": str(SECONDS // 2),
    "tcp_keepalives_count": "2",
}
"""The same as settings of a session, so that PostgreSQL lets go of what a machine held that is cut off: locks."""


def watch(sock: socket.socket) -> None:
    """Let the kernel watch over `sock`; a Unix socket needs none of it."""
    if sock.family in (socket.AF_INET, socket.AF_INET6):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in OPTIONS.items():
            sock.setsockopt(socket.IPPROTO_TCP, option, value)


def redis_options(url: str) -> dict[str, Any]:
    """The same as arguments of redis-py, for the URL of one Redis."""
    if url.startswith("unix:"):
        return {}
    return {"socket_keepalive": True, "socket_keepalive_options": OPTIONS}
