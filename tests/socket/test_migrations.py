"""Migrations run while processes of the version before them go on working (CONTRIBUTING.md, "Migrations")."""

from __future__ import annotations

import re

import pytest
from django.core.management import call_command
from django.db import connection, migrations, models
from django.db.migrations.loader import MigrationLoader
from django_migration_linter import MigrationLinter
from django_migration_linter.sql_analyser import PostgresqlAnalyser, analyse_sql_statements

pytestmark = pytest.mark.usefixtures("orm")

APPS = ("sites", "rooms", "knowledge")
ACCEPTED = {
    # An index of documents, of which there are thousands where there are millions of messages: it is built in a moment.
    "knowledge.0003_work": {"CREATE_INDEX", "CREATE_INDEX_EXCLUSIVE"},
}
"""What the linter finds and we know to be harmless, with the reason."""

# The functions that `rooms.store` writes with: the version before goes on calling those it knows, with the parameters
# that it knows.
RAW = {
    "DROP_FUNCTION": r"\bDROP\s+(FUNCTION|PROCEDURE|TYPE|VIEW)\b",
    "RENAME": r"\bRENAME\s+TO\b",
    "LOCK": r"\b(LOCK\s+TABLE|TRUNCATE)\b",
    "REWRITE": r"\b(VACUUM\s+FULL|CLUSTER)\b",
}


def ours() -> list[migrations.Migration]:
    loader = MigrationLoader(connection)
    return [migration for (app, _), migration in sorted(loader.disk_migrations.items()) if app in APPS]


def faults_of_sql(statements: list[str]) -> set[str]:
    errors, _, warnings = analyse_sql_statements(PostgresqlAnalyser, statements, [])
    return {issue.code for issue in (*errors, *warnings)}


def faults(migration: migrations.Migration) -> set[str]:
    """What is found in a migration's SQL, in its own code, and in the SQL that we wrote ourselves."""
    linter = MigrationLinter(no_cache=True, no_output=True)
    found = faults_of_sql(linter.get_sql(migration.app_label, migration.name))
    errors, _, warnings = linter.analyse_data_migration(migration)
    found |= {issue.code for issue in (*errors, *warnings)}
    for operation in migration.operations:
        if isinstance(operation, migrations.RunSQL):
            found |= faults_of_raw(str(operation.sql))
    return found


def faults_of_raw(sql: str) -> set[str]:
    code = re.sub(r"--.*", "", sql)
    return {name for name, pattern in RAW.items() if re.search(pattern, code, re.IGNORECASE)}


def test_a_running_server_survives_every_migration() -> None:
    found = {f"{each.app_label}.{each.name}": faults(each) for each in ours()}
    assert {name: codes for name, codes in found.items() if codes} == ACCEPTED


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        (migrations.AddField("site", "must", models.IntegerField(default=0)), "NOT_NULL"),
        (migrations.RemoveField("site", "theme"), "DROP_COLUMN"),
        (migrations.RenameField("site", "theme", "look"), "RENAME_COLUMN"),
        (migrations.AlterField("site", "locale", models.IntegerField()), "ALTER_COLUMN"),
        (migrations.DeleteModel("ticket"), "DROP_TABLE"),
        (migrations.AddIndex("site", models.Index(fields=["name"], name="x")), "CREATE_INDEX"),
        (migrations.AddConstraint("site", models.UniqueConstraint(fields=["name"], name="x")), "ADD_UNIQUE"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_would_stop_a_running_server_is_found(operation: migrations.operations.base.Operation, code: str) -> None:
    migration = type("Migration", (migrations.Migration,), {"operations": [operation]})("later", "sites")
    state = MigrationLoader(connection).project_state()
    with connection.schema_editor(collect_sql=True, atomic=migration.atomic) as editor:
        migration.apply(state, editor, collect_sql=True)
    assert code in faults_of_sql([str(line) for line in editor.collected_sql])


def test_our_own_sql_is_read_too() -> None:
    assert faults_of_raw("CREATE FUNCTION chat_x() RETURNS int LANGUAGE sql AS 'SELECT 1'") == set()
    assert faults_of_raw("-- DROP FUNCTION chat_x\nSELECT 1") == set()
    assert faults_of_raw("DROP FUNCTION chat_settle(uuid)") == {"DROP_FUNCTION"}
    assert faults_of_raw("lock table rooms_head; alter function a rename to b") == {"LOCK", "RENAME"}


def test_no_model_is_without_its_migration() -> None:
    call_command("makemigrations", check_changes=True, dry_run=True, verbosity=0)
