"""Writes of messages and answers: authorise, commit, then publish."""

from __future__ import annotations

import time

from chatserver import tracing
from chatserver.errors import Conflict, Forbidden, Invalid, NotFound
from chatserver.ids import uuid7
from chatserver.protocol.frames import (
    TEXT_CHARS,
    LiveAnswer,
    Message,
    MessageEvent,
    RoomRead,
    RoomTyping,
    RoomYou,
)
from chatserver.rag.citations import cited
from chatserver.realtime.hub import Hub
from chatserver.realtime.limits import Limits
from chatserver.rooms.access import Right, message_for, rights, room_for
from chatserver.rooms.store import Store
from chatserver.rooms.types import Appended, Draft, MessageInfo, Room
from chatserver.sites.principals import Principal

__all__ = ["Talking"]

STOP_TRIES = 3


class Talking:
    """Needs `_store`, `_hub` and `_limits`. Every method raises `Unavailable` when PostgreSQL is away: repeat it."""

    _store: Store
    _hub: Hub
    _limits: Limits

    async def post_message(
        self,
        principal: Principal,
        room: str,
        cid: str,
        text: str,
        *,
        reply_to: str | None = None,
        ask: bool | None = None,
    ) -> Appended:
        """Store a message, and the pending answer that it asks for. The same `cid` again gives the same outcome.

        Raises `NotFound` for somebody who is no member, `Conflict` when the cid was used for another text, `Invalid`,
        `RateLimited`.
        """
        if not text.strip() or len(text) > TEXT_CHARS:
            raise Invalid("text", f"give 1 to {TEXT_CHARS} characters.")
        self._limits.send(principal.user.id, time.monotonic())
        draft = Draft(
            room=room,
            author=principal.user,
            cid=cid,
            text=text,
            id=str(uuid7()),
            answer=str(uuid7()),
            reply_to=reply_to,
            ask=ask,
            trace=tracing.parent(),
        )
        with tracing.span("append", room=room) as step:
            appended = await self._store.append(draft)
            step.set(message=appended.message, answer=appended.answer or "", duplicate=appended.duplicate)
        for message in (appended.question, appended.pending):
            if message is not None:
                self._publish_message(room, message)
        if appended.pending is not None:
            self._hub.wake_workers()
        return appended

    async def edit_message(self, principal: Principal, message: str, text: str) -> int:
        """Returns the message's rev. Raises `Forbidden`, `Conflict` for a live answer or a deleted message."""
        if not text.strip() or len(text) > TEXT_CHARS:
            raise Invalid("text", f"give 1 to {TEXT_CHARS} characters.")
        info = await self._own_or_moderated(principal, message)
        return self._changed(info.room, *await self._store.edit(message, info.room, text))

    async def delete_message(self, principal: Principal, message: str) -> int:
        """Leave a tombstone; returns its rev. A live answer ends."""
        info = await self._own_or_moderated(principal, message)
        return self._changed(info.room, *await self._store.delete(message, info.room))

    async def answer_for(self, principal: Principal, room: str, cid: str) -> str:
        """The id of the answer to the question that this user sent as `cid`. Raises `NotFound`."""
        answer = await self._store.answer_to(room, principal.user.id, cid)
        if answer is None:
            raise NotFound("There is no answer to this message.")
        return answer

    async def stop_answer(self, principal: Principal, answer: str, attempt: int | None = None) -> None:
        """End a live answer with its text so far; one that is over already (or past `attempt`) stays as it is."""
        info = await self._answer(principal, answer)
        if info.status != "pending":
            return
        for _ in range(STOP_TRIES):
            live = await self._hub.live_text(info.room, answer)
            if attempt is not None and live is not None and live.attempt != attempt:
                return
            ended = await self._settle_stopped(info.room, answer, live)
            if ended is not None:
                self._publish_message(info.room, ended)
                return
            # Over, or superseded between the reading of its text and now: then the text was of the attempt before.
            now = await self._store.message_room(answer)
            if now is None or now.status != "pending":
                return
        raise Conflict("The answer is passing from one worker to another; try again.")

    async def _settle_stopped(self, room: str, answer: str, live: LiveAnswer | None) -> Message | None:
        if live is None or not live.n:
            return await self._store.settle(answer, room, None, "stopped", "", [])
        sources = cited(live.text, live.sources)
        return await self._store.settle(answer, room, live.attempt, "stopped", live.text, sources)

    async def retry_answer(self, principal: Principal, answer: str, attempt: int) -> int:
        """Ask again; returns the new attempt. Raises `Conflict` unless `attempt` is the one that ended."""
        info = await self._answer(principal, answer)
        self._limits.send(principal.user.id, time.monotonic())
        message = await self._store.retry(answer, info.room, attempt, trace=tracing.parent())
        if message is None:
            raise Conflict("This answer cannot be tried again now.")
        self._publish_message(info.room, message)
        self._hub.wake_workers()
        return message.attempt

    async def rate_answer(self, principal: Principal, answer: str, score: int, comment: str = "") -> None:
        info, _, _ = await message_for(self._store, principal, answer)
        if info.kind != "assistant":
            raise Invalid("message", "only answers can be rated.")
        await self._store.rate(answer, principal.user.id, score, comment)

    async def mark_read(self, principal: Principal, room: str, seq: int) -> None:
        """Advance the user's read position; it never goes back."""
        found = await room_for(self._store, principal, room, Right.READ)
        outcome = await self._store.read(room, principal.user.id, seq)
        if outcome is None or found.role is None:
            raise NotFound
        read, unread, moved = outcome
        if moved:
            self._hub.publish(room, RoomRead(room=room, user=principal.user.id, seq=read))
            self._hub.tell(principal.user.id, RoomYou(room=room, role=found.role, read=read, unread=unread))

    async def typing(self, principal: Principal, room: str, on: bool) -> None:
        """Tell the others; at most one per 2 s goes on, the rest is dropped."""
        await room_for(self._store, principal, room, Right.POST)
        if self._limits.typing.allows(principal.user.id, room, on, time.monotonic()):
            self._hub.publish(room, RoomTyping(room=room, user=principal.user.id, on=on))

    async def history(self, principal: Principal, room: str, before: int, limit: int) -> tuple[list[Message], bool]:
        """Messages with a `seq` below `before`, newest first, and whether there are more."""
        await room_for(self._store, principal, room, Right.READ)
        return await self._store.history(room, before, limit)

    # --- inside ------------------------------------------------------------------------------------------------------

    def _publish_message(self, room: str, message: Message) -> None:
        self._hub.publish(room, MessageEvent(room=room, rev=message.rev, message=message))

    def _changed(self, room: str, message: Message, new: bool) -> int:
        if new:
            self._publish_message(room, message)
        return message.rev

    async def _own_or_moderated(self, principal: Principal, message: str) -> MessageInfo:
        info, _, held = await message_for(self._store, principal, message)
        own = info.author == principal.user.id and Right.POST in held
        if not own and Right.MODERATE not in held:
            raise Forbidden("You may change only your own messages.")
        return info

    async def _answer(self, principal: Principal, answer: str) -> MessageInfo:
        """An answer that `principal` may stop and retry: in a group whoever asked, and moderators; else any member."""
        info, room, _ = await message_for(self._store, principal, answer)
        if info.kind != "assistant":
            raise Invalid("message", "this is no answer.")
        if not await self._may_steer(principal, info, room):
            raise Forbidden("Only whoever asked, or a moderator, may do this.")
        return info

    async def _may_steer(self, principal: Principal, info: MessageInfo, room: Room) -> bool:
        held = rights(principal, room)
        if held & {Right.MODERATE, Right.OPERATE}:
            return True
        if room.meta.kind != "group":
            return Right.POST in held
        question = await self._store.message_room(info.question) if info.question else None
        return question is not None and question.author == principal.user.id
