"""Answers as a model of their own, for the admin. The tables stay as they are."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("rooms", "0005_job_trace")]
    operations = [
        migrations.CreateModel(
            name="Answer",
            fields=[],
            options={"proxy": True, "indexes": [], "constraints": []},
            bases=("rooms.message",),
        ),
    ]
