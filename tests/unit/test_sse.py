"""The event-stream parser: the standard's examples, and every stream whole and in pieces."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatserver.errors import ProviderError
from chatserver.providers.sse import Event, Parser

STREAMS: dict[str, tuple[bytes, list[Event]]] = {
    "one event": (b"data: a\n\n", [Event("a")]),
    "the standard's two-line example": (b"data: YHOO\ndata: +2\ndata: 10\n\n", [Event("YHOO\n+2\n10")]),
    "the standard's id example": (
        b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
        [Event("first event", id="1"), Event("second event"), Event(" third event")],
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
    "an id with NUL is ignored": (b"id: 7\ndata: a\n\nid: 8\0\ndata: b\n\n", [Event("a", id="7"), Event("b", id="7")]),
    "characters of two, three and four bytes": ("data: é中😀\n\n".encode(), [Event("é中😀")]),
    "not UTF-8": (b"data: \xff\xe4\xb8\n\n", [Event("\ufffd\ufffd")]),
    "no last blank line": (b"data: [DONE]\n", [Event("[DONE]")]),
    "no last line end": (b"data: [DONE]", [Event("[DONE]")]),
    "half a character, then the end": (b"data: a\xe4\xb8", [Event("a\ufffd")]),
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


@given(st.lists(_tokens, max_size=40).map(b"".join), st.lists(st.integers(0, 60), max_size=8))
def test_any_splitting_gives_the_same_events(raw: bytes, cuts: list[int]) -> None:
    edges = [0, *sorted(min(cut, len(raw)) for cut in cuts), len(raw)]
    pieces = [raw[a:b] for a, b in pairwise(edges)]
    assert parse(*pieces) == parse(raw)


def test_an_event_is_given_out_at_its_last_byte() -> None:
    parser = Parser()
    assert parser.feed(b"data: a\r\n") == []
    assert parser.feed(b"\r") == [Event("a")]
    assert parser.feed(b"\ndata: b\n\n") == [Event("b")]
    assert parser.end() == []


@pytest.mark.parametrize("piece", [b"data: " + b"x" * 40, b"data: xxx\n" * 5, b": " + b"x" * 40])
@pytest.mark.parametrize("whole", [True, False])
def test_refuses_an_event_without_end(piece: bytes, whole: bool) -> None:
    parser = Parser(limit=32)
    parts = [piece] if whole else [piece[i : i + 1] for i in range(len(piece))]
    with pytest.raises(ProviderError, match="more than 32 bytes") as error:
        list(map(parser.feed, parts))
    assert error.value.kind == "malformed"


def test_many_events_pass_below_the_limit_of_one() -> None:
    parser = Parser(limit=32)
    assert len(parser.feed(b"data: 0123456789\n\n: keep-alive\n\n" * 100)) == 100
