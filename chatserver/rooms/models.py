"""Rooms and what is said in them. Only `rooms.store` writes `Head`, `Message` and `Job` (see docs/architecture.md),
and what takes messages away for good, under the same locks: `rooms.retention` and `rooms.erasure`."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from chatserver.ids import uuid7
from chatserver.sites.models import Site, User


class Room(models.Model):
    class Kind(models.TextChoices):
        GROUP = "group"
        DIRECT = "direct"
        SUPPORT = "support"

    class Policy(models.TextChoices):
        """When the assistant answers."""

        ALWAYS = "always"
        MENTION = "mention"
        OFF = "off"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    site = models.ForeignKey(Site, models.CASCADE, related_name="rooms")
    kind = models.CharField(max_length=16, choices=Kind, default=Kind.GROUP)
    title = models.CharField(max_length=200, blank=True)
    policy = models.CharField(max_length=16, choices=Policy, default=Policy.ALWAYS)
    created = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.title or str(self.id)


class Head(models.Model):
    """A room's counters, apart from `Room` because every write of the room locks and updates this row.

    `rev`: of the latest change; `meta_rev`: of the latest change of settings or members; `floor`: revs up to it are
    gone (retention); `owner`: the operator who took the room over.
    """

    room = models.OneToOneField(Room, models.CASCADE, primary_key=True, db_column="room", related_name="head")
    rev = models.BigIntegerField(default=0)
    meta_rev = models.BigIntegerField(default=0)
    floor = models.BigIntegerField(default=0)
    owner = models.ForeignKey(User, models.SET_NULL, null=True, db_column="owner", related_name="+")

    def __str__(self) -> str:
        return f"head of {self.room_id} at {self.rev}"


class Member(models.Model):
    class Role(models.TextChoices):
        OWNER = "owner"
        MODERATOR = "moderator"
        MEMBER = "member"

    room = models.ForeignKey(Room, models.CASCADE, related_name="members")
    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=16, choices=Role, default=Role.MEMBER)
    read = models.BigIntegerField(default=0)
    joined = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["room", "user"], name="room_member_once")]

    def __str__(self) -> str:
        return f"{self.user_id} in {self.room_id}"


class Message(models.Model):
    """A message or an answer, in its latest form.

    `seq`: rev at which it was created; `rev`: of its latest change; `answer`: of a question, its answer's id;
    `question`: of an answer, its question's id; `body_hash`: of the original command, to tell a repeat from a conflict;
    `found`: of a complete answer, whether the documents held anything on the question; `unsupported`: how many of its
    citations were dropped because what they cite does not say it.
    """

    class Status(models.TextChoices):
        COMPLETE = "complete"
        PENDING = "pending"
        STOPPED = "stopped"
        FAILED = "failed"
        DELETED = "deleted"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    room = models.ForeignKey(Room, models.CASCADE, related_name="messages", db_index=False)
    seq = models.BigIntegerField()
    rev = models.BigIntegerField()
    author = models.ForeignKey(User, models.PROTECT, related_name="+")
    cid = models.CharField(max_length=64, null=True)  # noqa: DJ001 - NULL: has no cid, so is not unique by it
    body_hash = models.BinaryField(max_length=32, null=True)
    question = models.UUIDField(null=True)
    answer = models.UUIDField(null=True)
    attempt = models.IntegerField(default=0)
    text = models.TextField(blank=True)
    status = models.CharField(max_length=16, choices=Status, default=Status.COMPLETE)
    reply_to = models.UUIDField(null=True)
    created = models.DateTimeField(db_default=Now())
    edited = models.DateTimeField(null=True)
    sources = models.JSONField(default=list, db_default=models.Value([], output_field=models.JSONField()))
    usage = models.JSONField(null=True)
    found = models.BooleanField(null=True)
    unsupported = models.SmallIntegerField(default=0, db_default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["room", "rev"], name="message_rev"),
            models.UniqueConstraint(fields=["room", "seq"], name="message_seq"),
            models.UniqueConstraint(
                fields=["room", "author", "cid"], name="message_cid", condition=models.Q(cid__isnull=False)
            ),
        ]
        indexes = [
            # What the gap report looks for: few answers of many (chatserver/knowledge/gaps.py).
            models.Index(
                fields=["id"],
                name="message_not_answered",
                condition=models.Q(status="failed") | models.Q(found=False) | models.Q(unsupported__gt=0),
            )
        ]

    def __str__(self) -> str:
        return self.text[:60]


class Answer(Message):
    """The assistant's messages, for who looks at how good they are."""

    class Meta:
        proxy = True


class Job(models.Model):
    """An answer to be written: the queue that workers claim from.

    `beat` proves that its worker lives; `losses` counts the workers that fell silent over it since it was asked for.
    `trace`: see `rooms.types.Job`.
    """

    class State(models.TextChoices):
        PENDING = "pending"
        RUNNING = "running"
        DONE = "done"

    message = models.OneToOneField(Message, models.CASCADE, primary_key=True, db_column="message")
    room = models.UUIDField()
    state = models.CharField(max_length=16, choices=State, default=State.PENDING)
    attempt = models.IntegerField(default=1)
    worker = models.CharField(max_length=64, null=True)  # noqa: DJ001 - NULL: no worker has it
    beat = models.BigIntegerField(default=0)
    losses = models.IntegerField(default=0)
    trace = models.CharField(max_length=120, null=True)  # noqa: DJ001 - NULL: not traced

    class Meta:
        indexes = [
            models.Index(fields=["message"], name="job_open", condition=~models.Q(state="done")),
            models.Index(fields=["room"], name="job_room", condition=~models.Q(state="done")),
        ]

    def __str__(self) -> str:
        return f"{self.message_id}: {self.state}, attempt {self.attempt}"


class Rating(models.Model):
    message = models.ForeignKey(Message, models.CASCADE, related_name="ratings")
    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    score = models.SmallIntegerField()
    comment = models.TextField(blank=True)
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["message", "user"], name="rating_once")]

    def __str__(self) -> str:
        return f"{self.score:+d} of {self.user_id}"


class Epoch(models.Model):
    """One row: names this database. A restore writes a new one, so that clients forget their positions."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    name = models.CharField(max_length=32)

    def __str__(self) -> str:
        return self.name
