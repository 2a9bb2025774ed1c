from django.db import migrations, models

# Who gets mail at all is told that a webhook was switched off, until they choose otherwise.
MAILED = """
UPDATE marketplace_webhook SET kinds = kinds || ARRAY['webhook.disabled']::varchar[]
WHERE url = 'mailto:owner' AND disabled_at IS NULL AND NOT 'webhook.disabled' = ANY(kinds);
"""


class Migration(migrations.Migration):
    dependencies = [("marketplace", "0015_proof_verdict")]

    operations = [
        migrations.AddField(
            model_name="webhook",
            name="failing_since",
            field=models.DateTimeField(blank=True, help_text="nothing was taken since", null=True),
        ),
        migrations.AddField(
            model_name="webhook",
            name="disabled_why",
            field=models.CharField(
                blank=True,
                default="",
                help_text="empty where its provider switched it off",
                max_length=500,
            ),
        ),
        migrations.RunSQL(MAILED, migrations.RunSQL.noop),
    ]
