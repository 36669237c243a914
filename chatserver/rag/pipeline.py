"""From a question to a cited answer, as a stream of typed parts. Knows no Django, no Channels and no room."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from chatserver.errors import ProviderError
from chatserver.protocol.frames import Source
from chatserver.providers.base import ChatMessage, ChatModel, Excerpt, Finish, Prompt
from chatserver.rag.retrieve import Retriever
from chatserver.rag.types import Delta, Done, Part, Question, Sources, Stage

__all__ = ["Pipeline"]


class Pipeline:
    """`passages`: how many the model is shown at most. Holds no state of a question; share it between tasks."""

    def __init__(self, retriever: Retriever, model: ChatModel, *, passages: int = 6) -> None:
        self._retriever = retriever
        self._model = model
        self._passages = passages

    async def run(self, question: Question) -> AsyncGenerator[Part]:
        """Yield stages, `Sources`, `Delta`s and, as the last part, exactly one `Done`.

        Closing the generator closes the model's stream. Raises `ProviderError` (model) and `Unavailable` (index).
        """
        yield Stage("searching")
        found = await self._retriever.retrieve(question.text, question.collections, self._passages)
        sources = tuple(Source(n=n, document=p.document, title=p.title, url=p.url) for n, p in enumerate(found, 1))
        yield Sources(sources)
        yield Stage("writing")
        excerpts = tuple(Excerpt(n, p.text, p.title, p.heading, p.score) for n, p in enumerate(found, 1))
        messages = (ChatMessage("user", question.text),)
        prompt = Prompt(messages=messages, question=question.text, excerpts=excerpts, locale=question.locale)
        text = ""
        async with aclosing(self._model.stream(prompt)) as stream:
            async for item in stream:
                if isinstance(item, Finish):
                    yield Done(text, sources, cut=item.reason == "length", usage=item.usage)
                    return
                text += item.text
                yield Delta(item.text)
        raise ProviderError("cut")
