"""The page at `/`: plain HTML and one script, without a build step."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_safe

__all__ = ["page"]

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


@require_safe
@ensure_csrf_cookie
async def page(request: HttpRequest) -> HttpResponse:
    user = await request.auser()
    response = render(request, "chatserver/page.html", {"signed_in": user.is_authenticated})
    response["Content-Security-Policy"] = POLICY
    return response
