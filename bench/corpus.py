"""A folder of documents, questions and which documents answer them, brought in the way that documents always come in.

The folder holds `docs.jsonl` ({id, title, text}), `queries.jsonl` ({id, text, answers?}) and `qrels.jsonl` ({query_id,
doc_id}): what public collections for retrieval and question answering are easily brought to.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track

from chatserver.config import config
from chatserver.errors import ConfigError
from chatserver.providers.detect import choose_embedder
from chatserver.rag.retrieve import Retriever
from chatserver.serving.embedded import Engines

__all__ = ["Corpus", "Knowledge", "add_arguments", "folders", "knowledge", "searching"]

FILES = ("docs.jsonl", "queries.jsonl", "qrels.jsonl")
MARKDOWN = (".md", ".markdown")


@dataclass
class Corpus:
    """One folder, ingested. `documents`: how many there are; two of the same content are one. `gold`: per question the
    ids, in the records, of those that answer it. `seconds`: what ingestion took, vectors included."""

    name: str
    collection: str
    documents: int
    chunks: int
    seconds: float
    questions: list[dict[str, Any]]
    gold: dict[str, set[str]] = field(repr=False)

    def sample(self, count: int, seed: int) -> list[dict[str, Any]]:
        """`count` of the questions that some document answers, chosen at random; all of them for 0."""
        known = [each for each in self.questions if self.gold[each["id"]]]
        return known if not count or count >= len(known) else random.Random(seed).sample(known, count)


def folders(data: Path) -> list[Path]:
    """`data` itself if it holds a corpus, else those of its folders that do. Raises `SystemExit` where none does."""
    found = [each for each in (data, *sorted(data.glob("*/"))) if all((each / name).is_file() for name in FILES)]
    if not found:
        raise SystemExit(f"{data} holds no {', '.join(FILES)}, and none of its folders does.")
    return found


@contextmanager
def knowledge(model: str = "") -> Iterator[Knowledge]:
    """Private engines with an empty database. `model`: a folder or hub id for the vectors; without it words alone."""
    with tempfile.TemporaryDirectory(prefix="chatserver-bench-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        with Engines(folder) as engines:
            os.environ.update(
                DATABASE_URL=engines.database_url,
                REDIS_URL=engines.redis_url,
                DATA_DIR=str(folder / "data"),
                INDEX_URL="",
                EMBED_BASE_URL="",
                EMBED_MODEL=model,
                SECRET_KEY="benchmarks",
                DJANGO_SETTINGS_MODULE="chatserver.settings",
            )
            config.cache_clear()
            import django

            django.setup()
            from django.core.management import call_command

            call_command("migrate", verbosity=0, skip_checks=True)
            try:
                opened = Knowledge()
            except ConfigError as error:
                raise SystemExit(str(error)) from None
            try:
                yield opened
            finally:
                opened.close()


class Knowledge:
    """A site whose collections are corpora."""

    def __init__(self) -> None:
        from chatserver.knowledge.ingest import Ingester
        from chatserver.sites.models import Site

        self._site = Site.objects.create(key="bench", name="Benchmarks")
        self.ingester = Ingester.from_settings()

    def close(self) -> None:
        from django.db import connections

        self.ingester.close()
        connections.close_all()

    def add(self, folder: Path) -> Corpus:
        """Ingest the folder's documents one by one, as uploads are."""
        from chatserver.knowledge import records
        from chatserver.knowledge.models import Chunk, Document

        collection = records.the_collection(self._site, folder.name)
        ids: dict[str, str] = {}
        begin = time.perf_counter()
        for given in track(_read(folder / "docs.jsonl"), folder.name, console=Console(stderr=True), transient=True):
            file, digest, size = records.store([given["text"].encode()])
            document, work = records.register(
                collection,
                file=file,
                digest=digest,
                size=size,
                origin="",
                title=given.get("title", ""),
                media_type="text/plain",
            )
            if work and (outcome := self.ingester.process(str(document.pk))) != "ready":
                raise SystemExit(f"{given['id']}: {outcome}")
            if work:
                self.ingester.upkeep.tidy()  # as the worker does after each step
            ids[given["id"]] = str(document.pk)
        self.ingester.upkeep.tidy(always=True)
        seconds = time.perf_counter() - begin
        gold: defaultdict[str, set[str]] = defaultdict(set)
        for row in _read(folder / "qrels.jsonl"):
            gold[row["query_id"]].add(ids[row["doc_id"]])
        return Corpus(
            name=folder.name,
            collection=str(collection.pk),
            documents=Document.objects.filter(collection=collection, status="ready").count(),
            chunks=Chunk.objects.filter(document__collection=collection).count(),
            seconds=seconds,
            questions=_read(folder / "queries.jsonl"),
            gold=gold,
        )

    def remove(self, corpus: Corpus, documents: Collection[str]) -> None:
        """Delete documents of a corpus, as their owner would."""
        from chatserver.knowledge import records
        from chatserver.knowledge.index import LanceIndex

        asyncio.run(LanceIndex(config().index).remove(documents))
        records.delete(documents)


@asynccontextmanager
async def searching() -> AsyncIterator[Retriever]:
    """Search as a serving process does; its embedder was chosen by `knowledge`."""
    from chatserver.knowledge.index import LanceIndex

    embedder = await asyncio.to_thread(choose_embedder, config())
    try:
        yield Retriever(LanceIndex(config().index, embedder), embedder)
    finally:
        if embedder is not None:
            await embedder.aclose()


def _read(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines if line.strip()]


def add_arguments(parser: argparse.ArgumentParser, *, questions: int) -> None:
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="a corpus, or a folder of them")
    parser.add_argument("--model", default="", metavar="DIR", help="an ONNX embedding model: a folder or hub id")
    parser.add_argument(
        "--queries", type=int, default=questions, metavar="N", help=f"at most so many a corpus (0: all; {questions})"
    )
    parser.add_argument("--seed", type=int, default=0, help="which of them are asked (0)")
    parser.add_argument("--json", action="store_true", help="print one JSON object a line instead of a table")
    if sys.stderr.isatty():
        parser.epilog = __doc__
