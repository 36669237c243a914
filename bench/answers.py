"""How good the answers are that are quoted without a language model: over a folder of questions with known answers.

The folder holds `docs.jsonl` ({id, title, text}), `queries.jsonl` ({id, text, answers}) and `qrels.jsonl` ({query_id,
doc_id}), as question answering collections such as SQuAD or CMRC 2018 are easily brought to. A question goes the way
it goes in the server, without rewriting and streaming: `python -m bench.answers FOLDER`.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import random
import re
import sys
import tempfile
import time
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import uuid5

from bench.world import percentile
from chatserver.ids import uuid7
from chatserver.knowledge.index import LanceIndex
from chatserver.providers.base import Excerpt
from chatserver.providers.quoting import Quote, choose
from chatserver.rag.pipeline import JUDGED
from chatserver.rag.prompt import excerpts
from chatserver.rag.relevance import relevant
from chatserver.rag.retrieve import Retriever
from chatserver.rag.split import assemble, paragraphs, split
from chatserver.rag.types import Passage

SHOWN = 6
"""Passages that are quoted from, as in the server."""
BATCH = 2000
_NAMESPACE = uuid7()


class World:
    """The collection of one folder in an index. Documents of one title are one collection, which can be left out."""

    def __init__(self, folder: Path, uri: str) -> None:
        self.documents = {document["id"]: document for document in _read(folder / "docs.jsonl")}
        self.questions = _read(folder / "queries.jsonl")
        self.gold: defaultdict[str, set[str]] = defaultdict(set)
        for row in _read(folder / "qrels.jsonl"):
            self.gold[row["query_id"]].add(row["doc_id"])
        self.collections = {document["title"]: _uuid(document["title"]) for document in self.documents.values()}
        self.index = LanceIndex(uri)
        self.retriever = Retriever(self.index)

    async def fill(self) -> None:
        for batch in itertools.batched(self._passages(), BATCH, strict=False):
            await self.index.add(batch)
        await self.index.optimize()

    def _passages(self) -> list[Passage]:
        found: list[Passage] = []
        for document in self.documents.values():
            _, blocks = assemble(paragraphs(document["text"]))
            for n, piece in enumerate(split(blocks, document["title"])):
                found.append(
                    Passage(
                        chunk=str(uuid7()),
                        document=_uuid(document["id"]),
                        collection=self.collections[document["title"]],
                        title=document["title"],
                        text=piece.text,
                        ordinal=n,
                        start=piece.start,
                        end=piece.end,
                    )
                )
        return found

    async def ask(self, question: dict[str, Any], *, without_gold: bool = False) -> Answer:
        """`without_gold`: leave out everything that has a title of the documents that hold the answer."""
        gold = self.gold[question["id"]]
        hidden = {self.documents[each]["title"] for each in gold} if without_gold else set()
        allowed = [uuid for title, uuid in self.collections.items() if title not in hidden]
        found = await self.retriever.retrieve(question["text"], allowed, JUDGED)
        begin = time.process_time()
        passages = relevant(question["text"], found)[:SHOWN]
        shown = excerpts(passages)
        quotes = choose(question["text"], shown)
        return Answer(question, {_uuid(each) for each in gold}, passages, shown, quotes, time.process_time() - begin)


class Answer:
    """`seconds`: of CPU, without the search."""

    def __init__(
        self,
        question: dict[str, Any],
        gold: set[str],
        passages: Sequence[Passage],
        shown: Sequence[Excerpt],
        quotes: Sequence[Quote],
        seconds: float,
    ) -> None:
        self.question = question
        self.passages = passages
        self.quotes = quotes
        self.seconds = seconds
        answers = [_normal(each) for each in question.get("answers", ())]
        said = _normal(" ".join(quote.text for quote in quotes))
        self.right = any(each in said for each in answers)
        self.holds = any(each in _normal(excerpt.text) for each in answers for excerpt in shown)
        self.cites = any(passages[quote.n - 1].document in gold for quote in quotes)


async def measure(arguments: Sequence[str]) -> None:
    args = _parser().parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="chatserver-bench-") as uri:
        world = World(args.folder, uri)
        await world.fill()
        questions = random.Random(args.seed).sample(world.questions, min(args.questions, len(world.questions)))
        given = [await world.ask(each) for each in questions]
        print(f"  {len(given)} questions, {len(world.documents)} documents, {await world.index.count()} passages")
        _share("the answer stands in an excerpt", [answer.holds for answer in given])
        _share("the answer stands in the quoted sentences", [answer.right for answer in given])
        _share("a document with the answer is cited", [answer.cites for answer in given])
        _share("'nothing found'", [not answer.quotes for answer in given])
        print(f"  choosing took {percentile([each.seconds * 1000 for each in given], 0.5):.1f} ms of CPU (p50)")
        if args.hold_out:
            held = [await world.ask(each, without_gold=True) for each in questions]
            _share("answered though the answer was taken away", [bool(answer.quotes) for answer in held])
        for answer in [each for each in given if not each.right][: args.failures]:
            _show(answer)


def _share(name: str, outcomes: Sequence[bool]) -> None:
    print(f"  {100 * sum(outcomes) / len(outcomes):5.1f} %  {name}", flush=True)


def _show(answer: Answer) -> None:
    print(f"\n  ? {answer.question['text']}\n  = {' / '.join(answer.question.get('answers', ()))}")
    for quote in answer.quotes:
        print(f"  [{quote.n}] {quote.score:.2f} {' '.join(quote.text.split())[:300]}")


def _read(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines if line.strip()]


def _uuid(name: str) -> str:
    return str(uuid5(_NAMESPACE, name))


def _normal(text: str) -> str:
    """Without what never makes an answer wrong: case, width, white space, punctuation."""
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", text).casefold())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m bench.answers", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, help="with docs.jsonl, queries.jsonl and qrels.jsonl")
    parser.add_argument("--questions", type=int, default=300, help="how many to ask, chosen at random (default 300)")
    parser.add_argument("--seed", type=int, default=0, help="which are chosen (default 0)")
    parser.add_argument("--hold-out", action="store_true", help="ask again with the documents of the answer left out")
    parser.add_argument(
        "--failures", type=int, default=0, metavar="N", help="show N questions that were answered wrong"
    )
    return parser


if __name__ == "__main__":
    asyncio.run(measure(sys.argv[1:]))
