"""Everything that is kept of one person: found by whatever names them, exported, and erased."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import UUID

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction
from django.db.models import Q, QuerySet
from msgspec import Struct

from chatserver.config import config
from chatserver.knowledge import records
from chatserver.knowledge.ingest import Ingester
from chatserver.knowledge.models import ClosedGap, Collection, Document, WebSource
from chatserver.rooms.erasure import Left, leave_room, rooms_of
from chatserver.rooms.models import Member, Message, Rating, Room
from chatserver.serving.archive import new_file
from chatserver.sites.models import Kind, RefreshToken, SiteMember, Ticket, User, Visitor

__all__ = ["Erased", "PersonError", "erase", "export", "find"]

ERASED_NAME = {"en": "Deleted user", "zh-CN": "已删除的用户"}
"""In the language of the server: the name is stored, and goes to all clients alike."""


class PersonError(Exception):
    """Nobody, or more than one, is called so: one line that says how to name them."""


def find(name: str) -> User:
    """By id, user name, e-mail address, or for a visitor `SITE-KEY/SUBJECT`. Raises `PersonError`."""
    found: dict[UUID, User] = {}
    with suppress(ValueError):
        found = User.objects.in_bulk([UUID(name)])
    if not found:
        called = Q(username=name) | Q(email__iexact=name) | Q(visitor__email__iexact=name)
        if "/" in name:
            site, _, subject = name.partition("/")
            called |= Q(visitor__site__key=site, visitor__subject=subject)
        found = {user.pk: user for user in User.objects.filter(called)[:10]} if name else {}
    if not found:
        raise PersonError(f"there is nobody {name!r}: give an id, a user name, an e-mail address, or SITE/SUBJECT.")
    if len(found) > 1:
        raise PersonError(f"{name!r} are several: {', '.join(map(str, found))}. Give one of these ids.")
    (user,) = found.values()
    if user.kind in (Kind.ASSISTANT, Kind.SYSTEM):
        raise PersonError(f"{name!r} is no person.")
    return user


# --- export ----------------------------------------------------------------------------------------------------------


def export(user: User, path: Path) -> dict[str, int]:
    """Write a ZIP of JSON files, and the uploads that are theirs; returns how many of each there are. Only its owner
    may read it. Raises `OSError`."""
    counts: dict[str, int] = {}
    with new_file(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as archive:
        with archive.open("profile.json", "w") as member:
            member.write(_json(_profile(user)))
        for name, rows in _lists(user).items():
            counts[name] = 0
            with archive.open(f"{name}.json", "w", force_zip64=True) as member:
                for row in rows:
                    member.write((b",\n" if counts[name] else b"[\n") + _json(row))
                    counts[name] += 1
                member.write(b"\n]\n" if counts[name] else b"[]\n")
        counts["files"] = 0
        for document in Document.objects.filter(owner=user, file__startswith="uploads/").defer("text").iterator():
            with suppress(FileNotFoundError):
                archive.write(records.file_of(document), f"files/{document.pk}{Path(document.origin).suffix[:20]}")
                counts["files"] += 1
    return counts


def _profile(user: User) -> dict[str, Any]:
    visitor = Visitor.objects.filter(user=user).select_related("site").first()
    return {
        **_values(user, "id username name kind email first_name last_name is_active is_staff is_superuser"),
        **_values(user, "date_joined last_login"),
        "sites": [{"site": each.site.key, "role": each.role} for each in user.sites.select_related("site")],
        "visitor": visitor and {"site": visitor.site.key, **_values(visitor, "subject email created seen")},
        "signed_in_until": [*RefreshToken.objects.filter(user=user, used=None).values_list("expires", flat=True)],
    }


def _lists(user: User) -> dict[str, Iterable[dict[str, Any]]]:
    return {
        "rooms": _rows(Member.objects.filter(user=user), "room room__title room__kind role joined read"),
        "messages": _messages(user),
        "ratings": _rows(Rating.objects.filter(user=user), "message score comment created"),
        "documents": _rows(
            Document.objects.filter(owner=user),
            "id title origin url media_type size status collection__name collection__site__key created updated",
        ),
        "web_sources": _rows(WebSource.objects.filter(owner=user), "id url kind collection__name created"),
        "collections": _rows(Collection.objects.filter(readers=user), "id name site__key"),
        "closed_gaps": _rows(ClosedGap.objects.filter(closed_by=user), "message document closed"),
        "admin_log": _rows(LogEntry.objects.filter(user=user), "action_time object_repr change_message"),
    }


def _messages(user: User) -> Iterator[dict[str, Any]]:
    """Their own, the answers to those, and all of the conversations that they had as a visitor."""
    own = Message.objects.filter(author=user)
    theirs = Room.objects.filter(kind=Room.Kind.SUPPORT, members__user=user, members__user__kind=Kind.VISITOR)
    answers = own.exclude(answer=None).values("answer")
    found = Message.objects.filter(Q(author=user) | Q(pk__in=answers) | Q(room__in=theirs))
    names = "id room seq author__kind text status reply_to question answer created edited sources"
    yield from _rows(found.order_by("room", "seq"), names)


def _rows(found: QuerySet[Any], names: str) -> Iterator[dict[str, Any]]:
    for row in found.values(*names.split()).iterator(chunk_size=500):
        yield {name.replace("__", "_"): value for name, value in row.items()}


def _values(it: object, names: str) -> dict[str, Any]:
    return {name: getattr(it, name) for name in names.split()}


def _json(value: object) -> bytes:
    return json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False, indent=1).encode()


# --- erasure ---------------------------------------------------------------------------------------------------------


class Erased(Struct):
    """What was done; all zero for somebody who was erased before."""

    rooms: Left
    ratings: int = 0
    sites: int = 0
    visits: int = 0
    tokens: int = 0
    documents_kept: int = 0
    documents_deleted: int = 0


def erase(user: User, *, documents: bool = False) -> Erased:
    """Keep nothing of a person but an anonymous author of tombstones. `documents`: delete those they own; else these
    stay, without an owner. May be repeated at any time, also after it was cut short. Raises `Unavailable` when the
    index is away (`documents` only; all else is done then).
    """
    erased = Erased(rooms=Left())
    # First, so that they cannot go on, and that whatever a client reads from here on has the new name.
    with transaction.atomic():
        _anonymise(user)
        erased.tokens = sum(model.objects.filter(user=user).delete()[0] for model in (RefreshToken, Ticket))
        erased.visits = Visitor.objects.filter(user=user).delete()[0]
        erased.sites = SiteMember.objects.filter(user=user).delete()[0]
        erased.ratings = Rating.objects.filter(user=user).delete()[0]
        user.groups.clear()
        user.user_permissions.clear()
        Collection.readers.through.objects.filter(user=user).delete()
        ClosedGap.objects.filter(closed_by=user).update(closed_by=None)
        WebSource.objects.filter(owner=user).update(owner=None)
        about = LogEntry.objects.filter(content_type__in=ContentType.objects.get_for_models(User, Visitor).values())
        about.filter(object_id=str(user.pk)).update(object_repr=str(user), change_message="")
    for room in rooms_of(user):
        leave_room(room, user, erased.rooms)
    owned = Document.objects.filter(owner=user)
    if documents:
        erased.documents_deleted = _delete(owned)
    else:
        erased.documents_kept = owned.update(owner=None)
    return erased


def _anonymise(user: User) -> None:
    user.username, user.name = f"erased-{user.pk}", ERASED_NAME[config().default_language]
    user.email = user.first_name = user.last_name = ""
    user.is_active = user.is_staff = user.is_superuser = False
    user.last_login = None
    user.set_unusable_password()  # sessions and refresh tokens end with it
    user.save()


def _delete(owned: QuerySet[Document]) -> int:
    """With what came in them, where they are archives."""
    ids = {id_ for document in owned.only("pk") for id_ in records.with_members(document)}
    if ids:
        with Ingester.from_settings() as ingester:
            ingester.remove(sorted(ids))
    return len(ids)
