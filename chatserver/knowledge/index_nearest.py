"""The vectors nearest to those of several questions, found in one query.

A query of LanceDB costs milliseconds before it compares anything, and one for sixteen vectors costs little more than
one for a single vector. So questions that come while a query is under way go together in the next one: a question that
is alone waits for nobody, and many at once share what would otherwise be paid for each.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from chatserver.knowledge.index_library import arrow

__all__ = ["PROBES", "Nearest", "collect"]

PROBES = 16
"""Partitions of vectors that are read, of twice the square root of their number: most of a search's time is theirs."""
TOGETHER = 32
"""Questions of one query."""

type _Kind = tuple[str, int, int]
"""Filter, number of neighbours and length of the vectors: what questions of one query have in common."""
type _Question = tuple[Sequence[float], asyncio.Future[dict[int, float]]]


class Nearest:
    """Of one version of a table. Belongs to one event loop."""

    def __init__(self, table: Any) -> None:
        self._table = table
        self._waiting: defaultdict[_Kind, list[_Question]] = defaultdict(list)
        self._running: dict[_Kind, asyncio.Task[None]] = {}

    async def find(self, vector: Sequence[float], filter_: str, k: int) -> dict[int, float]:
        """The addresses of the `k` nearest rows that `filter_` lets through (empty: all), with their cosine distances.

        Raises what LanceDB raises.
        """
        kind = (filter_, k, len(vector))
        found: asyncio.Future[dict[int, float]] = asyncio.get_running_loop().create_future()
        self._waiting[kind].append((vector, found))
        if kind not in self._running:
            self._running[kind] = asyncio.create_task(self._answer(kind), name="index: nearest vectors")
        return await found

    async def _answer(self, kind: _Kind) -> None:
        try:
            while waiting := self._waiting.pop(kind, None):
                asked = [question for question in waiting[:TOGETHER] if not question[1].done()]
                if rest := waiting[TOGETHER:]:
                    self._waiting[kind] = rest
                await self._together(kind, asked)
        finally:
            del self._running[kind]
            for _, found in self._waiting.pop(kind, ()):  # only where this task was cancelled, with its loop
                found.cancel()

    async def _together(self, kind: _Kind, asked: list[_Question]) -> None:
        if not asked:
            return  # all of them gave up
        try:
            distances = await self._query(kind, [vector for vector, _ in asked])
        except BaseException as error:
            for _, found in asked:
                if not found.done():
                    found.cancel() if isinstance(error, asyncio.CancelledError) else found.set_exception(error)
            if not isinstance(error, Exception):
                raise
            return
        for (_, found), value in zip(asked, distances, strict=True):
            if not found.done():
                found.set_result(value)

    async def _query(self, kind: _Kind, vectors: list[Sequence[float]]) -> list[dict[int, float]]:
        filter_, k, _ = kind
        pa = arrow()
        rows = [pa.array(vector, pa.float32()) for vector in vectors]
        query = self._table.query().nearest_to(rows if len(rows) > 1 else rows[0])
        query = query.distance_type("cosine").nprobes(PROBES)
        query = (query.where(filter_) if filter_ else query).select(["_distance"]).with_row_id()
        table = await collect(query.limit(k))
        addresses, distances = (table[name].to_pylist() for name in ("_rowid", "_distance"))
        if len(rows) == 1:
            return [dict(zip(addresses, distances, strict=True))]
        each: list[dict[int, float]] = [{} for _ in rows]
        for number, address, distance in zip(table["query_index"].to_pylist(), addresses, distances, strict=True):
            each[number][address] = distance
        return each


async def collect(query: Any) -> Any:
    """All that a query finds, as an Arrow table."""
    # With its table at hand a query asks for schema and projection once more, for a kind of column that we have none
    # of; that takes a quarter of a search.
    query._table = None
    return await query.to_arrow()
