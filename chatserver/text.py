"""Terms and sentences of English and Chinese text (and of scripts that behave like one of the two).

The index stores `terms` in its `lex` column and queries are cut by the same function, so the two always agree. English
is stemmed (Snowball); Chinese, Japanese and Korean text becomes single characters and bigrams, which measured as well
as a segmenter and needs no dictionary. Everything here is pure and safe to call from any thread.
"""

from __future__ import annotations

import re
import threading
import unicodedata
from functools import lru_cache
from itertools import pairwise

import snowballstemmer

__all__ = ["CJK", "cjk_share", "is_cjk", "sentence_spans", "sentences", "storable", "terms"]

CJK = (
    "\u3005-\u3007\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uac00-\ud7a3\uf900-\ufaff\U00020000-\U0003ffff"
)
"""Han, kana and Hangul letters, as the inside of a character class. Punctuation is not among them."""

TERM_CHARS = 64
"""Longer 'words' are base64, hashes and the like: their first characters are enough to find them."""
SENTENCE_CHARS = 1000
"""Text that runs on longer without an end mark is cut at a clause or a space."""

_CJK_CHAR = re.compile(f"[{CJK}]")
_TOKEN = re.compile(rf"(?P<cjk>[{CJK}]+)|(?P<number>\d+(?:[.,]\d+)+)|(?:(?![{CJK}])[^\W_])+")
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_HUMP = re.compile(r"[a-z][A-Z]|[A-Z]{2}[a-z]")
_HUMPS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_CONTRACTIONS = re.compile(r"(?<=\w)['’](?:s|t|re|ve|ll|d|m)\b", re.IGNORECASE)

_HALVES = re.compile("[\ud800-\udfff]")

_stemmer = snowballstemmer.stemmer("english")
_stemmer_lock = threading.Lock()  # a stemmer keeps its word in itself


def terms(text: str) -> list[str]:
    """The search terms of `text` in their order, repetitions included.

    Words: lower case, accents folded, stemmed; `camelCase` gives itself and its parts, `1,000` is `1000`. CJK runs:
    every character, each followed by the bigram it begins. Never holds white space.
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    found: list[str] = []
    for match in _TOKEN.finditer(_CONTRACTIONS.sub("", text)):
        token = match[0]
        match match.lastgroup:
            case "cjk":
                for one, two in pairwise(token):
                    found += (one, one + two)
                found.append(token[-1])
            case "number":
                found += _number(token)
            case _:
                found += _word(token[:TERM_CHARS])
    return found


def _number(token: str) -> list[str]:
    if _THOUSANDS.fullmatch(token):
        return [token.replace(",", "")[:TERM_CHARS]]
    return [part[:TERM_CHARS] for part in token.split(",")]


@lru_cache(maxsize=65_536)
def _word(token: str) -> tuple[str, ...]:
    if not token.isascii():
        token = "".join(c for c in unicodedata.normalize("NFKD", token) if not unicodedata.combining(c))
    parts = _HUMPS.findall(token) if _HUMP.search(token) else []
    return tuple(_stem(part.casefold()) for part in (token, *(parts if len(parts) > 1 else ())))


def _stem(word: str) -> str:
    if not (word.isascii() and word.isalpha()):
        return word
    with _stemmer_lock:
        stem: str = _stemmer.stemWord(word)
    return stem


def is_cjk(char: str) -> bool:
    return _CJK_CHAR.match(char) is not None


def cjk_share(text: str) -> float:
    """Which part of the letters of `text` is CJK, 0 … 1; 0 where there are no letters."""
    if text.isascii():
        return 0.0
    letters = sum(char.isalpha() for char in text)
    return min(1.0, len(_CJK_CHAR.findall(text)) / letters) if letters else 0.0


# --- sentences -------------------------------------------------------------------------------------------------------

_CLOSERS = "\"'”’»」』）)\\]】》〉"
_BREAK = re.compile(
    rf"(?P<wide>[。！？｡]+(?:…+)?|…{{2,}})[{_CLOSERS}]*"
    rf"|(?P<mark>[.?!…]+)[{_CLOSERS}]*(?=\s|$|[{CJK}])"
    r"|(?P<line>\s*\n(?:\s*\n\s*|(?=\s*(?:[-*•·‣▪◦–—|#>]\s?|\(?\d{1,3}[.)、]|（?[一二三四五六七八九十]{1,3}[、）]))))"
)
_LAST_WORD = re.compile(r"[^\s(\[“\"'‘（「]+$")
_FIRST_WORD = re.compile(r"[^\W_]+")
_LIST_NUMBER = re.compile(r"(?:^|\n)[ \t]*\(?(?:\d{1,3}|[A-Za-z]|[ivxIVX]{1,4})$")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Never the end of a sentence: a name, a number or an example follows.
_TITLES = _words("""
    adm approx brig ca capt cf cmdr col cpl dr drs eg eq eqs fig figs fr ft gen gov hon ie lt maj messrs mlle mme mr mrs
    ms mt mx nos nr op pp pres prof pvt rep rev rs sec sen sgt st ste supt viz vol vols vs
