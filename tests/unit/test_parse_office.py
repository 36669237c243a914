"""Word documents, presentations, spreadsheets and CSV."""

from __future__ import annotations

import datetime
import io
from pathlib import Path
from typing import Any

import pytest
from docx import Document as Word
from openpyxl import Workbook
from pptx import Presentation
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.util import Inches

from chatserver.knowledge.formats import container, sheets
from chatserver.knowledge.parse import ParseError
from tests.documents import pptx, text_box, xlsx, zipped
from tests.unit.conftest import Write, read, refused

OLD = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600
"""How a compound file begins."""

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
    assert "old .doc" in refused(write("b.docx", OLD + "WordDocument".encode("utf-16-le")))
    assert "ZIP archive" in refused(write("c.docx", zipped({"readme.txt": "nothing of Word"})))
    part = zipped({"[Content_Types].xml": "<Types/>", "word/document.xml": "<broken"})
    assert "damaged" in refused(write("d.docx", part))


@pytest.mark.parametrize("name", ["a.docx", "a.pptx", "a.xlsx"])
def test_an_encrypted_document_is_refused(write: Write, name: str) -> None:
    assert "encrypted" in refused(write(name, OLD + "EncryptedPackage".encode("utf-16-le")))


PARTS = {"a.docx": "word/document.xml", "a.pptx": "ppt/presentation.xml", "a.xlsx": "xl/workbook.xml"}


@pytest.mark.parametrize(("name", "part"), PARTS.items())
def test_a_document_that_unpacks_too_far_is_refused(write: Write, name: str, part: str) -> None:
    bomb = zipped({"[Content_Types].xml": "<Types/>", part: b"\0" * (container.FREE_BYTES + 1)})
    assert "unpacks to more than" in refused(write(name, bomb))
    many = zipped({"[Content_Types].xml": "<Types/>", part: b"", **{f"{n}": b"" for n in range(container.MEMBERS)}})
    assert "more than 10,000 files" in refused(write(name, many))


def test_a_document_that_lies_about_its_size_is_refused(write: Write) -> None:
    for size in (100, container.FREE_BYTES * 2):
        data = bytearray(zipped({"word/document.xml": b"\0" * size, "[Content_Types].xml": "<Types/>"}))
        for mark, at in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
            start = data.find(mark) + at
            data[start : start + 4] = (50).to_bytes(4, "little")
        assert any(word in refused(write("a.docx", bytes(data))) for word in ("damaged", "unpacks to more than"))


# --- PPTX ------------------------------------------------------------------------------------------------------------


def test_a_presentation_is_a_section_for_each_slide(write: Write) -> None:
    data = pptx(("Fees", ["Tea costs two.", "Cake costs three."]), ("退款", ["十四天内支付。"]), notes={1: "Smile."})
    blocks = read(write("a.pptx", data)).blocks
    assert [(block.kind, block.heading, block.page, block.text) for block in blocks] == [
        ("heading", ("Fees",), 1, "Fees"),
        ("text", ("Fees",), 1, "Tea costs two."),
        ("text", ("Fees",), 1, "Cake costs three."),
        ("text", ("Fees",), 1, "Smile."),
        ("heading", ("退款",), 2, "退款"),
        ("text", ("退款",), 2, "十四天内支付。"),
    ]


def saved(presentation: Any) -> bytes:
    buffer = io.BytesIO()
    presentation.save(buffer)
    return buffer.getvalue()


def test_shapes_are_read_from_the_top_and_from_the_left(write: Write) -> None:
    presentation = Presentation()
    slide = presentation.slides.add_slide(presentation.slide_layouts[6])
    text_box(slide, "fourth", left=1, top=5)
    text_box(slide, "third", left=6, top=2)
    text_box(slide, "second", left=1, top=2.02)
    text_box(slide, "first", left=4, top=0.5)
    assert [block.text for block in read(write("a.pptx", saved(presentation))).blocks] == [
        "first",
        "second",
        "third",
        "fourth",
    ]


