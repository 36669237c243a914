"""Who there is: sites (tenants), users of every kind, visitors, and the credentials they hold."""

from __future__ import annotations

import secrets
from typing import Any

from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.fields import ArrayField
from django.db import models, transaction

from chatserver.ids import uuid7
from chatserver.sites.texts import GREETING_CHARS, SUGGESTION_CHARS, SUGGESTIONS, check_texts

ASSISTANT_ID = "00000000-0000-7000-8000-000000000001"
"""The one author of all answers; a site may show it under another name (`Site.assistant_name`)."""


def new_secret() -> str:
    return secrets.token_urlsafe(32)


class Kind(models.TextChoices):
    USER = "user"
    VISITOR = "visitor"
    ASSISTANT = "assistant"
    OPERATOR = "operator"
    SYSTEM = "system"


class User(AbstractUser):
    """An author. Visitors and the assistant are users without a usable password."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(max_length=16, choices=Kind, default=Kind.USER)
    name = models.CharField(max_length=150, blank=True)

    def __str__(self) -> str:
        return self.name or self.username

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Sessions end with the password they began under (Django's own rule); so do refresh tokens."""
        new_password = getattr(self, "_password", None) is not None  # set by `set_password`, cleared by `save`
        with transaction.atomic():
            super().save(*args, **kwargs)
            if new_password:
                RefreshToken.objects.filter(user=self).update(revoked=True)


class Site(models.Model):
    """A tenant: a web site with a widget, an organisation with rooms. `origins` are exact, such as `https://a.example`.

    `greeting` and `suggestions` (questions that the widget offers) are in the site's `locale`; `texts` holds both in
    other languages.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    key = models.SlugField(unique=True)
    name = models.CharField(max_length=150)
    origins = ArrayField(models.CharField(max_length=255), default=list, blank=True)
    secret = models.CharField(max_length=64, default=new_secret)
    greeting = models.TextField(blank=True, max_length=GREETING_CHARS)
    suggestions = ArrayField(
        models.CharField(max_length=SUGGESTION_CHARS),
        default=list,
        db_default=models.Value([], ArrayField(models.CharField())),
        blank=True,
        size=SUGGESTIONS,
        help_text="Questions that the widget offers, one per line.",
    )
    texts = models.JSONField(
        default=dict,
        db_default=models.Value({}, models.JSONField()),
        blank=True,
        validators=[check_texts],
        help_text='Greeting and suggestions in other languages: {"zh-CN": {"greeting": "…", "suggestions": ["…"]}}',
    )
    theme = models.JSONField(default=dict, blank=True)
    locale = models.CharField(max_length=16, default="en")
    assistant_name = models.CharField(max_length=64, default="Assistant")
    retention_days = models.PositiveIntegerField(
        "keep messages for days",
        null=True,
        blank=True,
        help_text="Then they are deleted for good, with their answers. Empty or 0: kept for ever.",
    )
    closed = models.BooleanField(default=False)
    created = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name


class SiteMember(models.Model):
    """A user's place in a site. Admins manage it and its documents; operators answer in support rooms."""

    class Role(models.TextChoices):
        ADMIN = "admin"
        OPERATOR = "operator"
        MEMBER = "member"

    site = models.ForeignKey(Site, models.CASCADE, related_name="members")
    user = models.ForeignKey(User, models.CASCADE, related_name="sites")
    role = models.CharField(max_length=16, choices=Role, default=Role.MEMBER)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["site", "user"], name="site_member_once")]

    def __str__(self) -> str:
        return f"{self.user} in {self.site} ({self.role})"


class Visitor(models.Model):
    """Someone on a site. `subject` is the host site's own id, present once it has signed the visitor's identity."""

    user = models.OneToOneField(User, models.CASCADE, primary_key=True, related_name="visitor")
    site = models.ForeignKey(Site, models.CASCADE, related_name="visitors")
    subject = models.CharField(max_length=255, null=True, blank=True)  # noqa: DJ001 - NULLs are distinct, "" is not
    email = models.EmailField(blank=True)
    token_digest = models.BinaryField(max_length=32, unique=True)
    created = models.DateTimeField(auto_now_add=True)
    seen = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["site", "subject"], name="visitor_subject_once")]

    def __str__(self) -> str:
        return self.subject or str(self.user_id)


class Ticket(models.Model):
    """A single-use credential for one socket; only its SHA-256 is kept. Redeeming deletes the row."""

    digest = models.BinaryField(primary_key=True, max_length=32)
    user = models.ForeignKey(User, models.CASCADE)
    site = models.ForeignKey(Site, models.CASCADE, null=True)
    origin = models.CharField(max_length=255, blank=True)
    expires = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"ticket of {self.user_id}"


class RefreshToken(models.Model):
    """One link of a rotating chain. Using a link twice revokes its whole `family` (RFC 9700, 4.14.2)."""

    digest = models.BinaryField(primary_key=True, max_length=32)
    family = models.UUIDField(db_index=True)
    user = models.ForeignKey(User, models.CASCADE)
    expires = models.DateTimeField(db_index=True)
    used = models.DateTimeField(null=True)
    revoked = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"refresh token of {self.user_id}"
