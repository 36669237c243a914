"""The ways in which real model servers end an answer, by name, each with what a client must make of it.

Collected from servers in use; the scripted server plays them and the tests prove that no one ends in two ways, or none.
"""

from __future__ import annotations

import json
from typing import Any, Literal

from msgspec import Struct

__all__ = ["ENDINGS", "Ending", "chunk", "done", "event", "finish"]

type Close = Literal["end", "eof", "drop", "reset", "hold"]
"""`end`: the HTTP body ends and the connection stays usable. `eof`: a body without length, ended by FIN. `drop`: FIN in
the middle of a chunked body. `reset`: RST. `hold`: nothing more is said and the connection stays open."""


class Ending(Struct, frozen=True, kw_only=True):
    """One way. `becomes`: the `Finish.reason`, or the `ProviderError.kind`, that it must become.

    A stream is `before`, then the text in deltas (when `text`), then `after`. With `body` set there is no stream.
    """

    becomes: str
    status: int = 200
    type: str = "text/event-stream"
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    before: tuple[bytes, ...] = ()
    text: bool = True
    after: tuple[bytes, ...] = ()
    close: Close = "end"
    between: bytes = b""  # sent after each delta
    newline: bytes = b"\n"
    pieces: Literal["event", "byte", "whole"] = "event"
    """How the stream is cut into writes: one per event, one per byte, or one for everything."""
    unless: str = ""
    """The ending holds only for requests with this key; others are answered well."""

    def otherwise(self) -> Ending:
        return ENDINGS["done"]


def event(value: Any) -> bytes:
    return b"data: " + json.dumps(value, ensure_ascii=False).encode() + b"\n\n"


def chunk(delta: dict[str, Any], reason: str | None = None, **more: Any) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    return event({"id": "scripted", "object": "chat.completion.chunk", "choices": [choice], **more})


def finish(reason: str = "stop", **more: Any) -> bytes:
    return chunk({}, reason, **more)


done = b"data: [DONE]\n\n"
_USAGE = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
_usage = event({"id": "scripted", "choices": [], "usage": _USAGE})
_whole = (finish(), _usage, done)


def _json(status: int, value: Any, becomes: str, *headers: tuple[str, str], unless: str = "") -> Ending:
    body = json.dumps(value).encode()
    return Ending(
        becomes=becomes, status=status, type="application/json", body=body, headers=headers, unless=unless, text=False
    )


def _plain(status: int, body: bytes, becomes: str, *headers: tuple[str, str], type_: str = "text/plain") -> Ending:
    return Ending(becomes=becomes, status=status, type=type_, body=body, headers=headers, text=False)


_ERROR = {"error": {"message": "context length exceeded", "type": "invalid_request_error", "code": "too_long"}}

