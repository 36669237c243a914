"""What one socket may say and until when: hello first, budgets, deadlines. Pure: the clock is a parameter.

`now` is in seconds on any clock that only goes forward. Between `receive` and the answer to a hello the session is
*greeting*: the caller reports how it went with `welcome`, `postpone` or `close`.
"""

from __future__ import annotations

from collections import deque
from enum import Enum, auto

from msgspec import Struct

from chatserver.errors import BadFrame, ChatError, Conflict, RateLimited, TooLarge, Unauthenticated
from chatserver.protocol import codec
from chatserver.protocol.frames import (
    LIMITED,
    NO_HELLO,
    RESTART,
    UNAUTHENTICATED,
    VIOLATION,
    Close,
    Command,
    Error,
    Hello,
)

__all__ = ["HELLO_SECONDS", "POSTPONED_SECONDS", "Refusal", "Session"]

HELLO_SECONDS = 5.0
POSTPONED_SECONDS = 30.0
"""After a hello that met an absent database: time to say it again."""
BAD_FRAMES = 10
BAD_FRAMES_SECONDS = 60.0
COMMANDS_BURST = 400
"""Twice the rooms of a resume list: a client may join or sync them all at once."""
COMMANDS_PER_SECOND = 50.0
REFUSALS = 200
REFUSALS_SECONDS = 10.0
FLOOD = Close(LIMITED.code, "too many commands", retry_after=30.0)
AGED = Close(RESTART.code, "time to reconnect")


class Refusal(Struct, frozen=True):
    """A frame that leads to no command: what its sender is told, and whether the socket ends with it."""

    error: Error
    close: Close | None = None


class _State(Enum):
    NEW = auto()  # nothing came yet
    GREETING = auto()  # a hello is being looked at
    POSTPONED = auto()  # a hello could not be looked at; another may come
    OPEN = auto()
    CLOSED = auto()


class Session:
    """The state machine of one socket. `max_age` in seconds: an older socket is asked to reconnect."""

    def __init__(self, now: float, *, max_age: float) -> None:
        self._state = _State.NEW
        self._hello_by = now + HELLO_SECONDS
        self._old_at = now + max_age
        self._expires: float | None = None
        self._bad: deque[float] = deque(maxlen=BAD_FRAMES)
        self._refused: deque[float] = deque(maxlen=REFUSALS)
        self._tokens = float(COMMANDS_BURST)
        self._filled = now

    @property
    def is_open(self) -> bool:
        return self._state is _State.OPEN

    @property
    def deadline(self) -> float | None:
        """When `overdue` must be asked next; None once closed."""
        match self._state:
            case _State.NEW | _State.POSTPONED:
                return self._hello_by
            case _State.GREETING | _State.OPEN:
                return self._old_at if self._expires is None else min(self._old_at, self._expires)
            case _State.CLOSED:
                return None

    def overdue(self, now: float) -> Close | None:
        """Why the socket must be closed at `now`, if it must."""
        deadline = self.deadline
        if deadline is None or now < deadline:
            return None
        if self._state in (_State.NEW, _State.POSTPONED):
            return NO_HELLO
        return UNAUTHENTICATED if deadline == self._expires else AGED

    def receive(self, text: str | None, now: float) -> Command | Refusal | None:
        """What follows from a frame; `text` is None for a binary one. None: the socket is closing, nothing follows."""
        if self._state is _State.CLOSED:
            return None
        if (wait := self._spend(now)) > 0:
            self._refused.append(now)
            flood = len(self._refused) == REFUSALS and now - self._refused[0] < REFUSALS_SECONDS
            error = RateLimited("Too many commands on this socket.", retry_after=wait)
            return Refusal(codec.error_frame(error, re=codec.id_of(text) if text else None), FLOOD if flood else None)
        try:
            if text is None:
                raise BadFrame("Frames must be text, not binary.")
            command = codec.decode(text)
            self._admit(command)
        except ChatError as error:
            return Refusal(
                codec.error_frame(error, re=codec.id_of(text) if text else None), self._consequence(error, now)
            )
        if isinstance(command, Hello):
            self._state = _State.GREETING
        return command

    def welcome(self, now: float, lifetime: float | None) -> None:
        """The hello was good; the credentials are so for `lifetime` more seconds (None: no end)."""
        if self._state is not _State.CLOSED:
            self._state = _State.OPEN
            self.renew(now, lifetime)

    def renew(self, now: float, lifetime: float | None) -> None:
        self._expires = None if lifetime is None else now + lifetime

    def postpone(self, now: float) -> None:
        """The hello could not be judged (the database is away): the client may repeat it."""
        if self._state is _State.GREETING:
            self._state = _State.POSTPONED
            self._hello_by = now + POSTPONED_SECONDS

    def close(self) -> None:
        self._state = _State.CLOSED

    def _admit(self, command: Command) -> None:
        greeting = isinstance(command, Hello)
        match self._state:
            case _State.GREETING | _State.OPEN if greeting:
                raise Conflict("This socket has said hello already.")
            case _State.NEW if not greeting:
                raise _NotHello("The first frame must be hello.")
            case _State.POSTPONED if not greeting:
                raise Unauthenticated("Say hello again first.")
            case _:
                pass

    def _consequence(self, error: ChatError, now: float) -> Close | None:
        match error:
            case _NotHello():
                return VIOLATION
            case BadFrame() | TooLarge():
                # Not `unknown_type` or `invalid`: a newer client may say what this server does not know yet.
                self._bad.append(now)
                spent = len(self._bad) == BAD_FRAMES and now - self._bad[0] < BAD_FRAMES_SECONDS
                return VIOLATION if spent else None
            case _:
                return None

    def _spend(self, now: float) -> float:
        """Take one token; else the seconds until there is one."""
        self._tokens = min(COMMANDS_BURST, self._tokens + (now - self._filled) * COMMANDS_PER_SECOND)
        self._filled = now
        if self._tokens >= 1:
            self._tokens -= 1
            return 0.0
        return (1 - self._tokens) / COMMANDS_PER_SECOND


class _NotHello(Unauthenticated):
    pass
