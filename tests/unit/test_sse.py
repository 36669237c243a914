"""The event-stream parser: the standard's examples, and every stream whole and in pieces."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatserver.providers.sse import EVENT_BYTES, Event, Parser, StreamError

STREAMS: dict[str, tuple[bytes, list[Event]]] = {
    "one event": (b"data: a\n\n", [Event("a")]),
    "the standard's two-line example": (b"data: YHOO\ndata: +2\ndata: 10\n\n", [Event("YHOO\n+2\n10")]),
    "the standard's id example": (
        b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
        [Event("first event"), Event("second event"), Event(" third event")],
    ),
    "the standard's empty data": (b"data\n\ndata\ndata\n\ndata:", [Event(""), Event("\n"), Event("")]),
    "carriage returns alone": (b"data: a\r\rdata: b\r\r", [Event("a"), Event("b")]),
    "CRLF": (b"data: a\r\n\r\ndata: b\r\n\r\n", [Event("a"), Event("b")]),
    "mixed line ends": (b"data: a\r\n\ndata: b\n\r\ndata: c\r\n\r", [Event("a"), Event("b"), Event("c")]),
    "byte order mark, once": (b"\xef\xbb\xbfdata: a\n\n\xef\xbb\xbfdata: b\n\n", [Event("a")]),
    "comments between and inside": (b": ping\n\ndata: a\n:\ndata: b\n\n: ping\n\n", [Event("a\nb")]),
    "type and unknown fields": (
        b"event: add\nretry: 10\nfoo: bar\ndata: a\n\ndata: b\n\n",
        [Event("a", "add"), Event("b")],
    ),
    "no data, no event": (b"event: add\n\ndata: b\n\n", [Event("b")]),
    "characters of two, three and four bytes": ("data: é中😀\n\n".encode(), [Event("é中😀")]),
    "no last blank line": (b"data: [DONE]\n", [Event("[DONE]")]),
    "no last line end": (b"data: [DONE]", [Event("[DONE]")]),
    "nothing": (b"", []),
    "NEL and LS are text": ("data: a\u0085b\u2028c\n\n".encode(), [Event("a\u0085b\u2028c")]),
}


def parse(*pieces: bytes) -> list[Event]:
    parser = Parser()
    events = [event for piece in pieces for event in parser.feed(piece)]
    return events + parser.end()


@pytest.mark.parametrize(("raw", "expected"), STREAMS.values(), ids=STREAMS)
def test_reads_a_stream_whole_and_in_all_its_splits(raw: bytes, expected: list[Event]) -> None:
    assert parse(raw) == expected
    assert parse(*(raw[i : i + 1] for i in range(len(raw)))) == expected
    for cut in range(len(raw) + 1):
        assert parse(raw[:cut], b"", raw[cut:]) == expected


_tokens = st.sampled_from(
    [b"data", b"id", b"event", b":", b" ", b"\r", b"\n", b"\r\n", b"\xef\xbb\xbf", "中".encode(), b"\xe4", b"\0", b"x"]
)


type Outcome = list[Event] | Literal["not a stream"]


def outcome(*pieces: bytes) -> Outcome:
    try:
        return parse(*pieces)
    except StreamError:
        return "not a stream"


_tokens = st.sampled_from(
    [b"data", b"event", b":", b" ", b"\r", b"\n", b"\r\n", b"\xef\xbb\xbf", "中".encode(), b"\xe4", b"\0", b"x"]
)


@given(st.lists(_tokens, max_size=40).map(b"".join), st.lists(st.integers(0, 60), max_size=8))
def test_any_splitting_gives_the_same_outcome(raw: bytes, cuts: list[int]) -> None:
    edges = [0, *sorted(min(cut, len(raw)) for cut in cuts), len(raw)]
    pieces = [raw[a:b] for a, b in pairwise(edges)]
    assert outcome(*pieces) == outcome(raw)


def test_an_event_is_given_out_at_its_last_byte() -> None:
    parser = Parser()
    assert parser.feed(b"data: a\r\n") == []
    assert parser.feed(b"\r") == [Event("a")]
    assert parser.feed(b"\ndata: b\n\n") == [Event("b")]
    assert parser.end() == []


@pytest.mark.parametrize("raw", [b"data: \xff\n\n", b"data: a\xe4\xb8\n\n", b"data: a\xe4\xb8"])
def test_refuses_what_is_not_utf_8(raw: bytes) -> None:
    assert outcome(raw) == "not a stream"
    assert outcome(*(raw[i : i + 1] for i in range(len(raw)))) == "not a stream"


@pytest.mark.parametrize(
    "piece", [b"x" * EVENT_BYTES, b"data: " + b"x" * (EVENT_BYTES // 2) + b"\n", b": " * EVENT_BYTES]
)
def test_refuses_an_event_without_end(piece: bytes) -> None:
    assert outcome(b"data: ", piece, piece, piece) == "not a stream"


def test_many_events_pass_below_the_limit_of_one() -> None:
    parser = Parser()
    event = b"data: " + b"x" * (EVENT_BYTES // 2) + b"\n\n: keep-alive\n\n"
    assert sum(len(parser.feed(event)) for _ in range(5)) == 5
