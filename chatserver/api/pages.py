"""The pages that people open: the start page, the shells of the rooms app and of the console, and what makes the app
installable."""

from __future__ import annotations

import json
from typing import Literal

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.templatetags.static import static
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_safe

from chatserver import wiring
from chatserver.api.caller import current
from chatserver.api.demo import demo_address
from chatserver.api.frontend import PageName, built
from chatserver.api.texts import TEXTS, language
from chatserver.errors import ChatError, Forbidden, Unauthenticated

__all__ = ["app", "app_address", "console", "console_address", "manifest", "service_worker", "start"]

THEME_COLORS = {"light": "#ffffff", "dark": "#16191e"}
YEAR = 365 * 24 * 3600
KEPT_ICONS = ("chatserver/icon.svg", "chatserver/icon-192.png")
LANGUAGES = {"en": "en", "zh-CN": "zh-hans"}
"""The wire's names of the languages, and Django's."""

START_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
APP_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
WORKER_POLICY = "default-src 'none'; script-src 'self'; connect-src 'self'"


@require_safe
async def start(request: HttpRequest) -> HttpResponse:
    """What there is to see here, in the browser's language or the one that `?language=` chooses."""
    chosen = request.GET.get("language", "")
    shown = chosen if chosen in LANGUAGES else language(request)
    model = wiring.services().model
    response = render(
        request,
        "chatserver/start.html",
        {
            "language": shown,
            "texts": TEXTS[shown],
            "colors": THEME_COLORS,
            "model": model.name if model.writes else "",
            "demo": bool(demo_address(request)),
            "unbuilt": built() is None,
        },
    )
    response["Content-Security-Policy"] = START_POLICY
    response["Content-Language"] = shown
    response["Cache-Control"] = "no-cache"
    if chosen in LANGUAGES:
        response.set_cookie(settings.LANGUAGE_COOKIE_NAME, LANGUAGES[chosen], max_age=YEAR, samesite="Lax")
    return response


@require_safe
async def app_address(request: HttpRequest) -> HttpResponse:
    """The app's address ends with a slash: it is the scope of its service worker."""
    query = request.META.get("QUERY_STRING", "")
    return HttpResponseRedirect(reverse("app") + (f"?{query}" if query else ""))


@require_safe
@ensure_csrf_cookie
async def app(request: HttpRequest, route: str = "") -> HttpResponse:
    """The shell of the rooms app, the same for every `route` below it. With `?offline` it says nothing about who asks:
    that one the service worker keeps.
    """
    return await _shell(request, "app", anonymous="offline" in request.GET)


@require_safe
async def console_address(request: HttpRequest) -> HttpResponse:
    """The console begins with what the assistant knows."""
    return HttpResponseRedirect(reverse("console"))


@require_safe
@ensure_csrf_cookie
async def console(request: HttpRequest, route: str = "") -> HttpResponse:
    """The shell of the console, the same for every `route` below it. Who manages no site is told so by its script: the
    data behind it is the API's to guard."""
    return await _shell(request, "console")


async def _shell(request: HttpRequest, page: PageName, *, anonymous: bool = False) -> HttpResponse:
    front = built()
    shown = language(request)
    if front is None:
        response = render(request, "chatserver/unbuilt.html", {"language": shown, "texts": TEXTS[shown]}, status=503)
        response["Content-Security-Policy"] = START_POLICY
    else:
        response = render(
            request,
            f"chatserver/{page}.html",
            {
                "language": shown,
                "texts": TEXTS[shown],
                "colors": THEME_COLORS,
                "entry": front.pages[page],
                "signed_in": "" if anonymous else await _signed_in(request),
            },
        )
        response["Content-Security-Policy"] = APP_POLICY
    response["Cache-Control"] = "no-store" if front is None else "no-cache, private"
    return response


async def _signed_in(request: HttpRequest) -> Literal["yes", "no", ""]:
    """Empty when it cannot be known just now."""
    try:
        await current(request)
    except (Unauthenticated, Forbidden):
        return "no"
    except ChatError:
        return ""
    return "yes"


@require_safe
async def manifest(request: HttpRequest) -> HttpResponse:
    """What a browser asks for when the app is to be installed (W3C, Web Application Manifest)."""
    shown = language(request)
    home = reverse("app")
    icons = [
        ("icon.svg", "image/svg+xml", "any", "any"),
        ("icon-192.png", "image/png", "192x192", "any"),
        ("icon-512.png", "image/png", "512x512", "any"),
        ("icon-maskable-512.png", "image/png", "512x512", "maskable"),
    ]
    response = JsonResponse(
        {
            "id": home,
            "name": TEXTS[shown]["app_name"],
            "short_name": TEXTS[shown]["app_short_name"],
            "description": TEXTS[shown]["app_description"],
            "lang": shown,
            "dir": "ltr",
            "start_url": home,
            "scope": home,
            "display": "standalone",
            "background_color": THEME_COLORS["light"],
            "theme_color": THEME_COLORS["light"],
            "icons": [
                {"src": static(f"chatserver/{name}"), "type": type_, "sizes": sizes, "purpose": purpose}
                for name, type_, sizes, purpose in icons
            ],
        },
        content_type="application/manifest+json",
        json_dumps_params={"ensure_ascii": False},
    )
    response["Cache-Control"] = "no-cache"
    patch_vary_headers(response, ["Accept-Language", "Cookie"])
    return response


@require_safe
async def service_worker(request: HttpRequest) -> HttpResponse:
    """The app's service worker, which names the build that it keeps; see the template."""
    front = built()
    if front is None:
        # A browser removes a worker whose script is gone.
        return HttpResponse("// The front end is not built.\n", status=404, content_type="text/javascript")
    home = reverse("app")
    response = render(
        request,
        "chatserver/sw.js",
        {
            "version": json.dumps(front.version),
            "shell": json.dumps(home + "?offline"),
            "scope": json.dumps(home),
            "files": json.dumps([static(file) for file in (*front.pages["app"].assets, *KEPT_ICONS)]),
        },
        content_type="text/javascript",
    )
    response["Content-Security-Policy"] = WORKER_POLICY
    response["Cache-Control"] = "no-cache"
    return response
