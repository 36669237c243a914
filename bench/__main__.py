"""`make bench`: the figures of docs/benchmarks.md and docs/scaling.md, measured here and now; `python -m bench NAME…`
runs some."""

from __future__ import annotations

from bench.runner import run

SCALING = ("sockets", "fanout", "answers_per_worker", "shares", "presence")
NAMES = ("first_token", "streams", "appends", "retrieval_speed", "retrieval_load", "deletion", *SCALING, "socketio")


if __name__ == "__main__":
    run("bench", NAMES, __doc__)
