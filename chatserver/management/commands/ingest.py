"""`manage.py ingest PATH…`: bring files, folders and web pages into a collection, with a progress bar."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from chatserver.config import config
from chatserver.errors import ProviderError, Unavailable
from chatserver.knowledge import records
from chatserver.knowledge.ingest import Ingester
from chatserver.knowledge.kinds import EXTENSIONS, MEDIA_TYPE, kind_of, passed_over
from chatserver.knowledge.models import Collection, Document, WebSource
from chatserver.knowledge.parse import ParseError
from chatserver.knowledge.web import sources
from chatserver.knowledge.web.errors import Refused
from chatserver.sites.models import Site


class Command(BaseCommand):
    help = (
        f"Bring files ({', '.join(end for end, kind in EXTENSIONS.items() if kind != 'code')}, and source code) and "
        "whole folders into the search, and pages of web sites. Run it again after changes: what is there already is "
        "left alone, and a file or a page with new content takes its old one's place."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "paths", nargs="+", metavar="PATH", help="a file, a folder with all below it, or an http(s) URL"
        )
        parser.add_argument("--sitemap", action="store_true", help="the URLs are sitemaps: fetch the pages they list")
        parser.add_argument("--collection", default="", help=f"name; made when missing ({records.COLLECTION})")
        parser.add_argument("--site", default="", metavar="KEY", help="the site's key; needed when there are several")

    def handle(self, *args: Any, paths: list[str], collection: str, site: str, sitemap: bool, **options: Any) -> None:
        urls = [path for path in map(str, paths) if path.lower().startswith(("http://", "https://"))]
        files, unreadable = _files([Path(path) for path in paths if path not in urls])
        kind = WebSource.Kind.SITEMAP if sitemap else WebSource.Kind.PAGE
        target = records.the_collection(_site(site), collection)
        console = Console(soft_wrap=True, highlight=False)
        for line in unreadable:
            console.print(f"[red]✗[/] {escape(line)}")
        counts = {"ready": 0, "failed": len(unreadable), "unchanged": 0}
        with Ingester.from_settings() as ingester, _bar(console) as bar:
            task = bar.add_task("Documents", total=len(files) + len(urls))
            ingester.progress = lambda document, done, total: bar.update(
                task, description=f"{escape(document.title[:40])} ({done}/{total} vectors)"
            )

            def count(results: Iterable[_Result]) -> None:
                for name, outcome, reason in results:
                    counts[outcome] = counts.get(outcome, 0) + 1
                    if reason:
                        console.print(f"[red]✗[/] {escape(name)}: {escape(reason)}")
                bar.advance(task)

            for file in files:
                bar.update(task, description=escape(file.name[-40:]))
                count(_ingest(ingester, target, file))
            for url in urls:
                bar.update(task, description=escape(url[:40]))
                count(_fetch(ingester, target, url, kind))
            # Everything is found by its words before the first vector is made: that is what takes long.
            _embed(ingester, target)
            bar.update(task, description="Documents")
            _tidy(ingester)
        console.print(
            f"{counts['ready']} ready, {counts['unchanged']} unchanged, {counts['failed']} failed "
            f"in collection {escape(target.name)!r} of site {escape(target.site.key)!r}."
        )
        if counts["failed"] and not (counts["ready"] or counts["unchanged"]):
            raise SystemExit(1)


type _Result = tuple[str, str, str]
"""What it is called; ready, unchanged or failed; and the reason."""


def _ingest(ingester: Ingester, target: Collection, file: Path) -> Iterator[_Result]:
    """One result for a file, or one for each that came in an archive. Raises `CommandError` when nothing more can be
    done."""
    path = str(file.resolve())
    try:
        kind = kind_of(file.name)
        if (size := file.stat().st_size) > config().upload_bytes:
            limit = f"it has {size:,} bytes; at most {config().upload_bytes:,} are read (UPLOAD_BYTES)."
            yield str(file), "failed", limit
            return
        with file.open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").digest()
    except ParseError as error:
        yield str(file), "failed", str(error)
        return
    except OSError as error:
        yield str(file), "failed", f"it cannot be read ({error.strerror})."
        return
    document, work = records.register(
        target, file=path, digest=digest, size=size, origin=path, media_type=MEDIA_TYPE[kind]
    )
    if work:
        yield from _results(ingester, document)
    else:
        yield path, "unchanged", ""


def _fetch(ingester: Ingester, target: Collection, url: str, kind: WebSource.Kind) -> Iterator[_Result]:
    """The results of what the address holds, and one for all that had not changed."""
    try:
        source, _ = sources.add(target, url, kind=kind, due=False)
    except Refused as error:
        yield url, "failed", str(error)
        return
    if source.kind != kind:
        source.kind, source.look = kind, None
        source.save(update_fields=["kind", "look"])
    results: list[_Result] = []

    def registered(document: str) -> None:
        results.extend(_results(ingester, Document.objects.defer("text").get(pk=document)))

    try:
        with sources.tools() as tools:
            if not sources.fetch(source, tools, registered):
                yield url, "failed", "another process fetches from this site just now."
                return
    except Unavailable as error:
        raise CommandError(f"{error.message} What is done stays; run the same command again.") from None
    yield from results
    if source.status == WebSource.Status.FAILED:
        yield url, "failed", source.error
    elif source.error or not results:
        yield url, "unchanged", source.error


def _results(ingester: Ingester, document: Document) -> Iterator[_Result]:
    """Of a document that there is work for; of an archive, those of its members."""
    result = _processed(ingester, document)
    members = list(records.unfinished().filter(parent=document).defer("text"))
    if result[1] == "failed" or not members:
        yield result
    for member in members:
        yield _processed(ingester, member)


def _processed(ingester: Ingester, document: Document) -> _Result:
    try:
        outcome = ingester.process(str(document.pk), pause=lambda: True)
    except (Unavailable, ProviderError) as error:
        raise CommandError(f"{error.message} What is done stays; run the same command again.") from None
    match outcome:
        case "ready" | "embedding":  # without vectors it is found, too
            return document.origin, "ready", ""
        case "failed":
            return document.origin, "failed", Document.objects.values_list("error", flat=True).get(pk=document.pk)
        case "busy":
            return document.origin, "failed", "another process has it just now."
        case _:
            return document.origin, "failed", "it was deleted meanwhile."


def _embed(ingester: Ingester, target: Collection) -> None:
    try:
        waiting = target.documents.filter(status=Document.Status.EMBEDDING).order_by("pk")
        for document in waiting.values_list("pk", flat=True):
            ingester.process(str(document))
    except (Unavailable, ProviderError) as error:
        raise CommandError(
            f"{error.message} All documents are found by their words; vectors follow when the server runs, or when you "
            "run the same command again."
        ) from None


def _tidy(ingester: Ingester) -> None:
    try:
        ingester.upkeep.tidy()
    except Unavailable as error:
        raise CommandError(error.message) from None


def _files(paths: list[Path]) -> tuple[list[Path], list[str]]:
    """The files named and those found below folders, once each; and a line for each name that is neither."""
    found: dict[Path, None] = {}
    missing: list[str] = []
    for path in paths:
        if path.is_dir():
            found |= dict.fromkeys(_below(path))
        elif path.exists():
            found[path] = None
        else:
            missing.append(f"{path}: there is no such file or folder.")
    return list(found), missing


def _below(folder: Path) -> Iterator[Path]:
    """Hidden files and folders are left out, what programs made, and what no parser reads."""
    for path in sorted(folder.rglob("*")):
        meant = not passed_over(path.relative_to(folder).as_posix())
        if meant and path.is_file() and path.suffix.lower() in EXTENSIONS:
            yield path


def _site(key: str) -> Site:
    sites = list(Site.objects.order_by("created")[:100])
    if key:
        if site := next((site for site in sites if site.key == key), None):
            return site
        raise CommandError(f"There is no site {key!r}; there are: {', '.join(site.key for site in sites) or 'none'}.")
    if len(sites) == 1:
        return sites[0]
    if sites:
        raise CommandError(f"There are several sites; name one with --site: {', '.join(site.key for site in sites)}.")
    raise CommandError("There is no site yet: run `manage.py demo` (or `make run`) once, or make one in the admin.")


def _bar(console: Console) -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", justify="left"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=not console.is_terminal,
        disable=not console.is_terminal,
    )
