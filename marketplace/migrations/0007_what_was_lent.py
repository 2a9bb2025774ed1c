"""What was lent of a stretch of use is kept apart from credits; what nobody paid is found by its node."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("marketplace", "0006_neutral_provider_names"),
    ]

    operations = [
        migrations.AddField(
            model_name="usagefact",
            name="lent_usd",
            field=models.DecimalField(
                decimal_places=9,
                db_default=0,
                help_text="was owed when it was counted",
                max_digits=30,
            ),
        ),
        migrations.AddIndex(
            model_name="usagefact",
            index=models.Index(
                condition=models.Q(
                    ("paid_usd", None),
                    ("paid_usd__lt", models.F("charged_usd")),
                    ("paid_usd__gt", models.F("charged_usd")),
                    _connector="OR",
                ),
                fields=["node", "started_at"],
                name="usage_fact_unpaid",
            ),
        ),
        migrations.AddIndex(
            model_name="usagefact",
            index=models.Index(
                condition=models.Q(("lent_usd", 0), _negated=True),
                fields=["holder"],
                name="usage_fact_lent",
            ),
        ),
    ]
