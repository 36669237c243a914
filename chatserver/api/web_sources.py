"""Web sources: pages and sitemaps that documents are fetched from. For those who manage a site; `docs/knowledge.md`."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from ninja import Query, Router, Schema
from pydantic import Field

from chatserver.api.caller import current
from chatserver.api.fields import Text
from chatserver.api.managed import Managed
from chatserver.api.removal import remove
from chatserver.api.wire import answer
from chatserver.errors import Conflict, Invalid, NotFound
from chatserver.knowledge.models import Collection, WebSource
from chatserver.knowledge.web import sources, tasks
from chatserver.knowledge.web.errors import Refused

__all__ = ["add_page", "router"]

router = Router(tags=["documents"])

PER_COLLECTION_MAX = 1000
LISTED_MAX = 1000
YEAR_HOURS = 366 * 24


class NewSource(Schema):
    url: Text = Field(min_length=1, max_length=2000, description="http(s), public, or of a host in FETCH_ALLOW")
    kind: WebSource.Kind = Field(WebSource.Kind.PAGE, description="`sitemap`: all pages of its site that it lists")
    collection: Text = Field("", max_length=36, description="may be left out by whoever manages one site")
    every_hours: int = Field(0, ge=0, le=YEAR_HOURS, description="0: once")
    page_limit: int = Field(sources.PAGE_LIMIT, ge=1, le=sources.PAGE_LIMIT_MAX)


class Filter(Schema):
    collection: UUID | None = None


class Removal(Schema):
    documents: bool = Field(True, description="delete its documents, too; else they stay and are fetched no more")


@router.post("/web-sources", response={201: dict[str, Any]})
async def create(request: HttpRequest, body: NewSource) -> HttpResponse:
    """Fetch an address from now on: 201 and the source as it is listed. `conflict` when the collection has it."""
    principal = await current(request)
    managed = Managed.by(principal)
    source = await sync_to_async(_create)(managed, body, principal.user.id)
    await sync_to_async(tasks.enqueue)(source)
    return answer(_shown(source), status=201)


@router.get("/web-sources", response=dict[str, Any])
async def listed(request: HttpRequest, page: Query[Filter]) -> HttpResponse:
    """The newest first, at most 1,000: `{sources: [{id, collection, url, kind, every_hours, page_limit, status, error,
    done, total, documents, fetched, next_fetch, created}]}`. `status`: `queued`, `fetching` (`done` of `total` pages),
    `ready` or `failed`; `error` tells also of a ready one what could not be fetched. `documents` is how many it has."""
    managed = Managed.by(await current(request))
    return answer({"sources": await sync_to_async(_list)(managed, page.collection)})


@router.post("/web-sources/{uuid:source}/fetch", response={202: dict[str, Any]})
async def fetch(request: HttpRequest, source: UUID) -> HttpResponse:
    """Look for changes now, whatever its schedule says: 202 and the source."""
    managed = Managed.by(await current(request))
    found = await sync_to_async(_one)(managed, source)
    await sync_to_async(sources.ask_again)(found)
    await sync_to_async(tasks.enqueue)(found)
    return answer(_shown(found), status=202)


@router.delete("/web-sources/{uuid:source}", response={204: None})
async def delete(request: HttpRequest, source: UUID, removal: Query[Removal]) -> HttpResponse:
    """Fetch no more from it. No search that begins after the answer finds its documents, unless they are to stay."""
    managed = Managed.by(await current(request))
    found = await sync_to_async(_one)(managed, source)
    while not await sync_to_async(sources.delete)(found, if_empty=removal.documents):
        await remove(await sync_to_async(sources.some_of)(found))
    return HttpResponse(status=204)


def add_page(managed: Managed, url: str, collection: str, *, owner: str) -> WebSource:
    """Have one page fetched, now, and again if it was before. Raises `Invalid`."""
    source, new = _add(managed.target(collection), url, owner=owner)
    if not new:
        sources.ask_again(source)
    return source


def _create(managed: Managed, body: NewSource, owner: str) -> WebSource:
    options = body.dict(include={"kind", "every_hours", "page_limit"})
    source, new = _add(managed.target(body.collection), body.url, owner=owner, **options)
    if not new:
        raise Conflict("This collection fetches from this address already.")
    return source


def _add(collection: Collection, url: str, **values: Any) -> tuple[WebSource, bool]:
    if collection.web_sources.count() >= PER_COLLECTION_MAX:
        raise Conflict(f"A collection may have {PER_COLLECTION_MAX:,} web sources: use a sitemap for many pages.")
    try:
        return sources.add(collection, url.strip(), **values)
    except Refused as error:
        raise Invalid("url", str(error)) from None


def _managed(managed: Managed) -> QuerySet[WebSource]:
    found = WebSource.objects.filter(collection__in=managed.collections()).defer("look")
    return found.annotate(document_count=Count("documents", filter=Q(documents__parent=None)))


def _one(managed: Managed, id_: UUID) -> WebSource:
    try:
        return _managed(managed).get(pk=id_)
    except WebSource.DoesNotExist:
        raise NotFound("There is no such web source.") from None


def _list(managed: Managed, collection: UUID | None) -> list[dict[str, Any]]:
    found = _managed(managed).order_by("-pk")
    if collection:
        found = found.filter(collection=collection)
    return [_shown(source) for source in found[:LISTED_MAX]]


def _shown(source: WebSource) -> dict[str, Any]:
    return {
        "id": str(source.pk),
        "collection": str(source.collection_id),
        "url": source.url,
        "kind": source.kind,
        "every_hours": source.every_hours,
        "page_limit": source.page_limit,
        "status": source.status,
        "error": source.error or None,
        "done": source.done,
        "total": source.total,
        "documents": getattr(source, "document_count", 0),
        "fetched": source.fetched,
        "next_fetch": source.next_fetch,
        "created": source.created,
    }
