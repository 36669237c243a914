"""Sites and users in Django's admin. Secrets, digests and tokens are never shown; a site's secret can be replaced."""

# mypy: disable-error-code="type-arg"
# Django's admin classes are generic in its stubs only.

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin
from django.contrib.postgres.forms import SimpleArrayField
from django.db.models import Field, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from chatserver.sites.models import Site, SiteMember, User, Visitor, new_secret
from chatserver.sites.texts import SUGGESTION_CHARS, SUGGESTIONS

__all__ = ["AccountAdmin", "ReadOnly", "SiteAdmin", "SiteMemberAdmin", "VisitorAdmin"]


MEMBERS_SHOWN = 200


class ReadOnly:
    """For what is more than a row: a write past the code that owns it would reach no socket, index or file."""

    def has_add_permission(self, *args: object) -> bool:
        return False

    def has_change_permission(self, *args: object) -> bool:
        return False

    def has_delete_permission(self, *args: object) -> bool:
        return False


class SiteMemberInline(admin.TabularInline):
    """To look at: a field to choose a user by takes a query for each row. They are changed in their own list."""

    model = SiteMember
    fields = readonly_fields = ("user", "role")
    extra = 0
    max_num = 0
    can_delete = False
    show_change_link = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[SiteMember]:
        shown = SiteMember.objects.order_by("pk").values("pk")
        if request.resolver_match and (site := request.resolver_match.kwargs.get("object_id")):
            shown = shown.filter(site=site)
        found: QuerySet[SiteMember] = super().get_queryset(request)
        return found.select_related("user", "site").filter(pk__in=shown[:MEMBERS_SHOWN])


@admin.register(SiteMember)
class SiteMemberAdmin(admin.ModelAdmin):
    """Who manages a site, answers in it, or belongs to it."""

    list_display = ("user", "site", "role")
    list_filter = ("role", "site")
    list_select_related = ("user", "site")
    search_fields = ("user__username", "user__name", "user__email", "site__name", "site__key")
    autocomplete_fields = ("user", "site")
    show_full_result_count = False


@admin.register(Site)
class SiteAdmin(admin.ModelAdmin):
    list_display = ("name", "key", "locale", "retention_days", "closed", "created")
    list_filter = ("closed", "locale")
    search_fields = ("name", "key")
    exclude = ("secret",)
    readonly_fields = ("id", "created")
    inlines = (SiteMemberInline,)
    actions = ("replace_secret",)

    def formfield_for_dbfield(self, db_field: Field, request: HttpRequest, **kwargs: Any) -> forms.Field | None:
        if db_field.name == "suggestions":  # questions have commas, by which Django would part them
            return SimpleArrayField(
                forms.CharField(max_length=SUGGESTION_CHARS),
                delimiter="\n",
                max_length=SUGGESTIONS,
                required=False,
                widget=forms.Textarea(attrs={"rows": SUGGESTIONS}),
                help_text=db_field.help_text,
            )
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def has_delete_permission(self, request: HttpRequest, obj: Site | None = None) -> bool:
        # Rooms, index and uploads would not hear of it: a site that is in use is closed instead.
        if obj is None or any(getattr(obj, name).exists() for name in ("rooms", "collections", "visitors")):
            return False
        return super().has_delete_permission(request, obj)

    @admin.action(description=_("Replace the secret that signs visitors' identities"), permissions=["change"])
    def replace_secret(self, request: HttpRequest, queryset: QuerySet[Site]) -> None:
        """Shown once, to whoever replaced it: identities signed with the old one are refused from now on."""
        for site in queryset:
            site.secret = new_secret()
            site.save(update_fields=["secret"])
            self.log_change(request, site, "Replaced the secret.")
            self.message_user(request, _("New secret of %s: %s") % (site, site.secret), messages.WARNING)


@admin.register(User)
class AccountAdmin(UserAdmin):
    list_display = ("username", "name", "kind", "is_active", "is_staff", "last_login")
    list_filter = ("kind", "is_active", "is_staff")
    search_fields = ("username", "name", "email")
    ordering = ("-date_joined",)
    readonly_fields = ("last_login", "date_joined")
    show_full_result_count = False  # visitors are many
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        (_("Person"), {"fields": ("name", "kind", "email")}),
        (_("Permissions"), {"fields": ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")}),
        (_("Dates"), {"fields": ("last_login", "date_joined")}),
    )

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return False  # rooms would not hear of it: deactivate, or `manage.py erase_person`


@admin.register(Visitor)
class VisitorAdmin(admin.ModelAdmin):
    list_display = ("user", "site", "subject", "seen", "created")
    list_filter = ("site",)
    list_select_related = ("user", "site")
    search_fields = ("subject", "email", "user__name")
    fields = ("user", "site", "subject", "email", "seen", "created")
    readonly_fields = fields
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # visitors come by themselves

    def has_delete_permission(self, request: HttpRequest, obj: Visitor | None = None) -> bool:
        return False  # `manage.py erase_person`
