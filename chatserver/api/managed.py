"""What a caller manages: the one door through which calls reach sites, collections and documents. Synchronous ORM."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.db.models import QuerySet

from chatserver.errors import Forbidden, Invalid, NotFound
from chatserver.knowledge import records
from chatserver.knowledge.models import Collection, Document
from chatserver.sites.models import Site
from chatserver.sites.principals import Principal

__all__ = ["COLLECTIONS_MAX", "Managed"]

COLLECTIONS_MAX = 1000
"""More are neither listed nor searched at once; only a superuser of many sites has so many."""


@dataclass(frozen=True)
class Managed:
    """The sites of which somebody is an administrator, as ids; `sites` None: every one. What is outside of them is
    `NotFound`, as if it were not there."""

    sites: list[UUID] | None

    @classmethod
    def by(cls, principal: Principal) -> Managed:
        """Raises `Forbidden` for who manages no site."""
        if principal.superuser:
            return cls(None)
        if sites := [UUID(site) for site in principal.roles if principal.manages(site)]:
            return cls(sites)
        raise Forbidden("Only an administrator of a site sees its documents.")

    def collections(self) -> QuerySet[Collection]:
        return Collection.objects.all() if self.sites is None else Collection.objects.filter(site__in=self.sites)

    def documents(self) -> QuerySet[Document]:
        """Without their texts, which may be megabytes."""
        return Document.objects.defer("text").filter(collection__in=self.collections())

    def collection(self, id_: UUID) -> Collection:
        try:
            return self.collections().select_related("site").get(pk=id_)
        except Collection.DoesNotExist:
            raise NotFound("There is no such collection.") from None

    def document(self, id_: UUID) -> Document:
        try:
            return self.documents().select_related("owner").get(pk=id_)
        except Document.DoesNotExist:
            raise NotFound("There is no such document.") from None

    def site(self, id_: UUID | None) -> Site:
        """The site that is named, or the only one. Raises `Invalid`."""
        sites = Site.objects.all() if self.sites is None else Site.objects.filter(pk__in=self.sites)
        found = list((sites.filter(pk=id_) if id_ else sites)[:2])
        if len(found) == 1:
            return found[0]
        raise Invalid("site", "there is no such site." if id_ else "name the site: there is more than one, or none.")

    def target(self, collection: str, site: Site | None = None) -> Collection:
        """Where a document goes: the collection that is named (of `site`, if given), or the first one of the only
        site. Raises `Invalid`."""
        if not collection:
            try:
                return records.the_collection(site or self.site(None))
            except Invalid:
                raise Invalid("collection", "name the collection: there is more than one site, or none.") from None
        try:
            found = self.collections().get(pk=UUID(collection))
        except (ValueError, Collection.DoesNotExist):
            raise Invalid("collection", "there is no such collection.") from None
        if site is not None and found.site_id != site.pk:
            raise Invalid("collection", "this collection belongs to another site.")
        return found

    def searched(self, collection: UUID | None) -> list[str]:
        """Ids of what a search looks through: the collection that is named, or all. Raises `NotFound`."""
        if collection:
            return [str(self.collection(collection).pk)]
        return [str(pk) for pk in self.collections().values_list("pk", flat=True)[:COLLECTIONS_MAX]]
