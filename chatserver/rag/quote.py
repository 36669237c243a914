"""The short quotation that a source is shown with: where a passage is closest to the question. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from chatserver.text import sentence_spans, terms

__all__ = ["QUOTE_CHARS", "quotation"]

QUOTE_CHARS = 400
"""The protocol's limit for `sources[].quote`."""
ELLIPSIS = "…"


def quotation(text: str, weights: Mapping[str, float]) -> str:
    """The sentence of `text` that holds most of the keywords `weights`, and what follows it as far as there is room.

    Cut at the end of a sentence, or with an ellipsis where a single one is too long. In one line.
    """
    spans = sentence_spans(text)
    if not spans:
        return ""
    held = [sum(weights.get(term, 0.0) for term in set(terms(text[start:end]))) for start, end in spans]
    first = last = max(range(len(spans)), key=lambda i: (held[i], -i))
    begin = spans[first][0]
    while last + 1 < len(spans) and spans[last + 1][1] - begin <= QUOTE_CHARS:
        last += 1
    quote = " ".join(text[begin : spans[last][1]].split())
    return quote if len(quote) <= QUOTE_CHARS else quote[: QUOTE_CHARS - len(ELLIPSIS)] + ELLIPSIS
