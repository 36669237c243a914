"""`POST /api/v1/ask`: a question over plain HTTP, its answer as server-sent events of the socket's own objects."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any, assert_never
from uuid import UUID

from django.http import HttpRequest, StreamingHttpResponse
from msgspec import UNSET, Struct, json
from ninja import Router, Schema
from pydantic import Field

from chatserver import wiring
from chatserver.api.caller import current
from chatserver.errors import ChatError, Conflict, Invalid, NotFound
from chatserver.ids import uuid7
from chatserver.knowledge.audience import collections_for
from chatserver.protocol.codec import error_frame
from chatserver.protocol.frames import (
    TEXT_CHARS,
    AnswerDelta,
    AnswerStage,
    Message,
    MessageEvent,
    StageName,
    Status,
    User,
)
from chatserver.rag.types import Delta, Done, Question, Sources, Stage
from chatserver.realtime.socket import Socket
from chatserver.rooms.wire import ASSISTANT_ID
from chatserver.sites.principals import Principal

router = Router(tags=["ask"])

log = logging.getLogger(__name__)

KEEPALIVE_SECONDS = 15.0


class Ask(Schema):
    question: str = Field(min_length=1, max_length=TEXT_CHARS)
    collection: str | None = Field(None, max_length=150, description="a collection's name or id")
    room: UUID | None = Field(None, description="ask in this room, where it is stored and everybody sees it")


@router.post("/ask")
async def ask(request: HttpRequest, body: Ask) -> StreamingHttpResponse:
    """`answer.stage` and `answer.delta` objects, at last the `message`; an `error` object when it failed."""
    principal = await current(request)
    if body.room is not None and body.collection:
        raise Invalid("collection", "a room decides itself what it is answered from.")
    if body.room is not None:
        events = _in_room(principal, str(body.room), body.question)
    else:
        services = wiring.services()
        services.limits.send(principal.user.id, time.monotonic())
        collections = await collections_for(services.store.pool, principal, body.collection)
        if body.collection and not collections:
            raise NotFound("There is no such collection.")
        events = _alone(Question(text=body.question, collections=collections))
    response = StreamingHttpResponse(_told(events), content_type="text/event-stream")
    response["Cache-Control"] = "no-store"
    response["X-Accel-Buffering"] = "no"
    return response


async def _told(events: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    """The stream, whose last word is an `error` object when something fails on the way."""
    try:
        async with aclosing(events):
            async for event in events:
                yield event
    except ChatError as error:
        yield _event(error_frame(error))
    except Exception:
        reference = secrets.token_hex(4)
        log.exception("ask failed [%s]", reference)
        yield _event(error_frame(ChatError(f"Something went wrong on the server (reference {reference}).")))


async def _alone(question: Question) -> AsyncGenerator[bytes]:
    """Straight from the pipeline; nothing is stored, and closing it ends the model's stream."""
    id_, n = str(uuid7()), 0
    about: dict[str, Any] = {"room": "", "message": id_, "attempt": 1}
    now: StageName = "queued"
    async with aclosing(wiring.services().pipeline.run(question)) as parts:
        async for part in parts:
            match part:
                case Stage(stage):
                    now = stage
                    yield _event(AnswerStage(**about, stage=stage))
                case Sources(sources):
                    yield _event(AnswerStage(**about, stage=now, sources=list(sources) or UNSET))
                case Delta(text):
                    n += 1
                    yield _event(AnswerDelta(**about, n=n, text=text))
                case Done(text=text, sources=cited):
                    yield _event(_message(id_, text, list(cited), "complete"))
                    return
                case _:
                    assert_never(part)


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
            while (frame := sock.outbox.pull(time.monotonic())) is not None:
                for line in frame.split(b"\n"):
                    said = json.decode(line, type=dict[str, Any])
                    if said["type"] == "room.gone":
                        raise NotFound("The room is gone.")
                    if said["type"].startswith("answer.") and said["message"] == sent.answer:
                        yield _framed(said["type"], line)
                    elif said["type"] == "message" and said["message"]["id"] == sent.answer:
                        yield _framed("message", line)
                        if said["message"]["status"] != "pending":
                            return
            woken.clear()
            try:
                async with asyncio.timeout(KEEPALIVE_SECONDS):
                    await woken.wait()
            except TimeoutError:
                yield b": still there\n\n"
    finally:
        await services.hub.detach(sock)


def _message(id_: str, text: str, sources: list[Any], status: Status) -> MessageEvent:
    author = User(id=ASSISTANT_ID, name="Assistant", kind="assistant")
    created = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    message = Message(
        id=id_, seq=0, rev=0, author=author, text=text, status=status, attempt=1, created=created, sources=sources
    )
    return MessageEvent(room="", rev=0, message=message)


def _event(frame: Struct) -> bytes:
    return _framed(str(frame.__struct_config__.tag), json.encode(frame))


def _framed(name: str, data: bytes) -> bytes:
    return b"event: " + name.encode() + b"\ndata: " + data + b"\n\n"
