"""Answers as a model of their own, for the admin. The tables stay as they are."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("rooms", "0004_message_not_answered")]
    operations = [
        migrations.CreateModel(
            name="Answer",
            fields=[],
            options={"proxy": True, "indexes": [], "constraints": []},
            bases=("rooms.message",),
        ),
    ]
