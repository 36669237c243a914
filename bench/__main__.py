"""`make bench`: every figure of docs/benchmarks.md, measured here and now; `python -m bench NAME…` runs some."""

from __future__ import annotations

import argparse
import asyncio
import importlib

NAMES = ("first_token", "streams", "appends", "retrieval_speed")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which to run: {', '.join(NAMES)} (default: all)")
    names = parser.parse_args().names or list(NAMES)
    if unknown := set(names) - set(NAMES):
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}; choose from {', '.join(NAMES)}")
    for name in names:
        module = importlib.import_module(f"bench.{name}")
        print(f"\n{name}: {(module.__doc__ or '').splitlines()[0]}", flush=True)
        asyncio.run(module.measure())


if __name__ == "__main__":
    main()
