"""Counters, gauges and histograms in Prometheus' text format (version 0.0.4), without a dependency.

One process, one event loop: nothing here locks. Metrics are module-level objects of the module that counts; names
begin with `chatserver_`, counters end in `_total`, durations are in seconds.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence

__all__ = ["REGISTRY", "Counter", "Gauge", "Histogram", "LoopLag", "Registry"]

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class Registry:
    """All metrics of a process, rendered in the order of their names."""

    def __init__(self) -> None:
        self._metrics: dict[str, Counter | Gauge | Histogram] = {}

    def add(self, metric: Counter | Gauge | Histogram) -> None:
        """Raises `ValueError` for a second metric of the same name."""
        if metric.name in self._metrics:
            raise ValueError(f"metric {metric.name} exists already")
        self._metrics[metric.name] = metric

    def names(self) -> list[str]:
        return sorted(self._metrics)

    def render(self) -> str:
        """The body of `GET /metrics`."""
        lines: list[str] = []
        for name in self.names():
            metric = self._metrics[name]
            lines += [f"# HELP {name} {metric.help}", f"# TYPE {name} {metric.kind}", *metric.lines()]
        return "\n".join(lines) + "\n"


REGISTRY = Registry()


class Counter:
    """Only grows. With a `label`, one series per value: keep the values few (never ids)."""

    kind = "counter"

    def __init__(self, name: str, help: str, *, label: str = "", registry: Registry = REGISTRY) -> None:
        self.name, self.help, self._label = name, help, label
        self.values: dict[str, float] = {} if label else {"": 0}
        registry.add(self)

    def add(self, amount: float = 1, label: str = "") -> None:
        self.values[label] = self.values.get(label, 0) + amount

    @property
    def value(self) -> float:
        return sum(self.values.values())

    def lines(self) -> Iterator[str]:
        for label, value in sorted(self.values.items()):
            yield f"{self.name}{_braces(self._label, label)} {value:g}"


class Gauge:
    """A value that is read when it is rendered: `read` returns it."""

    kind = "gauge"

    def __init__(
        self, name: str, help: str, read: Callable[[], float] = lambda: 0.0, *, registry: Registry = REGISTRY
    ) -> None:
        self.name, self.help, self.read = name, help, read
        registry.add(self)

    def lines(self) -> Iterator[str]:
        yield f"{self.name} {self.read():g}"


class Histogram:
    """Counts observations in buckets with the given upper `bounds`."""

    kind = "histogram"

    def __init__(
        self, name: str, help: str, bounds: Sequence[float] = SECONDS, *, registry: Registry = REGISTRY
    ) -> None:
        self.name, self.help = name, help
        self._bounds = tuple(bounds)
        self._counts = [0] * (len(self._bounds) + 1)
        self.sum = 0.0
        self.count = 0
        registry.add(self)

    def observe(self, value: float) -> None:
        self._counts[bisect_left(self._bounds, value)] += 1
        self.sum += value
        self.count += 1

    def lines(self) -> Iterator[str]:
        below = 0
        for bound, count in zip(self._bounds, self._counts, strict=False):
            below += count
            yield f'{self.name}_bucket{{le="{bound:g}"}} {below}'
        yield f'{self.name}_bucket{{le="+Inf"}} {self.count}'
        yield f"{self.name}_sum {self.sum:g}"
        yield f"{self.name}_count {self.count}"


def _braces(label: str, value: str) -> str:
    if not label:
        return ""
    escaped = value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
    return f'{{{label}="{escaped}"}}'


LOOP_LAG = Histogram("chatserver_loop_lag_seconds", "How late the event loop ran a timer.")


class LoopLag:
    """Measures how late timers run: what blocks the loop shows here first."""

    def __init__(self, interval: float = 0.1, histogram: Histogram = LOOP_LAG) -> None:
        self._interval = interval
        self._histogram = histogram
        self._handle: asyncio.TimerHandle | None = None

    def start(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() + self._interval

        def measure() -> None:
            self._histogram.observe(max(0.0, loop.time() - due))
            self.start()

        self._handle = loop.call_at(due, measure)

    def stop(self) -> None:
        if self._handle:
            self._handle.cancel()
            self._handle = None
