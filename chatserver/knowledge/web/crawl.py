"""One look at a web source: which pages there are, then each of them into a document, in turns of bounded length.

What is left of a look stands in the source's record, so the next turn - after a pause, a crash, in another process -
goes on there. The last pages of a turn that a crash cut short are asked for again: conditional requests are cheap.
"""

from __future__ import annotations

import hashlib
import time
from collections import deque
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any

import httpx
import msgspec
from django.db import transaction
from django.utils import timezone
from msgspec import Struct

from chatserver.config import config
from chatserver.errors import NotFound
from chatserver.knowledge import records
from chatserver.knowledge.kinds import MEDIA_TYPE, Kind, kind_of
from chatserver.knowledge.models import Document, WebSource
from chatserver.knowledge.parse import ParseError
from chatserver.knowledge.web.errors import Disallowed, FetchError, Gone, Later, Refused, Unreachable
from chatserver.knowledge.web.fetch import Fetched, Fetcher, Validators
from chatserver.knowledge.web.robots import Robots
from chatserver.knowledge.web.sitemaps import BYTES, ENTRIES, Entry, Listing, read_sitemap, same_site

__all__ = ["Crawl"]

SITEMAPS = 50
SITEMAP_DEPTH = 2
LISTING_SECONDS = 300.0
MISSES = 10
"""So many pages in a row for which the site does not answer, and it is left alone."""
WAITS = 5
"""So often in one look a site may ask for some peace."""
_VAGUE = ("", "application/octet-stream", "binary/octet-stream", "text/plain")
"""Media types that servers send for lack of a better one."""


class Look(Struct):
    """How far a look at a source has come; `WebSource.look` keeps it as JSON. `todo` None: the pages are not listed
    yet. `why`: of the first page that failed."""

    began: datetime
    todo: list[Entry] | None = None
    good: int = 0
    failed: int = 0
    disallowed: int = 0
    foreign: int = 0
    cut: bool = False
    why: str = ""
    misses: int = 0
    waits: int = 0


class _SourceGone(Exception):
    """It was deleted meanwhile: nothing more is to be done for it."""


