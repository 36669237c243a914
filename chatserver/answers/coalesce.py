"""Gathers an answer's pieces into numbered flushes. Pure: it is told the time."""

from __future__ import annotations

__all__ = ["Coalescer"]


class Coalescer:
    """The first piece leaves at once, then at most one flush per `interval` seconds.

    `n` counts the pieces flushed so far and `text` is their text; `whole` includes what still waits.
    """

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._last: float | None = None
        self._waiting: list[str] = []
        self._flushed: list[str] = []
        self.n = 0
        self.size = 0
        """UTF-8 bytes of `whole`."""

    @property
    def waiting(self) -> bool:
        return bool(self._waiting)

    @property
    def text(self) -> str:
        return "".join(self._flushed)

    @property
    def whole(self) -> str:
        return "".join(self._flushed) + "".join(self._waiting)

    def add(self, piece: str, now: float) -> float:
        """Take a piece; returns the seconds to wait before the next flush (0: flush now)."""
        self._waiting.append(piece)
        self.size += len(piece.encode())
        return 0.0 if self._last is None else max(0.0, self._last + self._interval - now)

    def take(self, now: float) -> tuple[int, int, str]:
        """Flush: `(n, merged, text)`, where the pieces `n - merged + 1 … n` make up `text`."""
        merged, text = len(self._waiting), "".join(self._waiting)
        self._waiting.clear()
        self._flushed.append(text)
        self.n += merged
        self._last = now
        return self.n, merged, text
