"""A model that writes nothing: it quotes the sentences of the excerpts that answer best, each with its citation.

It is what answers while no language model is set up, and it can't make anything up.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Iterator
from itertools import groupby

from chatserver.providers.base import ChatModel, Finish, Prompt, Text
from chatserver.providers.quoting import Quote, choose
from chatserver.providers.replies import is_small_talk, nothing_quotable, small_talk

__all__ = ["Extractive"]

THREAD_CHARS = 1_000
"""More text than this is searched in a thread: it would hold up the loop for over 2 ms."""
PAUSE_SECONDS = 0.004
"""Between two pieces; a quotation that flows can be followed, one that jumps in can't."""
PAUSES_MAX = 250

_WIDE = "\\u2e80-\\u9fff\\uac00-\\ud7a3\\uf900-\\ufaff\\uff00-\\uffef"
_PIECE = re.compile(rf"\s*(?:[{_WIDE}]{{1,3}}|[^\s{_WIDE}]{{1,40}})\s*")
_MARK = re.compile(
    r"(?P<word>[A-Za-z_]\w*)?(?P<gap>\s*)(?P<mark>[\[【［]\s*\d{1,3}(?:\s*[,–-]\s*\d{1,3})*\s*[\]】］])(?!\()(?=(?P<next>\s*\w)?)"
)
_BEGINNING = re.compile(r"(?:[-*+•>]\s+|#{1,6}\s+|\(?\d{1,3}[.)]\s+|[|]\s*)+")
_FENCE = re.compile(r"`{3,}\w*|`{2}|~{3,}|\\+(?=`)")
"""Fences, and what would take a backtick its meaning."""
_TICKS = re.compile(r"`{3,}")
_WIDE_END = re.compile(rf"[{_WIDE}]$")
_LISTED = frozenset({"item", "row"})
_SPAN = re.compile(r"(`[^`]*`)")
_CODE = re.compile(r"[=;{}_]|\w\(")


class Extractive:
    """Implements `ChatModel`."""

    name = "extractive"
    writes = False

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Text | Finish]:
        """Never raises `ProviderError`; the same prompt gives the same text."""
        for i, piece in enumerate(_pieces(await self._answer(prompt))):
            if 0 < i <= PAUSES_MAX:
                await asyncio.sleep(PAUSE_SECONDS)
            yield Text(piece)
        yield Finish("stop")

    async def aclose(self) -> None:
        """It holds nothing open."""

    async def _answer(self, prompt: Prompt) -> str:
        if not prompt.excerpts and is_small_talk(prompt.question):
            return small_talk(prompt.question, prompt.locale)
        if sum(len(excerpt.text) for excerpt in prompt.excerpts) > THREAD_CHARS:
            quotes = await asyncio.to_thread(choose, prompt.question, prompt.excerpts)
        else:
            quotes = choose(prompt.question, prompt.excerpts)
        if not quotes:
            return nothing_quotable(prompt.question, prompt.locale)
        return _joined(quotes)


def _joined(quotes: list[Quote]) -> str:
    """Sentences of one excerpt are a paragraph with one citation at its end; several items or rows are a list, each
    with its own; code is fenced, after the citation of what it belongs to."""
    parts: list[str] = []
    listed = sum(quote.kind in _LISTED for quote in quotes) > 1
    for (n, item), run in groupby(quotes, key=lambda quote: (quote.n, listed and quote.kind in _LISTED)):
        lines: list[str] = []
        for quote in run:
            plain = _plain(quote.text)
            if item:
                lines.append(f"- {_cited(plain, n)}")
            else:
                lines[-1:] = [_spaced(lines[-1], plain) if lines else plain]
            if quote.code:
                lines[-1] = lines[-1] if item else _cited(lines[-1], n)
                parts += ["\n".join(lines), _fenced(quote)]
                lines = []
        if lines:
            parts.append("\n".join(lines) if item else _cited(lines[-1], n))
    return "\n\n".join(parts)


def _cited(text: str, n: int) -> str:
    return _spaced(text, f"[{n}]")


def _spaced(text: str, following: str) -> str:
    return f"{text}{'' if _WIDE_END.search(text) else ' '}{following}"


def _fenced(quote: Quote) -> str:
    fence = max(_TICKS.findall(quote.code), key=len, default="``") + "`"
    return f"{fence}{quote.language}\n{quote.code}\n{fence}"


def _plain(sentence: str) -> str:
    """The sentence in one line of Markdown that can't swallow the citation after it: no fence, no lone backtick.

    The document's own reference marks would be taken for our citations and go; an index in a line of code (`argv[1]`)
    and a mark that stands for itself ("in the form of [1] and") are put into backticks instead.
    """
    sentence = _unfenced(_BEGINNING.sub("", sentence, count=1) if _BEGINNING.match(sentence) else sentence)
    code = _CODE.search(sentence) is not None

    def unmarked(mark: re.Match[str]) -> str:
        word, gap, following = mark["word"] or "", mark["gap"], mark["next"] or ""
        if gap and following[:1].isspace():
            return f"{word}{gap}`{mark['mark']}`"
        if code and word and not gap:
            return f"`{word}{mark['mark']}`"
        # The gap stays where words would else grow together, and goes before punctuation.
        return word + (" " if following and (gap or (word and following.isascii())) else "")

    # Every second part is in backticks already.
    parts = [part if n % 2 else _MARK.sub(unmarked, part) for n, part in enumerate(_SPAN.split(sentence))]
    return " ".join(_unfenced("".join(parts)).split()).rstrip("\\ ")


def _unfenced(sentence: str) -> str:
    """Without fences and without a backtick that has no partner; what is left may make a new one, so more than once."""
    while True:
        cut = _FENCE.sub("", sentence)
        cut = cut.replace("`", "") if cut.count("`") % 2 else cut
        if cut == sentence:
            return sentence
        sentence = cut


def _pieces(text: str) -> Iterator[str]:
    """Words, or up to three CJK characters, with the white space after them."""
    for match in _PIECE.finditer(text):
        yield match[0]


_: type[ChatModel] = Extractive
