"""`manage.py restore PATH`: a backup becomes the server's data, and the search index is built from it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection
from rich.console import Console

from chatserver.config import config
from chatserver.errors import Unavailable
from chatserver.knowledge import records
from chatserver.knowledge.index import LanceIndex
from chatserver.knowledge.ingest import Ingester
from chatserver.management.bars import bars
from chatserver.serving.archive import BackupError
from chatserver.serving.restore import restore


class Command(BaseCommand):
    help = (
        "Make the database and the uploaded files what a backup holds, bring the tables up to date and build the "
        "search index. Stop the server first. Clients forget what they remember. An error changes nothing."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", type=Path, metavar="PATH", help="a file that `manage.py backup` made")
        parser.add_argument("--force", action="store_true", help="delete what is there")

    def handle(self, *args: Any, path: Path, force: bool, **options: Any) -> None:
        console = Console(soft_wrap=True, highlight=False)
        with bars(console) as progress:
            try:
                manifest = restore(path, force=force, progress=progress)
            except BackupError as error:
                raise CommandError(f"Not restored: {error}") from None
            except OSError as error:
                raise CommandError(f"Not restored: {error.filename or path} ({error.strerror}).") from None
            # From here on the backup's records are in place.
            call_command("migrate", interactive=False, verbosity=0)
            with connection.cursor() as cursor:
                cursor.execute("ANALYZE")
            total, done = records.visible().count(), 0

            def indexed(documents: int) -> None:
                nonlocal done
                done += documents
                progress("Search index", done, total)

            # Words only: vectors may take hours, and searches find by words meanwhile.
            ingester = Ingester(LanceIndex.from_settings(config()))
            try:
                with ingester:
                    ingester.rebuild(indexed)
            except Unavailable as error:
                raise CommandError(
                    f"Records and files are restored, the search index is not: {error.message} Run `manage.py reindex`."
                ) from None
        counts = manifest.counts
        console.print(
            f"Restored the backup of {manifest.created}: {counts['rooms_message']} messages in {counts['rooms_room']} "
            f"rooms, {counts['sites_user']} users, {counts['knowledge_document']} documents, "
            f"{len(manifest.parts) - 1} files. {total} documents are found by their words; the background worker makes "
            "vectors where an embedding model is set."
        )
