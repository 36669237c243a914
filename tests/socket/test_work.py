"""What the background worker takes up next, and what becomes of documents that do not go well."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.db import connection
from django.utils import timezone

from chatserver.config import config
from chatserver.errors import ProviderError
from chatserver.knowledge import progress, records, reembedding, tasks, work
from chatserver.knowledge.index import LanceIndex
from chatserver.knowledge.ingest import BATCH_MIN, Ingester
from chatserver.knowledge.models import Collection, Document, EmbeddingModel
from chatserver.knowledge.tasks import Hand
from chatserver.realtime.announce import Announcer
from chatserver.sites.models import Site, User
from tests.server import ROOT
from tests.socket.test_index import Letters
from tests.socket.test_ingest import found, give


class Model(Letters):
    """Keeps what it embeds; raises `error`, or refuses texts that hold a word; calls `then` after its first batch."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.error: Exception | None = None
        self.refused = ""
        self.then: Callable[[], object] = lambda: None

    async def embed(self, texts: Sequence[str], *, query: bool = False) -> list[list[float]]:
        if self.error is not None:
            raise self.error
        if self.refused and any(self.refused in text for text in texts):
            raise ProviderError("refused", "The embedding model refused to answer this.")
        self.texts += texts
        then, self.then = self.then, lambda: None
        await asyncio.to_thread(_in_another_thread, then)
        return await super().embed(texts, query=query)


def _in_another_thread(work: Callable[[], object]) -> None:
    with closing(connection):
        work()


@pytest.fixture
def model() -> Model:
    return Model()


@pytest.fixture
def hand(orm: None, uri: str, model: Model) -> Iterator[Hand]:
    with Ingester(LanceIndex(uri, model), model) as ingester:
        yield Hand(ingester)


def book(*words: str) -> str:
    """One passage for each word."""
    return "\n\n".join(f"## {word}\n\n{f'{word} is a word. ' * 40}" for word in words)


def statuses() -> list[str]:
    return list(Document.objects.order_by("pk").values_list("status", flat=True))


def drain(hand: Hand) -> int:
    """Work until nothing is left; how many steps it took."""
    steps = 0
    while hand.step():
        steps += 1
    return steps


# --- in which order --------------------------------------------------------------------------------------------------


def test_a_site_with_thousands_of_documents_does_not_keep_another_one_waiting(collection: Collection) -> None:
    other = records.the_collection(Site.objects.create(key="other", name="Other"))

    def row(target: Collection) -> Document:
        return Document(collection=target, content_hash=os.urandom(32))

    Document.objects.bulk_create([row(collection) for _ in range(2000)])
    (single,) = Document.objects.bulk_create([row(other)])
    firsts = [next(work.waiting("parse")) for _ in range(50)]
    assert str(single.pk) in firsts, "drawn half the time"
    oldest = str(Document.objects.filter(collection=collection).order_by("pk")[0].pk)
    assert set(firsts) <= {str(single.pk), oldest}


def test_what_is_in_other_hands_is_passed_over(hand: Hand, collection: Collection, tmp_path: Path) -> None:
    one, two = (give(collection, tmp_path / f"{n}.md", f"aaa {n}") for n in range(2))
    Document.objects.filter(pk=one.pk).update(attempts=1, next_try=timezone.now() + timedelta(hours=1))
    assert list(work.waiting("parse")) == [str(two.pk)]
    Document.objects.filter(pk=one.pk).update(next_try=None)
    assert list(work.waiting("parse")) == [str(two.pk), str(one.pk)], "what has cost nothing goes first"


def test_all_documents_are_found_by_their_words_before_any_gets_vectors(
    hand: Hand, model: Model, collection: Collection, tmp_path: Path, uri: str
) -> None:
    for n in range(4):
        give(collection, tmp_path / f"{n}.md", f"aaa number {n}")
    for n in range(4):
        assert hand.step()
        assert statuses() == ["embedding"] * (n + 1) + ["queued"] * (3 - n)
    assert len(found(uri, collection, "aaa")) == 4
    assert not model.texts
    assert drain(hand) == 4
    assert statuses() == ["ready"] * 4


