"""Rooms in Django's admin, to look at. What changes rooms and messages are `rooms.actions`, which tell the sockets."""

# mypy: disable-error-code="type-arg"
# Django's admin classes are generic in its stubs only.

from __future__ import annotations

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest

from chatserver.rooms.models import Member, Rating, Room

__all__ = ["RatingAdmin", "RoomAdmin"]

MEMBERS_SHOWN = 200


class ReadOnly:
    """A write here would pass by the room's rev: sockets would never hear of it."""

    def has_add_permission(self, *args: object) -> bool:
        return False

    def has_change_permission(self, *args: object) -> bool:
        return False

    def has_delete_permission(self, *args: object) -> bool:
        return False


class MemberInline(ReadOnly, admin.TabularInline):
    model = Member
    fields = ("user", "role", "read", "joined")
    extra = 0
    max_num = 0

    def get_queryset(self, request: HttpRequest) -> QuerySet[Member]:
        shown = Member.objects.order_by("joined").values("pk")
        if request.resolver_match and (room := request.resolver_match.kwargs.get("object_id")):
            shown = shown.filter(room=room)
        return super().get_queryset(request).select_related("user").filter(pk__in=shown[:MEMBERS_SHOWN])


@admin.register(Room)
class RoomAdmin(ReadOnly, admin.ModelAdmin):
    list_display = ("title", "site", "kind", "policy", "owner", "member_count", "changes", "created")
    list_filter = ("kind", "policy", "site")
    list_select_related = ("site", "head__owner")
    search_fields = ("title", "id")
    fields = ("id", "site", "kind", "title", "policy", "created")
    inlines = (MemberInline,)
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Room]:
        found: QuerySet[Room] = super().get_queryset(request)
        return found.annotate(member_count=Count("members"))

    @admin.display(description="members")
    def member_count(self, room: Room) -> int:
        return int(getattr(room, "member_count", 0))

    @admin.display(description="taken over by")
    def owner(self, room: Room) -> str:
        return str(room.head.owner or "")

    @admin.display(description="changes", ordering="head__rev")
    def changes(self, room: Room) -> int:
        return room.head.rev


@admin.register(Rating)
class RatingAdmin(ReadOnly, admin.ModelAdmin):
    """What people thought of answers."""

    list_display = ("created", "score", "comment", "answer", "user")
    list_filter = ("score", "message__room__site")
    list_select_related = ("message", "user")
    search_fields = ("comment",)
    date_hierarchy = "created"

    @admin.display(description="answer")
    def answer(self, rating: Rating) -> str:
        return rating.message.text[:200]
