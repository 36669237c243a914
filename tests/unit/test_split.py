"""Pieces follow the document's structure and are always a part of its text."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from chatserver.rag.split import (
    OVERLAP_WORDS,
    PIECE_WORDS,
    Block,
    Kind,
    assemble,
    indexed_text,
    paragraphs,
    size,
    split,
)


def sentence(words: int, tag: str = "w") -> str:
    return " ".join(f"{tag}{n}" for n in range(words - 1)) + " end."


def pieces(*blocks: Block, title: str = "") -> list[str]:
    return [piece.text for piece in split(assemble(blocks)[1], title)]


words = st.sampled_from(["alpha", "beta", "gamma.", "数据库", "系统。", "x" * 50, "is", "3.5"])
texts = st.lists(words, min_size=0, max_size=500).map(" ".join)
kinds: st.SearchStrategy[Kind] = st.sampled_from(["text", "heading", "item", "table", "code"])
headings = st.lists(st.sampled_from(["A", "B", "C"]), max_size=3).map(tuple)


@given(st.lists(st.builds(Block, texts, headings, st.none() | st.integers(1, 9), kind=kinds), max_size=12))
def test_every_piece_is_its_part_of_the_text_and_nothing_is_left_out(blocks: list[Block]) -> None:
    text, placed = assemble(blocks)
    assert [text[block.start : block.end] for block in placed] == [block.text for block in placed]
    covered = 0
    for piece in split(placed):
        assert piece.text == text[piece.start : piece.end]
        assert piece.text == piece.text.strip()
        assert not text[covered : piece.start].strip()
        covered = max(covered, piece.end)
    assert not text[covered:].strip()


@given(texts)
def test_pieces_are_bounded(text: str) -> None:
    for piece in split(assemble(paragraphs(text))[1]):
        assert size(piece.text) <= PIECE_WORDS * 7 / 6 + OVERLAP_WORDS


def test_sections_are_not_mixed() -> None:
    first = Block(sentence(60), ("Guide", "Install"))
    second = Block(sentence(60), ("Guide", "Run"))
    found = split(assemble([first, second])[1], "Guide")
    assert [(piece.heading, piece.text) for piece in found] == [("Install", first.text), ("Run", second.text)]


def test_small_sections_of_one_parent_are_packed_under_it() -> None:
    first = Block(sentence(10), ("Guide", "Install"))
    second = Block(sentence(60), ("Guide", "Run", "Now"))
    (piece,) = split(assemble([first, second])[1])
    assert piece.heading == "Guide"


def test_a_heading_is_never_the_end_of_a_piece() -> None:
    body, head, more = Block(sentence(170)), Block("Next part", kind="heading"), Block(sentence(170))
    assert pieces(body, head, more) == [body.text, f"Next part\n\n{more.text}"]


def test_a_long_block_is_cut_at_sentences_and_overlaps_by_one() -> None:
    parts = [sentence(20, f"S{n}x") for n in range(20)]
    found = pieces(Block(" ".join(parts)))
    assert len(found) == 3
    for before, after in pairwise(found):
        last = next(part for part in reversed(parts) if before.endswith(part))
        assert after.startswith(last)


def test_paragraphs_do_not_overlap() -> None:
    parts = [sentence(100, f"P{n}x") for n in range(4)]
    assert sum(found.count("P1x0 ") for found in pieces(*map(Block, parts))) == 1


def test_a_table_is_cut_at_lines() -> None:
    rows = [f"| row {n} | {'cell ' * 20}|" for n in range(30)]
    found = pieces(Block("\n".join(rows), kind="table"))
    assert len(found) > 1
    assert "\n".join(found).splitlines() == rows


def test_chinese_is_counted_by_characters() -> None:
    text = "这是一句关于数据库的话。" * 100
    found = pieces(Block(text))
    assert 200 < len(found[0]) < 350


def test_page_and_title() -> None:
    (piece,) = split(assemble([Block("Text here.", ("Guide",), 7)])[1], "Guide")
    assert (piece.page, piece.heading) == (7, "")
    assert indexed_text("Guide", piece.heading, piece.text) == "Guide\nText here."


def test_a_piece_is_cited_under_the_page_it_stands_on() -> None:
    one, last = Block(sentence(60, "A"), ("Guide",), 1), Block(sentence(8, "B"), ("Guide",), 2)
    assert [piece.page for piece in split(assemble([one, last])[1])] == [1, 2]


def test_a_small_page_is_packed_with_the_next_and_cited_under_the_larger() -> None:
    cover, body = Block(sentence(8, "A"), ("Guide",), 1), Block(sentence(60, "B"), ("Guide",), 2)
    (piece,) = split(assemble([cover, body])[1])
    assert (piece.page, piece.start, piece.end) == (2, 0, len(cover.text) + 2 + len(body.text))


def test_nothing_gives_nothing() -> None:
    assert split(assemble([Block("  "), Block("")])[1]) == []