def test_a_long_document_makes_way_for_what_comes_in(
    hand: Hand, model: Model, collection: Collection, tmp_path: Path, uri: str
) -> None:
    words = [f"word{n}" for n in range(BATCH_MIN * 3)]
    long = give(collection, tmp_path / "long.md", book(*words))
    assert hand.step()
    model.then = lambda: give(collection, tmp_path / "short.md", "bbb")
    assert hand.step(), "makes vectors until something comes in"
    long.refresh_from_db()
    assert (long.status, long.done, long.total) == ("embedding", BATCH_MIN, len(words))
    assert hand.step()
    assert found(uri, collection, "bbb")
    assert len(model.texts) == BATCH_MIN
    drain(hand)
    assert statuses() == ["ready", "ready"]
    assert len(model.texts) == len(set(model.texts)) == len(words) + 1, "goes on where it was"


# --- nothing twice ---------------------------------------------------------------------------------------------------


def test_vectors_are_kept_over_a_crash(
    hand: Hand, model: Model, collection: Collection, tmp_path: Path, uri: str
) -> None:
    words = [f"word{n}" for n in range(BATCH_MIN * 4)]
    document = give(collection, tmp_path / "book.md", book(*words))

    def crash() -> bool:
        if len(model.texts) >= BATCH_MIN * 2:
            raise RuntimeError("the machine is switched off")
        return False

    with pytest.raises(RuntimeError):
        hand.ingester.process(str(document.pk), pause=crash)
    embedded = len(model.texts)
    assert BATCH_MIN * 2 <= embedded < len(words)
    with Ingester(LanceIndex(uri, model), model) as another:
        assert another.process(str(document.pk)) == "ready"
    assert len(model.texts) == len(words)


def test_a_changed_document_keeps_the_vectors_of_what_did_not_change(
    hand: Hand, model: Model, collection: Collection, tmp_path: Path, uri: str
) -> None:
    words = [f"word{n}" for n in range(20)]
    give(collection, tmp_path / "book.md", "# Book\n\n" + book(*words))
    drain(hand)
    assert len(model.texts) == 20
    model.texts.clear()
    words[7] = "another"
    new = give(collection, tmp_path / "book.md", "# Book\n\n" + book(*words))
    drain(hand)
    assert len(model.texts) == 1
    assert "another" in model.texts[0]
    chunks = {str(pk) for pk in new.chunks.values_list("pk", flat=True)}
    assert asyncio.run(LanceIndex(uri, model).holds(str(new.pk), vectors=True)) == chunks


def test_two_tenants_with_the_same_file(
    hand: Hand, model: Model, collection: Collection, tmp_path: Path, uri: str
) -> None:
    other = records.the_collection(Site.objects.create(key="other", name="Other"))
    mine, theirs = (give(each, tmp_path / "a.md", "aaa secret") for each in (collection, other))
    drain(hand)
    assert mine.pk != theirs.pk
    for each, document in ((collection, mine), (other, theirs)):
        (passage,) = asyncio.run(LanceIndex(uri, model).lexical("aaa", [str(each.pk)], 5))
        (near,) = asyncio.run(LanceIndex(uri, model).dense([1.0, 0.0, 0.0], [str(each.pk)], 5))
        assert passage.document == near.document == str(document.pk)
    asyncio.run(LanceIndex(uri, model).remove([str(mine.pk)]))
    records.delete([str(mine.pk)])
    assert found(uri, collection, "aaa") == []
    assert found(uri, other, "aaa") == ["aaa secret"]
    assert hand.ingester.repair() == []


# --- what does not go well -------------------------------------------------------------------------------------------

KILLED = """
import os, sys
import django
django.setup()
from chatserver.knowledge import ingest, work
from chatserver.knowledge.index import LanceIndex

document, times, new_worker = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "new"
ingest.parse = lambda *_: os.kill(os.getpid(), 9)
for n in range(times):
    if new_worker:
        work.BOOT = f"worker-{n}"
    if not (child := os.fork()):
        ingest.Ingester(LanceIndex(sys.argv[4])).process(document)
    assert os.waitpid(child, 0)[1] == 9, "it was to be killed"
with ingest.Ingester(LanceIndex(sys.argv[4])) as last:
    print(last.process(document) if not new_worker else "left")
"""


