from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("knowledge", "0002_sources_and_readers")]

    operations = [
        migrations.AddField(
            model_name="document",
            name="worker",
            field=models.CharField(blank=True, db_default="", default="", max_length=100),
        ),
        migrations.AddField(
            model_name="document",
            name="attempts",
            field=models.IntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="document",
            name="next_try",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="embeddingmodel",
            name="model",
            field=models.CharField(blank=True, db_default="", default="", max_length=1000),
        ),
        migrations.AddIndex(
            model_name="document",
            index=models.Index(
                condition=models.Q(("status__in", ["queued", "parsing", "embedding"])),
                fields=["status", "collection"],
                name="document_unfinished",
            ),
        ),
    ]
