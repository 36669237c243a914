"""Documents become blocks with their headings, bad files become reasons: texts, pages, and the process that reads."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

from chatserver.config import BASE_DIR, config
from chatserver.knowledge import parse as parsing
from chatserver.knowledge import reader
from chatserver.knowledge.blocks import clean, markdown_blocks
from chatserver.knowledge.decode import decode
from chatserver.knowledge.formats import types
from chatserver.knowledge.kinds import EXTENSIONS, MEDIA_TYPE, kind_of, passed_over
from chatserver.knowledge.parse import ParseError
from tests.documents import docx, epub, pdf, pptx, xlsx, zipped
from tests.unit.conftest import Write, read, refused

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


@pytest.mark.parametrize("data", [bytes(range(256)) * 4, b"\x93NUMPY\0\0\0\rIHDR" * 20, b"\0" * 100])
def test_binary_data_is_no_text(write: Write, data: bytes) -> None:
    assert "encoding" in refused(write("a.txt", data))


def test_what_cannot_be_stored_is_left_out() -> None:
    assert clean("a\x00b\ud800c\r\nd\re\ufefff\tg") == "abc\nd\nef\tg"


@pytest.mark.parametrize("name", ["a.md", "a.txt", "a.html", "a.pdf", "a.docx", "a.xlsx", "a.csv", "a.py", "a.epub"])
def test_an_empty_file_is_refused(write: Write, name: str) -> None:
    assert refused(write(name, b"")) == "The file is empty."


@pytest.mark.parametrize("name", ["a.md", "a.txt", "a.html"])
def test_a_file_without_words_is_refused(write: Write, name: str) -> None:
    assert refused(write(name, " \n\n---\n")) == "The file holds no text."


def test_a_text_over_the_limit_is_refused(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(types, "CHARS", 100)
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


# --- what a file holds -----------------------------------------------------------------------------------------------

PAGE = "<!DOCTYPE html><html><body><p>Please sign in.</p></body></html>"


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.pdf", PAGE, "is named .pdf but holds HTML: rename it to .html"),
        ("a.docx", PAGE, "is named .docx but holds HTML"),
        ("a.xlsx", "\n<!-- x --><html>", "is named .xlsx but holds HTML"),
        ("a.docx", pdf([["words"]]), "is named .docx but holds a PDF: rename it to .pdf"),
        ("a.md", pdf([["words"]]), "is named .md but holds a PDF"),
        ("a.md", zipped({"a.md": "words"}), "is named .md but holds a ZIP archive: rename it to .zip"),
        ("a.txt", docx("words"), "is named .txt but holds a Word document: rename it to .docx"),
        ("a.docx", xlsx(A=[["words"]]), "is named .docx but holds an Excel workbook"),
        ("a.pdf", pptx(("words", [])), "is named .pdf but holds a PowerPoint presentation"),
        ("a.docx", epub({"a.xhtml": "words"}), "is named .docx but holds an EPUB book"),
        ("a.epub", zipped({"a.md": "words"}), "is named .epub but holds a ZIP archive"),
        ("a.md", b"\x89PNG\r\n\x1a\n" + b"\0" * 100, "is named .md but holds a picture (PNG), which cannot be read"),
        ("a.csv", b"\x1f\x8b\x08" + b"\0" * 100, "is named .csv but holds a gzip archive"),
    ],
)
def test_a_file_that_is_not_what_its_name_says_is_refused(
    write: Write, name: str, content: bytes | str, reason: str
) -> None:
    assert reason in refused(write(name, content))


def test_a_file_without_a_telling_name_is_checked_by_its_type(write: Write) -> None:
    with pytest.raises(ParseError, match="was given as application/pdf but holds HTML"):
        parsing.parse(write("download", PAGE), "pdf", "download")


@pytest.mark.parametrize("name", ["a.md", "a.txt", "a.html", "a.php"])
def test_a_text_may_hold_html(write: Write, name: str) -> None:
    assert any("sign in" in block.text for block in read(write(name, PAGE)).blocks)


def test_every_kind_has_a_name_that_it_is_found_by() -> None:
    for kind in set(EXTENSIONS.values()):
        assert kind_of("", MEDIA_TYPE[kind]) == kind


def test_a_page_with_the_ending_of_a_program_is_a_page() -> None:
    assert kind_of("index.php", "text/html") == "html"
    assert kind_of("index.php") == "code"


@pytest.mark.parametrize(
    ("path", "meant"),
    [("a.md", True), ("src/a.py", True), ("admin.js", True), (".git/config", False), ("__MACOSX/._a.md", False),
     ("a/node_modules/b.js", False), ("jquery.min.js", False), ("package-lock.json", False)],
)  # fmt: skip
def test_what_nobody_means_is_passed_over(path: str, meant: bool) -> None:
    assert passed_over(path) is not meant


# --- the process -----------------------------------------------------------------------------------------------------


def test_a_reader_that_crashes_fails_its_document_only(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parsing.sys, "executable", "/bin/false")
    assert "crashed" in refused(write("a.pdf", pdf([["words"]])))


def test_a_reader_that_hangs_is_ended(write: Write, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    hanging = tmp_path / "python"
    hanging.write_text("#!/bin/sh\nexec sleep 60\n")
    hanging.chmod(0o755)
    monkeypatch.setattr(parsing.sys, "executable", str(hanging))
    impatient = replace(config(), parse_seconds=1)
    monkeypatch.setattr(parsing, "config", lambda: impatient)
    monkeypatch.setattr(parsing, "WAIT_SECONDS", 0)
    assert "more than 1 seconds" in refused(write("a.pdf", pdf([["words"]])))


def test_a_reader_that_computes_without_end_is_ended(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    impatient = replace(config(), parse_seconds=2)
    monkeypatch.setattr(parsing, "config", lambda: impatient)
    assert "more than 2 seconds" in refused(write("a.md", "[" * 1_000_000))


def test_a_reader_that_needs_too_much_memory_is_ended(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    small = replace(config(), parse_memory_bytes=256 * 1024**2)
    monkeypatch.setattr(parsing, "config", lambda: small)
    assert "PARSE_MEMORY_BYTES" in refused(write("a.html", "<p>word" * 1_000_000))


def test_a_reader_is_told_no_secrets(write: Write, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    nosy = tmp_path / "python"
    nosy.write_text(f"#!/bin/sh\nenv > {tmp_path}/environ\n")
    nosy.chmod(0o755)
    monkeypatch.setattr(parsing.sys, "executable", str(nosy))
    monkeypatch.setenv("LLM_API_KEY", "sesame")
    refused(write("a.pdf", pdf([["words"]])))
    told = (tmp_path / "environ").read_text()
    assert "PATH=" in told
    assert not any(secret in told for secret in ("sesame", "SECRET_KEY", "DATABASE_URL", "REDIS_URL"))


def test_a_reader_is_confined_and_ends_with_its_parent(tmp_path: Path) -> None:
    hole = tmp_path / "a.pdf"
    os.mkfifo(hole)  # which nobody writes to: the reader waits for ever
    parent = subprocess.Popen(
        [sys.executable, "-c", _PARENT, str(hole)], cwd=BASE_DIR, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    child = Path("/proc") / parent.stdout.readline().strip()
    try:
        while re.search(
            r"Max file size +unlimited", limits := (child / "limits").read_text()
        ):  # the last one to be set
            assert parent.poll() is None
        said = {line[:26].strip(): line[26:].split()[0] for line in limits.splitlines()[1:]}
        assert said["Max address space"] == str(512 * 1024**2)
        assert said["Max cpu time"] == "60"
        assert said["Max file size"] == str(reader.ANSWER_BYTES)
        nice = int((child / "stat").read_text().rpartition(")")[2].split()[16])
        assert nice == min(19, os.nice(0) + reader.NICE)
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.communicate()
    while child.exists() and " Z " not in (child / "stat").read_text():
        os.sched_yield()


_PARENT = """
import os, subprocess, sys, msgspec
from chatserver.knowledge.reader import Request
reader = subprocess.Popen([sys.executable, "-m", "chatserver.knowledge.reader"], stdin=subprocess.PIPE)
reader.stdin.write(msgspec.msgpack.encode(Request(sys.argv[1], "pdf", "a.pdf", 60, 512 * 1024**2, os.getpid())))
reader.stdin.close()
print(reader.pid, flush=True)
reader.wait()
"""
