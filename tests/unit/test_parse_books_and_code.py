"""EPUB books and source code."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from chatserver.knowledge.formats import epub as books
from chatserver.knowledge.formats.code import code_blocks
from chatserver.knowledge.parse import ParseError
from chatserver.rag.split import PIECE_WORDS, assemble, size, split
from tests.documents import epub, zipped
from tests.unit.conftest import Write, read, refused

# --- EPUB ------------------------------------------------------------------------------------------------------------


def test_a_book_is_read_in_the_order_of_its_spine(write: Write) -> None:
    chapters = {
        "b.xhtml": "<h1>Tea</h1><p>Tea is <b>free</b>.</p><h2>Green</h2><ul><li>Sencha</li></ul>",
        "a.xhtml": "<h1>退款</h1><p>十四天内支付。</p>",
    }
    parsed = read(write("a.epub", epub(chapters, title="The  house")))
    assert parsed.title == "The house"
    assert [(block.kind, block.heading, block.text) for block in parsed.blocks] == [
        ("heading", ("Tea",), "Tea"),
        ("text", ("Tea",), "Tea is free."),
        ("heading", ("Tea", "Green"), "Green"),
        ("item", ("Tea", "Green"), "- Sencha"),
        ("heading", ("退款",), "退款"),
        ("text", ("退款",), "十四天内支付。"),
    ]


def test_a_chapter_without_a_heading_has_that_of_the_contents(write: Write) -> None:
    data = epub({"a.xhtml": "<p>It was late.</p>"}, labels={"a.xhtml": "Chapter  one"})
    assert [(block.kind, block.heading) for block in read(write("a.epub", data)).blocks] == [
        ("heading", ("Chapter one",)),
        ("text", ("Chapter one",)),
    ]


def test_the_contents_of_an_older_book_name_its_chapters(write: Write) -> None:
    package = (
        '<package xmlns="http://www.idpf.org/2007/opf"><manifest>'
        '<item id="a" href="text/a%20b.html" media-type="application/xhtml+xml"/>'
        '<item id="n" href="toc.ncx" media-type="application/x-dtbncx+xml"/></manifest>'
        '<spine toc="n"><itemref idref="a"/></spine></package>'
    )
    contents = (
        '<ncx xmlns="http://www.daisy.org/z3986/2005/ncx/"><navMap><navPoint><navLabel><text>One</text></navLabel>'
        '<content src="text/a%20b.html#top"/></navPoint></navMap></ncx>'
    )
    container = '<container><rootfiles><rootfile full-path="x.opf"/></rootfiles></container>'
    files = {
        "x.opf": package,
        "toc.ncx": contents,
        "text/a b.html": "<p>Words.</p>",
        "META-INF/container.xml": container,
    }
    assert read(write("a.epub", zipped(files))).blocks[0].heading == ("One",)


CIPHER = (
    '<encryption xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><e:EncryptedData '
    'xmlns:e="http://www.w3.org/2001/04/xmlenc#"><e:CipherData><e:CipherReference URI="OEBPS/{}"/></e:CipherData>'
    "</e:EncryptedData></encryption>"
)


def test_a_locked_book_is_refused_and_one_with_hidden_fonts_is_not(write: Write) -> None:
    chapters = {"a.xhtml": "<p>Words.</p>"}
    locked = epub(chapters, **{"META-INF_encryption.xml": CIPHER.format("a.xhtml")})
    assert "locked (DRM)" in refused(write("a.epub", locked))
    assert read(write("b.epub", epub(chapters, **{"META-INF_encryption.xml": CIPHER.format("font.otf")}))).blocks


def test_entities_of_a_book_are_not_looked_up(write: Write, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("sesame")
    package = f'<!DOCTYPE p [<!ENTITY x SYSTEM "file://{tmp_path}/secret">]><package><metadata>&x;</metadata></package>'
    container = '<container><rootfiles><rootfile full-path="x.opf"/></rootfiles></container>'
    said = refused(write("a.epub", zipped({"META-INF/container.xml": container, "x.opf": package})))
    assert said == "The book names no chapters."


def test_a_book_that_cannot_be_read_says_why(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    data = epub({"a.xhtml": "<p>Words.</p>", "b.xhtml": "<p>More.</p>"})
    assert "damaged" in refused(write("a.epub", data[: len(data) // 2]))
    assert "lacks book.opf" in refused(write("b.epub", data.replace(b"OEBPS/book.opf", b"OEBPS/loot.opf")))
    monkeypatch.setattr(books, "CHAPTERS", 1)
    with pytest.raises(ParseError, match="2 chapters"):
        read(write("c.epub", data))


def test_a_book_that_unpacks_too_far_is_refused(write: Write) -> None:
    assert "unpacks to more than" in refused(write("a.epub", epub({"a.xhtml": "x" * 20_000_000})))
    assert zipfile.is_zipfile(write("b.epub", epub({"a.xhtml": "x"})))


# --- source code -----------------------------------------------------------------------------------------------------

LONG = "\n".join(f"        total += prices[{n}] * amounts[{n}]  # position {n} of the bill" for n in range(12))
PYTHON = f'''"""Prices of the shop."""

import os


@cache
def price(item: str) -> int:
    # Looked up once.
    return PRICES[item]


class Bill:
    """What a guest pays."""

    def total(self) -> int:
        """The sum of all positions."""
{LONG}
        return total

    def paid(self) -> bool:
        """Whether nothing is open."""
{LONG}
        return total == 0
'''


def test_code_is_cut_along_its_definitions(write: Write) -> None:
    parsed = read(write("bill.py", PYTHON))
    assert parsed.title == "bill.py"
    headings = {block.heading[1:]: block.text for block in parsed.blocks}
    assert headings.keys() == {(), ("class Bill",), ("class Bill", "def total"), ("class Bill", "def paid")}
    assert "@cache\ndef price" in headings[()]
    assert headings["class Bill", "def paid"].startswith("```python\ndef paid(self)")
    assert all(block.kind == "code" and block.text.endswith("\n```") for block in parsed.blocks)


def test_the_title_of_code_says_where_it_is(write: Write, tmp_path: Path) -> None:
    from chatserver.knowledge import reader

    path = write("upload", "x = 1\n")
    assert reader.read(path, "code", "shop.zip/rooms/actions.py").title == "rooms/actions.py"
    assert reader.read(path, "code", "actions.py").title == "actions.py"


BRACES = {
    "a.ts": ("export class Room {", "  async post(text: string): Promise<void> {", "class Room", "post"),
    "a.java": ("public class Room {", "    public void post(String text) throws IOException {", "class Room", "post"),
    "a.go": ("type Room struct {", "", "type Room", ""),
    "a.rs": ("impl Display for Room {", "    pub fn post(&self) {", "impl Display for Room", "fn post"),
    "a.cpp": ("class Room {", "    void post(const std::string& text) {", "class Room", "post"),
    "a.php": ("final class Room {", "    public function post(string $text): void {", "class Room", "function post"),
    "a.rb": ("class Room", "  def post(text)", "class Room", "def post"),
}


@pytest.mark.parametrize("name", BRACES)
def test_names_that_enclose_code_are_its_heading(write: Write, name: str) -> None:
    outer, inner, *names = BRACES[name]
    body = "\n".join(f"        value{n} = read(first, second, {n});" for n in range(30))
    close = "end" if name.endswith("rb") else "}"
    method = f"{inner}\n{body}\n    {close}\n\n" * (2 if inner else 0) or f"{body}\n"
    blocks = read(write(name, f"{outer}\n{method}{close}\n")).blocks
    said = " › ".join(max((block.heading for block in blocks), key=len))
    assert all(each in said for each in names)


@pytest.mark.parametrize(
    "text",
    [
        PYTHON,
        "x" * 50_000,
        "a = 1\n" * 3000,
        "{\n" * 2000 + "}\n" * 2000,
        "\n" * 5000 + "a",
        " " * 300 + "a\nb",
        "```\n" * 50,
    ],
    ids=["python", "one line", "flat", "deep", "blank", "indented", "fences"],
)
def test_no_line_of_code_is_lost_and_pieces_fit(text: str) -> None:
    document, blocks = assemble(code_blocks(text, "python"))
    words = [line.strip() for line in text.splitlines() if line.strip()]
    kept = [line.strip() for line in document.splitlines() if line.strip()]
    position = iter(kept)
    assert all(any(word == line for line in position) for word in words), "all lines, in their order"
    assert all(size(piece.text) <= PIECE_WORDS * 1.5 for piece in split(blocks))


def test_json_in_one_line_becomes_lines(write: Write) -> None:
    data = json.dumps({"items": [{"name": f"tea {n}", "价格": n} for n in range(300)]}, ensure_ascii=False)
    text = "\n".join(block.text for block in read(write("a.json", data)).blocks)
    assert '"name": "tea 299",' in text
    assert '"价格": 299' in text
    assert read(write("b.json", "[" * 100_000 + "word")).blocks
