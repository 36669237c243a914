"""Documents of every kind become blocks with their headings and pages, and bad files become reasons."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from docx import Document as Word
from reportlab.lib.pagesizes import A4
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas

from chatserver.knowledge import parse as parsing
from chatserver.knowledge.blocks import clean, markdown_blocks
from chatserver.knowledge.decode import decode
from chatserver.knowledge.parse import Parsed, ParseError, kind_of, parse

type Write = Callable[[str, bytes | str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def file(name: str, content: bytes | str) -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return file


def read(path: Path) -> Parsed:
    return parse(path, kind_of(path.name))


def refused(path: Path) -> str:
    with pytest.raises(ParseError) as caught:
        read(path)
    return str(caught.value)


def pdf(pages: list[list[str]], *, outline: dict[int, str] | None = None, title: str = "", **options: object) -> bytes:
    """Real pages of 12-point lines; `outline` names the first line of a page (from 0)."""
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=A4, **options)
    canvas.setTitle(title)
    pdfmetrics.registerFont(UnicodeCIDFont("STSong-Light"))
    for number, lines in enumerate(pages):
        if outline and number in outline:
            canvas.bookmarkPage(f"p{number}")
            canvas.addOutlineEntry(outline[number], f"p{number}")
        for n, line in enumerate(lines):
            canvas.setFont("Helvetica" if line.isascii() else "STSong-Light", 12)
            canvas.drawString(72, 770 - 16 * n, line)
        canvas.showPage()
    canvas.save()
    return buffer.getvalue()


# --- Markdown and text -----------------------------------------------------------------------------------------------


def test_markdown_keeps_its_structure(write: Write) -> None:
    parsed = read(
        write(
            "guide.md",
            "# Guide\nSee [the shop](https://a.example) *now*.\n\n## Fees\n- one\n  - half\n- two\n\n"
            "| item | fee |\n|---|---|\n| tea | 2 |\n\n```sh\nrun --now\n```\n\n# Next\n![a map](m.png)\n",
        )
    )
    assert parsed.title == "Guide"
    assert [(block.kind, block.heading, block.text) for block in parsed.blocks] == [
        ("heading", ("Guide",), "Guide"),
        ("text", ("Guide",), "See the shop now."),
        ("heading", ("Guide", "Fees"), "Fees"),
        ("item", ("Guide", "Fees"), "- one\n  - half"),
        ("item", ("Guide", "Fees"), "- two"),
        ("table", ("Guide", "Fees"), "item | fee\ntea | 2"),
        ("code", ("Guide", "Fees"), "```sh\nrun --now\n```"),
        ("heading", ("Next",), "Next"),
        ("text", ("Next",), "a map"),
    ]


def test_front_matter_names_the_document_and_is_no_text(write: Write) -> None:
    parsed = read(write("post.md", '---\ntitle: "Opening hours"\ndate: 2026-01-01\n---\nWe open at nine.\n'))
    assert parsed.title == "Opening hours"
    assert [block.text for block in parsed.blocks] == ["We open at nine."]


def test_a_skipped_heading_level_is_still_a_path() -> None:
    paths = [block.heading for block in markdown_blocks("## B\n#### D\n### C\n# A\n")]
    assert paths == [("B",), ("B", "D"), ("B", "C"), ("A",)]


@pytest.mark.parametrize("mark", ["> ", "- ", "1. ", "> - "])
def test_nothing_is_lost_below_deep_nesting(mark: str) -> None:
    text = "\n".join(block.text for block in markdown_blocks(f"before\n\n{mark * 5000}deep\n\nafter"))
    assert all(word in text for word in ("before", "deep", "after"))


def test_plain_text_is_cut_at_blank_lines(write: Write) -> None:
    parsed = read(write("a.txt", "One\ntwo.\r\n\r\nThree."))
    assert [block.text for block in parsed.blocks] == ["One\ntwo.", "Three."]


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("退款将在十四天内支付。", "utf-8-sig"),
        ("退款将在十四天内支付。", "gb18030"),
        ("使用API接口时，请看README。", "gbk"),
        ("退款將在十四天內支付，請聯絡我們。", "big5"),
        ("你好，世界", "utf-16"),
        ("Déjà vu à la café, naïve façade", "cp1252"),
        ("Größe, Äpfel, süß und schön", "latin-1"),
        ("Ümlaut grüßt", "utf-8"),
    ],
)
def test_text_is_read_in_its_encoding(write: Write, text: str, encoding: str) -> None:
    assert read(write("a.txt", text.encode(encoding))).blocks[0].text == text


def test_an_html_page_says_its_encoding() -> None:
    page = '<meta charset="gb2312"><p>退款將在'
    assert decode(page.encode("gbk"), html=True) == page


@pytest.mark.parametrize("data", [bytes(range(256)) * 4, b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" * 20, b"\0" * 100])
def test_binary_data_is_no_text(write: Write, data: bytes) -> None:
    assert "encoding" in refused(write("a.txt", data))


def test_what_cannot_be_stored_is_left_out() -> None:
    assert clean("a\x00b\ud800c\r\nd\re\ufefff\tg") == "abc\nd\nef\tg"


@pytest.mark.parametrize("name", ["a.md", "a.txt", "a.html", "a.pdf", "a.docx"])
def test_an_empty_file_is_refused(write: Write, name: str) -> None:
    assert refused(write(name, b"")) == "The file is empty."


@pytest.mark.parametrize("name", ["a.md", "a.txt", "a.html"])
def test_a_file_without_words_is_refused(write: Write, name: str) -> None:
    assert refused(write(name, " \n\n---\n")) == "The file holds no text."


def test_a_text_over_the_limit_is_refused(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parsing, "CHARS", 100)
    assert "more than 100 characters" in refused(write("a.txt", "word " * 30))


@pytest.mark.parametrize("name", ["a.exe", "a.doc", "archive.tar.gz", "noextension"])
def test_other_files_are_refused_by_name(name: str) -> None:
    with pytest.raises(ParseError, match="not supported"):
        kind_of(name)


def test_the_media_type_speaks_where_the_name_does_not() -> None:
    assert kind_of("download", "application/pdf") == "pdf"
    assert kind_of("page", "text/html; charset=utf-8") == "html"
    assert kind_of("a.md", "application/octet-stream") == "markdown"


# --- HTML ------------------------------------------------------------------------------------------------------------


def test_html_gives_its_content_and_not_its_furniture(write: Write) -> None:
    words = "Refunds are paid within fourteen days after the goods have come back to our warehouse in Bern. "
    page = (
        "<html><head><title>Shop  rules</title><script>var evil = 1</script></head><body>"
        "<nav><a href='/'>Home of everything</a></nav><main><h1>Rules</h1><h2>Refunds</h2>"
        f"<p>{words * 3}</p><ul><li>Keep the receipt.</li></ul></main><footer>Imprint here</footer></body></html>"
    )
    parsed = read(write("rules.html", page))
    text = "\n".join(block.text for block in parsed.blocks)
    assert parsed.title == "Shop rules"
    assert "within fourteen days" in text
    assert "receipt" in text
    assert "evil" not in text
    assert "Imprint" not in text
    (body,) = [block for block in parsed.blocks if block.text.startswith("Refunds are paid")]
    assert body.heading[-1] == "Refunds"


def test_a_short_page_is_taken_whole(write: Write) -> None:
    parsed = read(write("s.html", "<title>T</title><nav>menu</nav><body><h2>开门</h2><p>早上九点。</p></body>"))
    assert [block.text for block in parsed.blocks] == ["开门", "早上九点。"]


def test_a_page_in_gbk_is_read(write: Write) -> None:
    page = '<html><head><meta charset="gbk"><title>商店</title></head><body><p>早上九点开门。</p></body></html>'
    parsed = read(write("g.html", page.encode("gbk")))
    assert (parsed.title, parsed.blocks[0].text) == ("商店", "早上九点开门。")


# --- PDF -------------------------------------------------------------------------------------------------------------


def test_a_pdf_gives_paragraphs_with_pages(write: Write) -> None:
    parsed = read(
        write(
            "a.pdf",
            pdf(
                [
                    ["Refunds are paid within", "fourteen days.", "", "- Keep it."],
                    ["Call us."],
                    ["退款将在十四天", "内支付。"],
                ]
            ),
        )
    )
    assert [(block.page, block.text) for block in parsed.blocks] == [
        (1, "Refunds are paid within fourteen days."),
        (1, "- Keep it."),
        (2, "Call us."),
        (3, "退款将在十四天内支付。"),
    ]


def test_the_outline_of_a_pdf_gives_its_headings(write: Write) -> None:
    pages = [
        ["Opening hours", "We open at nine every day."],
        ["And we close at six."],
        ["Prices", "Tea is two francs."],
    ]
    parsed = read(write("a.pdf", pdf(pages, outline={0: "Opening hours", 2: "Prices"})))
    assert [(block.kind, block.heading, block.page) for block in parsed.blocks] == [
        ("heading", ("Opening hours",), 1),
        ("text", ("Opening hours",), 1),
        ("text", ("Opening hours",), 2),
        ("heading", ("Prices",), 3),
        ("text", ("Prices",), 3),
    ]


@pytest.mark.parametrize(
    ("given", "title"),
    [
        ("House rules", "House rules"),
        ("(anonymous)", ""),
        ("untitled", ""),
        ("Microsoft Word - rules.doc", ""),
        ("Document1", ""),
        ("未命名", ""),
        ("Untitled dreams", "Untitled dreams"),
    ],
)
def test_a_title_that_nobody_gave_a_pdf_is_none(write: Write, given: str, title: str) -> None:
    assert read(write("a.pdf", pdf([["Be kind to each other."]], title=given))).title == title


def test_recurring_headers_and_footers_are_left_out(write: Write) -> None:
    names = ["Bern", "Rome", "Oslo", "Kyiv", "Lima", "Riga"]
    pages = [
        ["ACME manual", f"The office is in {name}.", f"It serves {name}.", f"Page {n} of 6"]
        for n, name in enumerate(names)
    ]
    text = "\n".join(block.text for block in read(write("a.pdf", pdf(pages))).blocks)
    assert "ACME" not in text
    assert "Page" not in text
    assert all(f"It serves {name}." in text for name in names)


def test_an_encrypted_pdf_is_refused(write: Write) -> None:
    data = pdf([["secret words in here"]], encrypt=StandardEncryption("user", "owner"))
    assert "encrypted" in refused(write("a.pdf", data))


def test_a_scan_is_refused(write: Write) -> None:
    assert "OCR" in refused(write("a.pdf", pdf([[], []])))


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda data: data[: len(data) // 3], id="cut"),
        pytest.param(lambda _: b"%PDF-1.7\n" + b"\xff\x00garbage" * 100, id="garbage"),
        pytest.param(lambda _: b"no pdf at all", id="other"),
    ],
)
def test_a_corrupt_pdf_is_refused(write: Write, damage: Callable[[bytes], bytes]) -> None:
    assert "PDF" in refused(write("a.pdf", damage(pdf([["Some words of the document."]]))))


# --- DOCX ------------------------------------------------------------------------------------------------------------


def test_a_word_document_keeps_headings_lists_and_tables(write: Write, tmp_path: Path) -> None:
    word = Word()
    word.add_heading("手册", 1)
    word.add_heading("退款", 2)
    word.add_paragraph("退款将在十四天内支付。")
    word.add_paragraph("Keep the receipt.", style="List Bullet")
    table = word.add_table(rows=2, cols=2)
    for n, text in enumerate(["item", "fee", "tea", "2"]):
        table.cell(n // 2, n % 2).text = text
    word.save(str(tmp_path / "a.docx"))
    parsed = read(tmp_path / "a.docx")
    assert parsed.title == "手册"
    assert ("text", ("手册", "退款"), "退款将在十四天内支付。") in [(b.kind, b.heading, b.text) for b in parsed.blocks]
    assert "- Keep the receipt." in [block.text for block in parsed.blocks]
    assert any(block.kind == "table" and "tea | 2" in block.text for block in parsed.blocks)


def test_a_damaged_or_old_word_document_is_refused(write: Write) -> None:
    assert "ZIP" in refused(write("a.docx", b"PK\x03\x04 broken"))
    assert "old .doc" in refused(write("b.docx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600))
    empty = io.BytesIO()
    with zipfile.ZipFile(empty, "w") as archive:
        archive.writestr("readme.txt", "nothing of Word")
    assert "damaged" in refused(write("c.docx", empty.getvalue()))


def test_a_word_document_that_unpacks_too_far_is_refused(write: Write) -> None:
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        for n in range(parsing.MEMBERS + 1):
            archive.writestr(f"{n}", "")
    assert "unpacks" in refused(write("a.docx", bomb.getvalue()))


# --- the process -----------------------------------------------------------------------------------------------------


def test_a_reader_that_crashes_fails_its_document_only(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parsing.sys, "executable", "/bin/false")
    assert "crashed" in refused(write("a.pdf", pdf([["words"]])))


def test_a_reader_that_hangs_is_ended(write: Write, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    hanging = tmp_path / "python"
    hanging.write_text("#!/bin/sh\nexec sleep 60\n")
    hanging.chmod(0o755)
    monkeypatch.setattr(parsing.sys, "executable", str(hanging))
    monkeypatch.setattr(parsing, "SECONDS", 0.1)
    assert "seconds" in refused(write("a.pdf", pdf([["words"]])))
