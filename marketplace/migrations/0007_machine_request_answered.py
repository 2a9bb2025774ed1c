"""Whether who looked for a machine was told of one: once is enough."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("marketplace", "0006_node_missed_why")]

    operations = [
        migrations.AddField(
            model_name="machinerequest",
            name="answered_at",
            field=models.DateTimeField(
                blank=True, help_text="the renter was told of such a machine", null=True
            ),
        ),
        migrations.AddIndex(
            model_name="machinerequest",
            index=models.Index(
                condition=models.Q(("answered_at", None)),
                fields=["gpu_model"],
                name="machine_request_open",
            ),
        ),
    ]
