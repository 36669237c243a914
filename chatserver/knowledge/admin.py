"""Knowledge in Django's admin, mostly to look at. Documents, collections and web sources are given and removed through
the API and `manage.py ingest`, which keep the search index in step.
"""

# mypy: disable-error-code="type-arg"
# Django's admin classes are generic in its stubs only.

from __future__ import annotations

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest

from chatserver.knowledge.models import ClosedGap, Collection, Document, EmbeddingModel, WebSource
from chatserver.sites.admin import ReadOnly

__all__ = ["ClosedGapAdmin", "CollectionAdmin", "DocumentAdmin", "EmbeddingModelAdmin", "WebSourceAdmin"]


@admin.register(Collection)
class CollectionAdmin(admin.ModelAdmin):
    list_display = ("name", "site", "visibility", "document_count", "created")
    list_filter = ("visibility", "site")
    list_select_related = ("site",)
    search_fields = ("name",)
    autocomplete_fields = ("readers",)
    readonly_fields = ("created",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Collection]:
        found: QuerySet[Collection] = super().get_queryset(request)
        return found.annotate(document_count=Count("documents"))

    @admin.display(description="documents")
    def document_count(self, collection: Collection) -> int:
        return int(getattr(collection, "document_count", 0))

    def has_delete_permission(self, request: HttpRequest, obj: Collection | None = None) -> bool:
        return False  # its passages would stay in the search index


@admin.register(Document)
class DocumentAdmin(ReadOnly, admin.ModelAdmin):
    list_display = ("title", "collection", "status", "progress", "media_type", "size", "owner", "updated")
    list_filter = ("status", "collection")
    list_select_related = ("collection", "owner")
    search_fields = ("title", "origin")
    fields = (
        *("title", "collection", "origin", "url", "media_type", "size", "status", "progress", "error"),
        *("owner", "parent", "source", "fetched", "created", "updated"),
    )
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Document]:
        return super().get_queryset(request).defer("text")  # may be megabytes

    @admin.display(description="passages with vectors")
    def progress(self, document: Document) -> str:
        return f"{document.done} of {document.total}"


@admin.register(WebSource)
class WebSourceAdmin(ReadOnly, admin.ModelAdmin):
    list_display = ("url", "kind", "collection", "status", "progress", "every_hours", "fetched", "next_fetch")
    list_filter = ("status", "kind", "collection")
    list_select_related = ("collection",)
    search_fields = ("url",)
    fields = (
        *("url", "kind", "collection", "owner", "every_hours", "page_limit", "status", "progress", "error"),
        *("fetched", "next_fetch", "created"),
    )
    show_full_result_count = False

    @admin.display(description="pages")
    def progress(self, source: WebSource) -> str:
        return f"{source.done} of {source.total}"


@admin.register(EmbeddingModel)
class EmbeddingModelAdmin(ReadOnly, admin.ModelAdmin):
    list_display = ("name", "dimensions", "complete", "created")
    fields = ("name", "base_url", "dimensions", "complete", "created")


@admin.register(ClosedGap)
class ClosedGapAdmin(ReadOnly, admin.ModelAdmin):
    """Deleting one brings its question back into the gap report."""

    list_display = ("message", "site", "document", "closed_by", "closed", "asked_again")
    list_filter = ("site",)
    search_fields = ("message",)
    fields = ("message", "site", "document", "closed_by", "closed", "asked_again")
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[ClosedGap]:
        # In place of list_select_related, which would read whole texts.
        return super().get_queryset(request).select_related("site", "closed_by", "document").defer("document__text")

    def has_delete_permission(self, *args: object) -> bool:
        return True
