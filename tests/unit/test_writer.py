"""One attempt of an answer: numbered deltas, one settlement, and who may end it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from chatserver.answers import writer as writing
from chatserver.answers.coalesce import Coalescer
from chatserver.answers.writer import Writer
from chatserver.errors import ProviderError, Unavailable
from chatserver.protocol.frames import AnswerDelta, AnswerStage, LiveAnswer, Message, MessageEvent, Source, Status, User
from chatserver.providers.base import Usage
from chatserver.rag.types import Delta, Done, Part, Sources, Stage

SOURCE = Source(n=1, document="d", title="Handbook")


class Job(Struct, frozen=True):
    message: str = "answer"
    room: str = "room"
    attempt: int = 1


class Hub:
    """Records what a writer says."""

    def __init__(self) -> None:
        self.events: list[MessageEvent | AnswerStage | AnswerDelta] = []
        self.writing: set[str] = set()
        self.snapshot: Callable[[], LiveAnswer] | None = None

    def publish(self, room: str, event: MessageEvent | AnswerStage | AnswerDelta) -> None:
        assert room == "room"
        self.events.append(event)

    def write_answer(
        self, answer: str, room: str, attempt: int, snapshot: Callable[[], LiveAnswer], on_ended: Callable[[], None]
    ) -> None:
        self.writing.add(answer)
        self.snapshot = snapshot

    def end_answer(self, answer: str, attempt: int) -> None:
        self.writing.discard(answer)

    @property
    def deltas(self) -> list[AnswerDelta]:
        return [event for event in self.events if isinstance(event, AnswerDelta)]


class Store:
    """Settles in memory; `failures` attempts find PostgreSQL away, `fenced` finds the attempt over."""

    def __init__(self, failures: int = 0, *, fenced: bool = False) -> None:
        self.failures = failures
        self.fenced = fenced
        self.settled: list[tuple[Status, str, list[Source]]] = []
        self.inside = asyncio.Event()
        self.go = asyncio.Event()
        self.go.set()

    async def settle(
        self,
        message: str,
        room: str,
        attempt: int | None,
        status: Status,
        text: str,
        sources: list[Source],
        usage: Usage | None = None,
        *,
        found: bool | None = None,
        unsupported: int = 0,
    ) -> Message | None:
        self.inside.set()
        await self.go.wait()
        if self.failures:
            self.failures -= 1
            raise Unavailable
        if self.fenced:
            return None
        self.settled.append((status, text, sources))
        author = User(id="a", name="Assistant", kind="assistant")
        return Message(id=message, seq=2, rev=3, author=author, text=text, status=status, attempt=1, created="")


def answering(*parts: Part | Exception) -> Callable[[], AsyncGenerator[Part]]:
    async def run() -> AsyncGenerator[Part]:
        for part in parts:
            if isinstance(part, Exception):
                raise part
            yield part
            await asyncio.sleep(0)

    return run


async def test_deltas_join_to_the_settled_text_and_come_before_it() -> None:
    hub, store = Hub(), Store()
    pieces = ["Hel", "lo ", "wor", "ld [1]."]
    parts = [Stage("searching"), Sources((SOURCE,)), *map(Delta, pieces), Done("Hello world [1].", (SOURCE,))]
    await Writer(Job(), hub, store, seconds=5).run(answering(*parts))
    assert "".join(delta.text for delta in hub.deltas) == "Hello world [1]."
    assert [delta.n - delta.merged for delta in hub.deltas] == [0, *(delta.n for delta in hub.deltas[:-1])]
    assert hub.deltas[0].text == "Hel", "the first delta waits for nothing"
    assert store.settled == [("complete", "Hello world [1].", [SOURCE])]
    assert isinstance(hub.events[-1], MessageEvent)
    assert not hub.writing


async def test_a_failed_provider_keeps_what_was_shown() -> None:
    hub, store = Hub(), Store()
    await Writer(Job(), hub, store, seconds=5).run(answering(Delta("Half"), ProviderError("cut", "It broke off.")))
    assert store.settled == [("failed", "Half", [])]


async def test_an_answer_that_was_cut_short_keeps_only_the_sources_it_cites() -> None:
    other = Source(n=2, document="e", title="Prices")
    hub, store = Hub(), Store()
    parts = answering(Sources((SOURCE, other)), Delta("Known [1]. And"), ProviderError("cut"))
    await Writer(Job(), hub, store, seconds=5).run(parts)
    assert store.settled == [("failed", "Known [1]. And", [SOURCE])]


async def test_a_failure_before_the_first_word_says_why() -> None:
    hub, store = Hub(), Store()
    await Writer(Job(), hub, store, seconds=5).run(answering(ProviderError("connect", "The model is away.")))
    assert store.settled == [("failed", "The model is away.", [])]


async def test_an_unexpected_error_is_not_shown() -> None:
    hub, store = Hub(), Store()
    await Writer(Job(), hub, store, seconds=5).run(answering(ValueError("secret detail")))
    ((status, text, _),) = store.settled
    assert status == "failed"
    assert "secret" not in text


async def test_the_whole_answer_has_a_deadline() -> None:
    closed = asyncio.Event()

    async def run() -> AsyncGenerator[Part]:
        try:
            yield Delta("Slow")
            await asyncio.Event().wait()
        finally:
            closed.set()

    hub, store = Hub(), Store()
    await Writer(Job(), hub, store, seconds=0.05).run(run)
    assert store.settled == [("failed", "Slow", [])]
    assert closed.is_set(), "the upstream request is closed"


async def test_lose_closes_the_upstream_and_settles_nothing() -> None:
    started, closed = asyncio.Event(), asyncio.Event()

    async def run() -> AsyncGenerator[Part]:
        try:
            yield Delta("x")
            started.set()
            await asyncio.Event().wait()
        finally:
            closed.set()

    hub, store = Hub(), Store()
    writer = Writer(Job(), hub, store, seconds=5)
    task = asyncio.create_task(writer.run(run))
    await started.wait()
    writer.lose()
    await task
    assert closed.is_set()
    assert store.settled == []
    assert not hub.writing


async def test_a_beat_that_meets_the_committed_row_does_not_cut_its_publication() -> None:
    hub, store = Hub(), Store()
    store.go.clear()
    writer = Writer(Job(), hub, store, seconds=5)
    task = asyncio.create_task(writer.run(answering(Done("", ()))))
    await store.inside.wait()
    writer.lose()
    store.go.set()
    await task
    assert isinstance(hub.events[-1], MessageEvent)


async def test_settling_waits_for_postgresql() -> None:
    hub, store = Hub(), Store(failures=2)
    await Writer(Job(), hub, store, seconds=5).run(answering(Delta("x"), Done("x", ())))
    assert [status for status, _, _ in store.settled] == ["complete"]


async def test_a_fenced_attempt_publishes_no_end() -> None:
    hub, store = Hub(), Store(fenced=True)
    await Writer(Job(), hub, store, seconds=5).run(answering(Delta("x"), Done("x", ())))
    assert not any(isinstance(event, MessageEvent) for event in hub.events)


async def test_without_confirmed_beats_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(writing, "boottime", lambda: now)
    hub, store = Hub(), Store()
    said = asyncio.Event()
    more = asyncio.Event()

    async def run() -> AsyncGenerator[Part]:
        yield Delta("held")
        said.set()
        await more.wait()
        yield Done("held", ())

    writer = Writer(Job(), hub, store, seconds=5)
    now = 107.0
    task = asyncio.create_task(writer.run(run))
    await said.wait()
    assert hub.deltas == []
    assert writer.snapshot().text == ""
    writer.confirm(now)
    assert [delta.text for delta in hub.deltas] == ["held"]
    more.set()
    await task


async def test_an_endless_answer_ends_at_its_bound() -> None:
    closed = asyncio.Event()

    async def run() -> AsyncGenerator[Part]:
        try:
            while True:
                yield Delta("长" * 1000)
        finally:
            closed.set()

    hub, store = Hub(), Store()
    await Writer(Job(), hub, store, seconds=5).run(run)
    ((status, text, _),) = store.settled
    assert status == "complete"
    assert len(text.encode()) <= writing.ANSWER_BYTES
    assert text == "".join(delta.text for delta in hub.deltas)
    assert closed.is_set()


@given(st.lists(st.tuples(st.text(min_size=1, max_size=5), st.floats(0, 0.1), st.booleans()), max_size=40))
def test_coalescer_neither_loses_nor_doubles(steps: list[tuple[str, float, bool]]) -> None:
    flow, now, n, text = Coalescer(0.04), 0.0, 0, ""
    for piece, pause, flush in steps:
        now += pause
        wait = flow.add(piece, now)
        assert 0 <= wait <= 0.04 + 1e-9
        if flush or wait == 0:
            upto, merged, part = flow.take(now)
            assert upto - merged == n
            n, text = upto, text + part
    assert flow.text == text
    assert flow.whole == "".join(piece for piece, _, _ in steps)
    assert flow.size == len(flow.whole.encode())
