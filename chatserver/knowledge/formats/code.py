"""Source code: a block per definition, under the names that enclose it.

No grammar is known of any language. Indentation and blank lines show where a definition begins and ends in nearly all
code that people wrote, and a guess that fails cuts a passage at an unlucky line, no more. Each block keeps a fence, so
that whoever reads a passage can tell code from prose.
"""

from __future__ import annotations

import itertools
import json
import re
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from chatserver.knowledge.formats.types import Parsed
from chatserver.knowledge.kinds import LANGUAGES
from chatserver.rag.split import PIECE_WORDS, Block, size

__all__ = ["code", "code_blocks"]

GOAL_WORDS = PIECE_WORDS * 0.9
"""A block with its fence is to fit into one piece."""
SMALL_WORDS = 60
"""Definitions below this (constants, imports, getters) are packed together."""
DEPTH = 8
LINE_CHARS = 2000
"""A longer line was written by a program."""

_MODIFIERS = (
    r"(?:(?:export|default|public|private|protected|internal|static|abstract|final|sealed|async|pub(?:\([\w: ]+\))?|"
    r"unsafe|inline|virtual|override|open|data|declare|extern|partial|suspend|local|const(?= (?:fn|class|enum)))\s+)*"
)
_NAMED = re.compile(
    rf"\s*(?P<what>{_MODIFIERS}(?:class|struct|interface|enum|trait|impl|object|record|protocol|extension|module|"
    r"namespace|def|defp|defmodule|fn|func|fun|function|sub|package|message|service|type|"
    r"create\s+(?:or\s+replace\s+)?(?:table|view|function|procedure|trigger))\b"
    r"(?:\s+if\s+not\s+exists)?\s+(?:\([^()]{0,80}\)\s*)?[\w.$:`\"]+(?:<[^<>]{0,40}>)?(?:\s+for\s+[\w.:]+)?)",
    re.IGNORECASE,
)
_ARROW = re.compile(
    r"\s*(?:export\s+)?(?:const|let|var)\s+(?P<what>[\w$]+)\s*(?::[^=]{0,80})?=\s*(?:async\b|function\b|\()"
)
_METHOD = re.compile(r"\s*(?:[\w<>\[\],.*&:?@]+\s+){0,6}?[*&]?(?P<what>[\w:~$]+)\s*\([^;]{0,160}$")
_NO_METHOD = frozenset("if for while switch catch return else do try new await yield elif until case when".split())
_CLOSER = re.compile(r"\s*(?:[})\]]|end\b|else\b|elif\b|except\b|finally\b|catch\b|rescue\b|\*/|</|\.)")
_LEAD_IN = re.compile(r"\s*(?:@|#|//|/\*|\*|--|\[\w|\"\"\"|''')")
"""Comments, decorators and attributes belong to what follows them."""


def code(text: str, name: str) -> Parsed:
    """`name`: the file's path. Its last two parts are the title, as a file is often known by its folder only."""
    language = LANGUAGES.get(PurePosixPath(name).suffix.lower(), "")
    title = "/".join(PurePosixPath(name).parts[-2:]).lstrip("/")
    return Parsed(title, tuple(code_blocks(_readable(text, language), language, (title,) if title else ())))


def _readable(text: str, language: str) -> str:
    """JSON in one line becomes lines."""
    if language != "json" or max(map(len, text.split("\n"))) <= LINE_CHARS:
        return text
    try:
        return json.dumps(json.loads(text), ensure_ascii=False, indent=1)
    except (ValueError, RecursionError):
        return text


