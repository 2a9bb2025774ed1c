"""One row a renter: what its usage facts came to, and what of it was its own money."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0002_ledger_guards"),
        ("rentals", "0002_room_beside_meters"),
    ]

    operations = [
        migrations.CreateModel(
            name="PaidUse",
            fields=[
                (
                    "renter_account",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="billing.account",
                    ),
                ),
                ("charged_usd", models.DecimalField(decimal_places=9, default=0, max_digits=30)),
                ("paid_usd", models.DecimalField(decimal_places=9, default=0, max_digits=30)),
            ],
            options={
                "verbose_name": "paid use",
                "verbose_name_plural": "paid use",
            },
        ),
    ]
