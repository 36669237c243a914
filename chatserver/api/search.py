"""What a search finds, as the assistant is shown it. For those who manage a site."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse
from ninja import Router, Schema
from pydantic import Field

from chatserver import wiring
from chatserver.api.caller import current
from chatserver.api.fields import Text
from chatserver.api.managed import Managed
from chatserver.api.wire import answer

__all__ = ["router"]

router = Router(tags=["documents"])


class Search(Schema):
    query: Text = Field(min_length=1, max_length=2000)
    k: int = Field(6, ge=1, le=50)
    collection: UUID | None = None


@router.post("/search", response=dict[str, Any])
async def search(request: HttpRequest, body: Search) -> HttpResponse:
    """What the assistant is shown for this question: passages with the scores of each leg, best first."""
    managed = Managed.by(await current(request))
    chosen = await sync_to_async(managed.searched)(body.collection)
    found = await wiring.services().retriever.retrieve(body.query, chosen, body.k)
    return answer({"passages": found})
