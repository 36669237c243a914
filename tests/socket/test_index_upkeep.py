"""The index compared with the records: each fault is found, named and put right; and tidied, so that it stays small."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import call_command
from msgspec.structs import replace

from chatserver.ids import uuid7
from chatserver.knowledge import index as module
from chatserver.knowledge import records
from chatserver.knowledge.index import LanceIndex
from chatserver.knowledge.ingest import Ingester
from chatserver.knowledge.models import Collection, Document
from chatserver.knowledge.upkeep import Fault
from tests.socket.test_index import Letters, passage
from tests.socket.test_ingest import found, give


@pytest.fixture
def ingester(orm: None, uri: str) -> Iterator[Ingester]:
    embedder = Letters()
    with Ingester(LanceIndex(uri, embedder), embedder) as one:
        yield one


@pytest.fixture
def documents(ingester: Ingester, collection: Collection, tmp_path: Path) -> list[Document]:
    """Three that are ready, of one passage each."""
    given = [give(collection, tmp_path / f"{name}.md", f"The {name} is red.") for name in ("apple", "berry", "cherry")]
    for document in given:
        assert ingester.process(str(document.pk)) == "ready"
        document.refresh_from_db()
    return given


def findings(ingester: Ingester, *, repair: bool = False) -> set[tuple[Fault, str]]:
    return {(each.fault, each.where) for each in ingester.upkeep.check(repair=repair)}


def repaired(ingester: Ingester) -> None:
    """What `check_index --repair` and the worker do."""
    findings(ingester, repair=True)
    for document in records.unfinished():
        assert ingester.process(str(document.pk)) == "ready"
    assert findings(ingester) == set()


def test_each_fault_is_found_and_repaired(
    ingester: Ingester, documents: list[Document], collection: Collection, uri: str
) -> None:
    assert findings(ingester) == set()
    missing, different, doubled = (str(document.pk) for document in documents)
    index = LanceIndex(uri, Letters())

    async def damage() -> str:
        (old,) = await LanceIndex(uri).lexical("berry", [str(collection.pk)], 1)
        (twice,) = await LanceIndex(uri).lexical("cherry", [str(collection.pk)], 1)
        await index.remove_chunks(missing)
        await index.replace([different], [replace(old, lexical=None, title="Another title")])
        await index.add([replace(twice, lexical=None)])
        orphan = passage("The ghost is red.", collection=str(collection.pk))
        await index.add([orphan])
        await index.forget_vectors(different)
        await index.put_vectors(missing, str(collection.pk), [(str(uuid7()), [1.0, 0.0, 0.0])])
        return orphan.document

    orphan = asyncio.run(damage())
    assert findings(ingester) == {
        (Fault.MISSING, missing),
        (Fault.STRAY_VECTOR, missing),
        (Fault.DIFFERENT, different),
        (Fault.NO_VECTOR, different),
        (Fault.DOUBLED, doubled),
        (Fault.UNKNOWN, orphan),
    }
    repaired(ingester)
    assert sorted(found(uri, collection, "red")) == ["The apple is red.", "The berry is red.", "The cherry is red."]


def test_what_a_worker_is_busy_with_is_no_fault(
    ingester: Ingester, documents: list[Document], collection: Collection, tmp_path: Path
) -> None:
    first, second, _ = documents
    asyncio.run(LanceIndex(str(tmp_path / "index")).remove([str(first.pk)]))
    Document.objects.filter(pk=first.pk).update(status=Document.Status.EMBEDDING)
    give(collection, tmp_path / "berry.md", "The berry is blue.")  # waits; the old one is found until it is read
    assert findings(ingester) == set()
    Document.objects.filter(pk=second.pk).update(status=Document.Status.FAILED)
    assert findings(ingester) == {(Fault.UNKNOWN, str(second.pk)), (Fault.STRAY_VECTOR, str(second.pk))}


def test_the_command_says_what_it_found(
    ingester: Ingester,
    documents: list[Document],
    uri: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(Ingester, "from_settings", classmethod(lambda cls: cls(LanceIndex(uri))))
    asyncio.run(LanceIndex(uri).remove_chunks(str(documents[0].pk)))
    asyncio.run(LanceIndex(uri).begin_rebuild())  # and never ended
    with pytest.raises(SystemExit, match="1"):
        call_command("check_index", "--json")
    said = json.loads(capsys.readouterr().out)
    assert [each["fault"] for each in said["findings"]] == ["missing", "leftover", "leftover"], "also vectors unused"
    assert said["findings"][0]["where"] == str(documents[0].pk)
    with pytest.raises(SystemExit, match="1"):
        call_command("check_index", "--repair")
    shown = capsys.readouterr().out
    assert "missing in the index" in shown
    assert "3 faults found: repaired." in shown
    call_command("check_index")
    assert "The index is what the database says." in capsys.readouterr().out


def test_a_rebuild_takes_in_what_changes_meanwhile(
    ingester: Ingester, documents: list[Document], collection: Collection, uri: str, tmp_path: Path
) -> None:
    """Changed by another process after its page was read, and before it is written."""
    apple, berry, _ = documents
    other = LanceIndex(uri, Letters())
    pages: list[int] = []

    def meanwhile(done: int) -> None:
        pages.append(done)
        asyncio.run(other.remove([str(apple.pk)]))
        records.delete([str(apple.pk)])
        with Ingester(LanceIndex(uri, Letters()), Letters()) as worker:
            assert worker.process(str(give(collection, tmp_path / "berry.md", "The berry is blue.").pk)) == "ready"
            assert worker.process(str(give(collection, tmp_path / "date.md", "The date is red.").pk)) == "ready"

    ingester.upkeep.rebuild(meanwhile)
    assert pages[0] == 3
    assert not Document.objects.filter(pk=berry.pk).exists()
    assert sorted(found(uri, collection, "red blue")) == [
        "The berry is blue.",
        "The cherry is red.",
        "The date is red.",
    ]
    assert findings(ingester) == set()
    tables = [each.where for each in ingester.upkeep.leftovers() if each.where.startswith("chunks")]
    assert tables == [], "the one before it is gone"


def test_many_small_writes_leave_few_files(
    ingester: Ingester, uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "KEPT_VERSIONS", timedelta(seconds=0.001))
    index = LanceIndex(uri, Letters())
    ids = [str(uuid7()) for _ in range(10)]

    async def write() -> None:
        for n in range(200):
            row = passage(f"version {n}", document=ids[n % 10])
            await index.replace([row.document], [row])

    asyncio.run(write())
    before = files(uri)
    ingester.upkeep.tidy(thorough=True)
    asyncio.run(write_once(uri))
    assert asyncio.run(LanceIndex(uri).fragments()) <= 3
    assert files(uri) < before / 4
    assert asyncio.run(LanceIndex(uri).count()) == 11


async def write_once(uri: str) -> None:
    await LanceIndex(uri).add([passage("the last")])


def files(uri: str) -> int:
    return sum(path.is_file() for path in Path(uri).rglob("*"))


def test_one_process_tidies(ingester: Ingester, documents: list[Document], monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[bool] = []

    async def optimize(self: LanceIndex) -> None:
        done.append(True)

    monkeypatch.setattr(LanceIndex, "optimize", optimize)
    ingester.upkeep.tidy()
    assert done == [], "there is nothing to do yet"
    ingester.upkeep.tidy(always=True)
    assert done == [True]