ENDINGS: dict[str, Ending] = {
    # whole
    "done": Ending(becomes="stop", after=_whole),
    "length": Ending(becomes="length", after=(finish("length"), _usage, done)),
    "no_done": Ending(becomes="stop", after=(finish(),)),
    "no_done_eof": Ending(becomes="stop", after=(finish(),), close="eof"),
    "no_last_blank_line": Ending(becomes="stop", after=(finish(), b"data: [DONE]\n"), close="eof"),
    "no_last_chunk": Ending(becomes="stop", after=_whole, close="drop"),
    "finish_then_reset": Ending(becomes="stop", after=(finish(), _usage, done), close="reset"),
    "held_open": Ending(becomes="stop", after=_whole, close="hold"),
    "held_open_without_done": Ending(becomes="stop", after=(finish(),), close="hold"),
    "usage_with_empty_delta": Ending(becomes="stop", after=(finish(), chunk({}, usage=_USAGE), done)),
    "usage_in_finish": Ending(becomes="stop", after=(finish(usage=_USAGE), done)),
    "no_usage": Ending(becomes="stop", after=(finish(), done)),
    "null_usage": Ending(becomes="stop", after=(finish(usage=None), event({"choices": [], "usage": None}), done)),
    "keep_alive": Ending(becomes="stop", before=(b": ping\n\n",) * 3, between=b": ping\n\n", after=_whole),
    "null_content": Ending(
        becomes="stop", before=(chunk({"role": "assistant", "content": None}),), between=chunk({"content": None}),
        after=_whole,
    ),
    "empty_content": Ending(becomes="stop", before=(chunk({"role": "assistant", "content": ""}),), after=_whole),
    "reasoning": Ending(
        becomes="stop", before=(chunk({"reasoning_content": "Let me think."}), chunk({"reasoning": "Hm."})),
        after=_whole,
    ),
    "role_with_content": Ending(
        becomes="stop", before=(chunk({"role": "assistant", "content": "So: "}),), after=_whole
    ),
    "content_in_finish": Ending(becomes="stop", after=(chunk({"content": " End."}, "stop"), done)),
    "replacement_character": Ending(becomes="stop", before=(chunk({"content": "\ufffd "}),), after=_whole),
    "crlf": Ending(becomes="stop", after=_whole, newline=b"\r\n"),
    "carriage_return": Ending(becomes="stop", after=_whole, newline=b"\r"),
    "byte_by_byte": Ending(becomes="stop", after=_whole, pieces="byte"),
    "crlf_byte_by_byte": Ending(becomes="stop", after=_whole, newline=b"\r\n", pieces="byte"),
    "one_segment": Ending(becomes="stop", after=_whole, pieces="whole"),
    "not_streamed": _json(
        200,
        {
            "choices": [{"message": {"role": "assistant", "content": "All at once."}, "finish_reason": "stop"}],
            "usage": _USAGE,
        },
        "stop",
    ),
    "no_usage_option": _json(
        400, {"error": {"message": "Unrecognized request argument supplied: stream_options"}}, "stop",
        unless="stream_options",
    ),
    # cut
    "done_without_finish": Ending(becomes="cut", after=(done,)),
    "eof": Ending(becomes="cut", close="eof"),
    "end": Ending(becomes="cut"),
    "drop": Ending(becomes="cut", close="drop"),
    "reset": Ending(becomes="cut", close="reset"),
    "half_character": Ending(becomes="cut", after=(b'data: {"choices":[{"delta":{"content":"\xe4\xbd',), close="eof"),
    "half_event": Ending(becomes="cut", after=(b'data: {"choices":[{"delta":',), close="eof"),
    "half_event_dropped": Ending(becomes="cut", after=(b'data: {"choices":[{"delta":',), close="drop"),
    # silent
    "silence": Ending(becomes="timeout", close="hold"),
    "silence_at_first": Ending(becomes="timeout", text=False, close="hold"),
    "comments_for_ever": Ending(becomes="timeout", text=False, before=(b": ping\n\n",) * 50, close="hold"),
    # refused, limited, broken
    "content_filter": Ending(becomes="refused", after=(finish("content_filter"), done)),
    "error_in_stream": Ending(becomes="refused", after=(event(_ERROR), done)),
    "error_text_in_stream": Ending(becomes="refused", after=(event({"error": "out of memory"}), done)),
    "error_first": Ending(becomes="refused", text=False, after=(event(_ERROR), done)),
    "error_with_200": _json(200, _ERROR, "refused"),
    "error_text_with_200": _json(200, {"error": "model is not loaded"}, "refused"),
    "code_int": _json(400, {"error": {"message": "bad request", "code": 400}}, "refused"),
    "code_text": _json(400, _ERROR, "refused"),
    "detail": _json(422, {"detail": [{"loc": ["body", "messages"], "msg": "too many"}]}, "refused"),
    "detail_text": _json(400, {"detail": "no such template"}, "refused"),
    "plain_text": _plain(400, b"Bad Request", "refused"),
    "error_without_body": _plain(400, b"", "refused"),
    "unauthorized": _json(401, {"error": {"message": "Incorrect API key provided: sk-…"}}, "auth"),
    "forbidden": _json(403, {"error": "country not supported"}, "auth"),
    "no_such_model": _json(404, {"error": {"message": "model not found"}}, "refused"),
    "moved": _plain(302, b"", "refused", ("Location", "/login")),
    "rate_limited": _json(429, {"error": {"message": "slow down"}}, "rate_limited"),
    "rate_limited_for_long": _json(429, {"error": {"message": "slow down"}}, "rate_limited", ("Retry-After", "3600")),
    "loading": _json(503, {"error": {"message": "Loading model", "code": 503}}, "overloaded"),
    "bad_gateway": _plain(502, b"<html><h1>502</h1></html>", "overloaded", type_="text/html"),
    "empty_body": _plain(200, b"", "empty", type_="text/event-stream"),
    "empty_json": _plain(200, b"", "empty", type_="application/json"),
    "empty_answer": Ending(becomes="empty", text=False, after=_whole),
    "only_done": Ending(becomes="empty", text=False, after=(done,)),
    "not_json": Ending(becomes="malformed", after=(b"data: {oops}\n\n", done)),
    "not_utf_8": Ending(becomes="malformed", after=(b"data: \xff\xfe\n\n", done)),
    "not_an_object": Ending(becomes="malformed", after=(b"data: [1]\n\n", done)),
    "endless_event": Ending(becomes="malformed", after=(b"data: " + b"x" * 2_100_000,), close="hold"),
    "web_page": _plain(200, b"<!doctype html><title>Login</title>", "malformed", type_="text/html"),
    "broken_gzip": _plain(200, b"oops", "malformed", ("Content-Encoding", "gzip"), type_="application/json"),
}  # fmt: skip
