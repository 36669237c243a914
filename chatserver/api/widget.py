"""What the widget on a customer's page calls first: who is here, and a ticket for the socket."""

from __future__ import annotations

import time

from django.http import HttpRequest, HttpResponse
from msgspec import Raw
from ninja import Router, Schema
from pydantic import Field

from chatserver import wiring
from chatserver.api.caller import address
from chatserver.api.problems import problem
from chatserver.api.wire import answer
from chatserver.errors import ChatError, Forbidden, RateLimited
from chatserver.realtime.limits import Bucket

router = Router(tags=["widget"])

_by_address = Bucket(burst=20, per_second=0.5)


class Opening(Schema):
    site: str = Field(max_length=50, description="the site's key")
    visitor: str | None = Field(None, max_length=512, description="the token this call gave last time")
    identity: str | None = Field(None, max_length=8192, description="a JWT signed with the site's secret")


@router.post("/session")
async def session(request: HttpRequest, body: Opening) -> HttpResponse:
    """`{ticket, visitor, room, site}`. Only for pages whose origin the site lists, exactly."""
    origin = request.headers.get("Origin", "")
    try:
        response = await _open(request, body, origin)
    except ChatError as error:
        response = problem(error)
    # The page may read the answer, also a refusal, so that its developer sees why. No cookie counts here.
    response["Access-Control-Allow-Origin"] = origin or "null"
    response["Vary"] = "Origin"
    response["Cache-Control"] = "no-store"
    return response


@router.api_operation(["OPTIONS"], "/session", include_in_schema=False)
async def preflight(request: HttpRequest) -> HttpResponse:
    """Browsers ask before they send JSON across origins; the origin itself is judged by the call."""
    response = HttpResponse(status=204)
    response["Access-Control-Allow-Origin"] = request.headers.get("Origin", "null")
    response["Access-Control-Allow-Methods"] = "POST"
    response["Access-Control-Allow-Headers"] = "content-type, x-csrftoken"
    response["Access-Control-Max-Age"] = "600"
    response["Vary"] = "Origin"
    return response


async def _open(request: HttpRequest, body: Opening, origin: str) -> HttpResponse:
    if wait := _by_address.take(address(request), time.monotonic()):
        raise RateLimited("Too many visitors from this address.", retry_after=round(wait, 1))
    if not origin:
        raise Forbidden("This call needs the Origin that browsers send.")
    services = wiring.services()
    visit = await services.visitors.come(body.site, origin, body.visitor or "", body.identity or "")
    room = await services.store.support_room(visit.site, visit.user, visit.site_name)
    ticket = await services.principals.tokens.ticket(visit.user, site=visit.site, origin=origin)
    return answer(
        {
            "ticket": ticket,
            "visitor": visit.token,
            "room": room,
            "site": {
                "name": visit.site_name,
                "greeting": visit.greeting,
                "theme": Raw(visit.theme.encode()),
                "locale": visit.locale,
            },
        }
    )
