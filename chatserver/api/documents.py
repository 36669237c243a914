"""Documents the assistant answers from, for those who manage a site. `docs/knowledge.md`."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from ninja import Query, Router, Schema
from pydantic import Field

from chatserver import wiring
from chatserver.api import intake, web_sources
from chatserver.api.caller import current
from chatserver.api.fields import Text
from chatserver.api.managed import Managed
from chatserver.api.removal import remove
from chatserver.api.wire import answer
from chatserver.errors import Conflict
from chatserver.knowledge import records, tasks
from chatserver.knowledge.models import Chunk, Document, WebSource
from chatserver.knowledge.web import tasks as web_tasks

__all__ = ["router"]

router = Router(tags=["documents"])


class Filter(Schema):
    collection: UUID | None = None
    status: Document.Status | None = None
    query: Text = Field("", max_length=200, description="a part of the title, or of the origin: its path or address")
    parent: UUID | None = Field(None, description="the archive it came in")
    source: UUID | None = Field(None, description="the web source it was fetched from")
    before: UUID | None = Field(None, description="the id of the last document of the page before")
    limit: int = Field(50, ge=1, le=200)


class Page(Schema):
    after: int = Field(-1, ge=-1, le=2**31 - 1, description="the `ordinal` of the last chunk of the page before")
    limit: int = Field(50, ge=1, le=200)


@router.post("/documents", openapi_extra=intake.BODY, response={202: dict[str, Any]})
async def add(request: HttpRequest) -> HttpResponse:
    """A file, or a text with its title: 202 `{id, status, unchanged}`. The same content again is the same document,
    `unchanged` when there is nothing to do for it; other content under the same file name, or the same `url`, replaces
    the document once it is ready. A `url` alone is fetched: 202 `{source, status}`, the web source made for it."""
    principal = await current(request)
    managed = Managed.by(principal)
    intake.check_size(request)

    def register() -> tuple[Document, bool] | WebSource:
        # Reading a form or a body may take long and touch the disk: not on the event loop.
        given, file = intake.read(request)
        if file is None and given.is_page:
            return web_sources.add_page(managed, given.url, given.collection, owner=principal.user.id)
        return intake.keep(managed, given, file, owner=principal.user.id)

    registered = await sync_to_async(register)()
    if isinstance(registered, WebSource):
        await sync_to_async(web_tasks.enqueue)(registered)
        return answer({"source": str(registered.pk), "status": registered.status}, status=202)
    document, work = registered
    if work:
        await sync_to_async(tasks.enqueue)(str(document.pk))
    return answer({"id": str(document.pk), "status": document.status, "unchanged": not work}, status=202)


@router.get("/documents", response=dict[str, Any])
async def documents(request: HttpRequest, page: Query[Filter]) -> HttpResponse:
    """The newest first: `{documents, more}`."""
    managed = Managed.by(await current(request))
    found = await sync_to_async(_page)(managed, page)
    return answer(
        {"documents": [_shown(document) for document in found[: page.limit]], "more": len(found) > page.limit}
    )


@router.get("/documents/{uuid:document}", response=dict[str, Any])
async def document(request: HttpRequest, document: UUID) -> HttpResponse:
    """Its state: `queued`, `parsing`, `embedding` (found by its words, `done` of `total` vectors made), `ready`, or
    `failed` with the reason in `error`. `owner` is who gave it, `parent` the archive and `source` the web source that
    it came from."""
    managed = Managed.by(await current(request))
    return answer(_shown(await sync_to_async(managed.document)(document)))


@router.get("/documents/{uuid:document}/chunks", response=dict[str, Any])
async def chunks(request: HttpRequest, document: UUID, page: Query[Page]) -> HttpResponse:
    """The passages that the assistant sees of it, in order: `{chunks: [{id, ordinal, heading, page, text, start, end,
    embedded}], more, total}`. `start` and `end` are character offsets into the document's text; `embedded`: whether
    the passage is found by its meaning, too."""
    managed = Managed.by(await current(request))
    found, total = await sync_to_async(_chunks)(managed, document, page)
    shown = found[: page.limit]
    services = wiring.services()
    serving = services.embedder.serving if services.embedder else None
    embedded = await services.index.embedded(str(document), serving) if shown and serving else set()
    return answer(
        {
            "chunks": [_shown_chunk(chunk, str(chunk.pk) in embedded) for chunk in shown],
            "more": len(found) > page.limit,
            "total": total,
        }
    )


@router.post("/documents/{uuid:document}/retry", response={202: dict[str, Any]})
async def retry(request: HttpRequest, document: UUID) -> HttpResponse:
    """Read a failed document again, or one that waits now instead of later: 202 `{id, status}`; `conflict` when it is
    ready."""
    managed = Managed.by(await current(request))
    status = await sync_to_async(_retry)(managed, document)
    await sync_to_async(tasks.enqueue)(str(document))
    return answer({"id": str(document), "status": status}, status=202)


@router.delete("/documents/{uuid:document}", response={204: None})
async def delete(request: HttpRequest, document: UUID) -> HttpResponse:
    """No search that begins after the answer finds it. An archive goes with the documents that came in it."""
    managed = Managed.by(await current(request))
    found = await sync_to_async(managed.document)(document)
    await remove(await sync_to_async(records.with_members)(found))
    return HttpResponse(status=204)


def _page(managed: Managed, page: Filter) -> list[Document]:
    found = managed.documents().select_related("owner").order_by("-pk")
    for field in ("collection", "status", "parent", "source"):
        if wanted := getattr(page, field):
            found = found.filter(**{field: wanted})
    if query := page.query.strip():
        found = found.filter(Q(title__icontains=query) | Q(origin__icontains=query))
    if page.before:
        found = found.filter(pk__lt=page.before)
    return list(found[: page.limit + 1])


def _chunks(managed: Managed, id_: UUID, page: Page) -> tuple[list[Chunk], int]:
    """One more than the page holds, if there is one."""
    all_ = managed.document(id_).chunks.order_by("ordinal")
    return list(all_.filter(ordinal__gt=page.after)[: page.limit + 1]), all_.count()


def _retry(managed: Managed, id_: UUID) -> str:
    found = managed.document(id_)
    if found.status == Document.Status.READY:
        raise Conflict("This document is ready: there is nothing to try again.")
    records.requeue(found)
    return found.status


def _shown(document: Document) -> dict[str, Any]:
    owner = document.owner
    return {
        "id": str(document.pk),
        "collection": str(document.collection_id),
        "title": document.title,
        "origin": document.origin,
        "url": document.url,
        "media_type": document.media_type,
        "size": document.size,
        "status": document.status,
        "error": document.error or None,
        "done": document.done,
        "total": document.total,
        "parent": document.parent_id,
        "source": document.source_id,
        "owner": {"id": str(owner.pk), "name": owner.name or owner.username} if owner else None,
        "created": document.created,
        "updated": document.updated,
    }


def _shown_chunk(chunk: Chunk, embedded: bool) -> dict[str, Any]:
    return {
        "id": str(chunk.pk),
        "ordinal": chunk.ordinal,
        "heading": chunk.heading,
        "page": chunk.page,
        "text": chunk.text,
        "start": chunk.start,
        "end": chunk.end,
        "embedded": embedded,
    }
