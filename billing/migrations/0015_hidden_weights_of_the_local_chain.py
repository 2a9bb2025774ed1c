from django.db import migrations, models
from django.db.models import F


def count_at_once(apps, schema_editor):
    apps.get_model("billing", "LocalWeights").objects.update(counts_from_block=F("block_number"))


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0014_why_the_chain_is_unknown"),
    ]

    operations = [
        migrations.AddField(
            model_name="localweights",
            name="counts_from_block",
            field=models.BigIntegerField(
                default=0, help_text="later where weights are hidden first"
            ),
            preserve_default=False,
        ),
        migrations.RunPython(count_at_once, migrations.RunPython.noop, elidable=True),
    ]
