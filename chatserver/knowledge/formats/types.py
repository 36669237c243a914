"""What every reader of a format gives, and how it says no."""

from __future__ import annotations

from msgspec import Struct

from chatserver.rag.split import Block

__all__ = ["CHARS", "ParseError", "Parsed", "too_long"]

CHARS = 10_000_000
"""A document's text; about 20 thick books."""


class ParseError(Exception):
    """Why a document can't be read, in words for its owner."""


class Parsed(Struct, frozen=True):
    """`title`: as the document names itself; empty where it doesn't."""

    title: str
    blocks: tuple[Block, ...]


def too_long() -> ParseError:
    return ParseError(f"The file holds more than {CHARS:,} characters.")
