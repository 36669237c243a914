"""From a socket's outbox to its transport.

With the server's own handle (`Wire`, put into the scope by `chatserver.serving`) frames are written only while the
transport is not paused, framed once for all sockets of the process, and a stalled socket can be cut. Under any
other ASGI server `send` is all there is: that server's own flow control, if it has any, paces the writing.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, ClassVar, Protocol

from chatserver.metrics import Counter
from chatserver.protocol.frames import SLOW, Close
from chatserver.realtime.outbox import SOFT_BYTES, Outbox

__all__ = ["SendWriter", "Wire", "WireWriter", "Writer", "writer_for"]

log = logging.getLogger(__name__)

type Send = Callable[[Any], Awaitable[None]]

CLOSE_SECONDS = 5.0
"""For the last objects and the closing handshake of a socket that drains slowly; then it is cut."""
SLOW_CLOSE_SECONDS = 2.0
"""The same for a socket that is closed because it does not drain."""

FRAMES = Counter("chatserver_frames_sent_total", "Frames given to the transports of sockets.")
BYTES = Counter("chatserver_sent_bytes_total", "Bytes of such frames.")


class Wire(Protocol):
    """The server's handle on one socket's transport."""

    paused: bool
    on_drain: Callable[[], None]

    def prepare(self, data: bytes) -> object: ...
    def write(self, prepared: Any) -> None: ...
    def close(self, code: int) -> None: ...
    def abort(self) -> None: ...


class Frames:
    """The frames written last, ready for any wire of this process: a room's sockets are written one after the other,
    so a few are enough for one framing per event."""

    def __init__(self, entries: int = 64, frame_bytes: int = 16 * 1024) -> None:
        self._entries = entries
        self._frame_bytes = frame_bytes
        self._ready: OrderedDict[bytes, object] = OrderedDict()

    def get(self, wire: Wire, data: bytes) -> object:
        if len(data) > self._frame_bytes:
            return wire.prepare(data)
        prepared = self._ready.get(data)
        if prepared is None:
            prepared = self._ready[data] = wire.prepare(data)
            if len(self._ready) > self._entries:
                self._ready.popitem(last=False)
        return prepared


class Writer:
    """One socket's way out. `wake` after something was put into the outbox, `shut` once, after `bye` was."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._room: asyncio.Event | None = None
        self._closing: Close | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._over = False
        self._held = False

    def wake(self) -> None:
        raise NotImplementedError

    def hold(self) -> None:
        """Write nothing until `release`."""
        self._held = True

    def release(self) -> None:
        self._held = False
        self.wake()

    def take_back(self) -> list[bytes]:
        """Empty the outbox while writing is held, to put something before what is in it."""
        now, frames = time.monotonic(), []
        while (frame := self._outbox.pull(now)) is not None:
            frames.append(frame)
        return frames

    async def drained(self) -> None:
        """Wait until less than 64 KiB lies unsent. A socket that never drains is closed, which ends its tasks."""
        if self._outbox.unsent >= SOFT_BYTES and not self._over:
            self._room = self._room or asyncio.Event()
            await self._room.wait()

    def shut(self, close: Close) -> None:
        """Write what waits (its last object is `bye`), then close; cut the socket when that takes too long."""
        self._closing, self._held = close, False
        seconds = CLOSE_SECONDS
        if close.code == SLOW.code:
            # What waits is what it does not read, and it resumes by position: only `bye` is worth a try.
            seconds = SLOW_CLOSE_SECONDS
            self._keep_last()
        self._deadline = asyncio.get_running_loop().call_later(seconds, self._cut)
        self.wake()

    def stop(self) -> None:
        """The socket is gone."""
        self._over = True
        if self._room:
            self._room.set()
        if self._deadline:
            self._deadline.cancel()

    def _cut(self) -> None:
        raise NotImplementedError

    def _keep_last(self) -> None:
        if frames := self.take_back():
            self._outbox.offer(frames[-1].rpartition(b"\n")[2], time.monotonic())

    def _flushed(self) -> None:
        if self._room and self._outbox.unsent < SOFT_BYTES:
            self._room.set()
            self._room = None


