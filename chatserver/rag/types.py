"""The parts that flow through the answer pipeline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

from msgspec import Struct

from chatserver.protocol.frames import Source, StageName
from chatserver.providers.base import Usage

__all__ = ["Delta", "Done", "Index", "Part", "Passage", "Question", "Sources", "Stage", "Turn"]


class Turn(Struct, frozen=True):
    """An earlier message of the room."""

    role: Literal["user", "assistant"]
    text: str


class Question(Struct, frozen=True, kw_only=True):
    """`collections`: ids of the only collections that may be searched; `history`: oldest first. `withheld`: who asks
    may read more than is searched, because not all who will read the answer may."""

    text: str
    history: tuple[Turn, ...] = ()
    collections: tuple[str, ...] = ()
    locale: str = "en"
    withheld: bool = False


class Passage(Struct, frozen=True, kw_only=True):
    """A retrieved chunk. `lexical`, `dense`: the legs' own scores (BM25; cosine); `score`: the fused one, 0 … 1."""

    chunk: str
    document: str
    collection: str
    title: str
    text: str
    ordinal: int = 0
    heading: str = ""
    page: int | None = None
    url: str | None = None
    start: int = 0
    end: int = 0
    score: float = 0.0
    lexical: float | None = None
    dense: float | None = None


class Index(Protocol):
    """The two legs of retrieval over one index; each returns up to `k` passages, best first, of `collections` and,
    where any are given, only of `documents`."""

    async def snapshot(self) -> Index:
        """The index as it is now, for searches that belong together."""
        ...

    async def lexical(
        self, query: str, collections: Sequence[str], k: int, documents: Sequence[str] = ()
    ) -> list[Passage]: ...

    async def dense(
        self, vector: Sequence[float], collections: Sequence[str], k: int, documents: Sequence[str] = ()
    ) -> list[Passage]: ...


class Stage(Struct, frozen=True, tag=True):
    stage: StageName


class Sources(Struct, frozen=True, tag=True):
    """What the model is shown, numbered from 1; sent before the first delta."""

    sources: tuple[Source, ...]


class Delta(Struct, frozen=True, tag=True):
    """The next piece of the text."""

    text: str


class Done(Struct, frozen=True, tag=True):
    """The end. `sources` holds the cited ones only; `found` is False when nothing relevant was found; `unsupported`
    counts the citations that were dropped because what they cite does not say it."""

    text: str
    sources: tuple[Source, ...]
    found: bool = True
    cut: bool = False
    usage: Usage | None = None
    unsupported: int = 0


type Part = Stage | Sources | Delta | Done
