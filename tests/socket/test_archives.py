"""ZIP archives through real records and a real index: what is in one is found, follows it, and goes with it."""

from __future__ import annotations

import hashlib
import stat
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from django.core.management import call_command

from chatserver.config import config
from chatserver.knowledge import archives, records
from chatserver.knowledge.formats import container
from chatserver.knowledge.ingest import Ingester
from chatserver.knowledge.models import Collection, Document
from chatserver.sites.models import User
from tests.documents import docx, zipped
from tests.socket.test_ingest import found, give

ZIP = "application/zip"


def run(ingester: Ingester, collection: Collection, path: Path, content: bytes | Mapping[str, bytes | str]) -> Document:
    """Give an archive and do all the work that follows from it."""
    archive = give(collection, path, content if isinstance(content, bytes) else zipped(content), ZIP)
    ingester.process(str(archive.pk))
    for document in records.unfinished():
        ingester.process(str(document.pk))
    archive.refresh_from_db()
    return archive


def members(archive: Document) -> dict[str, str]:
    """Status by the path inside."""
    start = len(archive.origin) + 1
    return {document.origin[start:]: document.status for document in archive.members.all()}


def kept() -> set[str]:
    folder = config().data / "uploads"
    return {path.name for path in folder.iterdir()} if folder.exists() else set()


def test_the_files_of_an_archive_become_documents(
    ingester: Ingester, collection: Collection, uri: str, tmp_path: Path
) -> None:
    files = {"rules/tea.md": "# Tea\n\nTea is free.", "cake.docx": docx("Cake costs three."), "empty/": b""}
    archive = run(ingester, collection, tmp_path / "house.zip", files)
    assert (archive.status, archive.title, archive.error) == ("ready", "house.zip", "")
    assert archive.done == archive.total == 2
    assert members(archive) == {"rules/tea.md": "ready", "cake.docx": "ready"}
    assert found(uri, collection, "tea") == ["Tea\n\nTea is free."]
    assert found(uri, collection, "cake") == ["Cake costs three."]
    assert ingester.repair() == [], "an archive has no passages, and lacks none"
    assert Document.objects.get(pk=archive.pk).status == "ready"


def test_members_have_the_owner_and_the_address_of_their_archive(
    ingester: Ingester, collection: Collection, tmp_path: Path
) -> None:
    owner = User.objects.create(username="olga")
    archive = give(collection, tmp_path / "a.zip", zipped({"a.md": "Apples."}), ZIP)
    Document.objects.filter(pk=archive.pk).update(owner=owner, url="https://shop.example/a.zip")
    ingester.process(str(archive.pk))
    (member,) = archive.members.all()
    assert (member.owner, member.url) == (owner, "https://shop.example/a.zip")


def test_a_changed_archive_changes_what_changed(
    ingester: Ingester, collection: Collection, uri: str, tmp_path: Path
) -> None:
    path = tmp_path / "a.zip"
    old = run(ingester, collection, path, {"same.md": "Apples stay.", "new.md": "Pears cost 1.", "gone.md": "Figs go."})
    before = {document.origin.rpartition("/")[2]: document.pk for document in old.members.all()}
    files = kept()
    new = run(ingester, collection, path, {"same.md": "Apples stay.", "new.md": "Pears cost 2.", "more.md": "Plums."})
    after = {document.origin.rpartition("/")[2]: document.pk for document in new.members.all()}
    assert after.keys() == {"same.md", "new.md", "more.md"}
    assert after["same.md"] == before["same.md"]
    assert after["new.md"] != before["new.md"]
    assert found(uri, collection, "pears") == ["Pears cost 2."]
    assert found(uri, collection, "figs") == []
    assert not Document.objects.filter(pk=old.pk).exists()
    assert Document.objects.count() == 4
    assert len(kept()) == len(files), "the files of what is gone are gone"


def test_what_changed_is_found_in_its_old_form_until_the_new_one_is_ready(
    ingester: Ingester, collection: Collection, uri: str, tmp_path: Path
) -> None:
    run(ingester, collection, tmp_path / "a.zip", {"price.md": "Pears cost 1."})
    new = give(collection, tmp_path / "a.zip", zipped({"price.md": "Pears cost 2."}), ZIP)
    assert ingester.process(str(new.pk)) == "ready"
    assert found(uri, collection, "pears") == ["Pears cost 1."]
    for document in records.unfinished():
        ingester.process(str(document.pk))
    assert found(uri, collection, "pears") == ["Pears cost 2."]
    assert Document.objects.count() == 2


