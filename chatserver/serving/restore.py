"""A backup becomes the server's data: nothing changes until all of it was checked, and then all at once.

The records change in one transaction, which also gives the database a new epoch: clients forget the positions and the
messages that they remember of what was here. The files come first; those that no record names yet do no harm.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.db import connection
from django.db.migrations.loader import MigrationLoader

from chatserver.config import config
from chatserver.serving.archive import DUMP, BackupError, Manifest, Reader, opened, sync_folder
from chatserver.serving.backup import Progress, server_major
from chatserver.serving.postgres_tools import Tools, find_tools

__all__ = ["restore"]

OTHERS = """SELECT count(*), string_agg(DISTINCT nullif(application_name, ''), ', ') FROM pg_stat_activity
  WHERE datname = current_database() AND pid <> pg_backend_pid() AND usesysid IS NOT NULL
    AND coalesce(backend_type, 'client backend') = 'client backend'"""

DROP = """SET lock_timeout = '10s';
DO $$ DECLARE it record; BEGIN
  FOR it IN SELECT oid::regclass AS name FROM pg_class
             WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND relname ~ '^({kinds})_'
  LOOP EXECUTE format('DROP TABLE IF EXISTS %s CASCADE', it.name); END LOOP;
  FOR it IN SELECT oid::regprocedure AS name FROM pg_proc
             WHERE pronamespace = 'public'::regnamespace AND proname ~ '^(chat|{kinds})_'
  LOOP EXECUTE format('DROP FUNCTION %s', it.name); END LOOP;
END $$;"""


def restore(path: Path, *, force: bool = False, progress: Progress = lambda what, done, total: None) -> Manifest:
    """Make this database and the uploads what `path` holds; the tables are then as old as the backup. Raises
    `BackupError` and `OSError`; nothing has changed then."""
    with opened(path, lambda done, total: progress("Checking", done, total)) as backup:
        tools = _check(backup.manifest, force)
        folder = config().data / "uploads"
        server = server_major()
        added = _put_files(backup, folder, progress)
        tables = connection.introspection.django_table_names()
        kinds = "|".join(sorted({"django", *(table.split("_")[0] for table in tables)}))
        try:
            tools.load(
                _records(backup, progress),
                before=DROP.replace("{kinds}", kinds),
                after=f"UPDATE public.rooms_epoch SET name = '{secrets.token_hex(6)}';",
                server=server,
            )
        except BaseException:
            _remove(added)
            raise
        _drop_other_files(backup, folder)
        return backup.manifest


def _check(manifest: Manifest, force: bool) -> Tools:
    loader = MigrationLoader(None)
    known = {f"{app}.{name}" for app, name in loader.disk_migrations}
    known |= {f"{app}.{name}" for migration in loader.disk_migrations.values() for app, name in migration.replaces}
    if unknown := [name for name in manifest.migrations if name not in known]:
        raise BackupError(
            f"it was made by a newer version of the server ({manifest.version}, with {unknown[-1]}): upgrade this one "
            "first. Nothing was changed."
        )
    server = server_major()
    if server < manifest.postgres:
        raise BackupError(
            f"it comes from PostgreSQL {manifest.postgres}, and this one is {server}: use one as new. "
            "Nothing was changed."
        )
    with connection.cursor() as cursor:
        cursor.execute(OTHERS)
        others, names = cursor.fetchone()
        if others:
            raise BackupError(
                f"{others} other connections use this database ({names or 'without a name'}): stop the server and its "
                "workers first. Nothing was changed."
            )
        if not force and _has_records(cursor):
            raise BackupError(
                "this database is not empty: --force deletes what is in it, uploaded files too. Nothing was changed."
            )
    return find_tools(max(server, manifest.tool), connection.settings_dict)


def _has_records(cursor: Any) -> bool:
    """Whether there is anything that a migration did not make."""
    cursor.execute("SELECT to_regclass('public.sites_user') IS NOT NULL")
    if not cursor.fetchone()[0]:
        return False
    cursor.execute("SELECT EXISTS(SELECT FROM sites_user WHERE kind <> 'assistant') OR EXISTS(SELECT FROM sites_site)")
    return bool(cursor.fetchone()[0])


def _records(backup: Reader, progress: Progress) -> Iterator[bytes]:
    total = next(part.size for part in backup.manifest.parts if part.name == DUMP)
    done = 0
    for chunk in backup.chunks(DUMP):
        done += len(chunk)
        progress("Records", done, total)
        yield chunk


def _put_files(backup: Reader, folder: Path, progress: Progress) -> list[Path]:
    """Write the uploads, each whole or not at all; the paths of those that were not there before."""
    added: list[Path] = []
    folder.mkdir(parents=True, exist_ok=True)
    names = backup.uploads
    try:
        for number, name in enumerate(names, start=1):
            target = config().data / name
            fresh = target.with_name(f"{target.name}.restoring")
            with fresh.open("wb") as file:
                file.writelines(backup.chunks(name))
                file.flush()
                os.fsync(file.fileno())
            if not target.exists():
                added.append(target)
            fresh.replace(target)
            progress("Files", number, len(names))
    except BaseException:
        fresh.unlink(missing_ok=True)
        _remove(added)
        raise
    sync_folder(folder)
    return added


def _drop_other_files(backup: Reader, folder: Path) -> None:
    """Uploads of the records that were here before."""
    ours = {Path(name).name for name in backup.uploads}
    _remove([path for path in folder.iterdir() if path.name not in ours and path.is_file()])


def _remove(paths: list[Path]) -> None:
    for path in paths:
        with suppress(OSError):
            path.unlink()