@pytest.mark.parametrize("worker", ["same", "new"])
def test_a_document_that_kills_its_process_again_and_again_is_given_up(
    collection: Collection, tmp_path: Path, uri: str, database_url: str, worker: str
) -> None:
    """When the whole worker goes each time, it may be the machine: then it is tried for longer."""
    document = give(collection, tmp_path / "a.md", "aaa")
    arguments = [str(document.pk), "3", worker, uri]
    done = subprocess.run(
        [sys.executable, "-c", KILLED, *arguments],
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": database_url},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert not done.returncode, done.stderr
    document.refresh_from_db()
    with Ingester(LanceIndex(uri)) as ingester:
        if worker == "new":
            assert ingester.process(str(document.pk)) == "ready"
            return
        assert done.stdout.strip() == "failed"
        assert (document.status, document.error) == ("failed", work.POISON)
        records.requeue(document)
        assert ingester.process(str(document.pk)) == "ready", "whoever wishes may try it again"


def test_a_mistake_of_ours_costs_a_document_three_tries_and_nobody_elses(
    hand: Hand,
    collection: Collection,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    bad = give(collection, tmp_path / "bad.md", "aaa")
    good = give(collection, tmp_path / "good.md", "bbb")
    real = Ingester._parse

    def parse(self: Ingester, document: Document) -> None:
        if document.pk == bad.pk:
            raise KeyError("a mistake")
        real(self, document)

    monkeypatch.setattr(Ingester, "_parse", parse)
    drain(hand)
    bad.refresh_from_db()
    good.refresh_from_db()
    assert (bad.status, bad.error, good.status) == ("failed", work.POISON, "ready")
    assert caplog.text.count("an error of the server's own") == 3


def test_a_document_that_takes_too_long_fails_or_waits(
    hand: Hand, model: Model, collection: Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Celery raises this in the middle of whatever runs, when a task's time is over."""
    endless = give(collection, tmp_path / "endless.md", "aaa")
    with monkeypatch.context() as patch:
        patch.setattr(Ingester, "_parse", _time_is_over)
        assert drain(hand) == 1
    endless.refresh_from_db()
    assert (endless.status, endless.error) == ("failed", tasks.TOO_LONG)
    slow = give(collection, tmp_path / "slow.md", "bbb")
    model.error = SoftTimeLimitExceeded()
    assert drain(hand) == 2
    slow.refresh_from_db()
    assert (slow.status, slow.worker) == ("embedding", "")
    assert slow.next_try is not None


def _time_is_over(ingester: Ingester, document: Document) -> None:
    raise SoftTimeLimitExceeded


def test_while_the_embedder_is_away_documents_are_read(
    hand: Hand, model: Model, collection: Collection, tmp_path: Path, uri: str
) -> None:
    give(collection, tmp_path / "a.md", "aaa")
    model.error = ProviderError("connect", "The embedding model cannot be reached just now.")
    assert drain(hand) == 2, "reads it, and finds the embedder away"
    (document,) = Document.objects.all()
    assert document.status == "embedding"
    assert document.error == "The embedding model cannot be reached just now. It will be tried again."
    give(collection, tmp_path / "b.md", "bbb")
    assert drain(hand) == 1
    assert found(uri, collection, "bbb")
    model.error = None
    assert not hand.step(), "it rests"
    hand._rests.clear()
    assert drain(hand) == 2
    assert statuses() == ["ready", "ready"]
    document.refresh_from_db()
    assert document.error == ""


def test_what_the_embedder_refuses_does_not_hold_up_the_others(
    hand: Hand, model: Model, collection: Collection, tmp_path: Path
) -> None:
    bad, good = (give(collection, tmp_path / f"{word}.md", word) for word in ("aaa", "bbb"))
    model.refused = "aaa"
    drain(hand)
    bad.refresh_from_db()
    good.refresh_from_db()
    assert (bad.status, good.status) == ("embedding", "ready")
    assert bad.next_try is not None
    model.refused = ""
    records.requeue(bad)
    assert drain(hand) == 1
    assert statuses() == ["ready", "ready"]


QUEUED = """
import sys
from pathlib import Path
import django
django.setup()
from chatserver.knowledge import tasks
from tests.own_redis import OwnRedis

redis = OwnRedis(Path(sys.argv[2]))
redis.start()
said = [tasks.enqueue(sys.argv[1])]
redis.stop()
said += [tasks.enqueue(sys.argv[1]), tasks.enqueue(sys.argv[1])]
redis.start()
said += [tasks.enqueue(sys.argv[1])]
redis.stop()
print(said)
"""


def test_an_upload_while_redis_is_away_waits_in_the_records(
    collection: Collection, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, database_url: str
) -> None:
    document = give(collection, tmp_path / "a.md", "aaa")
    folder = tmp_path_factory.mktemp("redis")
    done = subprocess.run(
        [sys.executable, "-c", QUEUED, str(document.pk), str(folder)],
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": database_url, "REDIS_URL": f"unix://{folder}/redis.sock"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout.strip()) == (0, "[True, False, False, True]"), done.stderr
    assert list(work.waiting("parse")) == [str(document.pk)]


def test_progress_that_nobody_can_hear_costs_nothing(
    hand: Hand, collection: Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        url = f"redis://127.0.0.1:{probe.getsockname()[1]}"
    monkeypatch.setattr(progress, "_announcer", lambda: announcer)
    announcer = Announcer([url])
    document = give(collection, tmp_path / "a.md", "aaa")
    owner = User.objects.create(username="olga", name="Olga")
    Document.objects.filter(pk=document.pk).update(owner=owner)
    drain(hand)
    assert statuses() == ["ready"]
    announcer.close()


# --- another embedder ------------------------------------------------------------------------------------------------


def named(name: str) -> Model:
    model = Model()
    model.name = name
    return model


def test_all_documents_get_the_vectors_of_another_embedder(
    hand: Hand, model: Model, collection: Collection, tmp_path: Path, uri: str
) -> None:
    reembedding.adopt(model, config(), change=True)
    for n in range(3):
        give(collection, tmp_path / f"{n}.md", f"aaa {n}")
    drain(hand)
    new = named("new")
    reembedding.adopt(new, config(), change=False)
    assert statuses() == ["ready"] * 3, "a command with other settings changes nothing"
    reembedding.adopt(new, config(), change=True)
    assert statuses() == ["embedding"] * 3
    assert not hand.ingester.embeds, "the old one makes no more"
    assert drain(hand) == 0
    assert EmbeddingModel.objects.get(pk="new").complete is None
    with Ingester(LanceIndex(uri, new), new) as ingester:
        drain(Hand(ingester))
        assert len(new.texts) == 3
        assert EmbeddingModel.objects.get(pk="new").complete is not None
        # And back, before the old vectors are dropped: they are still good.
        model.texts.clear()
        reembedding.adopt(model, config(), change=True)
        assert drain(hand) == 3
        assert not model.texts
        assert reembedding.is_newest(model.name)
        assert [each.name for each in reembedding.retired(timedelta(0))] == ["new"]


def test_a_model_that_refuses_everything_takes_nobodys_place(
    hand: Hand, model: Model, collection: Collection, tmp_path: Path, uri: str
) -> None:
    reembedding.adopt(model, config(), change=True)
    for n in range(3):
        give(collection, tmp_path / f"{n}.md", f"aaa {n}")
    drain(hand)
    wrong = named("misspelt")
    wrong.refused = "aaa"
    reembedding.adopt(wrong, config(), change=True)
    with Ingester(LanceIndex(uri, wrong), wrong) as ingester:
        assert drain(Hand(ingester)) == 3
    reembedding.adopt(wrong, config(), change=True)
    assert EmbeddingModel.objects.get(pk="misspelt").complete is None
    assert not reembedding.retired(timedelta(0))
