"""How long a site keeps messages."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("sites", "0002_site_texts")]
    operations = [
        migrations.AddField(
            model_name="site",
            name="retention_days",
            field=models.PositiveIntegerField(
                "keep messages for days",
                blank=True,
                null=True,
                help_text="Then they are deleted for good, with their answers. Empty or 0: kept for ever.",
            ),
        ),
    ]
