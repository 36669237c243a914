"""Rooms in Django's admin, to look at. What changes rooms and messages are `rooms.actions`, which tell the sockets."""

# mypy: disable-error-code="type-arg"
# Django's admin classes are generic in its stubs only.

from __future__ import annotations

from django.contrib import admin
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Left
from django.http import HttpRequest

from chatserver.rooms.models import Answer, Member, Message, Rating, Room
from chatserver.sites.admin import ReadOnly

__all__ = ["AnswerAdmin", "MemberAdmin", "RatingAdmin", "RoomAdmin"]

MEMBERS_SHOWN = 200
TEXT_SHOWN = 200


class MemberInline(ReadOnly, admin.TabularInline):
    model = Member
    fields = readonly_fields = ("user", "role", "read", "joined")
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
    search_fields = ("title", "=id")
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


@admin.register(Member)
class MemberAdmin(ReadOnly, admin.ModelAdmin):
    list_display = ("user", "room", "role", "read", "joined")
    list_filter = ("role", "room__kind", "room__site")
    list_select_related = ("user", "room")
    search_fields = ("user__username", "user__name", "room__title", "=room__id")
    fields = ("user", "room", "role", "read", "joined")
    show_full_result_count = False


@admin.register(Answer)
class AnswerAdmin(ReadOnly, admin.ModelAdmin):
    """What the assistant said, with the questions. Lists read the beginnings of texts only."""

    list_display = ("created", "asked", "answered", "status", "found", "unsupported", "attempt", "room")
    list_filter = ("status", "found", "room__site")
    search_fields = ("text", "=id", "=room__id")
    ordering = ("-id",)  # as old as they are, and in the index, as `created` is not
    fields = (
        *("id", "room", "asked", "text", "status", "found", "unsupported", "attempt"),
        *("sources", "usage", "created", "seq", "rev"),
    )
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Answer]:
        question = Message.objects.filter(pk=OuterRef("question")).values(said=Left("text", TEXT_SHOWN))
        found: QuerySet[Answer] = super().get_queryset(request).filter(question__isnull=False)
        found = found.annotate(asked_text=Subquery(question[:1]), answered_text=Left("text", TEXT_SHOWN))
        return found.select_related("room__site").defer("text", "sources", "usage")

    @admin.display(description="question")
    def asked(self, answer: Answer) -> str:
        return str(getattr(answer, "asked_text", None) or "")

    @admin.display(description="answer")
    def answered(self, answer: Answer) -> str:
        return str(getattr(answer, "answered_text", ""))


@admin.register(Rating)
class RatingAdmin(ReadOnly, admin.ModelAdmin):
    """What people thought of answers."""

    list_display = ("created", "score", "comment", "answer", "user")
    list_filter = ("score", "message__room__site")
    search_fields = ("comment",)
    date_hierarchy = "created"
    fields = ("created", "score", "comment", "answer", "user")
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Rating]:
        found: QuerySet[Rating] = super().get_queryset(request)
        return found.annotate(answer_text=Left("message__text", TEXT_SHOWN)).select_related("user")

    @admin.display(description="answer")
    def answer(self, rating: Rating) -> str:
        return str(getattr(rating, "answer_text", ""))
