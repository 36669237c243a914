"""One process writes while another one searches: each search sees one state of a document, whole."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from chatserver.knowledge import records
from chatserver.knowledge.index import LanceIndex
from chatserver.knowledge.ingest import Ingester
from chatserver.sites.models import Site
from tests.server import ROOT
from tests.socket.test_index import SHOP, Letters
from tests.socket.test_ingest import found, give

CHUNKS = 5
VERSIONS = 20
WRITER = f"""
import asyncio, sys
from chatserver.ids import uuid7
from chatserver.knowledge.index import LanceIndex
from tests.socket.test_index import Letters, passage

async def main(uri, shop):
    index, old = LanceIndex(uri, Letters()), str(uuid7())
    for version in range({VERSIONS}):
        new = str(uuid7())
        rows = [passage(f"version{{version}} a part{{n}}", document=new, collection=shop) for n in range({CHUNKS})]
        await index.put_vectors(new, shop, [(row.chunk, [1.0, 0.0, 0.0]) for row in rows])
        await index.replace([old, new], rows)
        old = new
        print(version, flush=True)

asyncio.run(main(*sys.argv[1:]))
"""


async def test_a_document_that_is_replaced_is_found_old_or_new_by_both_legs(tmp_path: Path) -> None:
    uri = str(tmp_path / "index")
    index, seen, searches = LanceIndex(uri, Letters()), set(), 0
    await index.count()  # it imports LanceDB now, not while the other process writes
    writer = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", WRITER, uri, SHOP), cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert writer.stdout is not None
    assert await writer.stdout.readline() == b"0\n"
    ended = asyncio.create_task(writer.communicate())
    while not ended.done() or not searches:
        view = await index.snapshot()
        words, sense = await asyncio.gather(
            view.lexical("part0 part1 part2 part3 part4", [SHOP], 50), view.dense([1.0, 0.0, 0.0], [SHOP], 50)
        )
        versions = {each.text.split()[0] for each in (*words, *sense)}
        assert len(words) == CHUNKS
        assert len(versions) == 1, "never a mixture, never neither"
        seen |= versions
        searches += 1
    assert writer.returncode == 0
    assert len(seen) > 1


class Deleting(Letters):
    """Somebody deletes the document while its second batch is embedded."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self.document = ""
        self.calls = 0

    async def embed(self, texts: Sequence[str], *, query: bool = False) -> list[list[float]]:
        self.calls += 1
        if self.calls == 2:
            await asyncio.to_thread(self._delete)
        return await super().embed(texts)

    def _delete(self) -> None:
        from django.db import connection

        index = LanceIndex(self.uri, Letters())
        asyncio.run(index.remove([self.document]))
        records.delete([self.document])
        connection.close()  # of this thread
        assert asyncio.run(index.count()) == 0


def test_a_document_that_is_deleted_while_it_is_embedded_is_gone_for_good(orm: None, tmp_path: Path) -> None:
    uri = str(tmp_path / "index")
    collection = records.the_collection(Site.objects.create(key="shop", name="Shop"))
    text = "\n\n".join(f"# Part {n}\n\n" + f"The apple number {n} is red and round. " * 20 for n in range(40))
    document = give(collection, tmp_path / "apple.md", text)
    embedder = Deleting(uri)
    embedder.document = str(document.pk)
    with Ingester(LanceIndex(uri, embedder), embedder) as ingester:
        assert ingester.process(str(document.pk)) == "gone"
        assert embedder.calls == 2
        assert found(uri, collection, "apple") == []
        assert list(ingester.upkeep.check()) == []
