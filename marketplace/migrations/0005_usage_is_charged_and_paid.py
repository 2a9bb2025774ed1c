"""What was charged for a stretch of use is kept beside what was paid of it, which is counted afterwards."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("marketplace", "0004_webhooks_of_workspaces"),
    ]

    operations = [
        migrations.AddField(
            model_name="usagefact",
            name="charged_usd",
            field=models.DecimalField(
                decimal_places=9, default=0, help_text="less what was paid back", max_digits=30
            ),
            preserve_default=False,
        ),
        # What stood as paid until now was the price of the time.
        migrations.RunSQL(
            "UPDATE marketplace_usagefact SET charged_usd = paid_usd", migrations.RunSQL.noop
        ),
        migrations.AlterField(
            model_name="usagefact",
            name="paid_usd",
            field=models.DecimalField(
                blank=True,
                decimal_places=9,
                help_text="empty: not counted yet",
                max_digits=30,
                null=True,
            ),
        ),
        migrations.AddIndex(
            model_name="usagefact",
            index=models.Index(
                condition=models.Q(("paid_usd__isnull", True)),
                fields=["id"],
                name="usage_fact_uncounted",
            ),
        ),
    ]
