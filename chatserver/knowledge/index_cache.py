"""What a process remembers of rows that it has read: the same passages are found again and again."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["Cache", "Memory"]

PASSAGES_BYTES = 128 * 1024 * 1024
NAMES = 200_000
"""Ids of chunks that are remembered, of each table; about 200 bytes each."""
SETS = 1_000


class Cache[K, V]:
    """The values that came last, up to `limit`; `weigh` says how much of it one takes. Looking one up does not count as
    coming: a search looks up hundreds."""

    def __init__(self, limit: int, weigh: Callable[[V], int] = lambda value: 1) -> None:
        self._limit = limit
        self._weigh = weigh
        self._weight = 0
        self._values: dict[K, V] = {}

    def get(self, key: K) -> V | None:
        return self._values.get(key)

    def put(self, key: K, value: V) -> None:
        if (old := self._values.pop(key, None)) is not None:
            self._weight -= self._weigh(old)
        self._values[key] = value
        self._weight += self._weigh(value)
        while self._weight > self._limit:
            self._weight -= self._weigh(self._values.pop(next(iter(self._values))))

    @property
    def full(self) -> bool:
        """Whether one more like those that are here would be one too many."""
        return self._weight + self._weight // max(1, len(self._values)) > self._limit


class Memory:
    """Of one table. A row is known by its address, which says where its content lies and is never given again."""

    def __init__(self) -> None:
        self.passages: Cache[int, bytes] = Cache(PASSAGES_BYTES, len)
        self.chunks: Cache[int, str] = Cache(NAMES)
        """The chunk that a row belongs to."""
        self.places: Cache[str, tuple[int, int]] = Cache(NAMES)
        """The row of a chunk, and the version of the table in which it was there."""
        self.narrow: Cache[frozenset[str], int] = Cache(SETS)
        """Sets of collections whose searches need a filter, and for how many more searches."""
