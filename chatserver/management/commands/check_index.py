"""`manage.py check_index`: compare the search index with the records, and repair it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from chatserver.errors import Unavailable
from chatserver.knowledge import records
from chatserver.knowledge.ingest import Ingester
from chatserver.knowledge.models import Document
from chatserver.knowledge.upkeep import Fault, Finding

SHOWN = 100
"""Rows of the table; the summary counts all, and `--json` says all."""


class Command(BaseCommand):
    help = (
        "Compare the search index with the database: passages that are missing, different, doubled or unknown, "
        "vectors that are missing, tables that nothing reads. The exit code is 0 when nothing is found, 1 otherwise. "
        "The server may go on working; what it is just changing is left out."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--repair", action="store_true", help="put right what is found")
        parser.add_argument("--json", action="store_true", help="print the findings as JSON")

    def handle(self, *args: Any, repair: bool, **options: Any) -> None:
        console = Console(soft_wrap=True, highlight=False)
        with Ingester.from_settings() as ingester:
            try:
                found = list(_findings(ingester, repair, console, quiet=options["json"]))
            except Unavailable as error:
                raise CommandError(error.message, returncode=2) from None
            if repair:
                ingester.upkeep.tidy()
            waiting = records.unfinished().count()
        if options["json"]:
            findings = [{"fault": each.fault.name.lower(), "where": each.where, "rows": each.rows} for each in found]
            self.stdout.write(json.dumps({"findings": findings, "repaired": repair, "unfinished": waiting}))
        else:
            _show(console, found, repair, waiting)
        if found:
            raise SystemExit(1)


def _findings(ingester: Ingester, repair: bool, console: Console, *, quiet: bool) -> Iterator[Finding]:
    with Progress(console=console, disable=quiet or not console.is_terminal, transient=True) as bar:
        task = bar.add_task("Documents", total=records.visible().count())
        yield from ingester.upkeep.check(repair=repair, progress=lambda done: bar.advance(task, done))
    yield from ingester.upkeep.leftovers(repair=repair)


def _show(console: Console, found: list[Finding], repaired: bool, waiting: int) -> None:
    if found:
        ids = [each.where for each in found[:SHOWN] if each.fault is not Fault.LEFTOVER]
        titles = {str(pk): title for pk, title in Document.objects.filter(pk__in=ids).values_list("pk", "title")}
        table = Table("Document or table", "Title", "Chunks", "Fault")
        for each in found[:SHOWN]:
            table.add_row(each.where, titles.get(each.where, ""), str(each.rows), each.fault)
        console.print(table)
    more = f" (the first {SHOWN} are shown)" if len(found) > SHOWN else ""
    done = "repaired" if repaired else "`manage.py check_index --repair` puts them right"
    said = f"{len(found)} faults found{more}: {done}." if found else "The index is what the database says."
    console.print(said + (f" {waiting} documents are being worked on or wait." if waiting else ""))
