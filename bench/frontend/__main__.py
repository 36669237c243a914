"""`python -m bench.frontend`: the figures of the front end in docs/benchmarks.md; with NAME… some of them."""

from __future__ import annotations

from bench.runner import run

NAMES = ("streaming", "room")


if __name__ == "__main__":
    run("bench.frontend", NAMES, __doc__)