""")
# An end only where the next word commonly begins a sentence.
_ABBREVIATIONS = _words("""
    al apr art assn ave aug blvd bros co corp dec dept dist ed eds est etc feb govt inc intl jan jr jul jun ltd mar no
    nov oct ph.d pl rd sept sep sr univ
""")
_STARTERS = _words("""
    a after although an and as at because before but by during each every for from he her here his how however i if in
    it its many most my no not on one other our she since so some such that the their then there these they this those
    thus to under until we what when where while who why with you your
""")


def sentences(text: str) -> list[str]:
    """The sentences of `text`, each without the white space around it; nothing else is left out."""
    return [text[start:end] for start, end in sentence_spans(text)]


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """Where each sentence begins and ends in `text`, in order and without overlap.

    Abbreviations, initials, decimals and list numbers end nothing; quotes and brackets close with their sentence; blank
    lines and list items always separate, other line ends never do (PDF text is wrapped anywhere).
    """
    spans: list[tuple[int, int]] = []
    begin = 0
    for match in _BREAK.finditer(text):
        if match.lastgroup == "line":
            _add(spans, text, begin, match.start())
            begin = match.end()
        elif match.end() > begin and _ends(text, match):
            _add(spans, text, begin, match.end())
            begin = match.end()
    _add(spans, text, begin, len(text))
    return spans


def _ends(text: str, match: re.Match[str]) -> bool:
    after = text[match.end() : match.end() + 40].lstrip()
    if not after:
        return True
    if match.lastgroup == "wide":
        # “你好！”，他说: the quotation is part of a longer sentence. An ellipsis alone is only a pause.
        return after[0] not in "，、；：,;:" and not (
            match["wide"][0] == "…" and is_cjk(after[0]) and match.end() == match.end("wide")
        )
    first = _FIRST_WORD.match(after)
    if after[0].islower() or after[0] in ",;:，；：":
        return False
    if match["mark"] != ".":
        return True
    before = _LAST_WORD.search(text, max(0, match.start() - 40), match.start())
    word = before[0].casefold() if before else ""
    if _LIST_NUMBER.search(text, max(0, match.start() - 8), match.start()) or word.replace(".", "") in _TITLES:
        return False
    initials = (len(word) == 1 and word.isalpha()) or re.fullmatch(r"(?:[^\W\d_]\.)+[^\W\d_]", word) is not None
    if initials or word in _ABBREVIATIONS:
        return first is not None and first[0].casefold() in _STARTERS and after[0].isupper() and len(word) > 1
    return True


def _add(spans: list[tuple[int, int]], text: str, start: int, end: int) -> None:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    while end - start > SENTENCE_CHARS:
        cut = _clause(text, start, start + SENTENCE_CHARS)
        spans.append((start, cut))
        start = cut
        while start < end and text[start].isspace():
            start += 1
    if start < end:
        spans.append((start, end))


def _clause(text: str, start: int, limit: int) -> int:
    for marks in ("；;", "，,、", " \n\t"):
        cut = max(text.rfind(mark, start + SENTENCE_CHARS // 2, limit) for mark in marks)
        if cut > 0:
            return cut + (marks[0] != " ")
    return limit


def storable(text: str) -> str:
    """`text` as PostgreSQL and JSON can hold it: without NUL, and half of a surrogate pair as U+FFFD."""
    return _HALVES.sub("\ufffd", text.replace("\0", ""))
