"""The configuration of an nginx in front of the server, from one template (docker/nginx/) for all the places where one
runs: a container, Debian's own, the tests.

The server's settings are the source of what both must agree on: names and path (`PUBLIC_URL`, `ALLOWED_HOSTS`), the
size of a body (`UPLOAD_BYTES`), where it listens (`HOST`, `PORT`).
"""

from __future__ import annotations

import re
from ipaddress import ip_address, ip_network
from typing import Any
from urllib.parse import urlsplit

from django.template import Context, Engine
from msgspec import Struct, structs

from chatserver.api.problems import problem
from chatserver.config import BASE_DIR, Config
from chatserver.errors import ChatError, ConfigError, Forbidden, RateLimited, TooLarge, Unavailable
from chatserver.serving.bounds import FORM_BYTES

__all__ = ["Nginx", "render"]

TEMPLATES = BASE_DIR / "docker" / "nginx"

_WORD = re.compile(r"[^\s;{}'\"\\$#]+")
_ADDRESS = re.compile(r"(?:[A-Za-z0-9._-]+:|\[[0-9A-Fa-f:.]+\]:)?[0-9]{1,5}|unix:/[^\s;{}'\"\\$#]+")


class Nginx(Struct, frozen=True, kw_only=True):
    """What is chosen for nginx itself. Times in seconds; limits are per address of a client."""

    certificate: str
    key: str
    upstreams: tuple[str, ...] = ()
    """`host:port` of every serving machine; empty: `HOST`:`PORT`."""
    listen: tuple[str, ...] = ("443", "[::]:443")
    listen_http: tuple[str, ...] = ("80", "[::]:80")
    static: str = ""
    """The folder that `collectstatic` filled; empty: the server serves static files itself."""
    allow: tuple[str, ...] = ()
    """Addresses and networks that reach /admin/ and /metrics; everybody else gets 403."""
    behind: tuple[str, ...] = ()
    """Addresses and networks of load balancers in front of nginx, whose `X-Forwarded-For` is believed."""
    acme: str = ""
    """The folder that certbot writes its challenges to."""
    access_log: str = "/dev/stdout"
    tls12: bool = False
    hsts_seconds: int = 63_072_000
    connections: int = 500
    requests_per_second: int = 50
    requests_burst: int = 200
    sockets_per_second: int = 20
    sockets_burst: int = 200
    header_seconds: int = 10
    body_seconds: int = 15
    send_seconds: int = 30
    socket_seconds: int = 80
    """More than three of the server's pings."""
    shutdown_seconds: int = 3600
    worker_connections: int = 16_384


def render(settings: Config, nginx: Nginx, *, site: bool = False) -> str:
    """The text of a whole `nginx.conf`, or with `site` that of a file to be included in its `http` block.

    Raises `ConfigError` for what nginx would misread.
    """
    public = urlsplit(settings.public_url)
    if public.scheme != "https" or not public.hostname:
        raise ConfigError("PUBLIC_URL must be the https:// address that nginx serves.")
    names = list(dict.fromkeys([public.hostname, *settings.allowed_hosts]))
    upstreams = nginx.upstreams or (_own_address(settings),)
    for address in (*upstreams, *nginx.listen, *nginx.listen_http):
        _check("address", address, _ADDRESS)
    for word in (*names, settings.prefix, nginx.certificate, nginx.key, nginx.static, nginx.acme, nginx.access_log):
        if word:
            _check("name or path", word, _WORD)
    for network in (*nginx.allow, *nginx.behind):
        try:
            ip_network(network)
        except ValueError:
            raise ConfigError(f"{network!r} is no address or network.") from None
    values: dict[str, Any] = {
        **structs.asdict(nginx),
        "upstreams": upstreams,
        "names": ["_" if name == "*" else _bracketed(name) for name in names],
        # Clients that ask for an address name no server in the handshake.
        "named": "*" not in names and not any(map(_is_address, names)),
        "origin": settings.public_origin,
        "prefix": settings.prefix,
        "body_bytes": settings.upload_bytes + FORM_BYTES,
        "files": 2 * nginx.worker_connections,
        "tls": "TLSv1.2 TLSv1.3" if nginx.tls12 else "TLSv1.3",
        "static": nginx.static.rstrip("/"),
        "forbidden": _body(Forbidden()),
        "too_large": _body(TooLarge()),
        "limited": _body(RateLimited()),
        "unavailable": _body(Unavailable("The server does not answer just now; try again.")),
    }
    engine = Engine(dirs=[str(TEMPLATES)], autoescape=False)
    return engine.get_template("site.conf" if site else "nginx.conf").render(
        Context(values, autoescape=False, use_l10n=False)
    )


def _check(what: str, value: str, allowed: re.Pattern[str]) -> None:
    if not allowed.fullmatch(value):
        raise ConfigError(f"{value!r} cannot be written into nginx's configuration as {what}.")


def _body(error: ChatError) -> str:
    """As the server itself refuses."""
    return problem(error).content.decode()


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _own_address(settings: Config) -> str:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104
    return f"{_bracketed(host)}:{settings.port}"


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
