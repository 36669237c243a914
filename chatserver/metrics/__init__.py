"""What the server counts and measures, in Prometheus' text format (version 0.0.4), without a dependency.

Metrics are module-level objects of the module that counts; names begin with `chatserver_`, counters end in `_total`,
durations are in seconds. docs/metrics.md lists all of them; docs/adr/0011 says why this is no library.
"""

from chatserver.metrics.board import Board
from chatserver.metrics.loop import LoopLag
from chatserver.metrics.registry import REGISTRY, SECONDS, Counter, Family, Gauge, Histogram, Registry, render

__all__ = [
    "REGISTRY", "SECONDS", "Board", "Counter", "Family", "Gauge", "Histogram", "LoopLag", "Registry", "render",
]  # fmt: skip