class Crawl:
    """For one source, in one process at a time. Synchronous; `run` runs what isn't, always on the same loop.

    `registered` is told the id of each document that there is work for; `remove` takes documents out of the index and
    the records.
    """

    def __init__(
        self,
        source: WebSource,
        fetcher: Fetcher,
        *,
        run: Callable[[Coroutine[Any, Any, Any]], Any],
        registered: Callable[[str], object],
        remove: Callable[[list[str]], None],
    ) -> None:
        self._source = source
        self._fetcher = fetcher
        self._run = run
        self._registered = registered
        self._remove = remove
        self._robots = Robots(fetcher, config().fetch_pause_seconds)
        self._look = msgspec.convert(source.look, Look) if source.look else Look(timezone.now())

    def turn(self, seconds: float) -> float | None:
        """Work for about so long: seconds to wait before the next turn, or None when the look is over.

        Raises `Unavailable` and Django's database errors; what is done stays.
        """
        try:
            return self._turn(time.monotonic() + seconds)
        except (_SourceGone, NotFound):  # the second: its collection is gone, and it with that
            return None

    def _turn(self, ends: float) -> float | None:
        look = self._look
        try:
            if look.todo is None:
                look.todo = self._list()
                self._save(done=0, total=len(look.todo))
            while look.todo:
                self._page(look.todo[0])
                del look.todo[0]
                self._save(done=self._source.total - len(look.todo))
                if look.misses >= MISSES:
                    break
                if look.todo and time.monotonic() >= ends:
                    self._save(look=msgspec.to_builtins(look))
                    return 0.0
        except Later as error:
            look.waits += 1
            if look.waits <= WAITS:
                self._save(look=msgspec.to_builtins(look))
                return error.seconds
            look.why = look.why or str(error)
        except FetchError as error:
            look.why = str(error)
        self._finish()
        return None

    def _finish(self) -> None:
        every = self._source.every_hours
        self._save(
            status=WebSource.Status.READY if self._look.good else WebSource.Status.FAILED,
            error=self._summary(),
            fetched=timezone.now(),
            next_fetch=timezone.now() + timedelta(hours=every) if every else None,
            look=None,
        )

    def _summary(self) -> str:
        """What was not as it should be, in words for the source's owner."""
        look, total = self._look, self._source.total
        if total <= 1 and look.why:
            return look.why
        said = []
        if look.failed:
            said.append(f"{look.failed} of {total} pages could not be fetched; the first: {look.why}")
        elif look.why:
            said.append(look.why)
        if look.todo:
            said.append(f"{len(look.todo)} pages were not tried, because the site failed too often.")
        if look.disallowed:
            said.append(f"{look.disallowed} pages are left out, as the site's robots.txt asks.")
        if look.foreign:
            said.append(f"{look.foreign} addresses are left out: they are of other sites, or cannot be fetched from.")
        if look.cut:
            said.append(f"Only {self._source.page_limit} pages are fetched, the limit of this source.")
        if not (look.good or said):
            said.append("The sitemap lists no pages.")
        return " ".join(said)

    def _save(self, **values: Any) -> None:
        for name, value in values.items():
            setattr(self._source, name, value)
        if not WebSource.objects.filter(pk=self._source.pk).update(**values):
            raise _SourceGone

    @cached_property
    def _site(self) -> httpx.URL:
        return self._fetcher.guard.check_url(self._source.url)

    # --- which pages -------------------------------------------------------------------------------------------------

    def _list(self) -> list[Entry]:
        """The pages to fetch. Documents of pages that are listed no more are removed, or looked after where the list
        may lack some."""
        if self._source.kind == WebSource.Kind.PAGE:
            return [Entry(self._source.url)]
        entries, whole = self._sitemaps()
        listed = {entry.url for entry in entries}
        missing = [document for document in self._documents() if document.origin not in listed]
        if whole and entries:  # an empty list is more likely a slip than the end of a site
            self._drop(missing)
        if whole:
            return entries
        return entries + [Entry(url) for url in dict.fromkeys(document.origin for document in missing)]

    def _sitemaps(self) -> tuple[list[Entry], bool]:
        """The pages of this site, and whether these are all. Raises `FetchError` when there is no sitemap."""
        look, ends = self._look, time.monotonic() + LISTING_SECONDS
        found: dict[str, Entry] = {}
        waiting, seen, whole = deque([(self._source.url, 0)]), {self._source.url}, True
        look.foreign = 0
        while waiting:
            url, depth = waiting.popleft()
            try:
                listing = self._sitemap(url)
            except Later:
                raise
            except FetchError as error:
                if not depth:
                    raise
                look.why = look.why or f"{url}: {error}"
                whole = False
                continue
            whole = whole and not listing.cut
            for entry in listing.entries:
                own = self._own(entry.url)
                if own is None:
                    look.foreign += 1
                elif not listing.index:
                    found.setdefault(own, Entry(own, entry.changed))
                elif own not in seen and depth < SITEMAP_DEPTH and len(seen) < SITEMAPS:
                    seen.add(own)
                    waiting.append((own, depth + 1))
                elif own not in seen:
                    whole = False
            look.cut = len(found) > self._source.page_limit
            if look.cut or time.monotonic() > ends:
                return list(found.values())[: self._source.page_limit], False
        return list(found.values()), whole

    def _sitemap(self, url: str) -> Listing:
        fetched: Fetched = self._run(self._fetcher.get(url, limit=BYTES, hop=self._robots.turn))
        assert fetched.body is not None  # nothing conditional was asked
        with fetched.body:
            return read_sitemap(fetched.body, ENTRIES)

    def _own(self, text: str) -> str | None:
        """The URL as it is kept, if it is one of this site."""
        try:
            url = self._fetcher.guard.check_url(text)
        except Refused:
            return None
        return str(url) if same_site(url, self._site) else None

    # --- one page ----------------------------------------------------------------------------------------------------

    def _page(self, entry: Entry) -> None:
        """Count how it went. Raises `Later` alone, for the page is then to be tried again."""
        look = self._look
        document = next(iter(self._documents(entry.url)), None)
        if document is not None and document.status == Document.Status.FAILED:
            document = None  # perhaps it can be read today
        try:
            if document is None or not _unchanged(document, entry):
                self._fetch(entry, document)
            elif document is not None:
                _touch(document)
            look.good += 1
        except Later:
            raise
        except Disallowed as error:
            look.disallowed += 1
            look.why = look.why or (str(error) if self._source.total == 1 else "")
        except Gone as error:
            self._drop(self._documents(entry.url))
            self._failed(entry, error)
        except Unreachable as error:
            look.misses += 1
            self._failed(entry, error)
            return
        except FetchError as error:
            self._failed(entry, error)
        look.misses = 0

    def _failed(self, entry: Entry, error: FetchError) -> None:
        look = self._look
        look.failed += 1
        look.why = look.why or (f"{entry.url}: {error}" if self._source.total > 1 else str(error))

    def _fetch(self, entry: Entry, document: Document | None) -> None:
        known = Validators(document.etag, document.last_modified) if document is not None else Validators()
        get = self._fetcher.get(
            entry.url, limit=config().upload_bytes, known=known, hop=self._robots.hop, head=self._check_head
        )
        fetched: Fetched = self._run(get)
        if fetched.body is None:
            assert document is not None
            _touch(document)
            return
        with fetched.body:
            if work := self._keep(entry, fetched):
                self._registered(work)

    def _check_head(self, url: httpx.URL, media_type: str) -> None:
        if self._source.kind == WebSource.Kind.SITEMAP and not same_site(url, self._site):
            raise Refused(f"The page leads to another site, {url.host}.")
        _kind(url, media_type)

    def _keep(self, entry: Entry, fetched: Fetched) -> str | None:
        """The document of what was fetched; its id when there is work for it."""
        assert fetched.body is not None
        digest = hashlib.file_digest(fetched.body, "sha256").digest()
        fetched.body.seek(0)
        collection, url = self._source.collection, str(fetched.url)
        with transaction.atomic():
            # Whoever deletes the source waits for this document, or comes first.
            mine = WebSource.objects.select_for_update(no_key=True).filter(pk=self._source.pk)
            if not mine.values_list("pk"):
                raise _SourceGone
            twin = self._documents(hash_=digest).exclude(origin=entry.url).filter(fetched__gte=self._look.began)
            if twin:  # two addresses of one page: it keeps the first one, or it would change hands at each look
                replaced = list(self._documents(entry.url))
            else:
                replaced = []
                stored, digest, size = records.store(records.blocks_of(fetched.body))
                document, work = records.register(
                    collection,
                    file=stored,
                    digest=digest,
                    size=size,
                    origin=entry.url,
                    media_type=MEDIA_TYPE[_kind(fetched.url, fetched.media_type)],
                    url=url,
                    owner=str(self._source.owner_id or "") or None,
                )
                values: dict[str, Any] = {
                    "source": self._source,
                    "etag": fetched.validators.etag,
                    "last_modified": fetched.validators.last_modified,
                    "fetched": timezone.now(),
                }
                if document.url != url:  # it moved: it is read anew, so that the index knows where sources link to
                    values |= {"url": url, "status": Document.Status.QUEUED}
                    work = True
                Document.objects.filter(pk=document.pk).update(**values)
        self._drop(replaced)
        return str(document.pk) if not twin and work else None

    # --- its documents -----------------------------------------------------------------------------------------------

    def _documents(self, origin: str | None = None, hash_: bytes | None = None) -> Any:
        """Those that were fetched for this source, the latest first; what came in them as archives goes with them."""
        source = self._source
        found = Document.objects.filter(collection=source.collection_id, source=source.pk, parent=None)
        found = found.defer("text").order_by("-created")
        if origin is not None:
            found = found.filter(origin=origin)
        return found if hash_ is None else found.filter(content_hash=hash_)

    def _drop(self, documents: Any) -> None:
        if ids := [id_ for document in documents for id_ in records.with_members(document)]:
            self._remove(ids)


def _unchanged(document: Document, entry: Entry) -> bool:
    return bool(entry.changed and document.fetched and entry.changed <= document.fetched)


def _touch(document: Document) -> None:
    Document.objects.filter(pk=document.pk).update(fetched=timezone.now())


def _kind(url: httpx.URL, media_type: str) -> Kind:
    """What the site says counts, before the address: `readme.md` may be a page about that file."""
    name = PurePosixPath(url.path).name
    try:
        if media_type in _VAGUE:
            return kind_of(name, media_type)
        try:
            return kind_of("", media_type)
        except ParseError:
            return kind_of(name, "")
    except ParseError as error:
        raise FetchError(str(error).replace("Files", "Pages", 1)) from None
