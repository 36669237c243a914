"""Knowledge in Django's admin: each list takes as many queries for many rows as for few, and reads no texts."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.contrib.messages.storage.fallback import FallbackStorage
from django.db import connection, models
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from chatserver.ids import uuid7
from chatserver.knowledge.models import ClosedGap, Collection, Document, EmbeddingModel, WebSource
from chatserver.sites.models import Site, User

pytestmark = pytest.mark.usefixtures("orm")


def fill(rows: int) -> None:
    """So many of each kind, all of different sites and people."""
    for _ in range(rows):
        name = uuid7().hex
        site = Site.objects.create(key=name, name=name)
        user = User.objects.create(username=name)
        collection = Collection.objects.create(site=site, name=name)
        collection.readers.add(user)
        url = f"https://{name}.example/"
        source = WebSource.objects.create(collection=collection, url=url, owner=user)
        values = {"collection": collection, "content_hash": uuid7().bytes, "owner": user, "text": "secret " * 100}
        document = Document.objects.create(**values, source=source)
        ClosedGap.objects.create(message=uuid7(), site=site, document=document, closed_by=user)
        EmbeddingModel.objects.create(name=name, dimensions=3, complete=timezone.now())


def listed(model: type[models.Model], root: User, path: str = "/") -> list[str]:
    """The queries of a list as it is shown to a superuser."""
    request = RequestFactory().get(path)
    request.user = root
    request.session = {}  # type: ignore[assignment]
    request._messages = FallbackStorage(request)  # type: ignore[attr-defined]
    with CaptureQueriesContext(connection) as queries:
        page = admin.site.get_model_admin(model).changelist_view(request)
        page.render()
    assert page.status_code == 200
    assert "secret" not in page.content.decode()
    return [query["sql"] for query in queries.captured_queries]


@pytest.mark.parametrize("model", [Collection, Document, WebSource, EmbeddingModel, ClosedGap])
def test_a_list_takes_the_same_queries_for_many_rows(model: type[models.Model]) -> None:
    root = User.objects.create(username="root", is_superuser=True, is_staff=True)
    fill(2)
    few = listed(model, root)
    fill(4)
    many = listed(model, root)
    assert len(few) == len(many), "\n".join(many)
    assert not [query for query in many if '"knowledge_document"."text"' in query]


def test_what_the_index_or_a_worker_must_know_is_not_changed_here() -> None:
    request = RequestFactory().get("/")
    request.user = User(username="root", is_superuser=True, is_staff=True)
    for model in (Document, WebSource, EmbeddingModel):
        shown = admin.site.get_model_admin(model)
        assert not shown.has_add_permission(request)
        assert not shown.has_change_permission(request)
        assert not shown.has_delete_permission(request)
    assert not admin.site.get_model_admin(Collection).has_delete_permission(request)
    assert admin.site.get_model_admin(ClosedGap).has_delete_permission(request), "it is back in the report then"
