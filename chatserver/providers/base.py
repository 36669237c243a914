"""What a language model and an embedding model are to the rest of the system."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Literal, Protocol

from msgspec import Struct

__all__ = ["ChatMessage", "ChatModel", "Embedder", "Excerpt", "Finish", "Prompt", "Reranker", "Text", "Usage", "Vector"]


class ChatMessage(Struct, frozen=True):
    role: Literal["system", "user", "assistant"]
    content: str


class Excerpt(Struct, frozen=True):
    """A passage as the model is shown it; the answer cites it as `[n]`. `score` is the retriever's, 0 … 1."""

    n: int
    text: str
    title: str = ""
    heading: str = ""
    score: float = 0.0


class Prompt(Struct, frozen=True, kw_only=True):
    """A question ready to be answered. `messages` is the whole chat for a language model; `question` (stand-alone,
    after rewriting) and `excerpts` are the same thing for a model that quotes instead of writing."""

    messages: tuple[ChatMessage, ...]
    question: str
    excerpts: tuple[Excerpt, ...] = ()
    locale: str = "en"


class Usage(Struct, frozen=True):
    """Tokens as the endpoint counted them."""

    prompt: int = 0
    completion: int = 0


class Text(Struct, frozen=True, tag=True):
    """The next piece of the answer; never empty."""

    text: str


class Finish(Struct, frozen=True, tag=True):
    """The last item of every stream that came to its end. `length`: the model ran into its token limit."""

    reason: Literal["stop", "length"]
    usage: Usage | None = None


class ChatModel(Protocol):
    name: str
    writes: bool
    """True for a language model; False for one that only quotes (it can't rewrite a question)."""

    def stream(self, prompt: Prompt) -> AsyncGenerator[Text | Finish]:
        """Yield `Text`s, then exactly one `Finish`. Raises `ProviderError` otherwise, at any point.

        Closing the generator (`aclose`, cancellation) closes the upstream connection.
        """
        ...

    async def aclose(self) -> None: ...


class Vector(list[float]):
    """A vector that knows the name of the embedder that made it, so that it is compared with none of another one."""

    def __init__(self, numbers: Sequence[float], embedder: str) -> None:
        super().__init__(numbers)
        self.embedder = embedder


class Embedder(Protocol):
    name: str
    """Names the model and its revision; vectors of different names are never compared."""
    dimensions: int
    multilingual: bool

    async def embed(self, texts: Sequence[str], *, query: bool = False) -> list[list[float]]:
        """One L2-normalised vector of `dimensions` floats per text, in order. Raises `ProviderError`."""
        ...

    async def aclose(self) -> None: ...


class Reranker(Protocol):
    name: str

    async def rank(self, query: str, texts: Sequence[str]) -> list[float]:
        """How well each text answers the query, in the order of the texts; only comparable with each other. Raises
        `ProviderError`."""
        ...

    async def aclose(self) -> None: ...
