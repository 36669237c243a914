"""Field types of request bodies."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

__all__ = ["Text"]


def _storable(value: str) -> str:
    # JSON may escape it, PostgreSQL's text cannot hold it. Halves of surrogate pairs are refused by pydantic itself.
    if "\0" in value:
        raise ValueError("this holds a NUL character")
    return value


Text = Annotated[str, AfterValidator(_storable)]
"""Text that can be stored."""
