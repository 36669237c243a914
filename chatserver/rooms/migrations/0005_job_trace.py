"""Which trace an answer belongs to, for whoever writes it (docs/logs-and-traces.md)."""

from pathlib import Path

from django.db import migrations, models

SQL = Path(__file__).resolve().parents[1] / "sql" / "0005_job_trace.sql"


class Migration(migrations.Migration):
    dependencies = [("rooms", "0004_message_not_answered")]
    operations = [
        migrations.AddField(model_name="job", name="trace", field=models.CharField(max_length=120, null=True)),
        migrations.RunSQL(
            SQL.read_text(),
            "DROP FUNCTION chat_append_traced(uuid[], uuid[], text[], bytea[], uuid[], uuid[], text[], uuid[], boolean[],"
            " boolean[], text[])",
        ),
    ]
