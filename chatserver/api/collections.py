"""Collections: documents with one audience. For those who manage a site; `docs/knowledge.md`."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from asgiref.sync import sync_to_async
from django.db import IntegrityError, transaction
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from ninja import Router, Schema
from pydantic import Field

from chatserver.api.caller import current
from chatserver.api.fields import Text
from chatserver.api.managed import COLLECTIONS_MAX, Managed
from chatserver.api.removal import remove
from chatserver.api.wire import answer
from chatserver.errors import Conflict, Invalid
from chatserver.knowledge import records
from chatserver.knowledge.models import Collection
from chatserver.sites.models import Kind, Site, User

__all__ = ["router"]

router = Router(tags=["documents"])

NAME_CHARS = 150
READERS_MAX = 200
PER_SITE_MAX = 200

type Visibility = Literal["public", "internal", "restricted"]

_READERS: Any = Field(
    None, max_length=READERS_MAX, description="users of the site; they count where `visibility` is `restricted`"
)


class NewCollection(Schema):
    name: Text = Field(min_length=1, max_length=NAME_CHARS)
    visibility: Visibility = Field(
        description="`public`: visitors too are answered from it; `internal`: only users of the site; "
        "`restricted`: only its readers and who manages the site"
    )
    site: UUID | None = Field(None, description="may be left out by whoever manages one site")
    readers: list[UUID] | None = _READERS


class CollectionPatch(Schema):
    name: Text | None = Field(None, min_length=1, max_length=NAME_CHARS)
    visibility: Visibility | None = None
    readers: list[UUID] | None = _READERS


@router.get("/collections", response=dict[str, Any])
async def collections(request: HttpRequest) -> HttpResponse:
    """By name, at most 1,000: `{collections: [{id, site, site_name, name, visibility, readers: [{id, name}],
    documents}]}`; `documents` is how many there are."""
    managed = Managed.by(await current(request))
    return answer({"collections": await sync_to_async(_list)(managed)})


@router.post("/collections", response={201: dict[str, Any]})
async def create(request: HttpRequest, body: NewCollection) -> HttpResponse:
    """A new collection, as it is listed. A name is there once in a site (`conflict`)."""
    managed = Managed.by(await current(request))
    return answer(await sync_to_async(_create)(managed, body), status=201)


@router.patch("/collections/{uuid:collection}", response=dict[str, Any])
async def update(request: HttpRequest, collection: UUID, body: CollectionPatch) -> HttpResponse:
    """Another name, audience or other readers (all of them, in place of the ones before), from the next question on.
    What was answered already stays as it is."""
    managed = Managed.by(await current(request))
    return answer(await sync_to_async(_update)(managed, collection, body))


@router.delete("/collections/{uuid:collection}", response={204: None})
async def delete(request: HttpRequest, collection: UUID) -> HttpResponse:
    """With all its documents, which no search that begins after the answer finds. A call that broke off may be
    repeated."""
    managed = Managed.by(await current(request))
    found = await sync_to_async(managed.collection)(collection)
    # Page by page, so that neither a statement nor a commit of the index grows with the collection.
    while not await sync_to_async(records.delete_if_empty)(found):
        await remove(await sync_to_async(records.some_of)(found))
    return HttpResponse(status=204)


def _list(managed: Managed) -> list[dict[str, Any]]:
    found = managed.collections().select_related("site").prefetch_related("readers").annotate(count=Count("documents"))
    return [_shown(each, each.count) for each in found.order_by("name", "pk")[:COLLECTIONS_MAX]]


def _create(managed: Managed, body: NewCollection) -> dict[str, Any]:
    site = managed.site(body.site)
    name = _name(body.name)
    readers = _readers(site, body.readers or [])
    if Collection.objects.filter(site=site).count() >= PER_SITE_MAX:
        raise Conflict(f"A site may have {PER_SITE_MAX} collections.")
    try:
        with transaction.atomic():
            made = Collection.objects.create(site=site, name=name, visibility=body.visibility)
            made.readers.set(readers)
    except IntegrityError:
        raise Conflict("The site has a collection of this name already.") from None
    return _shown(made, 0)


def _update(managed: Managed, id_: UUID, body: CollectionPatch) -> dict[str, Any]:
    found = managed.collection(id_)
    if body.name is not None:
        found.name = _name(body.name)
    if body.visibility is not None:
        found.visibility = body.visibility
    readers = None if body.readers is None else _readers(found.site, body.readers)
    try:
        with transaction.atomic():
            found.save(update_fields=["name", "visibility"])
            if readers is not None:
                found.readers.set(readers)
    except IntegrityError:
        raise Conflict("The site has a collection of this name already.") from None
    return _shown(found, found.documents.count())


def _name(given: str) -> str:
    if name := " ".join(given.split()):
        return name
    raise Invalid("name", "this is missing.")


def _readers(site: Site, ids: list[UUID]) -> list[User]:
    """Users who belong to the site; a visitor never does."""
    found = list(User.objects.filter(pk__in=ids, sites__site=site).exclude(kind=Kind.VISITOR))
    if len(found) < len(set(ids)):
        raise Invalid("readers", "a reader must be a user of the collection's site.")
    return found


def _shown(collection: Collection, documents: int) -> dict[str, Any]:
    readers = [{"id": str(each.pk), "name": each.name or each.username} for each in collection.readers.all()]
    return {
        "id": str(collection.pk),
        "site": str(collection.site_id),
        "site_name": collection.site.name,
        "name": collection.name,
        "visibility": collection.visibility,
        "readers": sorted(readers, key=lambda reader: (reader["name"].casefold(), reader["id"])),
        "documents": documents,
    }
