"""From a file to found passages, through real records and a real index: once, again, changed, broken, interrupted."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from pathlib import Path

import psycopg
import pytest
from django.db import connection

from chatserver import tracing
from chatserver.config import load
from chatserver.errors import ProviderError, TooLarge
from chatserver.knowledge import ingest, records
from chatserver.knowledge.index import LanceIndex
from chatserver.knowledge.ingest import Ingester
from chatserver.knowledge.models import Chunk, Collection, Document
from tests.documents import pdf
from tests.otlp import receiver
from tests.socket.test_index import Letters


def give(collection: Collection, path: Path, content: str | bytes, media_type: str = "text/markdown") -> Document:
    """As the commands and the API do it."""
    data = content.encode() if isinstance(content, str) else content
    path.write_bytes(data)
    document, _ = records.register(
        collection,
        file=str(path),
        digest=hashlib.sha256(data).digest(),
        size=len(data),
        origin=str(path),
        media_type=media_type,
    )
    return document


def found(uri: str, collection: Collection, query: str) -> list[str]:
    """What any other process finds now."""
    passages = asyncio.run(LanceIndex(uri).lexical(query, [str(collection.pk)], 20))
    return [passage.text for passage in passages]


def test_a_document_is_found_with_its_place(
    ingester: Ingester, collection: Collection, uri: str, tmp_path: Path
) -> None:
    document = give(
        collection, tmp_path / "rules.md", f"# Rules\n\n{'Be kind. ' * 30}\n\n## 退款\n\n退款将在十四天内支付。\n"
    )
    assert ingester.process(str(document.pk)) == "ready"
    document.refresh_from_db()
    assert (document.status, document.title, document.error) == ("ready", "Rules", "")
    assert document.done == document.total == Chunk.objects.count() == 2
    (passage,) = asyncio.run(LanceIndex(uri).lexical("什么时候退款", [str(collection.pk)], 5))
    assert passage.document == str(document.pk)
    assert passage.heading == "退款"
    assert document.text[passage.start : passage.end] == passage.text
    assert ingester.process(str(document.pk)) == "ready"
    assert Chunk.objects.count() == 2


def test_a_pdf_is_found_with_its_page(ingester: Ingester, collection: Collection, uri: str, tmp_path: Path) -> None:
    data = pdf(
        [["Tea"] + ["Tea is served in the garden."] * 10, ["The office is closed on Sunday."]],
        outline={0: "Tea", 1: "Office"},
    )
    document = give(collection, tmp_path / "house.pdf", data, "application/pdf")
    assert ingester.process(str(document.pk)) == "ready"
    (passage,) = asyncio.run(LanceIndex(uri).lexical("Sunday", [str(collection.pk)], 5))
    assert (passage.page, passage.heading) == (2, "Office")
    assert passage.text == "The office is closed on Sunday."


def test_the_same_content_is_one_document(ingester: Ingester, collection: Collection, tmp_path: Path, uri: str) -> None:
    first = give(collection, tmp_path / "a.md", "Apples are red.")
    ingester.process(str(first.pk))
    again = give(collection, tmp_path / "a.md", "Apples are red.")
    copy = give(collection, tmp_path / "b.md", "Apples are red.")
    assert first.pk == again.pk == copy.pk
    assert copy.status == "ready"
    assert found(uri, collection, "apples") == ["Apples are red."]


def test_the_same_content_in_two_collections_is_two_documents(
    ingester: Ingester, collection: Collection, tmp_path: Path, uri: str
) -> None:
    other = records.the_collection(collection.site, "Other")
    for each in (collection, other):
        ingester.process(str(give(each, tmp_path / "a.md", "Apples are red.").pk))
    assert Document.objects.count() == 2
    assert found(uri, collection, "apples") == found(uri, other, "apples") == ["Apples are red."]


def test_new_content_of_an_origin_replaces_the_old(
    ingester: Ingester, collection: Collection, tmp_path: Path, uri: str
) -> None:
    old = give(collection, tmp_path / "a.md", "The price is 10 francs.")
    ingester.process(str(old.pk))
    new = give(collection, tmp_path / "a.md", "The price is 12 francs.")
    assert found(uri, collection, "price") == ["The price is 10 francs."], "the old one until the new one is ready"
    assert ingester.process(str(new.pk)) == "ready"
    assert found(uri, collection, "price") == ["The price is 12 francs."]
    assert [document.pk for document in Document.objects.all()] == [new.pk]
    back = give(collection, tmp_path / "a.md", "The price is 10 francs.")
    ingester.process(str(back.pk))
    assert found(uri, collection, "price") == ["The price is 10 francs."]


def test_a_bad_replacement_leaves_the_old_document(
    ingester: Ingester, collection: Collection, tmp_path: Path, uri: str
) -> None:
    old = give(collection, tmp_path / "a.pdf", pdf([["The price is 10 francs."]]), "application/pdf")
    ingester.process(str(old.pk))
    bad = give(collection, tmp_path / "a.pdf", b"%PDF-1.7 cut", "application/pdf")
    assert ingester.process(str(bad.pk)) == "failed"
    bad.refresh_from_db()
    assert "damaged" in bad.error
    assert found(uri, collection, "price") == ["The price is 10 francs."]
    good = give(collection, tmp_path / "a.pdf", pdf([["The price is 12 francs."]]), "application/pdf")
    assert not Document.objects.filter(pk=bad.pk).exists(), "nobody will want the failed one any more"
    ingester.process(str(good.pk))
    assert found(uri, collection, "price") == ["The price is 12 francs."]


def test_only_the_last_of_several_waiting_contents_is_kept(
    ingester: Ingester, collection: Collection, tmp_path: Path, uri: str
) -> None:
    versions = [give(collection, tmp_path / "a.md", f"The price is {n} francs.") for n in range(3)]
    outcomes = [ingester.process(str(document.pk)) for document in versions]
    assert outcomes == ["gone", "gone", "ready"]
    assert found(uri, collection, "price") == ["The price is 2 francs."]


def test_content_that_moves_to_a_replaced_origin_stays_once(
    ingester: Ingester, collection: Collection, tmp_path: Path, uri: str
) -> None:
    ingester.process(str(give(collection, tmp_path / "a.md", "Old apples.").pk))
    ingester.process(str(give(collection, tmp_path / "b.md", "New apples.").pk))
    moved = give(collection, tmp_path / "a.md", "New apples.")
    assert ingester.process(str(moved.pk)) == "ready"
    assert found(uri, collection, "apples") == ["New apples."]


def test_a_failed_document_is_tried_again_when_it_is_given_again(
    ingester: Ingester, collection: Collection, tmp_path: Path, uri: str
) -> None:
    document = give(collection, tmp_path / "a.md", "Apples.")
    (tmp_path / "a.md").unlink()
    assert ingester.process(str(document.pk)) == "failed"
    document.refresh_from_db()
    assert "No such file" in document.error
    assert ingester.process(str(document.pk)) == "failed"
    assert ingester.process(str(give(collection, tmp_path / "a.md", "Apples.").pk)) == "ready"


def test_a_deleted_document_is_gone_from_the_index(
    ingester: Ingester, collection: Collection, tmp_path: Path, uri: str
) -> None:
    document = give(collection, tmp_path / "a.md", "Apples are red.")
    ingester.process(str(document.pk))
    records.delete([str(document.pk)])
    assert ingester.process(str(document.pk)) == "gone"
    assert found(uri, collection, "apples") == []
    assert (tmp_path / "a.md").exists(), "what lay elsewhere is not ours to delete"


def test_a_document_deleted_while_it_is_indexed_does_not_stay(
    ingester: Ingester, collection: Collection, tmp_path: Path, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = give(collection, tmp_path / "a.md", "Apples are red.")
    monkeypatch.setattr(ingester, "_embed", lambda document, rows, pause: records.delete([str(document.pk)]) or True)
    assert ingester.process(str(document.pk)) == "gone"
    assert found(uri, collection, "apples") == []


def test_a_document_in_other_hands_is_left_alone(
    ingester: Ingester, collection: Collection, tmp_path: Path, database_url: str
) -> None:
    document = give(collection, tmp_path / "a.md", "Apples.")
    with psycopg.connect(database_url) as other:
        other.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [f"ingest:{document.pk}"])
        assert ingester.process(str(document.pk)) == "busy"
        other.execute("SELECT pg_advisory_unlock_all()")  # a closed connection lets go of it some time later
    assert ingester.process(str(document.pk)) == "ready"


class Crash(Exception):
    pass


@pytest.mark.parametrize(
    ("where", "target"),
    [("_store", ingest), ("_embed", Ingester), ("replace", LanceIndex), ("delete", records), ("_set", ingest)],
)
def test_a_crash_anywhere_is_healed_by_the_next_run(
    ingester: Ingester,
    collection: Collection,
    tmp_path: Path,
    uri: str,
    monkeypatch: pytest.MonkeyPatch,
    where: str,
    target: object,
) -> None:
    ingester.process(str(give(collection, tmp_path / "a.md", "Old price of apples.").pk))
    new = give(collection, tmp_path / "a.md", "New price of apples.")
    with monkeypatch.context() as patch:
        patch.setattr(target, where, _crash)
        with pytest.raises(Crash):
            ingester.process(str(new.pk))
    connection.close()  # as the crashed process's connection would be
    assert len(found(uri, collection, "apples")) == 1, "one of the two is found, never both or neither"
    for document in ingester.repair():
        ingester.process(document)
    assert found(uri, collection, "apples") == ["New price of apples."]
    assert [each.status for each in Document.objects.all()] == ["ready"]


def _crash(*_: object, **__: object) -> None:
    raise Crash


def test_a_lost_index_is_made_again_from_the_records(
    ingester: Ingester, collection: Collection, tmp_path: Path, uri: str
) -> None:
    for n in range(3):
        ingester.process(str(give(collection, tmp_path / f"{n}.md", f"Apple number {n}.").pk))
    ghost = Document.objects.get(origin__endswith="2.md")
    Document.objects.filter(pk=ghost.pk).delete()
    with Ingester(LanceIndex(str(tmp_path / "fresh"))) as other:
        for document in other.repair():
            assert other.process(document) == "ready"
    assert sorted(found(str(tmp_path / "fresh"), collection, "apple")) == ["Apple number 0.", "Apple number 1."]
    assert ingester.repair() == []
    assert sorted(found(uri, collection, "apple")) == ["Apple number 0.", "Apple number 1."], "without the ghost"


def test_a_rebuild_takes_the_records_as_they_are(
    ingester: Ingester, collection: Collection, tmp_path: Path, uri: str
) -> None:
    for n in range(3):
        ingester.process(str(give(collection, tmp_path / f"{n}.md", f"Apple number {n}.").pk))
    Document.objects.filter(origin__endswith="2.md").delete()
    counted: list[int] = []
    assert ingester.rebuild(counted.append) == []
    assert counted == [2], "documents, a page at a time"
    assert sorted(found(uri, collection, "apple")) == ["Apple number 0.", "Apple number 1."]


# --- vectors ---------------------------------------------------------------------------------------------------------


class Away(Letters):
    calls = 0

    async def embed(self, texts: Sequence[str], *, query: bool = False) -> list[list[float]]:
        self.calls += 1
        if self.calls == 1:
            raise ProviderError("connect", "away", retry_after=0.001)
        return await super().embed(texts)


def test_vectors_come_after_the_words(orm: None, collection: Collection, tmp_path: Path, uri: str) -> None:
    embedder = Away()
    with Ingester(LanceIndex(uri, embedder), embedder) as one:
        document = give(collection, tmp_path / "a.md", "aaa bbb")
        with pytest.raises(ProviderError):
            one.process(str(document.pk))
        document.refresh_from_db()
        assert document.status == "embedding"
        assert found(uri, collection, "aaa") == ["aaa bbb"], "found by its words while the embedder is away"
        assert one.process(str(document.pk)) == "ready"
    (passage,) = asyncio.run(LanceIndex(uri, embedder).dense([1.0, 1.0, 0.0], [str(collection.pk)], 5))
    assert passage.text == "aaa bbb"


def test_a_new_embedder_gives_old_documents_vectors(
    ingester: Ingester, collection: Collection, tmp_path: Path, uri: str
) -> None:
    ingester.process(str(give(collection, tmp_path / "a.md", "aaa").pk))
    embedder = Letters()
    steps: list[tuple[int, int]] = []
    with Ingester(LanceIndex(uri, embedder), embedder, lambda _, done, total: steps.append((done, total))) as one:
        (waiting,) = one.repair()
        assert one.process(waiting) == "ready"
        assert one.repair() == []
    assert steps == [(1, 1)]


# --- uploads ---------------------------------------------------------------------------------------------------------


def test_an_upload_is_kept_and_goes_with_its_document(ingester: Ingester, collection: Collection, uri: str) -> None:
    name, digest, size = records.store([b"Apples ", b"are red."])
    document, work = records.register(
        collection, file=name, digest=digest, size=size, origin="a.txt", media_type="text/plain"
    )
    assert work
    path = records.file_of(document)
    assert path.read_bytes() == b"Apples are red."
    assert ingester.process(str(document.pk)) == "ready"
    kept = set(path.parent.iterdir())
    double, digest, size = records.store([b"Apples are red."])
    _, work = records.register(
        collection, file=double, digest=digest, size=size, origin="a.txt", media_type="text/plain"
    )
    assert not work
    assert set(path.parent.iterdir()) == kept, "the double is not kept"
    records.delete([str(document.pk)])
    assert not path.exists()


def test_an_upload_over_the_limit_leaves_nothing(orm: None, monkeypatch: pytest.MonkeyPatch) -> None:
    from msgspec.structs import replace

    from chatserver.config import config

    small = replace(config(), upload_bytes=1024)
    monkeypatch.setattr(records, "config", lambda: small)
    before = set((small.data / "uploads").glob("*"))
    with pytest.raises(TooLarge):
        records.store([b"x" * 1000, b"x" * 1000])
    assert set((small.data / "uploads").glob("*")) == before


def test_each_step_of_a_document_is_traced_and_none_of_its_text(
    orm: None, uri: str, collection: Collection, tmp_path: Path
) -> None:
    document = give(collection, tmp_path / "rules.md", f"# Rules\n\n{'Be kind. ' * 30}")
    with receiver() as traces, Ingester(LanceIndex(uri), Letters()) as ingester:
        tracing.start(load({"OTLP_URL": traces.url}), process="documents")
        try:
            assert ingester.process(str(document.pk)) == "ready"
        finally:
            tracing.stop()
    spans = {span.name: span for span in traces.spans}
    whole = spans.pop("document")
    assert (whole.attributes["chat.document"], whole.attributes["chat.outcome"]) == (str(document.pk), "ready")
    assert set(spans) == {"parse", "index", "embed"}
    assert {span.parent for span in spans.values()} == {whole.id}
    assert (spans["index"].attributes["chat.chunks"], spans["embed"].attributes["chat.chunks"]) == (1, 1)
    assert not any(said in body for body in traces.bodies for said in (b"kind.", b"rules", b"Rules"))