class _Turn:
    """Writes for all sockets to which this turn of the loop offered something: one callback, however many they are."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._due: list[WireWriter] = []

    def add(self, writer: WireWriter) -> None:
        if not self._due:
            self.loop.call_soon(self._write)
        self._due.append(writer)

    def _write(self) -> None:
        due, self._due = self._due, []
        now = time.monotonic()
        for writer in due:
            try:
                writer.flush(now)
            except Exception:
                log.exception("a socket could not be written to")


class WireWriter(Writer):
    """Writes in callbacks of the loop, never more than the transport wants."""

    _frames = Frames()
    _turn: ClassVar[_Turn | None] = None

    def __init__(self, outbox: Outbox, wire: Wire) -> None:
        super().__init__(outbox)
        self._wire = wire
        self._scheduled = False
        self._closed = False
        loop = asyncio.get_running_loop()
        if WireWriter._turn is None or WireWriter._turn.loop is not loop:
            WireWriter._turn = _Turn(loop)
        self._add = WireWriter._turn.add
        wire.on_drain = self.wake

    def wake(self) -> None:
        # Not at once: what one turn offers leaves as one frame.
        if not self._scheduled and not self._over and not self._held:
            self._scheduled = True
            self._add(self)

    def flush(self, now: float) -> None:
        self._scheduled = False
        wire, outbox = self._wire, self._outbox
        if self._over or self._closed or self._held:
            return
        while not wire.paused and (frame := outbox.pull(now)) is not None:
            try:
                wire.write(self._frames.get(wire, frame))
            except (OSError, RuntimeError):
                # The connection was reset a moment ago: the loop knows, and tells the server after this.
                self._over = True
                return
            FRAMES.value += 1
            BYTES.value += len(frame)
        self._flushed()
        if self._closing and not outbox:
            self._closed = True
            wire.close(self._closing.code)

    def _cut(self) -> None:
        if not self._over:
            self._wire.abort()

    def stop(self) -> None:
        super().stop()
        self._wire.on_drain = _nothing


class SendWriter(Writer):
    """Writes through ASGI's `send` in a task of its own, one frame at a time."""

    def __init__(self, outbox: Outbox, send: Send) -> None:
        super().__init__(outbox)
        self._send = send
        self._woken = asyncio.Event()
        self._task = asyncio.create_task(self._run(), name="socket: write")

    def wake(self) -> None:
        self._woken.set()

    def stop(self) -> None:
        super().stop()
        self._task.cancel()

    async def _run(self) -> None:
        while True:
            await self._woken.wait()
            self._woken.clear()
            await asyncio.sleep(0)  # what one tick offers leaves as one frame
            while not self._held and (frame := self._outbox.pull(time.monotonic())) is not None:
                await self._tell({"type": "websocket.send", "text": frame.decode()})
                FRAMES.value += 1
                BYTES.value += len(frame)
                self._flushed()
            if self._closing:
                await self._tell({"type": "websocket.close", "code": self._closing.code})
                return

    async def _tell(self, message: Mapping[str, Any]) -> None:
        try:
            await self._send(message)
        except (OSError, RuntimeError):
            # Servers differ in what a send on a closed socket raises; the disconnect that follows ends this task.
            self._over = True

    def _cut(self) -> None:
        # `send` hangs on a stalled reader; all that is left is to stop writing and say so to the server.
        if not self._over:
            self._task.cancel()
            self._task = asyncio.create_task(self._give_up(), name="socket: close")

    async def _give_up(self) -> None:
        code = self._closing.code if self._closing else 1000
        await self._tell({"type": "websocket.close", "code": code})


def writer_for(scope: Mapping[str, Any], send: Send, outbox: Outbox) -> Writer:
    wire: Wire | None = (scope.get("extensions") or {}).get("chatserver.wire")
    return SendWriter(outbox, send) if wire is None else WireWriter(outbox, wire)


def _nothing() -> None:
    pass
