from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("knowledge", "0003_work")]

    operations = [
        migrations.AddField(model_name="websource", name="look", field=models.JSONField(null=True)),
    ]
