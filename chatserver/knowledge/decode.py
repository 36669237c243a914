"""Bytes of a text file to text, when nobody says in which encoding they are."""

from __future__ import annotations

import codecs
import re
from functools import lru_cache

__all__ = ["decode"]

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # begins like UTF-16's, so it is looked for first
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_META = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w.:-]{2,40})", re.IGNORECASE)
_HEAD_BYTES = 4096
_WIDE = re.compile("[^\x00-\x7f]+")
_CONTROL = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_HIGH = re.compile(rb"[\x80-\xff]+")
COMMON_SHARE = 0.75


def decode(data: bytes, *, html: bool = False) -> str | None:
    """The text of `data`, or None when it is no text.

    A byte order mark and, with `html`, the page's own word come first; then UTF-8, then the encodings of Chinese text
    (GB18030 with all that is GBK and GB2312, Big5), then Windows-1252. The last takes nearly any bytes, so the Chinese
    ones are taken only where their characters are mostly the common ones.
    """
    text = _decoded(data, html=html)
    if text is None or len(_CONTROL.findall(text[:100_000])) > len(text[:100_000]) / 200:
        return None
    return text


def _decoded(data: bytes, *, html: bool) -> str | None:
    for mark, name in _BOMS:
        if data.startswith(mark):
            return _try(data, name)
    if html and (told := _META.search(data[:_HEAD_BYTES])):
        name = told[1].decode("ascii").lower()
        # The web's GB2312 has always meant its superset (WHATWG Encoding, 4.2).
        if (text := _try(data, "gb18030" if name in ("gb2312", "gbk") else name)) is not None:
            return text
    if (text := _try(data, "utf-8")) is not None:
        return text
    guesses = [text for name in ("gb18030", "big5") if (text := _try(data, name)) is not None]
    best = max(guesses, key=_chinese, default="")
    return best if _chinese(best) >= COMMON_SHARE else _try(data, "cp1252")


def _try(data: bytes, name: str) -> str | None:
    try:
        return data.decode(name)
    except (UnicodeError, LookupError, ValueError):
        return None


def _chinese(text: str) -> float:
    """Which part of what isn't ASCII looks like Chinese: common characters, and no single one within a word.

    In the wrong encoding characters are rare ones, and an accent becomes one character that a letter clings to.
    """
    good = total = 0
    for run in _WIDE.finditer(text[:100_000]):
        total += len(run[0])
        within = len(run[0]) == 1 and (text[run.start() - 1 : run.start()].isalpha() or text[run.end() :][:1].isalpha())
        good += 0 if within else sum(map(_common, run[0]))
    return good / total if total else 0.0


@lru_cache(maxsize=32_768)
def _common(char: str) -> bool:
    """The first level of GB2312 or Big5 (the characters in daily use), or the punctuation between them."""
    if char in "\u3000、。，；：？！…—“”‘’（）《》〈〉「」『』【】〔〕·～％":
        return True
    for name, first, last in (("gb2312", b"\xb0\xa1", b"\xd7\xf9"), ("big5", b"\xa4\x40", b"\xc6\x7e")):
        try:
            if first <= char.encode(name) <= last:
                return True
        except UnicodeError:
            pass
    return False