def test_what_says_nothing_new_any_more_goes(
    ingester: Ingester, collection: Collection, uri: str, tmp_path: Path
) -> None:
    run(ingester, collection, tmp_path / "a.zip", {"a.md": "Apples.", "b.md": "Pears.", "c.md": "Figs."})
    new = run(ingester, collection, tmp_path / "a.zip", {"a.md": "Apples.", "b.md": "Apples.", "c.md": ""})
    assert members(new) == {"a.md": "ready"}
    assert found(uri, collection, "pears figs") == []


def test_what_is_broken_in_a_new_version_stays_as_it_was(
    ingester: Ingester, collection: Collection, uri: str, tmp_path: Path
) -> None:
    run(ingester, collection, tmp_path / "a.zip", {"a.md": "Apples.", "b.md": "Pears cost 1."})
    content = zipped({"a.md": "Apples.", "b.md": "Pears cost 2."}, zipfile.ZIP_STORED)
    new = run(ingester, collection, tmp_path / "a.zip", content.replace(b"Pears cost 2.", b"Pears cost 3."))
    assert new.error == "Left out of it: 1 damaged."
    assert members(new) == {"a.md": "ready", "b.md": "ready"}
    assert found(uri, collection, "pears") == ["Pears cost 1."]


def test_an_archive_that_replaces_a_waiting_one_takes_its_members(
    ingester: Ingester, collection: Collection, uri: str, tmp_path: Path
) -> None:
    old = run(ingester, collection, tmp_path / "a.zip", {"a.md": "Apples.", "b.md": "Figs."})
    Document.objects.filter(pk=old.pk).update(status="parsing")  # as after a crash
    new = run(ingester, collection, tmp_path / "a.zip", {"a.md": "Apples."})
    assert members(new) == {"a.md": "ready"}
    assert found(uri, collection, "figs") == []


def test_running_an_archive_again_changes_nothing(ingester: Ingester, collection: Collection, tmp_path: Path) -> None:
    archive = run(ingester, collection, tmp_path / "a.zip", {"a.md": "Apples.", "b.md": "Pears."})
    before = (kept(), set(Document.objects.values_list("pk", "created")))
    Document.objects.filter(pk=archive.pk).update(status="parsing")
    assert ingester.process(str(archive.pk)) == "ready"
    assert (kept(), set(Document.objects.values_list("pk", "created"))) == before
    assert not records.unfinished().exists()


def test_an_archive_goes_with_its_members(ingester: Ingester, collection: Collection, uri: str, tmp_path: Path) -> None:
    before = kept()
    archive = run(ingester, collection, tmp_path / "a.zip", {"a.md": "Apples.", "b.md": "Pears."})
    ids = records.with_members(archive)
    assert len(ids) == 3
    records.delete(ids)
    assert Document.objects.count() == 0
    assert kept() == before
    assert ingester.repair() == []
    assert found(uri, collection, "apples") == []


def test_what_was_given_by_itself_stays_so(ingester: Ingester, collection: Collection, tmp_path: Path) -> None:
    alone = give(collection, tmp_path / "alone.md", "Apples.")
    ingester.process(str(alone.pk))
    archive = run(ingester, collection, tmp_path / "a.zip", {"copy.md": "Apples.", "b.md": "Pears."})
    assert members(archive) == {"b.md": "ready"}
    assert archive.error == "Left out of it: 1 among the documents already."
    records.delete(records.with_members(archive))
    assert [document.pk for document in Document.objects.all()] == [alone.pk]


def test_a_member_that_is_given_by_itself_outlives_its_archive(
    ingester: Ingester, collection: Collection, tmp_path: Path
) -> None:
    archive = run(ingester, collection, tmp_path / "a.zip", {"a.md": "Apples.", "b.md": "Pears."})
    alone = give(collection, tmp_path / "alone.md", "Apples.")
    ingester.process(str(alone.pk))
    records.delete(records.with_members(archive))
    assert [document.origin for document in Document.objects.all()] == [str(tmp_path / "alone.md")]


def test_a_member_that_cannot_be_read_fails_alone(ingester: Ingester, collection: Collection, tmp_path: Path) -> None:
    archive = run(ingester, collection, tmp_path / "a.zip", {"bad.pdf": b"<!doctype html><p>Sign in", "b.md": "Pears."})
    assert archive.status == "ready"
    assert members(archive) == {"bad.pdf": "failed", "b.md": "ready"}
    assert "holds HTML" in archive.members.get(status="failed").error


def test_what_is_left_out_is_counted(ingester: Ingester, collection: Collection, tmp_path: Path) -> None:
    files: dict[str, bytes | str] = {
        "a.md": "Apples.", "b.md": "Apples.", "run.exe": b"MZ", "lib.dll": b"MZ", "inner.zip": zipped({"x.md": "x"}),
        "empty.txt": b"", ".git/config.ini": "hidden", "__MACOSX/a.md": "x", "node_modules/x.js": "x",
    }  # fmt: skip
    archive = run(ingester, collection, tmp_path / "a.zip", files)
    assert members(archive) == {"a.md": "ready"}
    assert archive.error == (
        "Left out of it: 2 of a type that is not supported, 1 the same as another one, 1 an archive in the archive, "
        "1 empty."
    )


