"""Why the last probe was missed: silence is judged later, by a sweep that did not see the probe."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("marketplace", "0005_supply_side")]

    operations = [
        migrations.AddField(
            model_name="node",
            name="missed_why",
            field=models.CharField(
                blank=True,
                default="",
                help_text="of the last missed probe, where it is more than silence",
                max_length=100,
            ),
            preserve_default=False,
        ),
    ]
