"""How good an answer is, as it was found when it ended."""

from pathlib import Path

from django.db import migrations, models

SQL = Path(__file__).resolve().parents[1] / "sql" / "0003_answer_quality.sql"


class Migration(migrations.Migration):
    dependencies = [("rooms", "0002_functions")]
    operations = [
        migrations.AddField(model_name="message", name="found", field=models.BooleanField(null=True)),
        migrations.AddField(
            model_name="message", name="unsupported", field=models.SmallIntegerField(db_default=0, default=0)
        ),
        migrations.RunSQL(
            SQL.read_text(),
            "DROP FUNCTION chat_settle(uuid, uuid, int, text, text, jsonb, jsonb, boolean, smallint)",
        ),
    ]
