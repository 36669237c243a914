"""What each command does: the typed command to `rooms.actions` or the hub, and its one answer."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import OrderedDict
from typing import assert_never

from msgspec import UNSET

from chatserver import logs, tracing
from chatserver.errors import ChatError, Internal, Invalid, NotFound, Unavailable
from chatserver.protocol import codec
from chatserver.protocol.frames import (
    AnswerRate,
    AnswerRetry,
    AnswerStop,
    MessageDelete,
    MessageEdit,
    MessageSend,
    Ok,
    RoomHistory,
    RoomJoin,
    RoomLeave,
    RoomReadCommand,
    RoomSync,
    RoomTypingCommand,
)
from chatserver.realtime.socket import Socket
from chatserver.sites.principals import Principal
from chatserver.wiring import Services
from consumers.order import Order

__all__ = ["Commands", "RoomCommand", "told"]

log = logging.getLogger(__name__)

type RoomCommand = (
    RoomJoin | RoomLeave | RoomSync | RoomHistory | MessageSend | MessageEdit | MessageDelete | AnswerStop
    | AnswerRetry | AnswerRate | RoomTypingCommand | RoomReadCommand
)  # fmt: skip


def told(error: Exception, what: str) -> ChatError:
    """The error as its peer may see it. An unexpected one goes to the log under an id, and only the id to the peer."""
    if isinstance(error, ChatError):
        return error
    reference = secrets.token_hex(4)
    log.error("%s failed [%s]", what, reference, exc_info=error)
    return Internal(f"Something went wrong on the server (reference {reference}).")


class MessageRooms:
    """Which room a message is in; it never changes, so the last few are remembered."""

    def __init__(self, entries: int = 4096) -> None:
        self._entries = entries
        self._known: OrderedDict[str, str] = OrderedDict()

    async def find(self, services: Services, message: str) -> str:
        """Raises `NotFound`, `Unavailable`."""
        if (room := self._known.get(message)) is not None:
            self._known.move_to_end(message)
            return room
        info = await services.store.message_room(message)
        if info is None:
            raise NotFound
        self._known[message] = info.room
        if len(self._known) > self._entries:
            self._known.popitem(last=False)
        return info.room


_message_rooms = MessageRooms()


class Commands:
    """The commands of one socket. Closed until `open` names who speaks: what comes before waits."""

    def __init__(self, sock: Socket) -> None:
        self._sock = sock
        self._services: Services | None = None
        self._principal: Principal | None = None
        self._gate = asyncio.Event()
        self._gone = False
        self._order: Order[RoomCommand] = Order(_room_of, self._resolve, self._run)

    def submit(self, command: RoomCommand, size: int) -> None:
        """Raises `RateLimited`."""
        self._order.submit(command, size)

    def hold(self) -> None:
        """A hello is being looked at."""
        self._gate.clear()

    def open(self, services: Services, principal: Principal) -> None:
        self._services, self._principal = services, principal
        self._gate.set()

    def fail(self) -> None:
        """The hello could not be looked at: what waited for it has the same outcome."""
        self._gate.set()

    async def finish(self) -> None:
        """The socket is gone. What it wrote before takes effect all the same; what only it would have read does not."""
        self._gone = True
        self._gate.set()
        await self._order.idle()

    async def _resolve(self, command: RoomCommand) -> str | None:
        try:
            services, _ = await self._ready()
            assert isinstance(command, MessageEdit | MessageDelete | AnswerStop | AnswerRetry | AnswerRate)
            if command.message is UNSET:
                raise Invalid("message", "give `message`, or `room` and `cid` of the question.")
            return await _message_rooms.find(services, command.message)
        except Exception as error:
            self._refuse(command, error)
            return None

    async def _run(self, command: RoomCommand) -> None:
        name = str(command.__struct_config__.tag)
        logs.bind(command=name)
        traced = isinstance(command, MessageSend | AnswerRetry)  # what an answer comes of
        try:
            with tracing.span(name, conn=self._sock.conn) if traced else tracing.NOTHING:
                services, principal = await self._ready()
                logs.bind(user=principal.user.id)
                if self._gone and isinstance(
                    command, RoomJoin | RoomLeave | RoomSync | RoomHistory | RoomTypingCommand
                ):
                    return
                ok = await self._do(command, services, principal)
        except Exception as error:
            self._refuse(command, error)
        else:
            if ok is not None:
                self._sock.offer(codec.encode(ok))

    async def _ready(self) -> tuple[Services, Principal]:
        await self._gate.wait()
        if self._services is None or self._principal is None:
            raise Unavailable
        return self._services, self._principal

    def _refuse(self, command: RoomCommand, error: Exception) -> None:
        self._sock.offer(codec.encode(codec.error_frame(told(error, type(command).__name__), re=command.id)))

    async def _do(self, command: RoomCommand, services: Services, principal: Principal) -> Ok | None:
        """The command's `ok`; None where the hub gives it, in one piece with what follows."""
        hub, actions, sock = services.hub, services.actions, self._sock
        ok = Ok(re=command.id)
        match command:
            case RoomJoin(room=room, rev=rev):
                await hub.join(room, sock, None if rev is UNSET else rev, command.id)
                return None
            case RoomSync(room=room, rev=rev):
                await hub.sync(room, sock, None if rev is UNSET else rev, command.id)
                return None
            case RoomLeave(room=room):
                hub.leave(room, sock)
            case RoomHistory(room=room, before=before, limit=limit):
                ok.messages, ok.more = await actions.history(principal, room, before, limit)
            case MessageSend(room=room, cid=cid, text=text, reply_to=reply_to, ask=ask):
                sent = await actions.post_message(
                    principal, room, cid, text, reply_to=reply_to, ask=None if ask is UNSET else ask
                )
                ok.message, ok.seq, ok.duplicate = sent.message, sent.seq, sent.duplicate
                ok.answer = sent.answer or UNSET
            case MessageEdit(message=message, text=text):
                ok.rev = await actions.edit_message(principal, message, text)
            case MessageDelete(message=message):
                ok.rev = await actions.delete_message(principal, message)
            case AnswerStop(message=message, room=room, cid=cid, attempt=attempt):
                if message is UNSET:
                    assert room is not UNSET
                    assert cid is not UNSET  # `_resolve` refused anything less
                    message = await actions.answer_for(principal, room, cid)
                await actions.stop_answer(principal, message, None if attempt is UNSET else attempt)
            case AnswerRetry(message=message, attempt=attempt):
                ok.attempt = await actions.retry_answer(principal, message, attempt)
            case AnswerRate(message=message, score=score, comment=comment):
                await actions.rate_answer(principal, message, score, comment)
            case RoomTypingCommand(room=room, on=on):
                await actions.typing(principal, room, on)
            case RoomReadCommand(room=room, seq=seq):
                await actions.mark_read(principal, room, seq)
            case _:
                assert_never(command)
        return ok


def _room_of(command: RoomCommand) -> str | None:
    match command:
        case AnswerStop(message=message, room=room, cid=cid):
            # `room` alone would not name an answer, and beside `message` it may be wrong.
            return room if message is UNSET and room is not UNSET and cid is not UNSET else None
        case MessageEdit() | MessageDelete() | AnswerRetry() | AnswerRate():
            return None
        case _:
            return command.room
