"""The gap report: questions without a good answer, and "write the answer". For those who manage a site;
`docs/knowledge.md`."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from msgspec.structs import replace
from ninja import Query, Router, Schema
from pydantic import Field

from chatserver import wiring
from chatserver.api import intake
from chatserver.api.caller import current
from chatserver.api.fields import Text
from chatserver.api.managed import Managed
from chatserver.api.wire import answer
from chatserver.errors import Invalid, NotFound
from chatserver.knowledge import gaps, records, tasks
from chatserver.knowledge.gaps import CONSIDERED, Gap
from chatserver.knowledge.models import Document
from chatserver.rooms.mentions import without_mention
from chatserver.sites.models import Site
from chatserver.sites.principals import Principal

__all__ = ["router"]

router = Router(tags=["gaps"])

DAYS_MAX = 365
QUESTION_CHARS = 500
"""A longer question is shown by its beginning."""


class Report(Schema):
    days: int = Field(30, ge=1, le=DAYS_MAX)
    limit: int = Field(50, ge=1, le=200)


class Messages(Schema):
    messages: list[UUID] = Field(
        default=[],
        max_length=CONSIDERED,
        description="of the gap's questions; else only the newest one's",
    )


class Answer(Messages):
    title: Text = Field("", max_length=500, description="the question, as others would ask it; else the gap's own")
    text: Text = Field(min_length=1, description="Markdown")
    collection: UUID | None = Field(None, description="of the same site; else the first one")


@router.get("/gaps", response=dict[str, Any])
async def report(request: HttpRequest, wanted: Query[Report]) -> HttpResponse:
    """Questions of the last `days` whose answer was not good, put together where they ask for the same thing, the most
    asked first: `{gaps: [{id, site, question, count, reasons, last, questions: [{message, room, text, asked,
    reason}]}], considered}`. `id` is the newest question's answer. The reasons: `failed` (the answer broke off),
    `not_found`, `unsupported` (all of its citations were dropped) and `disliked`. The newest 1,000 such questions are
    considered."""
    managed = Managed.by(await current(request))
    services = wiring.services()
    found = await gaps.unanswered(services.store.pool, managed.sites, wanted.days)
    plain = [replace(each, text=_plain(each.text, each.assistant)) for each in found]
    together = await gaps.clustered(plain, services.embedder)
    return answer({"gaps": [_shown(gap) for gap in together[: wanted.limit]], "considered": len(found)})


@router.post("/gaps/{uuid:gap}/answer", response={202: dict[str, Any]})
async def write(request: HttpRequest, gap: UUID, body: Answer) -> HttpResponse:
    """Make a document of the answer; the questions leave the report. 202 `{document, status}`. As soon as it can be
    found, the latest of the answers `messages` is written anew in its room. Writing it again replaces the document."""
    principal = await current(request)
    managed = Managed.by(principal)
    document, work = await sync_to_async(_write)(managed, principal, gap, body)
    if work:
        await sync_to_async(tasks.enqueue)(str(document.pk))
    if document.status in records.VISIBLE and await sync_to_async(gaps.ask_again)(str(document.pk)):
        wiring.services().hub.wake_workers()
    return answer({"document": str(document.pk), "status": document.status}, status=202)


@router.post("/gaps/{uuid:gap}/dismiss", response={204: None})
async def dismiss(request: HttpRequest, gap: UUID, body: Messages) -> HttpResponse:
    """Take the questions out of the report; nothing else happens."""
    principal = await current(request)
    managed = Managed.by(principal)

    def close() -> None:
        messages = {gap, *body.messages}
        gaps.close(messages, _site(managed, messages).pk, by=principal.user.id)

    await sync_to_async(close)()
    return HttpResponse(status=204)


def _write(managed: Managed, principal: Principal, gap: UUID, body: Answer) -> tuple[Document, bool]:
    messages = {gap, *body.messages}
    site = _site(managed, messages)
    title, text = " ".join(body.title.split()), body.text.strip()
    if not text:
        raise Invalid("text", "this is missing.")
    collection = managed.target(str(body.collection or ""), site)
    # One transaction: a worker that takes the document up finds what it is to have written anew.
    with transaction.atomic():
        document, work = intake.keep_text(
            collection, title=title or _question(gap), text=text, origin=f"gap:{gap}", owner=principal.user.id
        )
        gaps.close(messages, site.pk, by=principal.user.id, document=str(document.pk))
    return document, work


def _site(managed: Managed, messages: set[UUID]) -> Site:
    """Whose questions these are. One of another site, or of several, is as if it were not there."""
    found = gaps.site_of(messages)
    if found is None or (managed.sites is not None and found not in managed.sites):
        raise NotFound("There is no such gap.")
    return managed.site(found)


def _question(gap: UUID) -> str:
    return _plain(*gaps.question_of(gap))[:QUESTION_CHARS]


def _plain(text: str, assistant: str) -> str:
    return " ".join(without_mention(text, assistant).split())


def _shown(gap: Gap) -> dict[str, Any]:
    latest = gap.questions[0]
    return {
        "id": gap.id,
        "site": gap.site,
        "question": latest.text[:QUESTION_CHARS],
        "count": len(gap.questions),
        "reasons": gap.reasons(),
        "last": latest.asked,
        "questions": [
            {
                "message": each.message,
                "room": each.room,
                "text": each.text[:QUESTION_CHARS],
                "asked": each.asked,
                "reason": each.reason,
            }
            for each in gap.questions
        ],
    }
