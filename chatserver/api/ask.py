"""`POST /api/v1/ask`: a question over plain HTTP, its answer as server-sent events of the socket's own objects."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from datetime import UTC, datetime
from typing import assert_never
from uuid import UUID

import msgspec
from django.http import HttpRequest, StreamingHttpResponse
from msgspec import UNSET
from ninja import Router, Schema
from pydantic import Field

from chatserver import wiring
from chatserver.api import sse
from chatserver.api.caller import current
from chatserver.api.fields import Text
from chatserver.errors import Conflict, Invalid, NotFound, Unavailable
from chatserver.ids import uuid7
from chatserver.knowledge.audience import collections_for
from chatserver.protocol.frames import (
    TEXT_CHARS,
    AnswerDelta,
    AnswerStage,
    Message,
    MessageEvent,
    RoomChanges,
    RoomGone,
    ServerFrame,
    Source,
    StageName,
    User,
)
from chatserver.rag.types import Delta, Done, Question, Sources, Stage
from chatserver.realtime.socket import Socket
from chatserver.rooms.wire import ASSISTANT_ID
from chatserver.sites.principals import Principal

__all__ = ["router"]

router = Router(tags=["ask"])

AT_ONCE = 64
"""Questions outside rooms that a process answers at once: they have no queue to wait in."""
ATTEMPTS = 3
"""A room's answer survives the loss of its worker; each attempt may take `ANSWER_SECONDS`."""
QUEUE_SECONDS = 60.0

_frame = msgspec.json.Decoder(ServerFrame)
_running = 0


class Ask(Schema):
    question: Text = Field(min_length=1, max_length=TEXT_CHARS)
    collection: Text | None = Field(None, max_length=150, description="a collection's name or id")
    room: UUID | None = Field(None, description="ask in this room, where it is stored and everybody sees it")


@router.post("/ask")
async def ask(request: HttpRequest, body: Ask) -> StreamingHttpResponse:
    """`answer.stage` and `answer.delta` objects, at last the `message`; an `error` object when it failed."""
    principal = await current(request)
    services = wiring.services()
    if not body.question.strip():
        raise Invalid("question", "this is empty.")
    if body.room is not None:
        if body.collection:
            raise Invalid("collection", "a room decides itself what it is answered from.")
        seconds = QUEUE_SECONDS + ATTEMPTS * services.config.answer_seconds
        return await sse.stream(_in_room(principal, str(body.room), body.question), seconds)
    services.limits.send(principal.user.id, time.monotonic())
    collections = await collections_for(services.store.pool, principal, body.collection)
    if body.collection and not collections:
        raise NotFound("There is no such collection.")
    return await sse.stream(
        _alone(Question(text=body.question, collections=collections)), services.config.answer_seconds
    )


# --- outside rooms ---------------------------------------------------------------------------------------------------


async def _alone(question: Question) -> AsyncGenerator[bytes]:
    """Straight from the pipeline; nothing is stored, and closing it ends the model's stream."""
    global _running
    if _running >= AT_ONCE:
        raise Unavailable("Too many questions are being answered just now.", retry_after=5)
    _running += 1
    try:
        async with aclosing(wiring.services().pipeline.run(question)) as parts:
            answer, n = str(uuid7()), 0
            now: StageName = "queued"
            async for part in parts:
                match part:
                    case Stage(stage):
                        now = stage
                        yield sse.event(_stage(answer, stage))
                    case Sources(sources):
                        yield sse.event(_stage(answer, now, sources))
                    case Delta(text):
                        n += 1
                        yield sse.event(AnswerDelta(room="", message=answer, attempt=1, n=n, text=text))
                    case Done(text=text, sources=cited):
                        yield sse.event(MessageEvent(room="", rev=0, message=_message(answer, text, cited)))
                        return
                    case _:
                        assert_never(part)
    finally:
        _running -= 1


def _stage(answer: str, stage: StageName, sources: tuple[Source, ...] = ()) -> AnswerStage:
    return AnswerStage(room="", message=answer, attempt=1, stage=stage, sources=list(sources) or UNSET)


def _message(answer: str, text: str, sources: tuple[Source, ...]) -> Message:
    return Message(
        id=answer,
        seq=0,
        rev=0,
        author=User(id=ASSISTANT_ID, name="Assistant", kind="assistant"),
        text=text,
        status="complete",
        attempt=1,
        created=datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        sources=list(sources),
    )


# --- in a room -------------------------------------------------------------------------------------------------------


async def _in_room(principal: Principal, room: str, question: str) -> AsyncGenerator[bytes]:
    """As a member of the room whose socket shows only this answer. Leaving does not stop it."""
    services = wiring.services()
    woken = asyncio.Event()
    sock = Socket(principal.user, f"h-{secrets.token_hex(6)}", wake=woken.set, shut=lambda close: woken.set())
    try:
        await services.hub.join(room, sock, None, None)
        sent = await services.actions.post_message(principal, room, f"http-{secrets.token_hex(12)}", question, ask=True)
        if sent.answer is None:
            raise Conflict("The assistant does not answer in this room.")
        while sock.closing is None:
            woken.clear()
            while (data := sock.outbox.pull(time.monotonic())) is not None:
                for line in data.split(b"\n"):
                    for frame in _about(sent.answer, _frame.decode(line)):
                        yield sse.event(frame)
                        if isinstance(frame, MessageEvent) and frame.message.status != "pending":
                            return
            await woken.wait()
        raise Unavailable("The server lost sight of the answer; it goes on in the room.")
    finally:
        await services.hub.detach(sock)


def _about(answer: str, frame: ServerFrame) -> Iterator[AnswerDelta | AnswerStage | MessageEvent]:
    """What `frame` says of `answer`. A room that was read anew says all of it in one object."""
    match frame:
        case RoomGone():
            raise NotFound("The room is gone.")
        case AnswerDelta(message=about) | AnswerStage(message=about) if about == answer:
            yield frame
        case MessageEvent(message=message) if message.id == answer:
            yield frame
        case RoomChanges(room=room, messages=messages, answers=answers):
            for message in messages:
                if message.id == answer:
                    yield MessageEvent(room=room, rev=message.rev, message=message)
            for live in answers:
                if live.message == answer and live.n:
                    yield AnswerDelta(
                        room=room, message=answer, attempt=live.attempt, n=live.n, merged=live.n, text=live.text
                    )
