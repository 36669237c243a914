"""`manage.py ingest PATH…`: bring files and folders into a collection, with a progress bar."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
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
from chatserver.knowledge.models import Collection, Document
from chatserver.knowledge.parse import ParseError
from chatserver.sites.models import Site


class Command(BaseCommand):
    help = (
        f"Bring files ({', '.join(end for end, kind in EXTENSIONS.items() if kind != 'code')}, and source code) and "
        "whole folders into the search. Run it again after changes: what is there already is left alone, and a file "
        "with new content takes its old one's place."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("paths", nargs="+", metavar="PATH", type=Path, help="a file, or a folder with all below it")
        parser.add_argument("--collection", default="", help=f"name; made when missing ({records.COLLECTION})")
        parser.add_argument("--site", default="", metavar="KEY", help="the site's key; needed when there are several")

    def handle(self, *args: Any, paths: list[Path], collection: str, site: str, **options: Any) -> None:
        files, unreadable = _files([Path(path) for path in paths])
        target = records.the_collection(_site(site), collection)
        console = Console(soft_wrap=True, highlight=False)
        for line in unreadable:
            console.print(f"[red]✗[/] {escape(line)}")
        counts = {"ready": 0, "failed": len(unreadable), "unchanged": 0}
        with Ingester.from_settings() as ingester, _bar(console) as bar:
            task = bar.add_task("Documents", total=len(files))
            ingester.progress = lambda document, done, total: bar.update(
                task, description=f"{escape(document.title[:40])} ({done}/{total} vectors)"
            )
            for file in files:
                bar.update(task, description=escape(file.name[-40:]))
                for name, outcome, reason in _ingest(ingester, target, file):
                    counts[outcome] = counts.get(outcome, 0) + 1
                    if reason:
                        console.print(f"[red]✗[/] {escape(name)}: {escape(reason)}")
                bar.advance(task)
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
    result = _processed(ingester, document) if work else (path, "unchanged", "")
    members = records.unfinished().filter(parent=document).defer("text") if kind == "zip" else ()
    if kind != "zip" or result[1] == "failed" or not members:
        yield result
    for member in members:
        yield _processed(ingester, member)


def _processed(ingester: Ingester, document: Document) -> _Result:
    try:
        outcome = ingester.process(str(document.pk))
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


def _tidy(ingester: Ingester) -> None:
    try:
        ingester.tidy()
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
