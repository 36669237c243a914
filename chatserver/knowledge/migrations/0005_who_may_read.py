"""Who may read a collection, as one rule for whoever asks it in SQL: a person's own questions, and those of a room."""

from django.db import migrations

CREATE = """CREATE FUNCTION knowledge_readable(c knowledge_collection, reader uuid)
RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT c.visibility = 'public' OR EXISTS (
    SELECT 1 FROM sites_sitemember m WHERE m.user_id = reader AND m.site_id = c.site_id AND (
      m.role = 'admin' OR c.visibility = 'internal'
      OR EXISTS (SELECT 1 FROM knowledge_collection_readers r WHERE r.user_id = reader AND r.collection_id = c.id)))
  OR EXISTS (SELECT 1 FROM sites_user u WHERE u.id = reader AND u.is_superuser)
$$"""


class Migration(migrations.Migration):
    dependencies = [
        ("knowledge", "0004_websource_look"),
        ("sites", "0002_site_texts"),
    ]
    operations = [migrations.RunSQL(CREATE, "DROP FUNCTION knowledge_readable(knowledge_collection, uuid)")]
