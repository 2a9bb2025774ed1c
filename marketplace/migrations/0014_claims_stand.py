"""What providers claim of GPUs is kept: the label of simulated ones leaves the claim, and older claims are made good."""

from django.db import migrations

CLAIMS = """
UPDATE marketplace_fact SET claimed = replace(claimed, ' (simulated)', '')
WHERE name IN ('gpu_model', 'gpu_count') AND claimed LIKE '% (simulated)';
UPDATE marketplace_fact fact SET claimed = CASE fact.name WHEN 'gpu_model' THEN gpu.name ELSE node.gpu_count::text END
FROM marketplace_node node JOIN marketplace_gpumodel gpu ON gpu.id = node.gpu_model_id
WHERE node.id = fact.node_id AND fact.name IN ('gpu_model', 'gpu_count') AND fact.claimed IS NULL;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("marketplace", "0013_claims_keep_nobody_out"),
    ]

    operations = [
        migrations.RunSQL(CLAIMS, reverse_sql=migrations.RunSQL.noop),
    ]
