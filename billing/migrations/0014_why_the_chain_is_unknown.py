from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0013_reconciliations"),
    ]

    operations = [
        migrations.AddField(
            model_name="chaincursor",
            name="problem",
            field=models.CharField(
                blank=True,
                default="",
                help_text="why the chain could not be read since, if it could not",
                max_length=500,
            ),
            preserve_default=False,
        ),
    ]
