"""Runs benchmarks by name: each is a module with a coroutine `measure()`; its first line says what it measures."""

from __future__ import annotations

import argparse
import asyncio
import importlib
from collections.abc import Sequence

import uvloop

__all__ = ["run"]


def run(package: str, known: Sequence[str], description: str | None) -> None:
    """The command line of `python -m PACKAGE [NAME…]`; without names, all that are `known`."""
    parser = argparse.ArgumentParser(prog=f"python -m {package}", description=description)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which to run: {', '.join(known)} (default: all)")
    names = parser.parse_args().names or list(known)
    if unknown := set(names) - set(known):
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}; choose from {', '.join(known)}")
    for name in names:
        module = importlib.import_module(f"{package}.{name}")
        print(f"\n{name}: {(module.__doc__ or '').splitlines()[0]}", flush=True)
        asyncio.run(module.measure(), loop_factory=uvloop.new_event_loop)  # as serving processes do
