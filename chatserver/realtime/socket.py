"""What the hub knows of a connected socket: who it is, what waits for it, and which rooms it joined."""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec
from msgspec import UNSET

from chatserver.metrics import Counter
from chatserver.protocol.frames import SLOW, AnswerDelta, Bye, Close, User
from chatserver.realtime.outbox import Outbox

__all__ = ["Socket"]

CLOSED = Counter(
    "chatserver_sockets_closed_total",
    "Sockets closed by the server.",
    label="code",
    values=("1000", "4001", "4002", "4003", "4004", "4008", "4012", "4029"),
)


class Socket:
    """One client connection, as the hub sees it.

    `wake` is called when something was put into an empty outbox: pull and write while the transport takes it. `shut` is
    called once, after `bye` was queued: write what fits, then close with that code.
    """

    def __init__(self, user: User, conn: str, *, wake: Callable[[], None], shut: Callable[[Close], None]) -> None:
        self.user = user
        self.conn = conn
        self.outbox = Outbox()
        self.rooms: set[str] = set()
        self.gone: set[str] = set()
        """Rooms whose `room.gone` was sent and that were not joined again: it is sent once."""
        self.closing: Close | None = None
        self._wake = wake
        self._shut = shut

    def offer(self, data: bytes) -> None:
        """Queue one encoded object. Never blocks; a socket that lags too far is closed with `SLOW`."""
        if self.closing is None:
            idle = not self.outbox.unsent
            self.outbox.offer(data, time.monotonic())
            self._offered(idle)

    def offer_delta(self, delta: AnswerDelta, data: bytes, now: float) -> None:
        if self.closing is None:
            idle = not self.outbox.unsent
            self.outbox.offer_delta(delta, data, now)
            self._offered(idle)

    def offer_lossy(self, data: bytes, now: float) -> None:
        """Queue what may be lost on a socket that lags: typing, presence."""
        if self.closing is None:
            idle = not self.outbox.unsent
            if self.outbox.offer_lossy(data, now):
                self._offered(idle)

    def close(self, close: Close) -> None:
        """Say `bye` and close; the first reason wins."""
        if self.closing is None:
            self.closing = close
            CLOSED.add(label=str(close.code))
            retry = UNSET if close.retry_after is None else close.retry_after
            bye = Bye(code=close.code, reason=close.reason, retry_after=retry)
            self.outbox.offer(msgspec.json.encode(bye), time.monotonic())
            self._wake()
            self._shut(close)

    def check(self, now: float) -> None:
        """Close the socket when it made no progress for too long."""
        if self.closing is None and self.outbox.slow(now):
            self.close(SLOW)

    def _offered(self, idle: bool) -> None:
        if idle:
            self._wake()
        elif self.outbox.full:
            self.close(SLOW)
