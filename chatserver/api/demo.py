"""`GET /demo`: the way to the demo site, which `manage.py serve` runs on another port, so on another origin."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_safe

from chatserver.api.problems import problem
from chatserver.config import config
from chatserver.errors import NotFound

__all__ = ["demo", "demo_address"]

LOOPBACK = ("127.0.0.1", "localhost")


def demo_address(request: HttpRequest) -> str:
    """`DEMO_URL`, under the name by which this machine was called; empty where there is none."""
    address = config().demo_url
    parts = urlsplit(address)
    called = request.get_host().rsplit(":", 1)[0]
    if parts.hostname in LOOPBACK and called in LOOPBACK:
        return urlunsplit(parts._replace(netloc=f"{called}:{parts.port or 80}"))
    return address


@require_safe
async def demo(request: HttpRequest) -> HttpResponse:
    if address := demo_address(request):
        return HttpResponseRedirect(address)
    return problem(NotFound("There is no demo site here; manage.py serve runs it while there is a site `demo`."))