def test_points_below_a_point_stay_with_it(write: Write) -> None:
    presentation = Presentation()
    slide = presentation.slides.add_slide(presentation.slide_layouts[1])
    frame = slide.placeholders[1].text_frame
    frame.text = "Tea\nGreen\nCoffee"
    frame.paragraphs[1].level = 1
    assert [block.text for block in read(write("a.pptx", saved(presentation))).blocks] == ["Tea\n  - Green", "Coffee"]


def test_tables_charts_and_groups_of_a_slide_are_read_and_hidden_slides_are_not(write: Write) -> None:
    presentation = Presentation()
    slide = presentation.slides.add_slide(presentation.slide_layouts[6])
    table = slide.shapes.add_table(2, 2, Inches(1), Inches(1), Inches(4), Inches(1)).table
    for n, text in enumerate(["item", "fee", "tea", "2"]):
        table.cell(n // 2, n % 2).text = text
    data = CategoryChartData()
    data.categories = ["2025", "2026"]
    data.add_series("Guests", (10, 12.5))
    slide.shapes.add_chart(XL_CHART_TYPE.LINE, Inches(1), Inches(3), Inches(4), Inches(2), data)
    text_box(slide.shapes.add_group_shape(), "in a group", left=1, top=6)
    hidden = presentation.slides.add_slide(presentation.slide_layouts[6])
    text_box(hidden, "secret", left=1, top=1)
    hidden.element.set("show", "0")
    blocks = read(write("a.pptx", saved(presentation))).blocks
    assert [(block.kind, block.text) for block in blocks] == [
        ("table", "item | fee\ntea | 2"),
        ("table", "Guests | 2025: 10 | 2026: 12.5"),
        ("text", "in a group"),
    ]


# --- spreadsheets ----------------------------------------------------------------------------------------------------


def rows(name: str, content: bytes | str, write: Write) -> list[str]:
    blocks = read(write(name, content)).blocks
    return [line for block in blocks if block.kind == "table" for line in block.text.splitlines()]


def test_a_row_names_its_columns(write: Write) -> None:
    data = xlsx(
        Prices=[
            ["In 2026"],
            ["Product", "Price", "Since"],
            ["Tea", 2.0, datetime.date(2026, 1, 5)],
            ["Cup", 7.5],
        ],
        Stock=[["Item", "Pieces"], ["Tea", 12]],
    )
    blocks = read(write("a.xlsx", data)).blocks
    assert [(block.kind, block.heading, block.text) for block in blocks] == [
        ("heading", ("Prices",), "Prices"),
        ("text", ("Prices",), "In 2026"),
        ("table", ("Prices",), "Product: Tea | Price: 2 | Since: 2026-01-05\nProduct: Cup | Price: 7.5"),
        ("heading", ("Stock",), "Stock"),
        ("table", ("Stock",), "Item: Tea | Pieces: 12"),
    ]


def test_a_table_without_names_keeps_its_first_row(write: Write) -> None:
    hours = [["Monday", "9 to 6"], ["Tuesday", "9 to 5"], ["Sunday", "closed"]]
    assert rows("a.xlsx", xlsx(Hours=hours), write) == ["Monday | 9 to 6", "Tuesday | 9 to 5", "Sunday | closed"]
    assert rows("b.xlsx", xlsx(Numbers=[[1, 2, 3], [4, None, 6]]), write) == ["1 | 2 | 3", "4 |  | 6"]


def test_questions_and_answers_are_named(write: Write) -> None:
    faq = [
        ["Question", "Answer"],
        ["When are you open on weekdays?", "From nine in the morning until late."],
    ]
    assert rows("a.xlsx", xlsx(FAQ=faq), write) == [
        "Question: When are you open on weekdays? | Answer: From nine in the morning until late."
    ]


def test_a_row_that_fills_more_than_a_passage_repeats_its_first_value(write: Write) -> None:
    names = ["Name", *(f"Field {n}" for n in range(60))]
    lines = rows("a.xlsx", xlsx(Wide=[names, ["Tea", *("some words of it" for _ in range(60))]]), write)
    assert len(lines) > 1
    assert all(line.startswith("Name: Tea | Field") for line in lines)


def test_values_are_written_as_people_read_them(write: Write) -> None:
    values = [
        "x",
        3.0,
        0.1,
        1234567.25,
        True,
        datetime.datetime(2026, 3, 1),
        datetime.datetime(2026, 3, 1, 9, 30),
        "a\nb",
    ]
    assert rows("a.xlsx", xlsx(A=[values]), write) == [
        "x | 3 | 0.1 | 1234567.25 | TRUE | 2026-03-01 | 2026-03-01 09:30 | a b"
    ]


def test_hidden_sheets_are_left_out(write: Write) -> None:
    book = Workbook()
    book.active.append(["shown", "words"])
    hidden = book.create_sheet("Hidden")
    hidden.append(["secret", "words"])
    hidden.sheet_state = "hidden"
    text = "\n".join(block.text for block in read(write("a.xlsx", saved(book))).blocks)
    assert "shown" in text
    assert "secret" not in text
    assert "Hidden" not in text


def test_a_sheet_with_far_corners_is_refused(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    book = Workbook()
    book.active["A1"] = book.active["XFD1048576"] = "words"
    assert "too complex" in refused(write("a.xlsx", saved(book)))
    monkeypatch.setattr(sheets, "CELLS", 10)
    with pytest.raises(ParseError, match="more than 10 cells"):
        read(write("b.xlsx", xlsx(A=[["words"] * 11])))


def test_a_new_workbook_under_the_old_name_is_read(write: Write) -> None:
    assert rows("a.xls", xlsx(A=[["one", "two", "three"]]), write) == ["one | two | three"]


@pytest.mark.parametrize("data", [b"PK\x03\x04 broken", b"words, no workbook"])
def test_a_damaged_workbook_is_refused(write: Write, data: bytes) -> None:
    assert "damaged" in refused(write("a.xlsx", data))


def test_an_open_document_spreadsheet_is_read(write: Write) -> None:
    content = (
        '<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
        'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
        'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"><office:body><office:spreadsheet>'
        '<table:table table:name="Prices"><table:table-row>'
        '<table:table-cell office:value-type="string"><text:p>Tea</text:p></table:table-cell>'
        '<table:table-cell office:value-type="float" office:value="2"><text:p>2</text:p></table:table-cell>'
        "</table:table-row></table:table></office:spreadsheet></office:body></office:document-content>"
    )
    manifest = (
        '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">'
        '<manifest:file-entry manifest:full-path="/" manifest:media-type="x"/></manifest:manifest>'
    )
    media_type = "application/vnd.oasis.opendocument.spreadsheet"
    data = zipped({"mimetype": media_type, "content.xml": content, "META-INF/manifest.xml": manifest})
    assert rows("a.ods", data, write) == ["Tea | 2"]


# --- CSV -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_values_may_be_separated_by_any_usual_character(write: Write, delimiter: str) -> None:
    text = f'name{delimiter}price\nTea{delimiter}2\n"Cake, one; or | more\t"{delimiter}"3,50"\n'
    assert rows("a.csv", text, write) == ["name: Tea | price: 2", "name: Cake, one; or | more | price: 3,50"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "gb18030", "utf-16"])
def test_a_table_in_chinese_is_read_in_its_encoding(write: Write, encoding: str) -> None:
    assert rows("a.csv", "名称,价格\n绿茶,2\n咖啡,3\n".encode(encoding), write) == [
        "名称: 绿茶 | 价格: 2",
        "名称: 咖啡 | 价格: 3",
    ]


def test_a_quotation_mark_that_never_ends_loses_nothing(write: Write) -> None:
    text = "size,name,note\n" + '5",Tea,good\n' * 10 + '"open,Tea,good\n' + "6,Tea,words of it\n" * 10_000
    assert len(rows("a.csv", text, write)) == 10_011
