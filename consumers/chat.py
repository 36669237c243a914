"""The WebSocket edge: a thin shell around the session, the commands and the writer of one socket.

It overrides `dispatch`, which in Channels takes a turn of the one database thread before every event, and has no
channel layer of its own: the hub subscribes once per process. What receives frames never waits, so nothing piles up
behind it.
"""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
from collections.abc import Coroutine, Mapping
from typing import Any

from channels.consumer import AsyncConsumer
from channels.exceptions import StopConsumer

from chatserver import logs
from chatserver.config import config
from chatserver.errors import ChatError, Conflict
from chatserver.metrics import Counter
from chatserver.protocol import codec
from chatserver.protocol.frames import COMMANDS as KNOWN
from chatserver.protocol.frames import (
    DONE,
    SUBPROTOCOL,
    AuthRefresh,
    Close,
    Command,
    Hello,
    Ok,
    Ping,
    User,
)
from chatserver.protocol.session import Refusal, Session
from chatserver.realtime.socket import Socket
from consumers import origin
from consumers.commands import Commands, told
from consumers.greeting import Greeting, may_connect
from consumers.writer import writer_for

__all__ = ["ChatConsumer"]

MAX_AGE = 12 * 3600.0
"""Seconds, give or take 10 %: an older socket is asked to reconnect, so that no process keeps its sockets for ever."""
LEAVING = ("1000", "1001", "1005", "1006")
"""Codes of leaving clients that are counted apart: what else they say is theirs to choose."""
NOBODY = User(id="", name="", kind="visitor")
"""Whose a socket is before its hello."""

TYPES = [str(command.__struct_config__.tag) for command in KNOWN]
COMMANDS = Counter("chatserver_commands_total", "Commands received from sockets.", label="type", values=TYPES)
REFUSALS = Counter(
    "chatserver_refused_frames_total",
    "Frames that led to no command.",
    label="code",
    values=("bad_frame", "rate_limited", "too_large", "unauthenticated", "unknown_type"),
)
CONNECTS = Counter(
    "chatserver_connects_total", "Sockets that asked to be opened.", label="outcome", values=("accepted", "refused")
)
LEFT = Counter(
    "chatserver_sockets_left_total",
    "Sockets closed by their client or cut on the way (1006), by the code that the client gave.",
    label="code",
    values=LEAVING,
)
FRAMES = Counter("chatserver_frames_received_total", "Frames received from sockets.")
BYTES = Counter("chatserver_received_bytes_total", "Bytes of such frames.")


class ChatConsumer(AsyncConsumer):
    channel_layer_alias = "none"

    _live = False
    _code: int | None = None
    _frames = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self._forget()  # also when the server cancels instead of saying "disconnect"

    async def dispatch(self, message: Mapping[str, Any]) -> None:
        match message["type"]:
            case "websocket.receive":
                self._receive(message.get("text"))
            case "websocket.connect":
                await self._connect()
            case _:
                self._code = message.get("code")
                self._left(str(message.get("code", "")))
                raise StopConsumer

    async def _connect(self) -> None:
        handshake = origin.read(self.scope, config())
        if SUBPROTOCOL not in handshake.subprotocols or not await may_connect(handshake):
            logs.ACCESS.info("socket refused", extra={"origin": handshake.origin})
            CONNECTS.add(label="refused")
            await self.send({"type": "websocket.close"})  # before the accept this is HTTP 403
            raise StopConsumer
        await self.send({"type": "websocket.accept", "subprotocol": SUBPROTOCOL})
        CONNECTS.add(label="accepted")
        self._loop = asyncio.get_running_loop()
        self._opened = self._loop.time()
        self._session = Session(self._loop.time(), max_age=MAX_AGE * random.uniform(0.9, 1.1))  # noqa: S311 - jitter
        self._sock = sock = Socket(NOBODY, f"c-{secrets.token_hex(6)}", wake=self._wake, shut=self._shut)
        logs.bind(conn=sock.conn)  # in the context of this socket's own task
        self._writer = writer_for(self.scope, self.base_send, sock.outbox)
        self._commands = Commands(sock)
        self._greeting = Greeting(handshake, sock, self._session, self._writer, self._commands, self._arm)
        self._tasks: set[asyncio.Task[None]] = set()
        self._refreshing = False
        self._timer: asyncio.TimerHandle | None = None
        self._live = True
        self._arm()
        if (full := self._greeting.admit()) is not None:
            sock.close(full)

    def _receive(self, text: str | None) -> None:
        self._frames += 1
        FRAMES.value += 1
        BYTES.value += len((text or "").encode())
        match self._session.receive(text, self._loop.time()):
            case None:
                pass
            case Refusal(error=error, close=close):
                REFUSALS.add(label=error.code)
                self._sock.offer(codec.encode(error))
                if close is not None:
                    self._sock.close(close)
            case command:
                COMMANDS.add(label=str(command.__struct_config__.tag))
                try:
                    self._take(command, len(text or ""))
                except ChatError as error:
                    self._sock.offer(codec.encode(codec.error_frame(error, re=command.id)))

    def _take(self, command: Command, size: int) -> None:
        match command:
            case Ping():
                self._sock.offer(codec.encode(Ok(re=command.id)))
            case Hello():
                self._commands.hold()
                self._start(self._greeting.greet(command))
            case AuthRefresh():
                if self._refreshing:
                    raise Conflict("A refresh of this socket is under way.")
                self._refreshing = True
                self._start(self._refresh(command))
            case _:
                self._commands.submit(command, size)

    async def _refresh(self, command: AuthRefresh) -> None:
        try:
            answer = await self._greeting.refresh(command)
        except Exception as error:
            self._sock.offer(codec.encode(codec.error_frame(told(error, "auth.refresh"), re=command.id)))
        else:
            self._sock.offer(codec.encode(answer))
        finally:
            self._refreshing = False

    def _left(self, code: str) -> None:
        if self._live and self._sock.closing is None:
            LEFT.add(label=code if code in LEAVING else "other")

    # --- deadlines and the end ---------------------------------------------------------------------------------------

    def _arm(self) -> None:
        """Look again when the session's next deadline comes; to be called when it may have moved."""
        if self._timer:
            self._timer.cancel()
        deadline = self._session.deadline
        self._timer = None if deadline is None else self._loop.call_at(deadline, self._check)

    def _check(self) -> None:
        if (close := self._session.overdue(self._loop.time())) is not None:
            self._sock.close(close)
        else:
            self._arm()

    def _wake(self) -> None:
        self._writer.wake()

    def _shut(self, close: Close) -> None:
        self._session.close()
        self._arm()
        self._writer.shut(close)

    async def _forget(self) -> None:
        if not self._live:
            return
        self._live, sock = False, self._sock
        self._session.close()
        self._arm()
        sock.closing = sock.closing or DONE  # a join that is under way must not add it to a room any more
        self._writer.stop()
        for task in self._tasks:
            task.cancel()
        await self._greeting.part()
        await self._commands.finish()
        self._tell_end()

    def _tell_end(self) -> None:
        if logs.ACCESS.isEnabledFor(logging.INFO):
            closing, seconds = self._sock.closing, self._loop.time() - self._opened
            code = closing.code if closing and closing is not DONE else self._code
            more = {"code": code, "seconds": round(seconds, 1), "frames": self._frames}
            logs.bind(user=self._sock.user.id)
            logs.ACCESS.info("socket", extra=more)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name="socket: hello or refresh")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
