"""From a question to a cited answer, as a stream of typed parts. Knows no Django, no Channels and no room."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing

from chatserver import tracing
from chatserver.errors import ProviderError
from chatserver.keywords import keywords
from chatserver.protocol.frames import Source
from chatserver.providers.base import ChatModel, Excerpt, Finish, Prompt
from chatserver.providers.replies import is_small_talk, nothing_found
from chatserver.rag.citations import Citations, Mark
from chatserver.rag.context import locate
from chatserver.rag.fuse import joined
from chatserver.rag.prompt import excerpts, prompt
from chatserver.rag.quote import quotation
from chatserver.rag.relevance import relevant
from chatserver.rag.retrieve import Retriever
from chatserver.rag.rewrite import standalone
from chatserver.rag.support import ALIKE, doubts, without
from chatserver.rag.types import Delta, Done, Part, Passage, Question, Sources, Stage
from chatserver.text import storable

__all__ = ["Pipeline"]

JUDGED = 20
"""Passages that are looked at to tell whether any is relevant; how rare a word is shows only among many."""


class Pipeline:
    """`passages`: how many the model is shown at most. Holds no state of a question; share it between tasks."""

    def __init__(self, retriever: Retriever, model: ChatModel, *, passages: int = 6) -> None:
        self._retriever = retriever
        self._model = model
        self._passages = passages

    async def run(self, question: Question) -> AsyncGenerator[Part]:
        """Yield stages, `Sources`, `Delta`s and, as the last part, exactly one `Done`.

        What is not in the documents is not asked of the model: `Done.found` is then False and the text says so.
        The deltas joined are `Done.text`, unless citations had to be taken out of it afterwards.
        Closing the generator closes the model's stream. Raises `ProviderError` (model) and `Unavailable` (index).
        """
        yield Stage("searching")
        if is_small_talk(question.text):
            yield Stage("writing")
            async with aclosing(self._answer(prompt(question, question.text, ()), ())) as parts:
                async for part in parts:
                    yield part
            return
        with tracing.span("retrieve") as step:
            asked = await standalone(question, self._model)
            found = await self._retriever.retrieve(asked, question.collections, max(JUDGED, self._passages))
            shown, sources = await asyncio.to_thread(self._select, asked, found)
            step.set(found=len(found), passages=len(shown))
        if not shown:
            text = nothing_found(question.text, question.locale, withheld=question.withheld)
            yield Delta(text)
            yield Done(text, (), found=False)
            return
        yield Sources(sources)
        yield Stage("writing")
        # `aclosing`: closing a generator does not close the one it is reading from.
        async with aclosing(self._answer(prompt(question, asked, shown), sources)) as parts:
            async for part in parts:
                yield part

    def _select(self, asked: str, found: Sequence[Passage]) -> tuple[list[Excerpt], tuple[Source, ...]]:
        """What the model is shown, and the same as sources. CPU work of some milliseconds."""
        passages = joined(relevant(asked, found), self._passages)
        shown = excerpts(passages)
        weights = keywords(asked)
        pairs = zip(shown, passages, strict=False)
        return shown, tuple(_source(excerpt.n, passage, weights) for excerpt, passage in pairs)

    async def _answer(self, prompt: Prompt, sources: tuple[Source, ...]) -> AsyncGenerator[Delta | Done]:
        citations = Citations([source.n for source in sources])
        pieces: list[str] = []
        writing = tracing.beside("model", model=self._model.name, passages=len(prompt.excerpts))
        first = tracing.beside("first token", parent=writing)
        with writing, first:
            async with aclosing(self._model.stream(prompt)) as stream:
                async for item in stream:
                    first.end()
                    if text := citations.end() if isinstance(item, Finish) else citations.feed(storable(item.text)):
                        pieces.append(text)
                        yield Delta(text)
                    if isinstance(item, Finish):
                        break
                else:
                    raise ProviderError("cut", "The language model's answer was cut off.")
            if item.usage is not None:
                writing.set(prompt_tokens=item.usage.prompt, completion_tokens=item.usage.completion)
        text = "".join(pieces)
        if not text.strip():
            raise ProviderError("empty", "The language model gave an empty answer.")
        wrong = await self._unsupported(text, citations, prompt.excerpts)
        kept = {mark.n for mark in citations.marks if mark not in wrong}
        cited = tuple(source for source in sources if source.n in kept)
        # A model that quotes and quoted nothing has found nothing; one that writes may be right without a source.
        found = bool(cited) or self._model.writes or not sources
        yield Done(
            without(text, wrong),
            cited,
            found=found,
            cut=item.reason == "length",
            usage=item.usage,
            unsupported=len(wrong),
        )

    async def _unsupported(self, text: str, citations: Citations, shown: Sequence[Excerpt]) -> list[Mark]:
        """The citations whose excerpts say something else, as far as words, and else vectors, can tell."""
        excerpts = {each.n: "\n".join((each.title, each.heading, each.text)) for each in shown}
        found = await asyncio.to_thread(doubts, text, citations.marks, excerpts)
        if not found:
            return []
        cosines = await self._retriever.alike([(doubt.statement, excerpts[doubt.mark.n]) for doubt in found])
        return [
            doubt.mark
            for doubt, cosine in zip(found, cosines, strict=True)
            if (cosine < ALIKE if cosine is not None else not doubt.foreign)
        ]


def _source(n: int, passage: Passage, weights: Mapping[str, float]) -> Source:
    quote = quotation(passage.text, weights, passage.heading, passage.title)
    start, end = locate(passage.text, quote) or (0, len(passage.text))
    return Source(
        n=n,
        document=passage.document,
        title=passage.title,
        url=passage.url,
        quote=quote,
        where=_where(passage),
        page=passage.page,
        heading=passage.heading,
        start=passage.start + start,
        end=passage.start + end,
    )


def _where(passage: Passage) -> str:
    page = f"p. {passage.page}" if passage.page is not None else ""
    return ", ".join(part for part in (page, passage.heading) if part)
