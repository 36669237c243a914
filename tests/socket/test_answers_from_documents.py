"""A question is answered from the right one of several real files, in English and Chinese, without a language model."""

from __future__ import annotations

import asyncio
import hashlib
import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import DjangoDbBlocker
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.platypus import PageBreak, Paragraph, SimpleDocTemplate

from chatserver.knowledge import records
from chatserver.knowledge.index import LanceIndex
from chatserver.knowledge.ingest import Ingester
from chatserver.knowledge.models import Collection, Document
from chatserver.providers import extractive
from chatserver.providers.extractive import Extractive
from chatserver.providers.replies import nothing_found
from chatserver.rag.pipeline import Pipeline
from chatserver.rag.retrieve import Retriever
from chatserver.rag.types import Done, Part, Question, Sources, Turn
from chatserver.serving.embedded import Engines
from chatserver.sites.models import Site
from tests.conftest import fresh_database
from tests.socket.conftest import orm_on

LIBRARY = """\
# 青石镇图书馆

青石镇图书馆位于老城区的桂花巷，由建筑师沈若水设计，于1956年建成。大楼共有三层：一楼是服务台和报刊室，二楼是阅览室，
三楼收藏地方志与老照片。楼前的两棵银杏是建成那年种下的，每到深秋，常有人专程来看。

## 开放时间

图书馆周二至周日上午九点开放，晚上八点闭馆；周一全天闭馆整理图书。春节期间的安排另行公告，
贴在正门右侧的布告栏里。阅览室的座位不能预约，早到的读者先坐；离开半小时以上，座位会让给别人。

## 借书

怎样办理借书证？

1. 带上身份证到一楼服务台登记。
2. 交纳五十元押金，当场领取借书证。

每位读者一次最多可以借阅八本书，借期为三十天。
"""
MUSEUM = """\
# 青石镇博物馆

博物馆收藏了本镇出土的陶器三百余件。

## 门票

成人票二十元，学生票十元。博物馆每天上午十点开放，节假日照常。
"""
FERRY = """\
# Ferries of Grey Bay

The ferry to Holm island leaves the pier at Anders Quay every forty minutes. A return ticket costs 14 crowns.

## Storms

In storms the ferry stays in the harbour. The radio says so at six in the morning [4].
"""
GARDEN = "The botanical garden of Grey Bay grows 900 kinds of heather.\n\nIt was laid out by Ida Berg in 1932.\n"
PRICES = "<html><body><h1>Camping</h1><p>A night on the camping ground costs 22 crowns for a tent.</p></body></html>"
LIGHTHOUSE = [
    [
        "The lighthouse of Skarn Point",
        "The lighthouse of Skarn Point stands on a rock two miles east of Grey Bay. It was designed by Marta Lindqvist"
        " and opened in October 1907, after the wreck of the brig Aurora had cost nineteen lives. The tower is 31"
        " metres high and was painted in red and white bands from the beginning.",
    ],
    [
        "Its lamp first burned paraffin. Since 1951 the lamp has run on electricity from a cable on the sea bed. The"
        " last keeper, Olof Strand, left the rock in 1983, when the light became automatic. Visitors may climb"
        " the stairs in summer; the boat for them holds twelve people.",
    ],
]


def pdf(pages: list[list[str]]) -> bytes:
    """Paragraphs set in lines that end where the page does."""
    styles = getSampleStyleSheet()
    flow: list[Paragraph | PageBreak] = []
    for page in pages:
        flow += [*(Paragraph(text, styles["BodyText"]) for text in page), PageBreak()]
    buffer = io.BytesIO()
    SimpleDocTemplate(buffer, pagesize=A4, title="The lighthouse of Skarn Point").build(flow)
    return buffer.getvalue()


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extractive, "PAUSE_SECONDS", 0)


@pytest.fixture(scope="module")
def town(
    engines: Engines,
    template_database: str,
    django_db_blocker: DjangoDbBlocker,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Town]:
    """All files brought in as `manage.py ingest` does it."""
    folder = tmp_path_factory.mktemp("town")
    files: list[tuple[str, bytes, str]] = [
        ("library.md", LIBRARY.encode(), "text/markdown"),
        ("museum.md", MUSEUM.encode(), "text/markdown"),
        ("ferry.md", FERRY.encode(), "text/markdown"),
        ("garden.txt", GARDEN.encode(), "text/plain"),
        ("camping.html", PRICES.encode(), "text/html"),
        ("lighthouse.pdf", pdf(LIGHTHOUSE), "application/pdf"),
    ]
    with fresh_database(engines, template_database) as url, orm_on(url, django_db_blocker):
        collection = records.the_collection(Site.objects.create(key="town", name="Town"))
        uri = str(folder / "index")
        names: dict[str, str] = {}
        with Ingester(LanceIndex(uri)) as ingester:
            for name, data, media_type in files:
                path = folder / name
                path.write_bytes(data)
                document = register(collection, path, data, media_type)
                assert ingester.process(str(document.pk)) == "ready"
                names[str(document.pk)] = name
        yield Town(uri, collection, names)


