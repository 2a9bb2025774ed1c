"""For whom a machine was asked is kept with the proof: its provider may link a hotkey, or another, later."""

from django.db import migrations, models

# Until now nothing else was known than what the provider has by now.
FILL = """
UPDATE validation_proof SET hotkey = provider.hotkey
FROM marketplace_node node JOIN marketplace_provider provider ON provider.id = node.provider_id
WHERE node.id = validation_proof.node_id AND provider.hotkey IS NOT NULL
"""


class Migration(migrations.Migration):
    dependencies = [
        ("validation", "0004_looks_at_rented_gpus"),
    ]

    operations = [
        migrations.AddField(
            model_name="proof",
            name="hotkey",
            field=models.CharField(
                blank=True,
                help_text="of the provider, when it was asked; empty: none",
                max_length=60,
            ),
        ),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
    ]
