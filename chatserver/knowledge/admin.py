"""Collections and documents in Django's admin. Documents are given and removed through the API and `manage.py ingest`,
which keep the search index in step.
"""

# mypy: disable-error-code="type-arg"
# Django's admin classes are generic in its stubs only.

from __future__ import annotations

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest

from chatserver.knowledge.models import Collection, Document

__all__ = ["CollectionAdmin", "DocumentAdmin"]


@admin.register(Collection)
class CollectionAdmin(admin.ModelAdmin):
    list_display = ("name", "site", "visibility", "document_count", "created")
    list_filter = ("visibility", "site")
    list_select_related = ("site",)
    search_fields = ("name",)
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
class DocumentAdmin(admin.ModelAdmin):
    list_display = ("title", "collection", "status", "progress", "media_type", "size", "updated")
    list_filter = ("status", "collection")
    list_select_related = ("collection",)
    search_fields = ("title", "origin")
    fields = ("title", "collection", "origin", "url", "media_type", "size", "status", "progress", "error", "updated")
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Document]:
        return super().get_queryset(request).defer("text")  # may be megabytes

    @admin.display(description="passages with vectors")
    def progress(self, document: Document) -> str:
        return f"{document.done} of {document.total}"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Document | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Document | None = None) -> bool:
        return False
