"""The short quotation that a source is shown with: where a passage is closest to the question. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from chatserver.providers.units import units
from chatserver.text import terms

__all__ = ["QUOTE_CHARS", "quotation"]

QUOTE_CHARS = 400
"""The protocol's limit for `sources[].quote`."""
ELLIPSIS = "…"
WIDE = "\u2e80"
"""From here on characters, punctuation included, stand without spaces between them."""

_MARKER = re.compile(r"^\s*[-*+•]\s+")


def quotation(text: str, weights: Mapping[str, float], heading: str = "", title: str = "") -> str:
    """The sentence of `text` that holds most of the keywords `weights`, and what follows it as far as there is room.

    Cut at the end of a sentence, or with an ellipsis where a single one is too long. In one line; code is left
    out where there is anything else, and so are headings, which a source names beside its quote.
    """
    every = units(text, heading, title)
    prose = [unit for unit in every if unit.kind not in ("heading", "code")]
    said = [" ".join(_MARKER.sub("", unit.text).split()) for unit in prose or every]
    if not said:
        return ""
    held = [sum(weights.get(term, 0.0) for term in set(terms(each))) for each in said]
    first = max(range(len(said)), key=lambda i: (held[i], -i))
    quote = said[first]
    for following in said[first + 1 :]:
        if len(quote) + 1 + len(following) > QUOTE_CHARS:
            break
        quote += following if quote[-1] >= WIDE else f" {following}"
    return quote if len(quote) <= QUOTE_CHARS else quote[: QUOTE_CHARS - len(ELLIPSIS)] + ELLIPSIS
