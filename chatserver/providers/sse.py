"""Server-sent events, parsed without I/O (WHATWG HTML, 9.2.6 "Interpreting an event stream")."""

from __future__ import annotations

from msgspec import Struct

__all__ = ["EVENT_BYTES", "Event", "Parser", "StreamError"]

EVENT_BYTES = 1024 * 1024
"""More than this without an end of line, or in one event, is no event stream."""
_BOM = b"\xef\xbb\xbf"


class Event(Struct, frozen=True):
    data: str
    event: str = "message"


class StreamError(Exception):
    """These bytes are no event stream: not UTF-8, or an event without end."""


class Parser:
    """`feed` it bytes as they come, in any pieces; `end` it once."""

    def __init__(self) -> None:
        self._rest = b""
        self._begun = False
        self._skip_newline = False
        self._data: list[str] = []
        self._size = 0
        self._event = ""

    def feed(self, data: bytes) -> list[Event]:
        """The events that `data` completes. Raises `StreamError`."""
        data = self._rest + data
        if not self._begun:
            if len(data) < len(_BOM) and _BOM.startswith(data):
                self._rest = data
                return []
            data, self._begun = data.removeprefix(_BOM), True
        events: list[Event] = []
        start = 0
        while True:
            if self._skip_newline and start < len(data):
                # The line before ended in CR, and whether LF belongs to it is known only now.
                start += data[start : start + 1] == b"\n"
                self._skip_newline = False
            end = _line_end(data, start)
            if end < 0:
                break
            self._skip_newline = data[end : end + 1] == b"\r"
            self._line(data[start:end], events)
            start = end + 1
        self._rest = data[start:]
        if len(self._rest) > EVENT_BYTES:
            raise StreamError("a line without end")
        return events

    def end(self) -> list[Event]:
        """The stream is over: what was begun counts too, for many servers leave out the last empty line. Raises
        `StreamError` when it ends inside a character.
        """
        events: list[Event] = []
        if self._rest:
            self._line(self._rest, events)
            self._rest = b""
        self._dispatch(events)
        return events

    def _line(self, raw: bytes, events: list[Event]) -> None:
        if not raw:
            self._dispatch(events)
            return
        try:
            line = raw.decode()
        except UnicodeDecodeError as error:
            raise StreamError("not UTF-8") from error
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._size += len(value)
            if self._size > EVENT_BYTES:
                raise StreamError("an event without end")
            self._data.append(value)
        elif name == "event":
            self._event = value

    def _dispatch(self, events: list[Event]) -> None:
        if self._data:
            events.append(Event("\n".join(self._data), self._event or "message"))
        self._data, self._event, self._size = [], "", 0


def _line_end(data: bytes, start: int) -> int:
    ends = [end for end in (data.find(b"\n", start), data.find(b"\r", start)) if end >= 0]
    return min(ends, default=-1)
