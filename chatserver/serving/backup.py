"""A backup while the server runs: all records as of one moment, then the uploaded files that they name.

The search index is not in it, since it is made from the records; nor is the secret key (docs/maintenance.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.db import connection, transaction

from chatserver import __version__
from chatserver.config import config
from chatserver.knowledge import records
from chatserver.serving.archive import DUMP, UPLOAD, BackupError, Manifest, writing
from chatserver.serving.postgres_tools import Tools, find_tools

__all__ = ["back_up", "server_major"]

COUNTED = ("sites_site", "sites_user", "rooms_room", "rooms_message", "knowledge_document")

type Progress = Callable[[str, int, int | None], None]
"""What is done, how far, of how much (None: that is not known)."""


def back_up(path: Path, progress: Progress = lambda what, done, total: None) -> Manifest:
    """Write everything to the file `path`, which appears when it is complete. Raises `BackupError`, `OSError`."""
    tools = find_tools(server_major(), connection.settings_dict)
    with writing(path) as archive:
        # Open until pg_dump has read: it sees what this transaction sees, and the counts below are of the same moment.
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
            said = _records(cursor)
            archive.add(DUMP, _dump(tools, said.pop("snapshot"), progress))
        uploads = said.pop("uploads")
        for number, name in enumerate(uploads, start=1):
            with suppress(FileNotFoundError), (config().data / name).open("rb") as file:
                archive.add(name, records.blocks_of(file))
            progress("Files", number, len(uploads))
        manifest = Manifest(
            version=__version__,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            postgres=server_major(),
            tool=tools.major,
            parts=archive.parts.copy(),
            missing=1 + len(uploads) - len(archive.parts),
            **said,
        )
        archive.finish(manifest)
    return manifest


def server_major() -> int:
    """Of the PostgreSQL that the settings name."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version_num")
        return int(cursor.fetchone()[0]) // 10_000


def _dump(tools: Tools, snapshot: str, progress: Progress) -> Iterator[bytes]:
    done = 0
    for chunk in tools.dump(snapshot):
        done += len(chunk)
        progress("Records", done, None)
        yield chunk


def _records(cursor: Any) -> dict[str, Any]:
    cursor.execute(
        "SELECT pg_export_snapshot(), relnamespace::regnamespace::text FROM pg_class WHERE oid = %s::regclass",
        ["rooms_message"],
    )
    snapshot, schema = cursor.fetchone()
    if schema != "public":
        raise BackupError(f"the tables are in schema {schema}; only those in the schema public can be restored.")
    cursor.execute("SELECT app || '.' || name FROM django_migrations ORDER BY 1")
    migrations = [name for (name,) in cursor.fetchall()]
    cursor.execute("SELECT name FROM rooms_epoch WHERE id = 1")
    (epoch,) = cursor.fetchone()
    counts = {}
    for table in COUNTED:
        cursor.execute(f"SELECT count(*) FROM {table}")
        counts[table] = cursor.fetchone()[0]
    cursor.execute("SELECT DISTINCT file FROM knowledge_document WHERE file LIKE 'uploads/%' ORDER BY file")
    uploads = [file for (file,) in cursor.fetchall() if UPLOAD.fullmatch(file)]
    return {"snapshot": snapshot, "migrations": migrations, "epoch": epoch, "counts": counts, "uploads": uploads}
