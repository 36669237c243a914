"""`python -m bench.frontend`: the figures of the front end in docs/benchmarks.md; with NAME… some of them."""

from __future__ import annotations

import argparse
import asyncio
import importlib

NAMES = ("streaming", "room")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.frontend", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which to run: {', '.join(NAMES)} (default: all)")
    names = parser.parse_args().names or list(NAMES)
    if unknown := set(names) - set(NAMES):
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}; choose from {', '.join(NAMES)}")
    for name in names:
        module = importlib.import_module(f"bench.frontend.{name}")
        print(f"\n{name}: {(module.__doc__ or '').splitlines()[0]}", flush=True)
        asyncio.run(module.measure())


if __name__ == "__main__":
    main()
