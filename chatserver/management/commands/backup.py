"""`manage.py backup PATH`: all records and uploaded files in one file, while the server runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console

from chatserver.management.bars import bars
from chatserver.serving.archive import BackupError
from chatserver.serving.backup import back_up


class Command(BaseCommand):
    help = (
        "Write all records and uploaded files to one file, readable by its owner alone. The server may go on working. "
        "The search index and the secret key are not in it. `manage.py restore` brings it back."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", type=Path, metavar="PATH", help="the file to write; an older one is replaced")

    def handle(self, *args: Any, path: Path, **options: Any) -> None:
        console = Console(soft_wrap=True, highlight=False)
        if path.is_dir():
            raise CommandError(f"{path} is a folder: name a file in it.")
        try:
            with bars(console) as progress:
                manifest = back_up(path, progress)
        except BackupError as error:
            raise CommandError(f"No backup was made: {error}") from None
        except OSError as error:
            raise CommandError(f"No backup was made: {path} cannot be written ({error.strerror}).") from None
        counts = manifest.counts
        console.print(
            f"{path}: {counts['rooms_message']} messages in {counts['rooms_room']} rooms, {counts['sites_user']} "
            f"users, {counts['knowledge_document']} documents, {len(manifest.parts) - 1} files; "
            f"{path.stat().st_size:,} bytes."
        )
        if manifest.missing:
            console.print(
                f"{manifest.missing} uploaded files are not there; they were deleted, or lie on another machine."
            )
