"""How well the right document is found: recall, MRR and nDCG over public sets, through real ingestion and retrieval.

`python bench/retrieval.py --data DIR [--model ONNX_DIR] [--queries N] [--json]`. Every document goes through
PostgreSQL and LanceDB as an upload does, every question through `Retriever`; a document's rank is that of its best
passage.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

if __package__ in (None, ""):  # run as a script
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from rich.console import Console
from rich.table import Table

from bench.corpus import Corpus, add_arguments, folders, knowledge, searching
from bench.world import percentile
from chatserver.config import config

DEPTH = 50
"""Passages asked for; a document may hold several of them."""
COLUMNS = ("R@1", "R@5", "R@10", "MRR@10", "nDCG@10")


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser("bench/retrieval.py", description=(__doc__ or "").splitlines()[0])
    add_arguments(parser, questions=2000)
    args = parser.parse_args(arguments)
    results: list[dict[str, Any]] = []
    for folder in folders(args.data):
        # Each in a database and an index of its own: how rare a word is depends on what else is there.
        with knowledge(args.model) as opened:
            corpus = opened.add(folder)
            results.append(asyncio.run(_measure(corpus, args.queries, args.seed)))
        if args.json:
            print(json.dumps(results[-1]), flush=True)
    if not args.json:
        _show(results, args.model)


async def _measure(corpus: Corpus, count: int, seed: int) -> dict[str, Any]:
    questions = corpus.sample(count, seed)
    scores: list[tuple[float, ...]] = []
    times: list[float] = []
    async with searching() as retriever:
        await retriever.retrieve("warm", [corpus.collection], 1)
        for question in questions:
            begin = time.perf_counter()
            found = await retriever.retrieve(question["text"], [corpus.collection], DEPTH)
            times.append((time.perf_counter() - begin) * 1000)
            ranking = list(dict.fromkeys(passage.document for passage in found))
            scores.append(rate(ranking[:10], corpus.gold[question["id"]]))
    return {
        "set": corpus.name,
        "search": f"hybrid ({config().embed_model})" if config().embed_model else "lexical",
        "documents": corpus.documents,
        "chunks": corpus.chunks,
        "queries": len(questions),
        **{
            name: round(sum(column) / len(scores), 4)
            for name, column in zip(COLUMNS, zip(*scores, strict=True), strict=True)
        },
        "chunks/s": round(corpus.chunks / corpus.seconds, 1),
        "p50 ms": round(percentile(times, 0.5), 1),
        "p99 ms": round(percentile(times, 0.99), 1),
    }


def rate(ranking: Sequence[str], gold: set[str]) -> tuple[float, ...]:
    """Recall at 1, 5 and 10, reciprocal rank and nDCG at 10 of one question, all with binary relevance."""
    hits = [document in gold for document in ranking]
    first = next((rank for rank, hit in enumerate(hits, 1) if hit), None)
    gain = sum(1 / math.log2(rank + 1) for rank, hit in enumerate(hits, 1) if hit)
    ideal = sum(1 / math.log2(rank + 1) for rank in range(1, min(len(gold), 10) + 1))
    return (
        *(sum(hits[:depth]) / len(gold) for depth in (1, 5, 10)),
        1 / first if first else 0.0,
        gain / ideal,
    )


def _show(results: Sequence[dict[str, Any]], model: str) -> None:
    table = Table(title=f"hybrid, {model}" if model else "lexical", title_justify="left")
    for name in results[0]:
        if name != "search":
            table.add_column(name, justify="left" if name == "set" else "right")
    for row in results:
        table.add_row(
            *(
                f"{value:.3f}" if name in COLUMNS else f"{value:,}" if isinstance(value, int) else str(value)
                for name, value in row.items()
                if name != "search"
            )
        )
    Console(width=None if sys.stdout.isatty() else 140).print(table)


if __name__ == "__main__":
    main(sys.argv[1:])
