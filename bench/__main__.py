"""`make bench`: every figure of docs/benchmarks.md, measured here and now; `python -m bench NAME…` runs some."""

from __future__ import annotations

from bench.runner import run

NAMES = ("first_token", "streams", "appends", "retrieval_speed", "retrieval_load", "deletion")


if __name__ == "__main__":
    run("bench", NAMES, __doc__)
