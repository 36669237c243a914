"""Field types of request bodies."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

__all__ = ["Text"]


def _storable(value: str) -> str:
    # JSON may escape both, PostgreSQL holds neither. pydantic lets halves pass where a field has a choice of types.
    if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
        raise ValueError("this holds a NUL character or half of a surrogate pair")
    return value


Text = Annotated[str, AfterValidator(_storable)]
"""Text that can be stored."""
