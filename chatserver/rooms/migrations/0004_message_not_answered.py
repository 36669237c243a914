"""The gap report finds answers that were not good without reading all others."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False  # built beside the writes of a running server
    dependencies = [("rooms", "0003_answer_quality")]
    operations = [
        AddIndexConcurrently(
            model_name="message",
            index=models.Index(
                fields=["id"],
                name="message_not_answered",
                condition=models.Q(("status", "failed"), ("found", False), ("unsupported__gt", 0), _connector="OR"),
            ),
        ),
    ]
