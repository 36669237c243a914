"""LanceDB behind one door: imported late, and what it raises said in our words."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from chatserver.errors import Unavailable
from chatserver.knowledge.index_unused import left_out

__all__ = ["ERRORS", "arrow", "lancedb", "load_library", "translated", "unavailable"]

log = logging.getLogger(__name__)

# What LanceDB raises is not a tree of its own (lancedb/exceptions.py).
ERRORS = (OSError, RuntimeError, ValueError)


def load_library() -> Any:
    """Import LanceDB: 80 MB and half a second of CPU. Call it in a thread, and before there are sockets: while
    modules are loaded, other threads hardly run."""
    with left_out("lance_namespace_urllib3_client"):
        for name in ("lancedb.index", "lancedb.query"):
            importlib.import_module(name)
        return importlib.import_module("lancedb")


def lancedb(module: str) -> Any:
    return importlib.import_module(f"lancedb.{module}")


def arrow() -> Any:
    return importlib.import_module("pyarrow")


@contextmanager
def translated() -> Iterator[None]:
    try:
        yield
    except ERRORS as error:
        raise unavailable(error) from error


def unavailable(error: Exception) -> Unavailable:
    log.warning("search index: %s", str(error).partition("\n")[0][:500])
    return Unavailable("The search index cannot be reached just now; try again.")
