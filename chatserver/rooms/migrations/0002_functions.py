"""The PL/pgSQL functions that `rooms.store` writes with, the assistant as an author, and the database's epoch."""

import uuid
from pathlib import Path

from django.db import migrations

SQL = Path(__file__).resolve().parents[1] / "sql" / "0002_functions.sql"
NAMES = ["chat_append", "chat_settle", "chat_retry", "chat_take_over", "chat_edit", "chat_delete"]
ASSISTANT = "00000000-0000-7000-8000-000000000001"


def seed(apps, schema_editor):
    apps.get_model("rooms", "Epoch").objects.create(id=1, name=uuid.uuid4().hex[:12])
    apps.get_model("sites", "User").objects.create(
        id=ASSISTANT,
        username="assistant",
        name="Assistant",
        kind="assistant",
        password="!",  # noqa: S106 - no hash: unusable
    )


def unseed(apps, schema_editor):
    apps.get_model("rooms", "Message").objects.filter(author_id=ASSISTANT).delete()
    apps.get_model("sites", "User").objects.filter(id=ASSISTANT).delete()
    apps.get_model("rooms", "Epoch").objects.all().delete()


class Migration(migrations.Migration):
    dependencies = [("rooms", "0001_initial")]
    operations = [
        migrations.RunSQL(SQL.read_text(), "".join(f"DROP FUNCTION {name};" for name in NAMES)),
        # The queue is rewritten all the time; free space on its pages keeps updates in place.
        migrations.RunSQL(
            "ALTER TABLE rooms_head SET (fillfactor = 50); ALTER TABLE rooms_job SET (fillfactor = 50)",
            "ALTER TABLE rooms_head RESET (fillfactor); ALTER TABLE rooms_job RESET (fillfactor)",
        ),
        migrations.RunPython(seed, unseed),
    ]