def register(collection: Collection, path: Path, data: bytes, media_type: str) -> Document:
    digest = hashlib.sha256(data).digest()
    document, _ = records.register(
        collection, file=str(path), digest=digest, size=len(data), origin=str(path), media_type=media_type
    )
    return document


class Town:
    """Asks as any other process would: with an index of its own."""

    def __init__(self, uri: str, collection: Collection, names: dict[str, str]) -> None:
        self.names = names
        self._uri = uri
        self._collections = (str(collection.pk),)

    def ask(self, text: str, *history: Turn) -> Answer:
        question = Question(text=text, history=history, collections=self._collections)

        async def parts() -> list[Part]:
            pipeline = Pipeline(Retriever(LanceIndex(self._uri)), Extractive())
            return [part async for part in pipeline.run(question)]

        return Answer(asyncio.run(parts()), self.names)


class Answer:
    def __init__(self, parts: list[Part], names: dict[str, str]) -> None:
        assert isinstance(parts[-1], Done)
        self.done = parts[-1]
        self.text = self.done.text
        self.shown = [names[source.document] for part in parts if isinstance(part, Sources) for source in part.sources]
        self.cited = [names[source.document] for source in self.done.sources]
        self.numbers = {int(n) for n in re.findall(r"\[(\d+)\]", self.text)}
        assert self.numbers == {source.n for source in self.done.sources}, "each [n] has its source, and the reverse"


@pytest.mark.parametrize(
    ("question", "fact", "document"),
    [
        ("青石镇图书馆是谁设计的？", "沈若水", "library.md"),
        ("图书馆几点开放？", "上午九点开放", "library.md"),
        ("一次最多可以借几本书？", "八本书", "library.md"),
        ("怎样办理借书证？", "服务台登记", "library.md"),
        ("学生票多少钱？", "学生票十元", "museum.md"),
        ("Who designed the lighthouse of Skarn Point?", "Marta Lindqvist", "lighthouse.pdf"),
        ("When did the last keeper leave the rock?", "1983", "lighthouse.pdf"),
        ("How much is a return ticket for the ferry?", "14 crowns", "ferry.md"),
        ("Who laid out the botanical garden?", "Ida Berg", "garden.txt"),
        ("What does a night on the camping ground cost?", "22 crowns", "camping.html"),
    ],
)
def test_the_answer_comes_from_the_right_document(town: Town, question: str, fact: str, document: str) -> None:
    answer = town.ask(question)
    assert answer.done.found
    assert answer.shown[0] == document, "what is shown first is what was found best"
    assert answer.cited[0] == document
    assert fact in re.sub(r"\s+", " ", answer.text)


def test_a_source_says_where_it_stands(town: Town) -> None:
    (source, *_) = town.ask("Who designed the lighthouse of Skarn Point?").done.sources
    assert (source.title, source.where) == ("The lighthouse of Skarn Point", "p. 1")
    assert "Marta Lindqvist" in source.quote
    (source, *_) = town.ask("图书馆几点开放？").done.sources
    assert (source.title, source.where) == ("青石镇图书馆", "开放时间")
    assert source.quote.startswith("图书馆周二至周日上午九点开放")


@pytest.mark.parametrize(
    "question",
    [
        "Who won the football world cup in Brazil?",
        "How do I file a tax return abroad?",
        "北京的房价是多少？",
        "量子计算机怎么工作？",
    ],
)
def test_what_is_in_no_document_is_said_not_to_be_found(town: Town, question: str) -> None:
    answer = town.ask(question)
    assert (answer.done.found, answer.done.sources) == (False, ())
    assert answer.text == nothing_found(question)


@pytest.mark.parametrize(
    ("first", "follow_up", "fact", "document"),
    [
        ("Where is the lighthouse of Skarn Point?", "When was it opened?", "October 1907", "lighthouse.pdf"),
        ("青石镇图书馆在哪里？", "它在什么时候开放？", "上午九点开放", "library.md"),
        ("青石镇博物馆有什么？", "它几点开放？", "上午十点开放", "museum.md"),
    ],
)
def test_a_follow_up_question_finds_what_it_is_about(
    town: Town, first: str, follow_up: str, fact: str, document: str
) -> None:
    before = town.ask(first)
    assert before.cited[0] == document
    answer = town.ask(follow_up, Turn("user", first), Turn("assistant", before.text))
    assert answer.shown[0] == document
    assert answer.cited[0] == document
    assert fact in answer.text


def test_a_documents_own_marks_are_no_citations(town: Town) -> None:
    answer = town.ask("When does the radio say that the ferry stays in the harbour?")
    assert "six in the morning" in answer.text
    assert answer.numbers == {1}


def test_two_documents_are_both_cited(town: Town) -> None:
    answer = town.ask("图书馆和博物馆几点开放？")
    assert {"library.md", "museum.md"} <= set(answer.cited)