def code_blocks(text: str, language: str, heading: tuple[str, ...] = ()) -> Iterator[Block]:
    lines = [line.rstrip() for line in text.expandtabs(4).split("\n")]
    for path, part in _packed(lines, heading, 0):
        body = textwrap.dedent("\n".join(part)).strip("\n")
        if body.strip():
            fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`{3,}", body)), default=0))
            yield Block(f"{fence}{language}\n{body}\n{fence}", path, kind="code")


type _Part = tuple[tuple[str, ...], list[str]]
"""A heading path, and the lines under it."""


def _packed(lines: Sequence[str], path: tuple[str, ...], depth: int) -> Iterator[_Part]:
    """The units of one level: small neighbours together, large ones opened."""
    waiting: list[str] = []
    for unit in _units(lines):
        words = size("\n".join(unit))
        if waiting and (words > SMALL_WORDS or size("\n".join(waiting)) + words > GOAL_WORDS):
            # What leads to a large definition (a class's line) still goes with it when it is a line or two.
            yield path, waiting
            waiting = []
        if words <= SMALL_WORDS:
            waiting += unit
        elif words <= GOAL_WORDS:
            yield _under(path, unit), unit
        else:
            yield from _opened(unit, path, depth)
    if waiting:
        yield path, waiting


def _under(path: tuple[str, ...], unit: Sequence[str]) -> tuple[str, ...]:
    return (*path, name) if (name := _name(unit)) else path


def _opened(unit: Sequence[str], path: tuple[str, ...], depth: int) -> Iterator[_Part]:
    """A unit that is too large: its first lines, then the units inside; or just lines where there is no inside."""
    path = _under(path, unit)
    filled = [_indent(line) for line in unit if line]
    deeper = [indent for indent in filled if indent > filled[0]]
    if not deeper or depth == DEPTH or len(deeper) < len(filled) / 2:
        yield from _cut(unit, path)
        return
    # The head reaches to the first line of the body: signatures may take several lines, and decorators come before.
    start = next(n for n, line in enumerate(unit) if line and _indent(line) > filled[0])
    body = list(unit[start:])
    head = list(unit[:start])
    parts = list(_packed(body, path, depth + 1))
    if parts and parts[0][0] == path and size("\n".join([*head, *parts[0][1]])) <= GOAL_WORDS:
        parts[0] = (path, [*head, *parts[0][1]])
    else:
        parts.insert(0, (path, head))
    yield from parts


def _cut(lines: Sequence[str], path: tuple[str, ...]) -> Iterator[_Part]:
    part: list[str] = []
    words = 0.0
    for line in lines:
        if part and (words + size(line) > GOAL_WORDS or (not line and words > GOAL_WORDS / 2)):
            yield path, part
            part, words = [], 0.0
        part.append(line)
        words += size(line)
    if part:
        yield path, part


def _units(lines: Sequence[str]) -> Iterator[list[str]]:
    """Cut where something begins at the outermost indentation: after a blank line, or with a definition; where that
    finds nothing, at each line there."""
    outermost = min((_indent(line) for line in lines if line), default=0)
    starts = [n for n, line in enumerate(lines) if line and _indent(line) == outermost and not _CLOSER.match(line)]
    chosen = [n for n in starts if _begins(lines, n)]
    if len(chosen) < 2:
        chosen = [n for n in starts if n == 0 or not _LEAD_IN.match(lines[n - 1])]
    edges = sorted({0, *chosen, len(lines)})
    for start, end in itertools.pairwise(edges):
        yield list(lines[start:end])


def _begins(lines: Sequence[str], n: int) -> bool:
    before = lines[n - 1] if n else ""
    if not before:
        return True
    return bool(_name(lines[n : n + 1])) and not (_LEAD_IN.match(before) and _indent(before) == _indent(lines[n]))


def _name(unit: Sequence[str]) -> str:
    """What the unit defines ("class Room", "def post"), by its first line that is no comment or decorator."""
    line = next((line for line in unit if line and not _LEAD_IN.match(line)), "")[:300]
    if found := _NAMED.match(line) or _ARROW.match(line):
        return " ".join(found["what"].split()).rstrip(":")
    if line.endswith(("{", "(", ",")) and (found := _METHOD.match(line)) and found["what"] not in _NO_METHOD:
        return found["what"]
    return ""


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
