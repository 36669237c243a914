"""`manage.py erase_person WHO`: nothing is kept of one person but an anonymous author of deleted messages."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from chatserver.errors import Unavailable
from chatserver.management.commands.export_person import WHO
from chatserver.serving.person import Erased, PersonError, erase, find
from chatserver.sites.models import User


class Command(BaseCommand):
    help = (
        "Delete what is kept of one person, user or visitor: messages and the answers to them, ratings, names, e-mail "
        "addresses, credentials. Open sockets are closed within seconds, and clients forget. It cannot be taken back; "
        "`manage.py export_person` comes first. Backups that exist still hold it."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("who", metavar="WHO", help=WHO)
        parser.add_argument("--documents", action="store_true", help="delete the documents that they own, too")
        parser.add_argument("--yes", action="store_true", help="do not ask")

    def handle(self, *args: Any, who: str, documents: bool, yes: bool, **options: Any) -> None:
        try:
            user = find(who)
        except PersonError as error:
            raise CommandError(f"Nothing was erased: {error}") from None
        self.stdout.write(f"{user}, {user.kind}, {user.pk} (by this id it can be repeated)")
        if not (yes or _agreed(user)):
            raise CommandError("Nothing was erased.")
        try:
            self.stdout.write(_said(erase(user, documents=documents)))
        except Unavailable as error:
            raise CommandError(
                f"All is erased but the documents: {error.message} Run it again: erase_person --documents {user.pk}"
            ) from None


def _agreed(user: User) -> bool:
    try:
        return input(f"Erase {user} for good? Type yes: ").strip().lower() == "yes"
    except EOFError:
        raise CommandError("Nothing was erased: nobody is there to ask, so give --yes.") from None


def _said(erased: Erased) -> str:
    rooms = erased.rooms
    return "\n".join(
        (
            f"Messages deleted: {rooms.messages}, answers to them: {rooms.answers}, ratings: {erased.ratings}",
            f"Rooms left: {rooms.rooms_left}, deleted: {rooms.rooms_deleted}, given to another owner: {rooms.owners}",
            f"Places in sites: {erased.sites}, visits: {erased.visits}, tokens: {erased.tokens}",
            f"Documents deleted: {erased.documents_deleted}, kept without an owner: {erased.documents_kept}",
        )
    )
