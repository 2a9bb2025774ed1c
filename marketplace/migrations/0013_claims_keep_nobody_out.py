"""Only who was reached at an address keeps others from it; what was listed or seen had been reached."""

from django.db import migrations, models
from django.db.models import Q

REACHED = """
UPDATE marketplace_node SET proven_at = coalesce(first_listed_at, last_seen_at)
WHERE coalesce(first_listed_at, last_seen_at) IS NOT NULL
"""


class Migration(migrations.Migration):
    dependencies = [
        ("marketplace", "0012_check_run_lease"),
    ]

    operations = [
        migrations.AddField(
            model_name="node",
            name="proven_at",
            field=models.DateTimeField(
                blank=True,
                help_text="we logged in over its host key; empty while it is a claim",
                null=True,
            ),
        ),
        migrations.RunSQL(REACHED, reverse_sql=migrations.RunSQL.noop),
        migrations.RemoveConstraint(model_name="node", name="node_one_per_address"),
        migrations.RemoveConstraint(model_name="node", name="node_one_per_host_key"),
        migrations.AddConstraint(
            model_name="node",
            constraint=models.UniqueConstraint(
                condition=Q(("delisted_at", None)),
                fields=("provider", "host", "ssh_port"),
                name="node_claimed_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="node",
            constraint=models.UniqueConstraint(
                condition=Q(("delisted_at", None), ("proven_at__isnull", False)),
                fields=("host", "ssh_port"),
                name="node_one_per_address",
            ),
        ),
        migrations.AddConstraint(
            model_name="node",
            constraint=models.UniqueConstraint(
                condition=Q(("delisted_at", None), ("proven_at__isnull", False)) & ~Q(host_key=""),
                fields=("host_key",),
                name="node_one_per_host_key",
            ),
        ),
    ]
