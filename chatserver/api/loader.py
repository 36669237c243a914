"""`GET /widget.js`: the script that host pages include. Its name never changes, so its content is asked for often."""

from __future__ import annotations

import re

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.templatetags.static import static
from django.utils.cache import get_conditional_response, patch_vary_headers
from django.views.decorators.http import require_safe

from chatserver.api.frontend import built

__all__ = ["earlier_widget", "loader"]

SECONDS = 300
"""How long a page may go on with the loader of the release before."""
UNBUILT = b'console.error("chatserver: the widget is not built on this server; run make frontend there.");\n'

_REFUSED = re.compile(r";\s*q=0(\.0*)?\s*$")


@require_safe
async def loader(request: HttpRequest) -> HttpResponse:
    """From memory, in the best encoding that the browser takes. Any page may read it."""
    front = built()
    if front is None:
        response = HttpResponse(UNBUILT, status=503, content_type="text/javascript; charset=utf-8")
        response["Cache-Control"] = "no-store"
    else:
        encoding = _encoding(request.headers.get("Accept-Encoding", ""))
        etag = f'"{front.loader.digest}{encoding and "-"}{encoding}"'
        fresh = HttpResponse(front.loader.bodies[encoding], content_type="text/javascript; charset=utf-8")
        if encoding:
            fresh["Content-Encoding"] = encoding
        fresh["ETag"] = etag
        fresh["Cache-Control"] = f"public, max-age={SECONDS}"
        # A request whose condition fails (If-Match) is answered too: there is nothing here that it could protect.
        response = get_conditional_response(request, etag=etag, response=fresh) or fresh
        patch_vary_headers(response, ["Accept-Encoding"])
    return _for_any_page(response)


@require_safe
async def earlier_widget(request: HttpRequest, digest: str) -> HttpResponse:
    """A loader of the release before asks for its widget: it gets today's, which comes from another address, so that
    its parts are found too. What loader and widget say to each other must therefore fit from release to release.
    """
    front = built()
    if front is None or digest in front.widget:  # of today's the static files have all there is
        return _for_any_page(HttpResponse(status=404))
    response = HttpResponseRedirect(static(front.widget))
    response["Cache-Control"] = "no-store"
    return _for_any_page(response)


def _for_any_page(response: HttpResponse) -> HttpResponse:
    response["Access-Control-Allow-Origin"] = "*"
    # Also for pages that isolate themselves (Cross-Origin-Embedder-Policy: require-corp).
    response["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


def _encoding(accepted: str) -> str:
    """br before gzip before none (RFC 9110, 12.5.3)."""
    names = {part.split(";")[0].strip().lower() for part in accepted.split(",") if not _REFUSED.search(part)}
    return next((name for name in ("br", "gzip") if name in names), "")
