"""Hybrid searches at once in one process: how many a second, what each costs, and how much the vectors' index misses.

The text is generated: words by Zipf's law whose head are English function words; questions ask for words of one
passage. Vectors lie in clusters within clusters (topics, documents, passages), and the embedder has a question's
vector at hand: this measures retrieval, not a model. `python -m bench.retrieval_load --help`.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import random
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass

import lancedb
import numpy
from lancedb.query import MatchQuery

from bench.world import percentile
from chatserver.ids import uuid7
from chatserver.keywords import subject
from chatserver.knowledge.index import LanceIndex
from chatserver.knowledge.index_nearest import PROBES
from chatserver.rag.retrieve import DEPTH, Retriever
from chatserver.rag.types import Passage
from chatserver.text import terms

DIMENSIONS = 384
TOPICS = 400
PER_DOCUMENT = 25
PER_COMMIT = 2000
SPREAD = 0.8
WORDS = 120
"""Of a passage; what `rag.split` makes has about as many."""
RECALL_AT = 10
RECALL_QUERIES = 300
WARM_SECONDS = 3
FUNCTION_WORDS = """
    the of and to in a is that for it as was with be by on not he his but at are this have from or had an they which
    you were their one all we can her has there been if more when will would who so no
""".split()
_MADE_UP = random.Random(1)
_VOCABULARY = FUNCTION_WORDS + [
    "".join(_MADE_UP.choices("etaoinshrdlucmfwypvbgk", k=_MADE_UP.randint(3, 10))) for _ in range(40_000)
]
_WEIGHTS = list(itertools.accumulate(1 / rank for rank in range(1, len(_VOCABULARY) + 1)))


class Prepared:
    """An embedder that knows the vectors of all questions already."""

    name = "bench/prepared"
    dimensions = DIMENSIONS
    multilingual = True

    def __init__(self) -> None:
        self.known: dict[str, list[float]] = {}

    async def embed(self, texts: Sequence[str], *, query: bool = False) -> list[list[float]]:
        return [self.known[text] for text in texts]

    async def aclose(self) -> None:
        pass


@dataclass
class Corpus:
    """What is searched, and what for: row n of `vectors` is the vector of `chunks[n]`."""

    collection: str
    embedder: Prepared
    chunks: list[str]
    vectors: numpy.ndarray


async def measure(arguments: Sequence[str] = ()) -> None:
    args = _parser().parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="chatserver-bench-") as folder:
        embedder = Prepared()
        index = LanceIndex(folder, embedder)
        corpus = await _fill(index, embedder, args)
        await _recall(index, corpus)
        await _load(folder, index, corpus, args)


async def _fill(index: LanceIndex, embedder: Prepared, args: argparse.Namespace) -> Corpus:
    random.seed(1)
    rng = numpy.random.default_rng(1)
    begin = time.perf_counter()
    corpus = Corpus(str(uuid7()), embedder, [], numpy.empty((args.chunks, DIMENSIONS), numpy.float32))
    topics = _unit(rng.normal(size=(TOPICS, DIMENSIONS)))
    asked = set(random.sample(range(args.chunks), min(args.questions, args.chunks)))
    for numbers in itertools.batched(range(args.chunks), PER_COMMIT, strict=False):
        passages: list[Passage] = []
        for part in itertools.batched(numbers, PER_DOCUMENT, strict=False):
            about = _near(rng, topics[random.randrange(TOPICS)], 1)
            corpus.vectors[part[0] : part[-1] + 1] = _near(rng, about[0], len(part))
            passages += _document(corpus.collection, len(part))
        for number, passage in zip(numbers, passages, strict=True):
            if number in asked:
                question = f"What is the {' '.join(random.sample(passage.text.split(), 8))}?"
                embedder.known[question] = _near(rng, corpus.vectors[number], 1)[0].tolist()
        corpus.chunks += [passage.chunk for passage in passages]
        await index.add(passages)
        rows = zip(passages, corpus.vectors[numbers[0] : numbers[-1] + 1].tolist(), strict=True)
        await index.put_vectors(
            passages[0].document, corpus.collection, [(passage.chunk, vector) for passage, vector in rows]
        )
    filled = time.perf_counter()
    await index.optimize()
    print(
        f"  {args.chunks:,} chunks: {filled - begin:.0f} s to write, {time.perf_counter() - filled:.0f} s to optimise"
    )
    return corpus


async def _recall(index: LanceIndex, corpus: Corpus) -> None:
    """Of the ten nearest passages by comparing with each, how many does the index give?"""
    await index.warm()
    hits = []
    for vector in list(corpus.embedder.known.values())[:RECALL_QUERIES]:
        best = numpy.argpartition(-(corpus.vectors @ numpy.asarray(vector, numpy.float32)), RECALL_AT)[:RECALL_AT]
        found = await index.dense(vector, [corpus.collection], DEPTH)
        hits.append(len({corpus.chunks[n] for n in best} & {each.chunk for each in found[:RECALL_AT]}) / RECALL_AT)
    print(f"  dense leg: recall@{RECALL_AT} {sum(hits) / len(hits):.3f}, worst question {min(hits):.1f}")


async def _load(folder: str, index: LanceIndex, corpus: Corpus, args: argparse.Namespace) -> None:
    """`concurrent` tasks, each of which asks its next question when it has its answer. Beside ours, in turns: what two
    plain queries of LanceDB take on this machine at this hour."""
    retriever = Retriever(index, corpus.embedder)
    plain = await _plain(folder, corpus)

    async def search(question: str) -> None:
        assert len(await retriever.retrieve(question, [corpus.collection], args.k)) == args.k

    for seconds in (WARM_SECONDS, args.seconds, args.seconds):
        for name, ask in (("plain queries", plain), ("searches", search)):
            times: list[float] = []
            begin, cpu = time.perf_counter(), time.process_time()
            await _ask(ask, itertools.cycle(corpus.embedder.known), begin + seconds, times, args.concurrent)
            took, cpu = time.perf_counter() - begin, time.process_time() - cpu
            if seconds == WARM_SECONDS:
                continue
            print(
                f"  {len(times) / took:4.0f} {name}/s with {args.concurrent} at once: "
                f"p50 {percentile(times, 0.5):.0f} ms, p99 {percentile(times, 0.99):.0f} ms, "
                f"{cpu / len(times) * 1000:.2f} ms of CPU each",
                flush=True,
            )


async def _ask(
    ask: Callable[[str], Awaitable[None]], questions: Iterator[str], until: float, times: list[float], concurrent: int
) -> None:
    async def one() -> None:
        while (begin := time.perf_counter()) < until:
            await ask(next(questions))
            times.append((time.perf_counter() - begin) * 1000)

    await asyncio.gather(*(one() for _ in range(concurrent)))


async def _plain(folder: str, corpus: Corpus) -> Callable[[str], Awaitable[None]]:
    """As many passages by words and by vectors as a search looks at, as LanceDB gives them, neither fused nor read."""
    database = await lancedb.connect_async(folder)
    names = (await database.list_tables()).tables
    chunks, vectors = [
        await database.open_table(next(name for name in names if name.startswith(kind)))
        for kind in ("chunks", "vectors")
    ]

    async def ask(question: str) -> None:
        words = chunks.query().nearest_to_text(MatchQuery(" ".join(terms(subject(question))), "lex"))
        near = vectors.query().nearest_to(corpus.embedder.known[question]).distance_type("cosine").nprobes(PROBES)
        await asyncio.gather(
            words.select(["passage", "_score"]).limit(DEPTH).to_list(),
            near.select(["chunk", "_distance"]).limit(DEPTH).to_list(),
        )

    return ask


def _document(collection: str, chunks: int) -> Iterator[Passage]:
    document = str(uuid7())
    for ordinal in range(chunks):
        yield Passage(
            chunk=str(uuid7()),
            document=document,
            collection=collection,
            title="Bench",
            text=" ".join(random.choices(_VOCABULARY, cum_weights=_WEIGHTS, k=WORDS)),
            ordinal=ordinal,
        )


def _near(rng: numpy.random.Generator, centre: numpy.ndarray, count: int) -> numpy.ndarray:
    """`count` unit vectors around `centre`, each about as far from it as passages of one subject are."""
    return _unit(centre + SPREAD * _unit(rng.normal(size=(count, DIMENSIONS))))


def _unit(vectors: numpy.ndarray) -> numpy.ndarray:
    return (vectors / numpy.linalg.norm(vectors, axis=1, keepdims=True)).astype(numpy.float32)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m bench.retrieval_load", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--chunks", type=int, default=100_000, help="how many passages to search (default 100000)")
    parser.add_argument("--questions", type=int, default=5000, help="how many different ones (default 5000)")
    parser.add_argument("--concurrent", type=int, default=32, help="searches at once (default 32)")
    parser.add_argument("--seconds", type=float, default=15, help="how long (default 15)")
    parser.add_argument("--k", type=int, default=6, help="passages per search (default 6, as answers use)")
    return parser


if __name__ == "__main__":
    asyncio.run(measure(sys.argv[1:]))
