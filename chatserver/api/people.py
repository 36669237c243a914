"""`GET /api/v1/people`: whom one may invite."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router, Schema
from pydantic import Field

from chatserver import wiring
from chatserver.api.caller import current
from chatserver.api.fields import Text
from chatserver.api.wire import answer

__all__ = ["router"]

router = Router(tags=["rooms"])


class Wanted(Schema):
    q: Text = Field("", max_length=100, description="the beginning of a word of the name, or of the user name")
    room: UUID | None = Field(None, description="leave out who is in this room already")
    site: UUID | None = None
    limit: int = Field(20, ge=1, le=50)


@router.get("/people")
async def people(request: HttpRequest, wanted: Query[Wanted]) -> HttpResponse:
    """Users of the caller's sites, by name: `{people: [{id, name, kind, username}], more}`."""
    principal = await current(request)
    found, more = await wiring.services().actions.find_people(
        principal,
        wanted.q,
        room=str(wanted.room) if wanted.room else None,
        site=str(wanted.site) if wanted.site else None,
        limit=wanted.limit,
    )
    return answer({"people": found, "more": more})
