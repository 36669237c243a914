"""Django's admin: every list and page takes as many queries for many rows as for few, and nothing goes past rooms."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.contrib.admin.utils import quote
from django.contrib.messages.storage.fallback import FallbackStorage
from django.db import connection, models
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import ResolverMatch
from django.utils import timezone

from chatserver.ids import uuid7
from chatserver.knowledge.models import ClosedGap, Collection, Document, EmbeddingModel, WebSource
from chatserver.rooms.models import Answer, Head, Job, Member, Message, Rating, Room
from chatserver.sites.models import ASSISTANT_ID, Site, SiteMember, User, Visitor

pytestmark = pytest.mark.usefixtures("orm")

LISTED = sorted(
    (model for model in admin.site._registry if model.__module__.startswith("chatserver.")), key=lambda m: m.__name__
)
LONG = "The beginning of a text. " * 20 + "its END-OF-TEXT"


def fill(rows: int) -> None:
    """So many of each kind, all of different sites, rooms and people."""
    for _ in range(rows):
        name = uuid7().hex
        site = Site.objects.create(key=name, name=name)
        user = User.objects.create(username=name, name=name)
        guest = User.objects.create(username=f"v-{name}", kind="visitor")
        Visitor.objects.create(user=guest, site=site, token_digest=uuid7().bytes)
        SiteMember.objects.create(user=user, site=site)
        collection = Collection.objects.create(site=site, name=name)
        collection.readers.add(user)
        source = WebSource.objects.create(collection=collection, url=f"https://{name}.example/", owner=user)
        values = {"collection": collection, "content_hash": uuid7().bytes, "owner": user, "text": LONG}
        document = Document.objects.create(**values, source=source)
        ClosedGap.objects.create(message=uuid7(), site=site, document=document, closed_by=user)
        EmbeddingModel.objects.create(name=name, dimensions=3, complete=timezone.now())
        room = Room.objects.create(site=site, title=name)
        Head.objects.create(room=room, rev=2, owner=user)
        Member.objects.create(room=room, user=user)
        question = Message.objects.create(room=room, seq=1, rev=1, author=user, text=f"Why {name}? {LONG}")
        answer = Message.objects.create(
            room=room, seq=2, rev=2, author_id=ASSISTANT_ID, question=question.pk, text=LONG, found=True
        )
        Job.objects.create(message=answer, room=room.pk, state="done")
        Rating.objects.create(message=answer, user=user, score=-1, comment="No.")


def asked(path: str, root: User) -> HttpRequest:
    request = RequestFactory().get(path)
    request.user = root
    request.session = {}  # type: ignore[assignment]
    request._messages = FallbackStorage(request)  # type: ignore[attr-defined]
    return request


def shown(model: type[models.Model], root: User, query: str = "") -> tuple[str, list[str]]:
    """A list as a superuser sees it, and its queries."""
    with CaptureQueriesContext(connection) as queries:
        page = admin.site.get_model_admin(model).changelist_view(asked(f"/{query}", root))
        page.render()
    assert page.status_code == 200
    return page.content.decode(), [each["sql"] for each in queries.captured_queries]


@pytest.fixture
def root() -> User:
    return User.objects.create(username="root", is_superuser=True, is_staff=True)


@pytest.mark.parametrize("model", LISTED, ids=lambda model: model.__name__)
def test_a_list_takes_the_same_queries_for_many_rows(model: type[models.Model], root: User) -> None:
    fill(3)
    _, few = shown(model, root)
    fill(27)
    page, many = shown(model, root)
    assert len(few) == len(many), "\n".join(many)
    assert "END-OF-TEXT" not in page, "texts are read in whole"
    if admin.site.get_model_admin(model).search_fields:
        shown(model, root, "?q=nothing%27")
    latest = model._default_manager.order_by("pk").last()
    assert latest is not None
    opened = admin.site.get_model_admin(model).change_view(asked("/", root), quote(str(latest.pk)))
    opened.render()
    assert opened.status_code == 200


@pytest.mark.parametrize("model", [Room, Site])
def test_a_page_takes_the_same_queries_for_many_members(model: type[models.Model], root: User) -> None:
    fill(1)
    it = model._default_manager.get()

    def add(count: int) -> None:
        for _ in range(count):
            user = User.objects.create(username=uuid7().hex)
            if isinstance(it, Room):
                Member.objects.create(room=it, user=user)
            else:
                SiteMember.objects.create(site=it, user=user)

    def page() -> tuple[HttpResponse, int]:
        request = asked("/", root)
        request.resolver_match = ResolverMatch(lambda: None, (), {"object_id": str(it.pk)})
        with CaptureQueriesContext(connection) as queries:
            answer = admin.site.get_model_admin(model).change_view(request, str(it.pk))
            answer.render()
        return answer, len(queries)

    add(2)
    page()  # content types are remembered from here on
    _, few = page()
    add(27)
    answer, many = page()
    assert few == many
    assert answer.content.decode().count("<tr") > 27


def test_answers_stand_beside_their_questions(root: User) -> None:
    fill(2)
    question = Message.objects.filter(question=None).latest("pk")
    page, _ = shown(Answer, root, f"?q={question.room_id}")
    assert page.count("Why ") == 1
    assert f"Why {question.room.title}?" in page
    found = admin.site.get_model_admin(Answer).get_queryset(asked("/", root))
    assert {answer.question for answer in found} == set(
        Message.objects.filter(question=None).values_list("pk", flat=True)
    )


def test_what_rooms_and_index_must_hear_of_is_not_changed_here(root: User) -> None:
    fill(1)
    request = asked("/", root)
    for model in (Room, Member, Answer, Rating, Document, WebSource, EmbeddingModel):
        shown_ = admin.site.get_model_admin(model)
        assert not shown_.has_add_permission(request)
        assert not shown_.has_change_permission(request)
        assert not shown_.has_delete_permission(request)
    for model in (User, Visitor, Site, Collection):
        it = model._default_manager.exclude(pk=root.pk).first() if model is User else model._default_manager.first()
        assert not admin.site.get_model_admin(model).has_delete_permission(request, it)
    unused = Site.objects.create(key="unused", name="Unused")
    assert admin.site.get_model_admin(Site).has_delete_permission(request, unused)
    assert not {Message, Head, Job} & set(admin.site._registry)
