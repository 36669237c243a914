"""What waits for one socket: in order, bounded, and not a character of an answer lost or doubled by merging."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatserver.protocol.frames import OBJECT_BYTES, AnswerDelta
from chatserver.realtime.outbox import FRAME_BYTES, HARD_BYTES, SOFT_BYTES, STALL_SECONDS, Outbox

encode = msgspec.json.encode


def delta(n: int, text: str = "x", *, answer: str = "a", attempt: int = 1, merged: int = 1) -> AnswerDelta:
    return AnswerDelta(room="r", message=answer, attempt=attempt, n=n, merged=merged, text=text)


def offer(outbox: Outbox, given: AnswerDelta) -> bytes:
    data = encode(given)
    outbox.offer_delta(given, data, 0.0)
    return data


def lagging() -> Outbox:
    """With more waiting than merging begins at."""
    outbox = Outbox()
    outbox.offer(b"{}" + b" " * SOFT_BYTES, 0.0)
    return outbox


def drain(outbox: Outbox) -> list[bytes]:
    """All objects that wait, in order."""
    objects: list[bytes] = []
    while (frame := outbox.pull(0.0)) is not None:
        parts = frame.split(b"\n")
        assert len(frame) <= FRAME_BYTES or len(parts) == 1
        objects += parts
    return objects


def deltas(objects: list[bytes]) -> list[AnswerDelta]:
    return [msgspec.json.decode(data, type=AnswerDelta) for data in objects if b"answer.delta" in data]


def test_a_socket_that_keeps_up_gets_the_very_bytes_that_all_share() -> None:
    outbox = Outbox()
    data = offer(outbox, delta(1))
    assert outbox.pull(0.0) is data
    assert outbox.pull(0.0) is None
    assert not outbox


def test_what_is_offered_together_leaves_as_one_frame() -> None:
    outbox = Outbox()
    outbox.offer(b"1", 0.0)
    offer(outbox, delta(1))
    outbox.offer(b"3", 0.0)
    assert outbox.pull(0.0) == b"1\n" + encode(delta(1)) + b"\n3"


def test_a_lagging_socket_gets_the_deltas_of_an_answer_as_one() -> None:
    outbox = lagging()
    for n in range(1, 101):
        offer(outbox, delta(n, f"{n} "))
    (merged,) = deltas(drain(outbox))
    assert (merged.n, merged.merged, merged.text) == (100, 100, "".join(f"{n} " for n in range(1, 101)))
    assert outbox.unsent == 0


def test_only_neighbours_merge() -> None:
    outbox = lagging()
    offer(outbox, delta(1, "a"))
    offer(outbox, delta(3, "c"))
    # The first is taken back: a client that saw it would ask for the second, one that sees the gap asks at once.
    assert [found.n for found in deltas(drain(outbox))] == [3]


def test_a_later_attempt_takes_the_place_of_the_earlier() -> None:
    outbox = lagging()
    offer(outbox, delta(7, "old", merged=7))
    offer(outbox, delta(1, "new", attempt=2))
    assert [(found.attempt, found.text) for found in deltas(drain(outbox))] == [(2, "new")]


def test_a_repeated_delta_adds_nothing() -> None:
    outbox = lagging()
    offer(outbox, delta(1, "a"))
    offer(outbox, delta(1, "a"))
    assert [found.text for found in deltas(drain(outbox))] == ["a"]


def test_what_is_of_the_moment_is_dropped_when_a_socket_lags() -> None:
    outbox = Outbox()
    assert outbox.offer_lossy(b"typing", 0.0)
    outbox.offer(b"x" * SOFT_BYTES, 0.0)
    assert not outbox.offer_lossy(b"typing", 0.0)
    assert drain(outbox) == [b"typing", b"x" * SOFT_BYTES]


@pytest.mark.parametrize("forget", [lambda box: box.forget("a", 1), lambda box: box.forget_room("r")])
def test_a_forgotten_answer_leaves_nothing(forget: object) -> None:
    outbox = lagging()
    before = outbox.unsent
    offer(outbox, delta(1, "a"))
    forget(outbox)  # type: ignore[operator]
    assert outbox.unsent == before
    assert deltas(drain(outbox)) == []


def test_what_a_later_attempt_wrote_is_not_forgotten_with_the_earlier() -> None:
    outbox = lagging()
    offer(outbox, delta(1, "new", attempt=2))
    outbox.forget("a", 1)
    assert [found.text for found in deltas(drain(outbox))] == ["new"]


def test_an_answer_larger_than_an_object_leaves_in_several() -> None:
    outbox = lagging()
    text = "字" * 10_000
    for n in range(1, 21):
        offer(outbox, delta(n, text))
    found = drain(outbox)
    assert all(len(data) <= OBJECT_BYTES for data in found)
    pieces = deltas(found)
    assert len(pieces) > 1
    assert "".join(piece.text for piece in pieces) == text * 20
    assert [piece.n - piece.merged for piece in pieces] == [0, *(piece.n for piece in pieces[:-1])]
    assert outbox.unsent == 0


def test_too_much_or_too_long_is_slow() -> None:
    outbox = Outbox()
    outbox.offer(b"x", 10.0)
    assert not outbox.slow(10.0 + STALL_SECONDS)
    assert outbox.slow(10.1 + STALL_SECONDS)
    outbox.pull(41.0)
    assert not outbox.slow(1000.0), "an empty one waits for nothing"
    while not outbox.full:
        outbox.offer(b"x" * 100_000, 1000.0)
    assert outbox.slow(1000.0)
    assert outbox.unsent <= HARD_BYTES + 100_000


STEPS = st.one_of(
    st.tuples(st.just("event"), st.integers(1, 30_000)),
    st.tuples(st.sampled_from(["delta a", "delta b"]), st.integers(0, 9_000)),
    st.tuples(st.just("moment"), st.just(5)),
    st.tuples(st.just("pull"), st.just(0)),
)


@given(st.lists(STEPS, max_size=60))
def test_nothing_is_lost_doubled_or_out_of_order(steps: list[tuple[str, int]]) -> None:
    outbox = Outbox()
    texts, numbers, events, got = {"a": "", "b": ""}, {"a": 0, "b": 0}, list[bytes](), list[bytes]()
    for step, size in steps:
        if step == "event":
            events.append(b'{"event":%d,"fill":"%b"}' % (len(events), b"." * size))
            outbox.offer(events[-1], 0.0)
        elif step == "moment":
            outbox.offer_lossy(b"{}", 0.0)
        elif step == "pull":
            got += (outbox.pull(0.0) or b"").split(b"\n")
        else:
            answer = step[-1]
            numbers[answer] += 1
            text = f"{numbers[answer]}字".ljust(size, answer)
            texts[answer] += text
            offer(outbox, delta(numbers[answer], text, answer=answer))
        waiting = sum(len(item) if isinstance(item, bytes) else item.cost for item in outbox._queue)
        assert outbox.unsent == waiting
    got += drain(outbox)
    assert [data for data in got if b'"event"' in data] == events
    for answer in ("a", "b"):
        pieces = [piece for piece in deltas(got) if piece.message == answer]
        assert "".join(piece.text for piece in pieces) == texts[answer]
        assert [piece.n - piece.merged for piece in pieces] == [0, *(piece.n for piece in pieces)][: len(pieces)]
    assert outbox.unsent == 0
