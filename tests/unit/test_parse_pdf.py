"""PDF files become paragraphs and tables with their page."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.platypus import (
    BaseDocTemplate,
    Flowable,
    Frame,
    PageTemplate,
    Paragraph,
    SimpleDocTemplate,
    Spacer,
    Table,
)

from tests.documents import pdf
from tests.unit.conftest import Write, read, refused

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


# --- tables ----------------------------------------------------------------------------------------------------------

STYLE = getSampleStyleSheet()["Normal"]
PROSE = "The house is open every day and guests are asked to keep quiet after ten because the neighbours sleep. "


def laid_out(*flowables: Flowable) -> bytes:
    buffer = io.BytesIO()
    SimpleDocTemplate(buffer).build(list(flowables))
    return buffer.getvalue()


def in_columns(count: int, text: str) -> bytes:
    """Pages of prose in columns."""
    buffer = io.BytesIO()
    document = BaseDocTemplate(buffer)
    width = 500 / count
    frames = [Frame(50 + n * width, 50, width - 10, 700) for n in range(count)]
    document.addPageTemplates([PageTemplate(frames=frames)])
    document.build([Paragraph(text, STYLE) for _ in range(8)])
    return buffer.getvalue()


def tables(data: bytes, write: Write) -> list[str]:
    return [block.text for block in read(write("a.pdf", data)).blocks if block.kind == "table"]


PRICES = [
    ["Product", "Size", "Price"],
    ["Green tea", "100 g", "4.50"],
    ["Coffee", "1 kg", "18.00"],
    ["Cup", "", "7.00"],
]


def test_a_table_becomes_rows_in_its_place(write: Write) -> None:
    data = laid_out(
        Paragraph(PROSE * 2, STYLE), Spacer(1, 12), Table(PRICES, [150, 80, 80]), Paragraph(PROSE * 2, STYLE)
    )
    blocks = read(write("a.pdf", data)).blocks
    assert [(block.kind, block.page) for block in blocks] == [("text", 1), ("table", 1), ("text", 1)]
    assert blocks[1].text == "Product | Size | Price\nGreen tea | 100 g | 4.50\nCoffee | 1 kg | 18.00\nCup |  | 7.00"
    assert blocks[0].text == blocks[2].text == (PROSE * 2).strip()


@pytest.mark.parametrize("align", ["LEFT", "RIGHT", "CENTER"])
def test_columns_may_be_aligned_in_any_way(write: Write, align: str) -> None:
    table = Table(PRICES, [150, 80, 80], style=[("ALIGN", (0, 0), (-1, -1), align)])
    assert tables(laid_out(table), write) == [
        "Product | Size | Price\nGreen tea | 100 g | 4.50\nCoffee | 1 kg | 18.00\nCup |  | 7.00"
    ]


@pytest.mark.parametrize("place", ["TOP", "MIDDLE", "BOTTOM"])
def test_a_cell_of_several_lines_is_one(write: Write, place: str) -> None:
    long = Paragraph("A tin of tea with a name that takes two or three lines", STYLE)
    table = Table([*PRICES, [long, "2 kg", "99.00"]], [120, 80, 80], style=[("VALIGN", (0, 0), (-1, -1), place)])
    (text,) = tables(laid_out(table), write)
    assert text.splitlines()[-1] == "A tin of tea with a name that takes two or three lines | 2 kg | 99.00"


def test_a_table_of_many_pages_keeps_their_numbers(write: Write) -> None:
    rows = [[f"Item {n}", f"{n} kg", f"{n}.50"] for n in range(90)]
    found = [
        block for block in read(write("a.pdf", laid_out(Table(rows, [150, 80, 80])))).blocks if block.kind == "table"
    ]
    assert [block.page for block in found] == [1, 2, 3]
    assert "\n".join(block.text for block in found).splitlines() == [" | ".join(row) for row in rows]


@pytest.mark.parametrize("columns", [2, 3])
def test_prose_in_columns_is_no_table(write: Write, columns: int) -> None:
    blocks = read(write("a.pdf", in_columns(columns, PROSE * 4))).blocks
    assert {block.kind for block in blocks} == {"text"}
    assert " | " not in "".join(block.text for block in blocks)
    assert blocks[0].text.startswith(PROSE * 3)


def test_a_list_with_its_numbers_in_the_margin_is_no_table(write: Write) -> None:
    rows = [[f"{n}.", Paragraph("Keep the receipt of it.", STYLE)] for n in range(1, 7)]
    assert tables(laid_out(Table(rows, [40, 200])), write) == []


def test_justified_prose_is_no_table(write: Write) -> None:
    style = STYLE.clone("justified", alignment=4)
    assert tables(laid_out(*[Paragraph(PROSE * 5, style) for _ in range(5)]), write) == []


def test_a_table_in_chinese_is_one(write: Write) -> None:
    style = [("FONT", (0, 0), (-1, -1), "STSong-Light", 11)]
    pdf([["注册字体"]])  # registers the font
    rows = [["产品", "规格", "价格"], ["绿茶", "一百克", "四元"], ["咖啡", "一公斤", "十八元"]]
    assert tables(laid_out(Table(rows, [120, 80, 80], style=style)), write) == [
        "产品 | 规格 | 价格\n绿茶 | 一百克 | 四元\n咖啡 | 一公斤 | 十八元"
    ]
