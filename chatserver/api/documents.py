"""Documents and what a search finds in them, for those who manage a site. `docs/protocol.md`, "HTTP API"."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import msgspec
from asgiref.sync import sync_to_async
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse
from msgspec import Meta, Struct
from ninja import Query, Router, Schema
from pydantic import Field

from chatserver import wiring
from chatserver.api.caller import current
from chatserver.api.fields import Text
from chatserver.api.wire import answer
from chatserver.config import config
from chatserver.errors import Forbidden, Invalid, NotFound, TooLarge
from chatserver.knowledge import records, tasks
from chatserver.knowledge.models import Collection, Document
from chatserver.knowledge.parse import MEDIA_TYPE, ParseError, kind_of
from chatserver.sites.models import Site
from chatserver.sites.principals import Principal

router = Router(tags=["documents"])

FORM_BYTES = 64 * 1024
"""What the fields and boundaries of a form may add to its file."""
SEARCHED_COLLECTIONS = 1000


class Filter(Schema):
    collection: UUID | None = None
    status: Document.Status | None = None
    before: UUID | None = Field(None, description="the id of the last document of the page before")
    limit: int = Field(50, ge=1, le=200)


class Search(Schema):
    query: Text = Field(min_length=1, max_length=2000)
    k: int = Field(6, ge=1, le=50)
    collection: UUID | None = None


class Given(Struct, forbid_unknown_fields=False):
    """The JSON body of `POST /documents`."""

    text: str = ""
    title: Annotated[str, Meta(max_length=500)] = ""
    url: Annotated[str, Meta(max_length=2000)] = ""
    collection: str = ""


_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "file": {"type": "string", "format": "binary"},
                        "title": {"type": "string", "maxLength": 500},
                        "url": {"type": "string", "description": "where readers find it; sources link there"},
                        "collection": {"type": "string", "format": "uuid"},
                    },
                    "required": ["file"],
                }
            },
            "application/json": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "title": {"type": "string", "maxLength": 500},
                        "text": {"type": "string", "description": "Markdown"},
                        "url": {"type": "string"},
                        "collection": {"type": "string", "format": "uuid"},
                    },
                    "required": ["title", "text"],
                }
            },
        },
    }
}


@router.post("/documents", openapi_extra=_BODY, response={202: dict[str, Any]})
async def add(request: HttpRequest) -> HttpResponse:
    """A file, or a text with its title: 202 `{id, status}`. The same content again is the same document; other
    content under the same file name, or the same `url`, replaces the document once it is ready."""
    principal = await current(request)
    sites = _sites(principal)
    if int(request.headers.get("Content-Length") or 0) > config().upload_bytes + FORM_BYTES:
        raise TooLarge(f"A file may have {config().upload_bytes:,} bytes (UPLOAD_BYTES).")
    # Reading a form or a body may take long and touch the disk: not on the event loop.
    document, work = await sync_to_async(_register)(request, sites)
    if work:
        await sync_to_async(tasks.enqueue)(str(document.pk))
    return answer({"id": str(document.pk), "status": document.status}, status=202)


@router.get("/documents", response=dict[str, Any])
async def documents(request: HttpRequest, page: Query[Filter]) -> HttpResponse:
    """The newest first: `{documents, more}`."""
    sites = _sites(await current(request))
    found = await sync_to_async(_page)(sites, page)
    return answer(
        {"documents": [_shown(document) for document in found[: page.limit]], "more": len(found) > page.limit}
    )


@router.get("/documents/{uuid:document}", response=dict[str, Any])
async def document(request: HttpRequest, document: UUID) -> HttpResponse:
    """Its state: `queued`, `parsing`, `embedding` (found by its words, `done` of `total` vectors made), `ready`, or
    `failed` with the reason in `error`."""
    sites = _sites(await current(request))
    return answer(_shown(await sync_to_async(_one)(sites, document)))


@router.delete("/documents/{uuid:document}", response={204: None})
async def delete(request: HttpRequest, document: UUID) -> HttpResponse:
    """No search that begins after the answer finds it."""
    sites = _sites(await current(request))
    await sync_to_async(_one)(sites, document)
    # The index first: while that is away nothing has changed and the call can be repeated.
    await wiring.services().index.remove([str(document)])
    await sync_to_async(records.delete)([str(document)])
    return HttpResponse(status=204)


@router.get("/collections", response=dict[str, Any])
async def collections(request: HttpRequest) -> HttpResponse:
    """`{collections: [{id, site, name, visibility}]}`."""
    sites = _sites(await current(request))
    found = await sync_to_async(lambda: list(_collections(sites).order_by("name")[:SEARCHED_COLLECTIONS]))()
    return answer(
        {
            "collections": [
                {"id": str(each.pk), "site": str(each.site_id), "name": each.name, "visibility": each.visibility}
                for each in found
            ]
        }
    )


@router.post("/search", response=dict[str, Any])
async def search(request: HttpRequest, body: Search) -> HttpResponse:
    """What the assistant is shown for this question: passages with the scores of each leg, best first."""
    sites = _sites(await current(request))
    chosen = await sync_to_async(_searched)(sites, body.collection)
    found = await wiring.services().retriever.retrieve(body.query, chosen, body.k)
    return answer({"passages": found})


# --- what a caller may see -------------------------------------------------------------------------------------------

type _Sites = list[UUID] | None
"""Ids of the sites that the caller manages; None: all."""


def _sites(principal: Principal) -> _Sites:
    if principal.superuser:
        return None
    if sites := [UUID(site) for site in principal.roles if principal.manages(site)]:
        return sites
    raise Forbidden("Only an administrator of a site sees its documents.")


def _collections(sites: _Sites) -> Any:
    found = Collection.objects.all()
    return found if sites is None else found.filter(site__in=sites)


def _one(sites: _Sites, id_: UUID) -> Document:
    try:
        return Document.objects.defer("text").get(pk=id_, collection__in=_collections(sites))
    except Document.DoesNotExist:
        raise NotFound("There is no such document.") from None


def _page(sites: _Sites, page: Filter) -> list[Document]:
    found = Document.objects.defer("text").filter(collection__in=_collections(sites)).order_by("-pk")
    if page.collection:
        found = found.filter(collection=page.collection)
    if page.status:
        found = found.filter(status=page.status)
    if page.before:
        found = found.filter(pk__lt=page.before)
    return list(found[: page.limit + 1])


def _searched(sites: _Sites, collection: UUID | None) -> list[str]:
    found = _collections(sites)
    if collection:
        found = found.filter(pk=collection)
        if not found.exists():
            raise NotFound("There is no such collection.")
    return [str(pk) for pk in found.values_list("pk", flat=True)[:SEARCHED_COLLECTIONS]]


def _target(sites: _Sites, collection: str) -> Collection:
    """Where a document goes: the collection that is named, or the first one of the only site there is to choose."""
    if collection:
        try:
            return _collections(sites).get(pk=UUID(collection))  # type: ignore[no-any-return]
        except (ValueError, Collection.DoesNotExist):
            raise Invalid("collection", "there is no such collection.") from None
    managed = list((Site.objects.all() if sites is None else Site.objects.filter(pk__in=sites))[:2])
    if len(managed) != 1:
        raise Invalid("collection", "name the collection: there is more than one site, or none.")
    return records.the_collection(managed[0])


def _shown(document: Document) -> dict[str, Any]:
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
        "created": document.created,
        "updated": document.updated,
    }


# --- what comes in ---------------------------------------------------------------------------------------------------


def _register(request: HttpRequest, sites: _Sites) -> tuple[Document, bool]:
    if request.content_type == "multipart/form-data":
        file = request.FILES.get("file")
        if not isinstance(file, UploadedFile):
            raise Invalid("file", "the form holds no file.")
        fields = {name: request.POST.get(name, "") for name in ("title", "url", "collection")}
        return _keep(sites, _given(msgspec.json.encode(fields)), file)
    given = _given(request.body)
    if given.url and not given.text:
        raise Invalid("url", "fetching pages is not supported yet: send the file, or its title and text.")
    if not given.text.strip() or not given.title.strip():
        raise Invalid("text" if given.title.strip() else "title", "this is missing.")
    return _keep(sites, given, None)


def _given(body: bytes) -> Given:
    try:
        given = msgspec.json.decode(body, type=Given)
    except msgspec.ValidationError as error:
        raise Invalid("body", str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Invalid("body", "this is neither a form nor JSON.") from None
    if any("\0" in value for value in (given.text, given.title, given.url)):
        raise Invalid("body", "this holds a NUL character.")
    if given.url and not given.url.startswith(("https://", "http://")):
        raise Invalid("url", "this is no http(s) address.")
    return given


def _keep(sites: _Sites, given: Given, file: UploadedFile[Any] | None) -> tuple[Document, bool]:
    collection = _target(sites, given.collection)
    name = (file.name if file else "") or ""
    try:
        kind = kind_of(name, (file.content_type if file else "text/markdown") or "")
    except ParseError as error:
        raise Invalid("file", str(error)) from None
    stored, digest, size = records.store(file.chunks() if file else [given.text.encode()])
    return records.register(
        collection,
        file=stored,
        digest=digest,
        size=size,
        origin=(given.url or name or given.title)[:2000],
        title=given.title.strip(),
        media_type=MEDIA_TYPE[kind],
        url=given.url or None,
    )
