"""Web sources as records: how one comes in, whose turn it is, and how it goes. Synchronous.

`WebSource.next_fetch` says when somebody is to look at a source. A message names that moment, so of several messages
for one turn only the first counts. Who looks holds the source's site (a lock of PostgreSQL, which ends with its
connection): a site is asked by one process at a time, and a source that a crash left behind is soon due again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import Any

import httpx
from django.db import DatabaseError, InterfaceError, transaction
from django.db.models import QuerySet
from django.utils import timezone
from msgspec import Struct

from chatserver.config import config
from chatserver.knowledge import records, work
from chatserver.knowledge.index import LanceIndex
from chatserver.knowledge.models import Collection, Document, WebSource
from chatserver.knowledge.web.addresses import Guard
from chatserver.knowledge.web.crawl import Crawl
from chatserver.knowledge.web.fetch import Fetcher

__all__ = [
    "PAGE_LIMIT", "PAGE_LIMIT_MAX", "Tools", "add", "ask_again", "delete", "due", "fetch", "some_of", "take_turn",
    "tools",
]  # fmt: skip

PAGE_LIMIT = 500
PAGE_LIMIT_MAX = 10_000
TURN_SECONDS = 15.0
"""So long one source is worked on before documents, and other sources, get their turn."""
LEASE = timedelta(minutes=2)
"""After a turn has begun: then it is over, or goes on and holds its site, or has died."""
EARLY = timedelta(seconds=2)
"""Clocks differ."""
RETRY = timedelta(minutes=1)


def add(
    collection: Collection,
    url: str,
    *,
    kind: WebSource.Kind = WebSource.Kind.PAGE,
    owner: str | None = None,
    every_hours: int = 0,
    page_limit: int = PAGE_LIMIT,
    due: bool = True,
) -> tuple[WebSource, bool]:
    """The collection's source of that address, and whether it is a new one; a new one is `due` now. Raises `Refused`
    for an address that is never fetched from."""
    kept = str(Guard.from_settings(config()).check_url(url))
    values = {"owner_id": owner, "kind": kind, "every_hours": every_hours, "page_limit": page_limit}
    return WebSource.objects.get_or_create(
        collection=collection, url=kept, defaults={**values, "next_fetch": timezone.now() if due else None}
    )


def ask_again(source: WebSource) -> None:
    """Have it fetched now; a look that is under way goes on."""
    mine = WebSource.objects.filter(pk=source.pk)
    mine.update(next_fetch=timezone.now())
    mine.exclude(status=WebSource.Status.FETCHING).update(status=WebSource.Status.QUEUED)
    source.refresh_from_db()


def due() -> QuerySet[WebSource]:
    return WebSource.objects.filter(next_fetch__lte=timezone.now()).defer("look").order_by("next_fetch")


def some_of(source: WebSource) -> list[str]:
    """Ids of the next documents to delete of a source that goes with its documents."""
    found = Document.objects.filter(source=source, parent=None).defer("text")[: records.DELETED_AT_ONCE]
    return [id_ for document in found for id_ in records.with_members(document)]


def delete(source: WebSource, *, if_empty: bool = False) -> bool:
    """Delete it; what documents it still has stay as if they had been given by hand. `if_empty`: only when it has
    none. Whether it is gone."""
    with transaction.atomic():
        # A crawl takes the same lock for each document: none comes in between, or later.
        locked = WebSource.objects.select_for_update().filter(pk=source.pk).first()
        if locked is None:
            return True
        if if_empty and locked.documents.exists():
            return False
        locked.delete()
        return True


# --- turns -----------------------------------------------------------------------------------------------------------


class Tools(Struct, frozen=True):
    """What looking at sources needs, all on one event loop."""

    run: Callable[[Coroutine[Any, Any, Any]], Any]
    fetcher: Fetcher
    index: LanceIndex

    def remove(self, ids: list[str]) -> None:
        """Take documents out of the index and the records, as `api.removal` does."""
        self.run(self.index.remove(ids))
        records.delete(ids)
        self.run(self.index.remove(ids))  # a worker may have been writing them, and is done now


@contextmanager
def tools() -> Iterator[Tools]:
    with asyncio.Runner() as runner:
        found = Tools(runner.run, Fetcher.from_settings(config()), LanceIndex.from_settings(config()))
        try:
            yield found
        finally:
            runner.run(found.fetcher.aclose())


def take_turn(source_id: str, at: datetime, registered: Callable[[str], object]) -> datetime | None:
    """Take the turn on a source that is due `at` that time, unless it is taken, or its site is in other hands. When the
    next turn is due; None: not as part of this look.

    Raises `Unavailable` and Django's database errors; it is due again soon then.
    """
    source = WebSource.objects.filter(pk=source_id, next_fetch=at).select_related("collection").first()
    if source is None or at > timezone.now() + EARLY:
        return None
    mine = WebSource.objects.filter(pk=source_id)
    with records.ingesting(_site(source)) as held:
        lease = timezone.now() + LEASE
        if not held or not mine.filter(next_fetch=at).update(status=WebSource.Status.FETCHING, next_fetch=lease):
            return None
        source.refresh_from_db()
        try:
            with tools() as kit:
                crawl = Crawl(source, kit.fetcher, run=kit.run, registered=registered, remove=kit.remove)
                wait = crawl.turn(TURN_SECONDS)
        except BaseException:
            with suppress(DatabaseError, InterfaceError):  # then the lease ends by itself
                mine.update(next_fetch=timezone.now() + RETRY)
            raise
        if wait is None:
            return None
        if not wait and work.queued():
            wait = TURN_SECONDS  # what was fetched is read meanwhile
        next_at = timezone.now() + timedelta(seconds=wait)
        return next_at if mine.update(next_fetch=next_at) else None


def _site(source: WebSource) -> str:
    """The name of the lock that keeps a site to one process."""
    try:
        host = httpx.URL(source.url).host
    except (httpx.InvalidURL, ValueError):  # to be refused by whoever takes the turn
        host = str(source.pk)
    return f"web:{host}"


def fetch(source: WebSource, kit: Tools, registered: Callable[[str], object]) -> bool:
    """A whole look at a source by this process, which rests as long as its site asks; False when the site is in other
    hands. `source` has the outcome."""
    with records.ingesting(_site(source)) as held:
        if not held:
            return False
        mine = WebSource.objects.filter(pk=source.pk)
        mine.update(status=WebSource.Status.FETCHING)
        crawl = Crawl(source, kit.fetcher, run=kit.run, registered=registered, remove=kit.remove)
        wait: float | None = 0.0
        while wait is not None:
            mine.update(next_fetch=timezone.now() + timedelta(seconds=wait) + LEASE)
            time.sleep(wait)
            wait = crawl.turn(TURN_SECONDS)
        return True
