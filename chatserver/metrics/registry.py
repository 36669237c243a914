"""Counters, gauges and histograms, and what they look like as data and as text.

They are changed on one thread, the event loop's, so nothing here locks. What counts on a hot path adds to
`Counter.value`, which is one addition.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Literal, Protocol

from msgspec import Struct, field

__all__ = ["REGISTRY", "SECONDS", "Counter", "Family", "Gauge", "Histogram", "Metric", "Registry", "render"]

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
SERIES_MAX = 100
"""Values of one label; more are counted as `other`, since what a peer says must not fill the memory."""

type Kind = Literal["counter", "gauge", "histogram"]


class Family(Struct, omit_defaults=True):
    """One metric as data. `values`: by the value of `label` ("" without one); of a histogram these are the sums, and
    `buckets` hold one count per bound and one for what lies beyond."""

    name: str
    kind: Kind
    help: str
    label: str = ""
    values: dict[str, float] = field(default_factory=dict)
    bounds: tuple[float, ...] = ()
    buckets: dict[str, list[int]] = field(default_factory=dict)

    def lines(self, labels: str) -> Iterator[str]:
        """Its samples, each with `labels` (as they are written: `a="1",b="2"`) before its own."""
        bounds = [f'le="{bound}"' for bound in (*map(_number, self.bounds), "+Inf")]
        for value in sorted(self.values):
            said = _joined(labels, _written({self.label: value})) if self.label else labels
            braces = f"{{{said}}}" if said else ""
            if self.kind != "histogram":
                yield f"{self.name}{braces} {_number(self.values[value])}"
                continue
            before = f"{self.name}_bucket{{{_joined(said, '')}"
            below = 0
            for bound, count in zip(bounds, self.buckets[value], strict=True):
                below += count
                yield f"{before}{bound}}} {below}"
            yield f"{self.name}_sum{braces} {_number(self.values[value])}"
            yield f"{self.name}_count{braces} {below}"


class Metric(Protocol):
    name: str

    def family(self) -> Family: ...
    def add_up(self, earlier: Family) -> None: ...


class Registry:
    """All metrics of a process."""

    def __init__(self) -> None:
        self._metrics: dict[str, Metric] = {}
        self.continued = False
        """Whether it has taken up the counts of a process before this one."""

    def add(self, metric: Metric) -> None:
        """Raises `ValueError` for a second metric of the same name."""
        if metric.name in self._metrics:
            raise ValueError(f"metric {metric.name} exists already")
        self._metrics[metric.name] = metric

    def names(self) -> list[str]:
        return sorted(self._metrics)

    def families(self) -> list[Family]:
        """The present state, in the order of the names."""
        return [self._metrics[name].family() for name in self.names()]

    def add_up(self, earlier: Iterable[Family]) -> None:
        """Go on counting from where a process before this one was."""
        for family in earlier:
            if metric := self._metrics.get(family.name):
                metric.add_up(family)


REGISTRY = Registry()


class Counter:
    """Only grows. With a `label`, one series per value: keep the values few (never ids), and name the known ones as
    `values`, so that they are there, as 0, before they first happen."""

    def __init__(
        self, name: str, help: str, *, label: str = "", values: Sequence[str] = (), registry: Registry = REGISTRY
    ) -> None:
        self.name = name
        self.value: float = 0
        """Of a counter without label."""
        self.values: dict[str, float] = dict.fromkeys(values, 0)
        self._help, self._label = help, label
        registry.add(self)

    def add(self, amount: float = 1, label: str = "") -> None:
        if self._label:
            label = _bounded(label, self.values)
            self.values[label] = self.values.get(label, 0) + amount
        else:
            self.value += amount

    def family(self) -> Family:
        values = dict(self.values) if self._label else {"": self.value}
        return Family(self.name, "counter", self._help, self._label, values)

    def add_up(self, earlier: Family) -> None:
        if earlier.label == self._label:
            for label, value in earlier.values.items():
                self.add(value, label)


class Gauge:
    """A value that is read when it is wanted. `read` returns it, or one for each value of `label`, or None: not known,
    or nothing of this process."""

    def __init__(
        self,
        name: str,
        help: str,
        read: Callable[[], float | Mapping[str, float] | None] = lambda: None,
        *,
        label: str = "",
        kind: Kind = "gauge",
        registry: Registry = REGISTRY,
    ) -> None:
        """`kind` is "counter" for what somebody else counts, such as the kernel."""
        self.name, self.read = name, read
        self._help, self._label, self._kind = help, label, kind
        registry.add(self)

    def family(self) -> Family:
        value = self.read()
        read = value if isinstance(value, Mapping) else {} if value is None else {"": value}
        values = {label: float(each) for label, each in read.items()}
        return Family(self.name, self._kind, self._help, self._label, values)

    def add_up(self, earlier: Family) -> None:
        """What another process measured was its own."""


class Histogram:
    """Counts observations in buckets with the given upper `bounds`; `label` and `values` as for `Counter`."""

    def __init__(
        self,
        name: str,
        help: str,
        bounds: Sequence[float] = SECONDS,
        *,
        label: str = "",
        values: Sequence[str] = (),
        registry: Registry = REGISTRY,
    ) -> None:
        self.name = name
        self._help, self._label, self._bounds = help, label, tuple(bounds)
        self._sums: dict[str, float] = dict.fromkeys(values if label else ("",), 0.0)
        self._buckets = {value: [0] * (len(self._bounds) + 1) for value in self._sums}
        registry.add(self)

    @property
    def count(self) -> int:
        return sum(map(sum, self._buckets.values()))

    def observe(self, value: float, label: str = "") -> None:
        label = _bounded(label, self._sums)
        if label not in self._sums:
            self._sums[label], self._buckets[label] = 0.0, [0] * (len(self._bounds) + 1)
        self._buckets[label][bisect_left(self._bounds, value)] += 1
        self._sums[label] += value

    def time(self, label: str = "") -> Timer:
        """`with SECONDS.time("parse"):` observes how long that took, also when it fails."""
        return Timer(self, label)

    def family(self) -> Family:
        buckets = {label: list(counts) for label, counts in self._buckets.copy().items()}
        sums = {label: self._sums[label] for label in buckets}
        return Family(self.name, "histogram", self._help, self._label, sums, self._bounds, buckets)

    def add_up(self, earlier: Family) -> None:
        if (earlier.label, earlier.bounds) != (self._label, self._bounds):
            return  # of another version of the server
        for label, counts in earlier.buckets.items():
            mine = self._buckets.get(label, [0] * len(counts))
            self._buckets[label] = [a + b for a, b in zip(mine, counts, strict=True)]
            self._sums[label] = self._sums.get(label, 0.0) + earlier.values[label]


class Timer:
    def __init__(self, histogram: Histogram, label: str) -> None:
        self._histogram, self._label = histogram, label

    def __enter__(self) -> None:
        self._began = time.perf_counter()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._histogram.observe(time.perf_counter() - self._began, self._label)


def render(groups: Iterable[tuple[Mapping[str, str], Iterable[Family]]]) -> str:
    """The body of `GET /metrics`: each group's families, with that group's labels on every sample."""
    found: dict[str, list[tuple[str, Family]]] = {}
    for labels, families in groups:
        written = _written(labels)
        for family in families:
            found.setdefault(family.name, []).append((written, family))
    lines: list[str] = []
    for name in sorted(found):
        _, first = found[name][0]
        lines += [f"# HELP {name} {first.help}", f"# TYPE {name} {first.kind}"]
        for written, family in found[name]:
            lines += family.lines(written)
    return "\n".join(lines) + "\n"


def _bounded(label: str, known: Mapping[str, float]) -> str:
    return label if label in known or len(known) < SERIES_MAX else "other"


def _written(labels: Mapping[str, str]) -> str:
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())


def _joined(first: str, second: str) -> str:
    return f"{first},{second}" if first else second


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _number(value: float) -> str:
    """In full: `:g` would round a counter of a million to hundreds."""
    return str(int(value)) if value == int(value) else repr(value)
