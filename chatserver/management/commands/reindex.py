"""`manage.py reindex`: build the search index anew from PostgreSQL, while the server goes on answering."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import Progress

from chatserver.errors import ProviderError, Unavailable
from chatserver.knowledge import records
from chatserver.knowledge.ingest import Ingester


class Command(BaseCommand):
    help = (
        "Build the search index anew from the database: after INDEX_URL was lost or changed, or EMBED_MODEL was. "
        "Searches go on meanwhile and change over when it is complete; running it twice does no harm."
    )
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        console = Console(soft_wrap=True, highlight=False)
        with (
            Ingester.from_settings() as ingester,
            Progress(console=console, disable=not console.is_terminal) as bar,
        ):
            visible = records.visible().count()
            task = bar.add_task("Words", total=visible)
            try:
                rest = ingester.rebuild(lambda done: bar.advance(task, done))
                task = bar.add_task("Vectors and new documents", total=len(rest))
                failed = 0
                for document in rest:
                    failed += ingester.process(document) == "failed"
                    bar.advance(task)
                ingester.upkeep.tidy(always=True)
            except (Unavailable, ProviderError) as error:
                raise CommandError(f"{error.message} Run `manage.py reindex` again.") from None
        console.print(f"{visible} documents indexed, {len(rest)} brought up to date, {failed} failed.")
