"""Text frames to typed commands, typed events to bytes. Pure; every way a frame can be wrong is one `ChatError`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NoReturn

import msgspec
from msgspec import Struct

from chatserver.errors import BadFrame, ChatError, Invalid, TooLarge, UnknownType
from chatserver.protocol.frames import FRAME_BYTES, Command, Error, ServerFrame

__all__ = ["decode", "encode", "error_frame", "id_of"]

_decoder: msgspec.json.Decoder[Command] = msgspec.json.Decoder(Command)
_encoder = msgspec.json.Encoder()


# A `\u` escape that can hold half of a surrogate pair, or NUL. Both are legal JSON, but no text PostgreSQL can hold.
_SUSPECT = re.compile(r"\\u(?:[dD][89a-fA-F]|0000)")
_WHERE = re.compile(r" - at `\$\.?(.*)`$")
_MISSING = re.compile(r"^Object missing required field `(\w+)`")


def decode(text: str) -> Command:
    """The command that `text`, one whole text frame, holds.

    Raises `BadFrame` (no JSON object with a `type`, nested too deep, not UTF-8), `UnknownType`, `Invalid` (naming the
    field) and `TooLarge`.
    """
    try:
        # A character is at least one byte, so the cheap test spares encoding a huge frame.
        if len(text) > FRAME_BYTES or len(data := text.encode()) > FRAME_BYTES:
            raise TooLarge(f"A frame may have {FRAME_BYTES} bytes.")
    except UnicodeEncodeError:
        raise BadFrame("A text frame must be UTF-8.") from None
    try:
        command = _decoder.decode(data)
    except msgspec.ValidationError as error:
        _refuse(error)
    except msgspec.DecodeError:
        if not _SUSPECT.search(text):
            raise BadFrame from None
        command = _decode_leniently(text)
    except RecursionError:
        raise BadFrame("This frame is nested too deep.") from None
    if _SUSPECT.search(text):
        for field, value in _strings(command):
            if not _storable(value):
                raise Invalid(field, "this holds a NUL character or half of a surrogate pair.")
    return command


def encode(frame: ServerFrame) -> bytes:
    """One object as it travels; it never holds a raw newline, so objects may be joined by one."""
    return _encoder.encode(frame)


def error_frame(error: ChatError, *, re: str | None = None, room: str | None = None) -> Error:
    """What the peer is told of `error`."""
    frame = Error(code=error.code, message=error.message)
    if re is not None:
        frame.re = re
    if room is not None:
        frame.room = room
    if error.retry_after is not None:
        frame.retry_after = error.retry_after
    return frame


def id_of(text: str) -> str | None:
    """The `id` of a frame that `decode` refused, where it has a usable one, so that the error can name it."""
    if len(text) > FRAME_BYTES:
        return None
    try:
        # Not msgspec: it stops at half a surrogate pair anywhere in the frame. Errors are not the hot path.
        value = json.loads(text)["id"]
    except (ValueError, TypeError, LookupError, RecursionError):
        return None
    return value if isinstance(value, str) and 1 <= len(value) <= 64 and _storable(value) else None


def _decode_leniently(text: str) -> Command:
    """Decode what msgspec calls malformed for half a surrogate pair, to name its field or pass over an unknown one."""
    try:
        command: Command = msgspec.convert(json.loads(text, parse_constant=_no_constant), Command)
    except msgspec.ValidationError as error:
        _refuse(error)
    except (ValueError, RecursionError):
        raise BadFrame from None
    return command


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _refuse(error: msgspec.ValidationError) -> NoReturn:
    """Translate a refusal of msgspec, whose text is its only data: `Expected … - at `$.rooms[0].room``."""
    text = str(error)
    where = found[1] if (found := _WHERE.search(text)) else ""
    what = _WHERE.sub("", text)
    if missing := _MISSING.match(what):
        where = f"{where}.{missing[1]}" if where else missing[1]
        what = "this field is missing."
    else:
        # A pattern means nothing to a person; the only patterns are those of ids.
        what = "this is no id." if "matching regex" in what else f"{what}."
    if where == "type":
        if text.startswith("Invalid value"):
            raise UnknownType from None
        raise BadFrame from None
    if not where:
        raise BadFrame from None
    raise Invalid(where, what) from None


def _strings(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    match value:
        case str():
            yield path, value
        case list():
            for index, item in enumerate(value):
                yield from _strings(item, f"{path}[{index}]")
        case Struct():
            for name in value.__struct_fields__:
                yield from _strings(getattr(value, name), f"{path}.{name}" if path else name)


def _storable(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in value
