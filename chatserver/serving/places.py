"""Where a server listens: a host and a port, or a Unix socket for a proxy on the same machine."""

from __future__ import annotations

import contextlib
import http.client
import socket
from dataclasses import dataclass
from pathlib import Path

from chatserver.serving.origins import url
from chatserver.serving.preflight import free_port

__all__ = ["Place"]

PATH_BYTES = 107
"""The longest name the kernel takes."""


@dataclass(frozen=True)
class Place:
    host: str
    port: int
    path: str = ""
    """Of a Unix socket; then host and port do not count."""

    @classmethod
    def parse(cls, value: str) -> Place:
        """`HOST:PORT`, `[IPV6]:PORT`, `:PORT` or `unix:/PATH`. Raises `ValueError` for anything else."""
        if value.startswith("unix:"):
            path = value.removeprefix("unix:")
            if not path.startswith("/") or len(path.encode()) > PATH_BYTES:
                raise ValueError(value)
            return cls("", 0, path)
        host, colon, port = value.rpartition(":")
        if not colon or not (port.isascii() and port.isdigit()) or int(port) > 65535:
            raise ValueError(value)
        bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
        if ":" in bare and bare == host:
            raise ValueError(value)
        return cls(bare or "127.0.0.1", int(port))

    @property
    def bind(self) -> str:
        """As gunicorn takes it."""
        if self.path:
            return f"unix:{self.path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def address(self) -> str:
        """For people: a URL, or the socket's name."""
        return self.bind if self.path else url(self.host, self.port)

    def free(self) -> Place:
        """This one, or for port 0 one with a port that is free. Raises `OSError` when nothing can listen there."""
        if not self.path:
            return Place(self.host, free_port(self.host, self.port))
        if not Path(self.path).parent.is_dir():
            raise FileNotFoundError(2, "there is no such folder", self.path)
        with socket.socket(socket.AF_UNIX) as probe, contextlib.suppress(FileNotFoundError, ConnectionRefusedError):
            probe.connect(self.path)
            raise FileExistsError(98, "another server listens there", self.path)
        return self

    def healthy(self) -> bool:
        """Whether a server answers there."""
        connection = _Connection(self)
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


class _Connection(http.client.HTTPConnection):
    def __init__(self, place: Place) -> None:
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(place.host, place.host)  # noqa: S104
        super().__init__(host or "localhost", place.port or 80, timeout=1)
        self._path = place.path

    def connect(self) -> None:
        if not self._path:
            super().connect()
            return
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)
