"""What was lent to a renter is kept beside what it paid."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("rentals", "0004_warnings_are_deliveries"),
    ]

    operations = [
        migrations.AddField(
            model_name="paiduse",
            name="lent_usd",
            field=models.DecimalField(decimal_places=9, default=0, max_digits=30),
        ),
    ]
