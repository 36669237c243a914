"""Blocks of Markdown, which is also the way through which HTML and DOCX come here, and of plain text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from markdown_it import MarkdownIt
from markdown_it.token import Token

from chatserver.rag.split import Block, paragraphs

__all__ = ["clean", "markdown_blocks", "markdown_title", "text_blocks"]

HEADING_CHARS = 200
"""A longer 'heading' is a paragraph that somebody set in large type."""
NESTING = 60
"""A document with lists or quotes nested deeper is taken as plain text: markdown-it would drop the rest of it."""

_FRONT_MATTER = re.compile(r"\A---[ \t]*\n(?P<fields>.*?)\n---[ \t]*\n", re.DOTALL)
_TITLE = re.compile(r"^title:[ \t]*(?P<quote>[\"']?)(?P<title>.+?)(?P=quote)[ \t]*$", re.MULTILINE)
_TAG = re.compile(r"<!--.*?-->|<[^>]{0,2000}>", re.DOTALL)
# Controls but tab and line feed, lone surrogates, non-characters: PostgreSQL refuses some, nobody can read any.
_UNREADABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufeff\ufffe\uffff]")


def clean(text: str) -> str:
    """`text` with plain line ends and without characters that can be neither read nor stored."""
    return _UNREADABLE.sub("", text.replace("\r\n", "\n").replace("\r", "\n").replace("\f", "\n\n"))


def text_blocks(text: str) -> list[Block]:
    """Plain text: blank lines separate paragraphs."""
    return paragraphs(text)


def markdown_title(text: str, blocks: Sequence[Block]) -> str:
    """The title its front matter names, or else the first heading where the document begins with one."""
    if (front := _FRONT_MATTER.match(text)) and (named := _TITLE.search(front["fields"])):
        return named["title"].strip()
    return blocks[0].text if blocks and blocks[0].kind == "heading" else ""


def markdown_blocks(text: str) -> list[Block]:
    """CommonMark with tables. Links and emphasis become their text; images their description."""
    parser = MarkdownIt("commonmark", {"maxNesting": NESTING}).enable("table")
    tokens = parser.parse(text := _FRONT_MATTER.sub("", text))
    if any(token.level >= NESTING - 1 for token in tokens):
        return text_blocks(text)
    path: list[tuple[int, str]] = []
    blocks: list[Block] = []
    at = 0
    while at < len(tokens):
        token, end = tokens[at], _end(tokens, at)
        inside = tokens[at : end + 1]
        at = end + 1
        if token.type == "heading_open":
            title, level = _inline(inside[1]).strip(), int(token.tag[1])
            if title and len(title) <= HEADING_CHARS:
                path = [*(each for each in path if each[0] < level), (level, title)]
                blocks.append(Block(title, tuple(name for _, name in path), kind="heading"))
                continue
        blocks += _blocks(inside, tuple(name for _, name in path))
    return blocks


def _blocks(tokens: Sequence[Token], heading: tuple[str, ...]) -> Iterator[Block]:
    """The blocks of one construct of the top level."""
    match tokens[0].type:
        case "bullet_list_open" | "ordered_list_open":
            for item in _items(tokens):
                yield Block(item, heading, kind="item")
        case "table_open":
            yield Block("\n".join(_rows(tokens)), heading, kind="table")
        case "fence" | "code_block":
            yield Block(_fenced(tokens[0]), heading, kind="code")
        case "html_block":
            yield Block(_TAG.sub(" ", tokens[0].content), heading)
        case _:
            yield Block("\n".join(_lines(tokens)), heading)


def _end(tokens: Sequence[Token], at: int) -> int:
    """Where the construct that begins at `at` ends."""
    depth = 0
    for n in range(at, len(tokens)):
        depth += tokens[n].nesting
        if depth == 0:
            return n
    return len(tokens) - 1


def _items(tokens: Sequence[Token]) -> Iterator[str]:
    """The items of the outermost list, each with all that is below it."""
    at = 1
    number = int(tokens[0].attrs.get("start", 1)) if tokens[0].type == "ordered_list_open" else None
    while at < len(tokens) - 1:
        end = _end(tokens, at)
        marker = "-" if number is None else f"{number}."
        yield f"{marker} " + "\n".join(_lines(tokens[at + 1 : end])).strip()
        number = None if number is None else number + 1
        at = end + 1


def _lines(tokens: Sequence[Token]) -> Iterator[str]:
    """Text of any construct, nested lists with their marks."""
    depth, mark = 0, ""
    for token in tokens:
        if token.type in ("bullet_list_open", "ordered_list_open"):
            depth += 1
        elif token.type in ("bullet_list_close", "ordered_list_close"):
            depth -= 1
        elif token.type == "list_item_open":
            mark = "- "
        elif token.type in ("inline", "fence", "code_block", "html_block"):
            match token.type:
                case "inline":
                    text = _inline(token)
                case "html_block":
                    text = _TAG.sub(" ", token.content.rstrip())
                case _:
                    text = _fenced(token)
            yield "  " * depth + mark + text
            mark = ""


def _fenced(token: Token) -> str:
    """Code keeps its fence, so that whoever reads a passage (a model, or what quotes it) can tell it from prose."""
    code = token.content.rstrip()
    longest = max((len(run) for run in re.findall("`{3,}", code)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}{token.info.split(maxsplit=1)[0] if token.info.strip() else ''}\n{code}\n{fence}"


def _rows(tokens: Sequence[Token]) -> Iterator[str]:
    cells: list[str] = []
    for token in tokens:
        if token.type == "inline":
            cells.append(_inline(token).strip())
        elif token.type == "tr_close":
            yield " | ".join(cells)
            cells = []


def _inline(token: Token) -> str:
    parts: list[str] = []
    for child in token.children or ():
        match child.type:
            case "text" | "code_inline" | "image":  # an image's content is its description
                parts.append(child.content)
            case "softbreak" | "hardbreak":
                parts.append("\n")
            case _:
                pass
    return "".join(parts)
