from django.db import migrations, models

PROMISED = """
UPDATE rentals_pod AS pod SET notice_hours = node.notice_hours
FROM marketplace_node AS node WHERE node.id = pod.node_id;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("marketplace", "0005_supply_side"),
        ("rentals", "0003_names_for_people"),
    ]

    operations = [
        migrations.AddField(
            model_name="pod",
            name="notice_hours",
            field=models.PositiveSmallIntegerField(
                default=24,
                help_text="promised at rent: told so long before a maintenance, at least",
            ),
        ),
        migrations.RunSQL(PROMISED, migrations.RunSQL.noop),
    ]
