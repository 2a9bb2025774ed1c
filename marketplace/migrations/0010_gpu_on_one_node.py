"""A GPU is on the market once: what left it is marked, and of entries with the same GPU one keeps it."""

from django.db import migrations, models
from django.db.models import Q

GIVEN_UP = """
UPDATE marketplace_nodegpu gpu SET given_up_at = node.delisted_at FROM marketplace_node node
WHERE node.id = gpu.node_id AND node.delisted_at IS NOT NULL AND gpu.holder IS NULL;
WITH again AS (
    SELECT id, row_number() OVER (PARTITION BY uuid ORDER BY holder IS NULL, id) AS place
    FROM marketplace_nodegpu WHERE given_up_at IS NULL AND uuid NOT LIKE 'GPU-51300000-%'
)
UPDATE marketplace_nodegpu gpu SET given_up_at = now(), missing_since = coalesce(missing_since, now())
FROM again WHERE again.id = gpu.id AND again.place > 1;
UPDATE marketplace_node node SET free_gpu_count = (
    SELECT count(*) FROM marketplace_nodegpu gpu
    WHERE gpu.node_id = node.id AND gpu.holder IS NULL AND gpu.missing_since IS NULL)
WHERE delisted_at IS NULL AND EXISTS (
    SELECT FROM marketplace_nodegpu gpu WHERE gpu.node_id = node.id AND gpu.given_up_at IS NOT NULL);
"""


class Migration(migrations.Migration):
    dependencies = [
        ("marketplace", "0009_node_events_are_append_only"),
    ]

    operations = [
        migrations.AddField(
            model_name="nodegpu",
            name="given_up_at",
            field=models.DateTimeField(
                blank=True, help_text="its node is off the market, and no pod holds it", null=True
            ),
        ),
        migrations.RunSQL(GIVEN_UP, reverse_sql=migrations.RunSQL.noop),
        migrations.AddIndex(
            model_name="nodegpu",
            index=models.Index(fields=["uuid"], name="gpu_by_uuid"),
        ),
        migrations.AddConstraint(
            model_name="nodegpu",
            constraint=models.UniqueConstraint(
                condition=Q(("given_up_at", None)) & ~Q(uuid__startswith="GPU-51300000-"),
                fields=("uuid",),
                name="gpu_on_one_node",
            ),
        ),
    ]
