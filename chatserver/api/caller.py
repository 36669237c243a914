"""Who calls: the principal of a request, its address, and whether a page of ours sent it."""

from __future__ import annotations

import time
from copy import copy

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import CsrfViewMiddleware

from chatserver import wiring
from chatserver.config import config
from chatserver.errors import Forbidden, RateLimited, Unauthenticated
from chatserver.realtime.limits import Bucket
from chatserver.sites.principals import Principal

__all__ = ["address", "check_csrf", "current", "limit"]

SAFE = ("GET", "HEAD", "OPTIONS")


async def current(request: HttpRequest) -> Principal:
    """From `Authorization: Bearer`, else from the session cookie. Raises `Unauthenticated`, `Forbidden`."""
    principals = wiring.services().principals
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return await principals.from_bearer(token.strip())
    session = request.COOKIES.get(settings.SESSION_COOKIE_NAME)
    if not session:
        raise Unauthenticated
    check_csrf(request)
    return await principals.from_cookie(session)


def check_csrf(request: HttpRequest) -> None:
    """A browser adds the cookie to any page's request: what changes something must come from our page."""
    if request.method in SAFE:
        return
    # Of a POST Django reads the whole body, in search of a form field with the token; of others the header only.
    bare = copy(request)
    bare.method = "PUT"
    check = CsrfViewMiddleware(_nothing)
    check.process_request(bare)
    refused = check.process_view(bare, _nothing, (), {})
    if refused is not None:
        raise Forbidden("The CSRF token is missing or wrong; reload the page.")


def _nothing(request: HttpRequest) -> HttpResponse:
    """A view that is not exempt: only the middleware's check is used."""
    return HttpResponse()


def address(request: HttpRequest) -> str:
    """The client's address; what proxies say counts only for as many as TRUSTED_PROXIES."""
    proxies = config().trusted_proxies
    hops = [hop.strip() for hop in request.headers.get("X-Forwarded-For", "").split(",") if hop.strip()]
    if proxies and hops:
        return hops[-min(proxies, len(hops))]
    return str(request.META.get("REMOTE_ADDR", ""))


def limit(bucket: Bucket, key: str, message: str) -> None:
    """Raises `RateLimited` when `key` has nothing left in `bucket`. Per process, which bounds it well enough."""
    if wait := bucket.take(key, time.monotonic()):
        raise RateLimited(message, retry_after=max(0.1, round(wait, 1)))
