"""What the widget on a customer's page calls first: who is here, and a ticket for the socket."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse
from msgspec import Raw
from ninja import Router, Schema
from ninja.decorators import decorate_view
from pydantic import Field

from chatserver import wiring
from chatserver.api.caller import address, limit
from chatserver.api.fields import Text
from chatserver.api.wire import answer
from chatserver.errors import Forbidden
from chatserver.realtime.limits import Bucket

__all__ = ["router"]

router = Router(tags=["widget"])

_by_address = Bucket(burst=20, per_second=0.5)
_looks = Bucket(burst=200, per_second=20)

LOOK_SECONDS = 300
"""How long a browser may go on with how a site looks."""


class Opening(Schema):
    site: Text = Field(max_length=50, description="the site's key")
    visitor: Text | None = Field(None, max_length=512, description="the token this call gave last time")
    identity: str | None = Field(None, max_length=8192, description="a JWT signed with the site's secret")
    locale: Text | None = Field(None, max_length=35, description="the visitor's language, such as `zh-CN`")
    fresh: bool = Field(False, description="a new conversation, or the one in which nothing was said yet")


type View = Callable[..., Awaitable[HttpResponse]]


def _across_origins(view: View) -> View:
    """The page may read the answer, also a refusal, so that its developer sees why. No cookie counts here."""

    @wraps(view)
    async def call(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = await view(request, *args, **kwargs)
        if origin := request.headers.get("Origin"):
            response["Access-Control-Allow-Origin"] = origin
        response["Vary"] = "Origin"
        return response

    return call


@router.get("/site")
@decorate_view(_across_origins)
async def look(request: HttpRequest, site: str) -> HttpResponse:
    """`{name, theme, locale}`: asked by each page that has the widget, before it shows anything. Makes no visitor."""
    limit(_looks, address(request), "Too many pages from this address.")
    # Within an origin, browsers send none with a GET.
    origin = request.headers.get("Origin") or f"{request.scheme}://{request.get_host()}"
    found = await wiring.services().visitors.look(site, origin)
    response = answer({"name": found.name, "theme": Raw(found.theme.encode()), "locale": found.locale})
    response["Cache-Control"] = f"private, max-age={LOOK_SECONDS}"
    return response


@router.post("/session")
@decorate_view(_across_origins)
async def session(request: HttpRequest, body: Opening) -> HttpResponse:
    """`{ticket, visitor, room, site}`. Only for pages whose origin the site lists, exactly. `room` is the visitor's
    latest conversation unless `fresh` asks for a new one."""
    limit(_by_address, address(request), "Too many visitors from this address.")
    origin = request.headers.get("Origin", "")
    if not origin:
        raise Forbidden("This call needs the Origin that browsers send.")
    services = wiring.services()
    visit = await services.visitors.come(body.site, origin, body.visitor or "", body.identity or "", body.locale or "")
    room = await services.actions.support_room(visit.site, visit.user, visit.site_name, fresh=body.fresh)
    ticket = await services.principals.tokens.ticket(visit.user, site=visit.site, origin=origin)
    return answer(
        {
            "ticket": ticket,
            "visitor": visit.token,
            "room": room,
            "site": {
                "name": visit.site_name,
                "assistant": visit.assistant,
                "greeting": visit.text.greeting,
                "suggestions": visit.text.suggestions,
                "theme": Raw(visit.theme.encode()),
                "locale": visit.locale,
            },
        }
    )


@router.api_operation(["OPTIONS"], "/session", include_in_schema=False)
@decorate_view(_across_origins)
async def preflight(request: HttpRequest) -> HttpResponse:
    """Browsers ask before they send JSON across origins; the origin itself is judged by the call."""
    response = HttpResponse(status=204)
    response["Access-Control-Allow-Methods"] = "POST"
    response["Access-Control-Allow-Headers"] = "content-type, x-csrftoken"
    response["Access-Control-Max-Age"] = "600"
    return response
