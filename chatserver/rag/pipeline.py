"""From a question to a cited answer, as a stream of typed parts. Knows no Django, no Channels and no room."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from chatserver.errors import ProviderError
from chatserver.keywords import keywords
from chatserver.protocol.frames import Source
from chatserver.providers.base import ChatModel, Excerpt, Finish, Prompt
from chatserver.providers.replies import is_small_talk, nothing_found
from chatserver.rag.citations import Citations
from chatserver.rag.prompt import excerpts, prompt
from chatserver.rag.quote import quotation
from chatserver.rag.relevance import relevant
from chatserver.rag.retrieve import Retriever
from chatserver.rag.rewrite import standalone
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
        Closing the generator closes the model's stream. Raises `ProviderError` (model) and `Unavailable` (index).
        """
        yield Stage("searching")
        if is_small_talk(question.text):
            yield Stage("writing")
            async with aclosing(self._answer(prompt(question, question.text, ()), ())) as parts:
                async for part in parts:
                    yield part
            return
        asked = await standalone(question, self._model)
        found = await self._retriever.retrieve(asked, question.collections, max(JUDGED, self._passages))
        shown, sources = await asyncio.to_thread(self._select, asked, found)
        if not shown:
            text = nothing_found(question.text, question.locale)
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
        passages = relevant(asked, found)[: self._passages]
        shown = excerpts(passages)
        weights = keywords(asked)
        return shown, tuple(
            Source(
                n=excerpt.n,
                document=passage.document,
                title=passage.title,
                url=passage.url,
                quote=quotation(passage.text, weights, passage.heading, passage.title),
                where=_where(passage),
            )
            for excerpt, passage in zip(shown, passages, strict=False)
        )

    async def _answer(self, prompt: Prompt, sources: tuple[Source, ...]) -> AsyncGenerator[Delta | Done]:
        citations = Citations([source.n for source in sources])
        pieces: list[str] = []
        async with aclosing(self._model.stream(prompt)) as stream:
            async for item in stream:
                if text := citations.end() if isinstance(item, Finish) else citations.feed(storable(item.text)):
                    pieces.append(text)
                    yield Delta(text)
                if isinstance(item, Finish):
                    break
            else:
                raise ProviderError("cut", "The language model's answer was cut off.")
        text = "".join(pieces)
        if not text.strip():
            raise ProviderError("empty", "The language model gave an empty answer.")
        cited = tuple(source for source in sources if source.n in citations.cited)
        # A model that quotes and quoted nothing has found nothing; one that writes may be right without a source.
        found = bool(cited) or self._model.writes or not sources
        yield Done(text, cited, found=found, cut=item.reason == "length", usage=item.usage)


def _where(passage: Passage) -> str:
    page = f"p. {passage.page}" if passage.page is not None else ""
    return ", ".join(part for part in (page, passage.heading) if part)
