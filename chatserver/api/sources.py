"""What an answer cites, in its place: the passage with its surroundings, and the document as it was given."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import reverse
from django.utils.http import content_disposition_header
from ninja import Router

from chatserver import wiring
from chatserver.api.caller import current
from chatserver.api.wire import answer
from chatserver.errors import NotFound
from chatserver.knowledge.audience import collections_for
from chatserver.knowledge.citing import Original, cited, original
from chatserver.protocol.frames import Source
from chatserver.rooms.access import message_for

__all__ = ["router"]

router = Router(tags=["rooms"])

BLOCK = 256 * 1024


@router.get("/{uuid:room}/messages/{uuid:message}/sources/{int:n}", response=dict[str, Any])
async def source(request: HttpRequest, room: UUID, message: UUID, n: int) -> HttpResponse:
    """`{document, title, url, where, before, passage, after, download}`: the cited passage with about 1,500 characters
    of its document on either side. `download` is null when the document has no file."""
    wanted, collections = await _source(request, room, message, n)
    found = await cited(wiring.services().store.pool, wanted, collections)
    download = reverse("api:source-document", args=(room, message, n)) if found.has_file else None
    return answer(
        {
            "document": found.document,
            "title": found.title,
            "url": found.url,
            "where": found.where,
            "before": found.before,
            "passage": found.passage,
            "after": found.after,
            "download": download,
        }
    )


@router.get("/{uuid:room}/messages/{uuid:message}/sources/{int:n}/document", url_name="source-document")
async def document(request: HttpRequest, room: UUID, message: UUID, n: int) -> StreamingHttpResponse:
    """The cited document as it was given, to keep: browsers do not show it in a page of ours."""
    wanted, collections = await _source(request, room, message, n)
    found = await original(wiring.services().store.pool, wanted, collections)
    response = StreamingHttpResponse(_blocks(found), content_type=found.media_type or "application/octet-stream")
    response["Content-Length"] = str(found.size)
    response["Content-Disposition"] = content_disposition_header(True, found.name) or "attachment"
    # A document may be an HTML page with scripts; should a browser show it all the same, then as nobody's.
    response["Content-Security-Policy"] = "sandbox; default-src 'none'"
    response["Cache-Control"] = "private, no-store"
    return response


async def _source(request: HttpRequest, room: UUID, message: UUID, n: int) -> tuple[Source, tuple[str, ...]]:
    """A source of a message that the caller may read, and the collections that are open to them."""
    principal = await current(request)
    store = wiring.services().store
    info, _, _ = await message_for(store, principal, str(message))
    found = await store.message(str(message)) if info.room == str(room) else None
    wanted = next((source for source in found.sources if source.n == n), None) if found else None
    if wanted is None:
        raise NotFound("This message has no such source.")
    return wanted, await collections_for(store.pool, principal)


async def _blocks(found: Original) -> AsyncGenerator[bytes]:
    """Never more than was announced: the file may grow meanwhile."""
    file = await asyncio.to_thread(found.path.open, "rb")
    rest = found.size
    try:
        while rest and (block := await asyncio.to_thread(file.read, min(BLOCK, rest))):
            rest -= len(block)
            yield block
    finally:
        file.close()