HOSTILE = (
    "../../escape.md",
    "/etc/cron.d/escape.md",
    "..\\..\\escape.md",
    "C:\\Windows\\escape.md",
    "a/../../escape.md",
)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_path_leads_nowhere(ingester: Ingester, collection: Collection, tmp_path: Path, name: str) -> None:
    folder = config().data / "uploads"
    before, around = kept(), set(tmp_path.rglob("*escape*")) | set(config().data.rglob("*escape*"))
    archive = run(ingester, collection, tmp_path / "a.zip", {name: "Apples."})
    (member,) = archive.members.all()
    assert member.origin.startswith(f"{archive.origin}/")
    assert ".." not in member.origin.removeprefix(archive.origin)
    assert records.file_of(member).parent == folder
    assert len(kept() - before) == 1
    assert set(tmp_path.rglob("*escape*")) | set(config().data.rglob("*escape*")) == around
    assert not Path("/etc/cron.d/escape.md").exists()


def test_a_link_is_not_followed(ingester: Ingester, collection: Collection, tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        link = zipfile.ZipInfo("passwd.txt")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("b.md", "Pears.")
    document = run(ingester, collection, path, path.read_bytes())
    assert members(document) == {"b.md": "ready"}
    assert "1 no file but a link" in document.error


def test_names_from_a_chinese_windows_are_read(ingester: Ingester, collection: Collection, tmp_path: Path) -> None:
    data = zipped({"0123.md": "退款。"}).replace(b"0123.md", "退款".encode("gbk") + b".md")
    assert members(run(ingester, collection, tmp_path / "a.zip", data)) == {"退款.md": "ready"}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (zipped({"run.exe": b"MZ"}), "no file that can be read. Left out of it: 1 of a type"),
        (zipped({}), "no file that can be read"),
        (zipped({"a.md": "Apples."})[:-30], "damaged"),
        (b"PK\x03\x04 nothing", "damaged"),
        (zipped({f"{n}.md": "" for n in range(container.MEMBERS + 1)}), "more than 10,000 files"),
        (zipped({f"{n}.txt": b"\0" * 20_000_000 for n in range(3)}), "unpacks to more than"),
    ],
    ids=["unsupported", "empty", "cut", "garbage", "many", "bomb"],
)
def test_a_bad_archive_fails_and_leaves_nothing(
    ingester: Ingester, collection: Collection, tmp_path: Path, content: bytes, reason: str
) -> None:
    before = kept()
    archive = run(ingester, collection, tmp_path / "a.zip", content)
    assert archive.status == "failed"
    assert reason in archive.error
    assert not archive.members.exists()
    assert kept() == before


def test_an_archive_deleted_while_it_is_read_leaves_nothing(
    ingester: Ingester, collection: Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = kept()
    archive = give(collection, tmp_path / "a.zip", zipped({"a.md": "Apples.", "b.md": "Pears."}), ZIP)
    register = records.register

    def late(*args: object, **options: object) -> object:
        if str(options["origin"]).endswith("b.md"):
            records.delete(records.with_members(archive))
        return register(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(archives.records, "register", late)
    assert ingester.process(str(archive.pk)) in ("failed", "gone")
    assert Document.objects.count() == 0
    assert kept() == before


def test_the_same_archive_again_is_the_same_documents(
    ingester: Ingester, collection: Collection, tmp_path: Path
) -> None:
    data = zipped({"a.md": "Apples."})
    first = run(ingester, collection, tmp_path / "a.zip", data)
    again, work = records.register(
        collection,
        file=str(tmp_path / "a.zip"),
        digest=hashlib.sha256(data).digest(),
        size=len(data),
        origin=str(tmp_path / "a.zip"),
        media_type=ZIP,
    )
    assert (again.pk, work) == (first.pk, False)


def test_the_command_reads_what_is_in_an_archive(
    collection: Collection, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(zipped({"a.md": "Apples.", "b.md": "Pears.", "bad.pdf": "<!doctype html>"}))
    for said in ("2 ready, 0 unchanged, 1 failed", "0 ready, 1 unchanged, 0 failed"):
        call_command("ingest", str(path))
        out = capsys.readouterr().out
        assert said in out
    assert [document.status for document in Document.objects.order_by("origin")] == [
        "ready",
        "ready",
        "ready",
        "failed",
    ]
