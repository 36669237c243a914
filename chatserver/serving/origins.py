"""Under which origins people reach this server."""

from __future__ import annotations

from urllib.parse import urlsplit

from chatserver.config import Config

__all__ = ["demo_origins", "own_origins", "url"]


def url(host: str, port: int) -> str:
    """The address to open in a browser for a server that listens on `host` and `port`."""
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    return f"http://{shown}" + ("" if port == 80 else f":{port}")


def own_origins(settings: Config, host: str, port: int) -> list[str]:
    """PUBLIC_URL's, and the names of this machine for itself."""
    public = [settings.public_origin] if settings.public_origin else []
    return list(dict.fromkeys([*public, url(host, port), url("localhost", port), url("127.0.0.1", port)]))


def demo_origins(settings: Config, host: str, port: int) -> list[str]:
    """Those of the demo site, which listens on `port`: DEMO_URL's, and the names of this machine for itself."""
    parts = urlsplit(settings.demo_url)
    public = [f"{parts.scheme}://{parts.netloc}"] if parts.netloc else []
    return list(dict.fromkeys([*public, url(host, port), url("localhost", port), url("127.0.0.1", port)]))
