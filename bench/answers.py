"""How good the answers are that are quoted without a language model: over questions whose answers are known.

`python bench/answers.py --data DIR [--model ONNX_DIR] [--queries N] [--json]`. Documents go through real ingestion,
each question through the whole pipeline as a room's does, and its answer is read from the stream. Then the documents
that hold the answers are deleted, and the same questions are asked again: now nothing should be found.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

if __package__ in (None, ""):  # run as a script
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from rich.console import Console
from rich.table import Table

from bench.corpus import Corpus, add_arguments, folders, knowledge, searching
from chatserver.protocol.frames import Source
from chatserver.providers import extractive
from chatserver.providers.extractive import Extractive
from chatserver.rag.pipeline import Pipeline
from chatserver.rag.types import Delta, Done, Question, Sources
from chatserver.text import sentences

_MARK = re.compile(r"\[(\d+)\]")


@dataclass
class Answer:
    """What was streamed. `shown`: the quotes that a reader sees beside it."""

    question: dict[str, Any]
    gold: set[str]
    text: str
    shown: tuple[Source, ...]
    cited: tuple[Source, ...]
    found: bool

    @property
    def right(self) -> bool:
        said = normal(_MARK.sub("", self.text))
        return self.found and any(normal(answer) in said for answer in self.question["answers"])

    @property
    def first(self) -> bool:
        """Whether the document cited first holds the answer."""
        numbers = {str(source.n): source.document for source in self.cited}
        mark = _MARK.search(self.text)
        return mark is not None and numbers.get(mark[1]) in self.gold

    @property
    def sentences(self) -> int:
        return len(sentences(_MARK.sub("", self.text)))


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser("bench/answers.py", description=(__doc__ or "").splitlines()[0])
    add_arguments(parser, questions=500)
    parser.add_argument("--failures", type=int, default=0, metavar="N", help="show N answers that are not right")
    args = parser.parse_args(arguments)
    extractive.PAUSE_SECONDS = 0  # between its deltas, for readers
    results: list[dict[str, Any]] = []
    for folder in folders(args.data):
        with knowledge(args.model) as opened:
            corpus = opened.add(folder)
            asked = [each for each in corpus.sample(0, args.seed) if each.get("answers")]
            if not asked:
                print(f"{folder.name}: no question has its answers with it", file=sys.stderr)
                continue
            asked = corpus.sample(args.queries, args.seed) if len(asked) > args.queries > 0 else asked
            asked = [each for each in asked if each.get("answers")]
            given = asyncio.run(_ask(corpus, asked))
            opened.remove(corpus, set().union(*(corpus.gold[each["id"]] for each in asked)))
            gone = asyncio.run(_ask(corpus, asked))
        results.append(_result(corpus, given, gone, args.model))
        if args.json:
            print(json.dumps(results[-1]), flush=True)
        for answer in [each for each in given if not each.right][: args.failures]:
            _show_failure(answer)
    if results and not args.json:
        _show(results)


async def _ask(corpus: Corpus, questions: Sequence[dict[str, Any]]) -> list[Answer]:
    async with searching() as retriever:
        pipeline = Pipeline(retriever, Extractive())
        return [await _answer(corpus, question, pipeline) for question in questions]


async def _answer(corpus: Corpus, question: dict[str, Any], pipeline: Pipeline) -> Answer:
    text, shown, done = "", (), None
    async for part in pipeline.run(Question(text=question["text"], collections=(corpus.collection,))):
        match part:
            case Sources(sources):
                shown = sources
            case Delta(piece):
                text += piece
            case Done():
                done = part
    assert done is not None
    return Answer(question, corpus.gold[question["id"]], text, shown, done.sources, done.found)


def normal(text: str) -> str:
    """Without what never makes an answer wrong: case, width, white space, punctuation."""
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", text).casefold())


def _result(corpus: Corpus, given: Sequence[Answer], gone: Sequence[Answer], model: str) -> dict[str, Any]:
    def share(outcomes: Sequence[bool]) -> float:
        return round(100 * sum(outcomes) / len(outcomes), 1)

    return {
        "set": corpus.name,
        "search": "hybrid" if model else "lexical",
        "questions": len(given),
        "answer %": share([answer.right for answer in given]),
        "source first %": share([answer.first for answer in given]),
        "nothing found %": share([not answer.found for answer in given]),
        "sentences": round(sum(answer.sentences for answer in given if answer.found) / len(given), 2),
        "most sentences": max(answer.sentences for answer in given),
        "removed: nothing found %": share([not answer.found for answer in gone]),
        "removed: document cited %": share([any(s.document in a.gold for s in (*a.shown, *a.cited)) for a in gone]),
    }


def _show(results: Sequence[dict[str, Any]]) -> None:
    table = Table()
    for name in results[0]:
        table.add_column(name, justify="left" if name in ("set", "search") else "right")
    for row in results:
        table.add_row(*map(str, row.values()))
    Console(width=None if sys.stdout.isatty() else 150).print(table)


def _show_failure(answer: Answer) -> None:
    print(f"\n  ? {answer.question['text']}\n  = {' / '.join(answer.question['answers'])}\n  > {answer.text[:600]}")


if __name__ == "__main__":
    main(sys.argv[1:])
