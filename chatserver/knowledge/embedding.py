"""Which embedder a serving process searches with: that of the newest complete vectors, whatever the settings name.

The records say which it is (`knowledge.reembedding` writes them); a process looks every two seconds and changes over
without a restart. What it makes are `Vector`s, which the index compares with those of the same embedder alone, so a
question that is under way during the change meets no vectors of another one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from urllib.parse import urlsplit

from msgspec import Struct
from msgspec.structs import replace

from chatserver.config import Config
from chatserver.database import Pool, translated
from chatserver.errors import ConfigError, ProviderError, Unavailable
from chatserver.providers.base import Embedder, Vector

__all__ = ["Model", "ServingEmbedder"]

log = logging.getLogger(__name__)

LOOK_SECONDS = 2.0
CLOSE_SECONDS = 30.0
"""What an embedder that was changed for another has under way comes to its end."""

type Choose = Callable[[Config], Embedder | None]


class Model(Struct, frozen=True):
    """An embedder as it is recorded."""

    name: str
    model: str
    base_url: str
    dimensions: int
    complete: bool


class ServingEmbedder:
    """Implements `Embedder`. `configured`: that of the settings, which serves until any vectors are complete.

    `choose` makes an embedder from settings (`providers.detect.choose_embedder`). Belongs to one event loop.
    """

    def __init__(self, pool: Pool, settings: Config, configured: Embedder, choose: Choose) -> None:
        self.configured = configured.name
        self.models: list[Model] = []
        """The recorded ones, newest first, as of the latest look."""
        self._pool, self._settings, self._own, self._choose = pool, settings, configured, choose
        self._current: Embedder | None = configured
        self.name, self.dimensions, self.multilingual = configured.name, configured.dimensions, configured.multilingual
        self._task: asyncio.Task[None] | None = None
        self._closing: set[asyncio.Task[None]] = set()

    @property
    def serving(self) -> str | None:
        """The name of the embedder that searches use; None while it cannot be run."""
        return self._current.name if self._current else None

    @property
    def reembedding(self) -> bool:
        """Whether documents are getting the vectors of another embedder than the one that serves."""
        return bool(self.models) and not self.models[0].complete and any(model.complete for model in self.models)

    async def embed(self, texts: Sequence[str], *, query: bool = False) -> list[list[float]]:
        """`Vector`s of whichever embedder serves now."""
        if (current := self._current) is None:
            raise ProviderError("refused", f"the embedding model {self.name} cannot be run now")
        vectors = await current.embed(texts, query=query)
        self.dimensions = current.dimensions
        return [Vector(numbers, current.name) for numbers in vectors]

    async def start(self) -> None:
        """Look once, then again and again. The records may be away: then the settings' embedder goes first."""
        await self._look()
        self._task = asyncio.create_task(self._watch(), name="embedding: watch")

    async def aclose(self) -> None:
        tasks = [*self._closing, *([self._task] if self._task else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for embedder in {id(each): each for each in (self._current, self._own) if each}.values():
            await embedder.aclose()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self._look()

    async def _look(self) -> None:
        try:
            async with translated():
                rows = await self._pool.fetch(
                    """SELECT name, model, base_url, dimensions, complete IS NOT NULL AS complete
                       FROM knowledge_embeddingmodel ORDER BY created DESC LIMIT 20"""
                )
        except Unavailable:
            return
        self.models = [Model(**row) for row in rows]
        wanted = next((model for model in self.models if model.complete), None)
        if wanted is not None and wanted.name != self.name:
            await self._change(wanted)

    async def _change(self, model: Model) -> None:
        previous = self._current
        current = self._own if model.name == self._own.name else await self._build(model)
        if current is not None and not current.dimensions:
            current.dimensions = model.dimensions
        self._current, self.name, self.dimensions = current, model.name, model.dimensions
        self.multilingual = current is not None and current.multilingual
        log.info("search by meaning goes by %s", model.name)
        if previous is not None and previous is not self._own:
            task = asyncio.create_task(self._close(previous))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    async def _build(self, model: Model) -> Embedder | None:
        """An embedder that the settings do not name any more; None when it cannot be run here."""
        settings = replace(
            self._settings, embed_base_url=model.base_url, embed_model=model.model, embed_api_key=self._key(model)
        )
        try:
            built = await asyncio.to_thread(self._choose, settings)
        except ConfigError as error:
            log.warning(
                "%s Its vectors serve no searches, which go by words alone until the new ones are there.", error
            )
            return None
        if built is None or built.name != model.name:
            log.warning("%s is not what it was: searches go by words alone until there are others", model.name)
            return None
        return built

    def _key(self, model: Model) -> str:
        """The key of the settings belongs to their endpoint: no other one is shown it."""
        if _origin(model.base_url) == _origin(self._settings.embed_base_url):
            return self._settings.embed_api_key
        return self._settings.embed_previous_api_key

    async def _close(self, embedder: Embedder) -> None:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(CLOSE_SECONDS)
        await embedder.aclose()


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc
