"""How a document comes in over HTTP: as a file in a form, or as a text with its title. Synchronous."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any

import msgspec
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest
from msgspec import Meta, Struct

from chatserver.api.managed import Managed
from chatserver.config import config
from chatserver.errors import Invalid, TooLarge
from chatserver.knowledge import records
from chatserver.knowledge.models import Collection, Document
from chatserver.knowledge.parse import MEDIA_TYPE, ParseError, kind_of

__all__ = ["BODY", "Given", "check_size", "keep", "keep_text", "read"]

FORM_BYTES = 64 * 1024
"""What the fields and boundaries of a form may add to its file."""

BODY = {
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
                        "path": {
                            "type": "string",
                            "maxLength": 2000,
                            "description": "where it lies in its folder, which tells it from files of the same name",
                        },
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
                        "url": {"type": "string", "description": "alone: the page to fetch"},
                        "collection": {"type": "string", "format": "uuid"},
                    },
                }
            },
        },
    }
}
"""The body of `POST /documents` for the API's description."""


class Given(Struct, forbid_unknown_fields=False, kw_only=True):
    """The JSON body of `POST /documents`, or the fields of its form with the `file`."""

    text: str = ""
    title: Annotated[str, Meta(max_length=500)] = ""
    url: Annotated[str, Meta(max_length=2000)] = ""
    path: Annotated[str, Meta(max_length=2000)] = ""
    collection: str = ""

    @property
    def is_page(self) -> bool:
        """Whether there is an address alone: what it holds is to be fetched."""
        return bool(self.url) and not self.text and not self.title


def check_size(request: HttpRequest) -> None:
    """Refuse by its header what is too large, before it is read. Raises `TooLarge`."""
    if int(request.headers.get("Content-Length") or 0) > config().upload_bytes + FORM_BYTES:
        raise TooLarge(f"A file may have {config().upload_bytes:,} bytes (UPLOAD_BYTES).")


def read(request: HttpRequest) -> tuple[Given, UploadedFile[Any] | None]:
    """May take long and touch the disk: not for the event loop. Raises `Invalid`."""
    if request.content_type == "multipart/form-data":
        file = request.FILES.get("file")
        if not isinstance(file, UploadedFile):
            raise Invalid("file", "the form holds no file.")
        fields = {name: request.POST.get(name, "") for name in ("title", "url", "path", "collection")}
        return _given(msgspec.json.encode(fields)), file
    given = _given(request.body)
    if given.is_page:
        return given, None
    if not given.text.strip() or not given.title.strip():
        raise Invalid("text" if given.title.strip() else "title", "this is missing.")
    return given, None


def keep(managed: Managed, given: Given, file: UploadedFile[Any] | None, *, owner: str) -> tuple[Document, bool]:
    """The document, and whether there is work to do for it. `owner`: the id of who gives it."""
    collection, url, title = managed.target(given.collection), given.url or None, given.title.strip()
    if file is None:
        origin = given.url or given.title
        return keep_text(collection, title=title, text=given.text, origin=origin, url=url, owner=owner)
    name = file.name or ""
    try:
        kind = kind_of(name, file.content_type or "")
    except ParseError as error:
        raise Invalid("file", str(error)) from None
    stored, digest, size = records.store(file.chunks())
    return records.register(
        collection,
        file=stored,
        digest=digest,
        size=size,
        origin=(given.url or given.path or name or given.title)[:2000],
        title=title,
        media_type=MEDIA_TYPE[kind],
        url=url,
        owner=owner,
    )


def keep_text(
    collection: Collection, *, title: str, text: str, origin: str, url: str | None = None, owner: str
) -> tuple[Document, bool]:
    """The same for a text in Markdown. Its title is a part of its content: it is searched, too."""
    stored, digest, size = records.store([text.encode()])
    return records.register(
        collection,
        file=stored,
        digest=hashlib.sha256(b"%s\0%s" % (title.encode(), digest)).digest(),
        size=size,
        origin=origin[:2000],
        title=title,
        media_type="text/markdown",
        url=url,
        owner=owner,
    )


def _given(body: bytes) -> Given:
    try:
        given = msgspec.json.decode(body, type=Given)
    except msgspec.ValidationError as error:
        raise Invalid("body", str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Invalid("body", "this is neither a form nor JSON.") from None
    if any("\0" in value for value in (given.text, given.title, given.url, given.path)):
        raise Invalid("body", "this holds a NUL character.")
    if given.url and not given.url.startswith(("https://", "http://")):
        raise Invalid("url", "this is no http(s) address.")
    return given
