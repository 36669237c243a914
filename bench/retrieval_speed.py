"""How long a search takes: the index alone, without a model, over generated text or the files of a folder.

Word frequencies of the generated text follow Zipf's law, so that common words have long lists of passages as they do
in real text. `python -m bench.retrieval_speed --help`: more passages, vectors, text of your own.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import math
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.world import percentile
from chatserver.ids import uuid7
from chatserver.knowledge.index import LanceIndex
from chatserver.rag.split import assemble, paragraphs, split
from chatserver.rag.types import Passage

BATCH = 2000


class Random:
    """Vectors without a model."""

    name = "bench/random"
    multilingual = True

    def __init__(self, dimensions: int) -> None:
        self.dimensions = dimensions

    async def embed(self, texts: Sequence[str], *, query: bool = False) -> list[list[float]]:
        return [self.one() for _ in texts]

    def one(self) -> list[float]:
        vector = [random.gauss(0, 1) for _ in range(self.dimensions)]
        norm = math.hypot(*vector)
        return [each / norm for each in vector]

    async def aclose(self) -> None:
        pass


def generated() -> Iterator[str]:
    words = ["".join(random.choices("etaoinshrdlucmfwypvbgk", k=random.randint(2, 10))) for _ in range(30_000)]
    weights = list(itertools.accumulate(1 / rank for rank in range(1, len(words) + 1)))
    while True:
        yield " ".join(random.choices(words, cum_weights=weights, k=180))


def from_folder(folder: Path) -> Iterator[str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    for path in itertools.cycle(files):
        text = path.read_text(errors="ignore")
        _, blocks = assemble(paragraphs(text))
        yield from (piece.text for piece in split(blocks, path.name))


async def measure(arguments: Sequence[str] = ()) -> None:
    args = _parser().parse_args(arguments)
    random.seed(1)
    with tempfile.TemporaryDirectory(prefix="chatserver-bench-") as uri:
        await _measure(args, uri)


async def _measure(args: argparse.Namespace, uri: str) -> None:
    embedder = Random(args.dimensions) if args.dimensions else None
    index = LanceIndex(uri, embedder)
    collection = str(uuid7())
    texts = itertools.islice(from_folder(args.folder) if args.folder else generated(), args.chunks)
    queries: list[str] = []
    begin = time.perf_counter()
    for batch in itertools.batched(texts, BATCH, strict=False):
        document = str(uuid7())
        passages = [
            Passage(chunk=str(uuid7()), document=document, collection=collection, title="Bench", text=text)
            for text in batch
        ]
        await index.add(passages)
        if embedder:
            await index.put_vectors(document, collection, [(each.chunk, embedder.one()) for each in passages])
        queries += [" ".join(random.sample(words, min(8, len(words)))) for words in map(str.split, batch)]
    print(f"  {await index.count():,} chunks added in {time.perf_counter() - begin:.1f} s")
    begin = time.perf_counter()
    await index.optimize()
    print(f"  optimised in {time.perf_counter() - begin:.1f} s")
    await index.warm()
    queries = random.choices(queries, k=args.queries)
    report("lexical", [await timed(index.lexical(query, [collection], args.k)) for query in queries])
    if embedder:
        report("dense", [await timed(index.dense(embedder.one(), [collection], args.k)) for _ in queries])


async def timed(search: object) -> float:
    begin = time.perf_counter()
    await search  # type: ignore[misc]
    return (time.perf_counter() - begin) * 1000


def report(leg: str, times: list[float]) -> None:
    print(f"  {leg:8} p50 {percentile(times, 0.5):.1f} ms, p99 {percentile(times, 0.99):.1f} ms")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m bench.retrieval_speed", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--chunks", type=int, default=10_000, help="how many passages to search (default 10000)")
    parser.add_argument("--queries", type=int, default=200, help="how many searches, one after the other (default 200)")
    parser.add_argument("--k", type=int, default=50, help="passages per search (default 50, as answers use)")
    parser.add_argument("--dimensions", type=int, default=0, help="also search vectors of this many dimensions")
    parser.add_argument("--folder", type=Path, help="take the text of its files instead of generated text")
    return parser


if __name__ == "__main__":
    asyncio.run(measure(sys.argv[1:]))
