"""`manage.py export_person WHO PATH`: all that is kept of one person, for that person."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from chatserver.serving.person import PersonError, export, find

WHO = "an id, a user name, an e-mail address, or of a visitor SITE-KEY/SUBJECT"


class Command(BaseCommand):
    help = (
        "Write all that is kept of one person, user or visitor, to a ZIP of JSON files: profile, rooms, messages with "
        "the answers to them, ratings, documents with their uploads. Only its owner may read the file."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("who", metavar="WHO", help=WHO)
        parser.add_argument("path", type=Path, metavar="PATH", help="the ZIP file to write; an older one is replaced")

    def handle(self, *args: Any, who: str, path: Path, **options: Any) -> None:
        try:
            user = find(who)
            counts = export(user, path)
        except PersonError as error:
            raise CommandError(f"Nothing was exported: {error}") from None
        except OSError as error:
            raise CommandError(f"Nothing was exported: {path} cannot be written ({error.strerror}).") from None
        said = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items())
        self.stdout.write(f"{path}: {user} ({user.pk}) with {said}.")
