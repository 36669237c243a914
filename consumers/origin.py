"""Who asks for a socket, read from its handshake, and whether a page of that origin may have one.

Browsers send the session cookie along with any page's handshake, so the cookie counts only for a page of our own
(the request's own origin, `PUBLIC_URL`, `ALLOWED_ORIGINS`), compared exactly: scheme, host, port. Pages of customers'
sites come with a ticket that is bound to their origin. Without `Origin` it is no browser: it must bring a token.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http import parse_cookie
from django.http.request import split_domain_port, validate_host
from msgspec import Struct

from chatserver.config import Config

__all__ = ["Handshake", "normal", "read"]

_PORTS = {"http": 80, "https": 443}


class Handshake(Struct, frozen=True, kw_only=True):
    """`own`: the page is one of ours. `session` and `bearer` are credentials that count, or empty."""

    origin: str | None
    own: bool
    session: str
    bearer: str
    address: str
    subprotocols: tuple[str, ...]

    @property
    def acceptable(self) -> bool:
        """False for an `Origin` that is none: `null` (sandboxed frames, files) or malformed."""
        return self.origin != ""


def normal(origin: str) -> str:
    """`scheme://host:port` in lower case with its port spelled out; empty for anything that is no web origin."""
    try:
        parts = urlsplit(origin.strip())
        port = parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError:
        return ""
    if parts.scheme not in _PORTS or not parts.hostname or "@" in parts.netloc:
        return ""
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        return ""
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}:{port}"


def read(scope: Mapping[str, Any], config: Config) -> Handshake:
    """Everything of a WebSocket `scope` that decides about it."""
    headers = _headers(scope.get("headers", ()))
    given = headers.get("origin")
    origin = None if given is None else normal(given)
    own = bool(origin) and origin in (
        _request_origin(scope, headers, config),
        *(normal(allowed) for allowed in (config.public_origin, *config.allowed_origins)),
    )
    scheme, _, token = headers.get("authorization", "").partition(" ")
    cookies = parse_cookie(headers.get("cookie", "")) if own else {}
    return Handshake(
        origin=given if origin else origin,
        own=own,
        session=cookies.get(settings.SESSION_COOKIE_NAME, ""),
        bearer=token.strip() if scheme.lower() == "bearer" else "",
        address=_address(scope, headers, config),
        subprotocols=tuple(scope.get("subprotocols", ())),
    )


def _headers(raw: Sequence[tuple[bytes, bytes]]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in raw:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        # A repeated header is a list, except cookies (RFC 6265, 5.4). Two Origins thus become one that matches nothing.
        headers[key] = f"{headers[key]}{'; ' if key == 'cookie' else ','}{text}" if key in headers else text
    return headers


def _request_origin(scope: Mapping[str, Any], headers: Mapping[str, str], config: Config) -> str:
    """The origin this request was sent to, if its Host is allowed (else a rebound name would be ours)."""
    host = headers.get("host", "")
    if not validate_host(split_domain_port(host)[0], settings.ALLOWED_HOSTS):
        return ""
    forwarded = _hop(headers.get("x-forwarded-proto", ""), config.trusted_proxies)
    secure = forwarded.lower() in ("https", "wss") if forwarded else scope.get("scheme") in ("wss", "https")
    return normal(f"{'https' if secure else 'http'}://{host}")


def _address(scope: Mapping[str, Any], headers: Mapping[str, str], config: Config) -> str:
    if forwarded := _hop(headers.get("x-forwarded-for", ""), config.trusted_proxies):
        return forwarded
    client = scope.get("client")
    return str(client[0]) if client else ""


def _hop(value: str, proxies: int) -> str:
    """What the outermost of our `proxies` wrote: each appends one item, and what stands before is hearsay."""
    items = [item.strip() for item in value.split(",") if item.strip()]
    return items[-min(proxies, len(items))] if proxies and items else ""
