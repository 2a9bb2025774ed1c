"""Keep each node's row of ``GET /executors`` beside the node, written by the database itself.

A list of 50 offers is then one concatenation of stored text. A generated column cannot do it (the GPU's
name is in another table); a trigger cannot be forgotten by a writer, as a call in services could.
"""

from django.db import migrations

# Every null is left out of the reply: the client reads an absent key as "unknown", a null as a crash.
OFFER = """
CREATE FUNCTION marketplace_offer(node marketplace_node) RETURNS text LANGUAGE sql STABLE AS $$
SELECT json_strip_nulls(json_build_object(
    'id', node.public_id,
    'machine_name', gpu.name,
    'gpu_count', node.gpu_count,
    'available_gpu_count', node.free_gpu_count,
    'min_gpu_count_for_rental', node.min_gpu_count,
    'price_per_gpu', trim_scale(node.price_per_gpu_usd),
    'tier', node.tier,
    'status', CASE WHEN node.simulated THEN node.status || ' (simulated)' ELSE node.status END,
    'simulated', node.simulated,
    'location', json_build_object(
        'country', CASE WHEN node.simulated THEN 'Simulated' ELSE NULLIF(node.country, '') END,
        'country_code', NULLIF(node.country_code, ''),
        'city', NULLIF(node.city, '')),
    'max_cuda_version', trim_scale(node.cuda_version),
    'effective_download_speed_mbps', node.download_mbps,
    'effective_upload_speed_mbps', node.upload_mbps,
    'nvlink', node.nvlink,
    'gpu_power_limited', node.power_limited,
    'frequent_rent_failures', marketplace_often_fails(node.starts_proven, node.starts_failed),
    'reliability_score', marketplace_reliability(node.starts_proven, node.starts_failed),
    'last_verified_at', to_char(
        node.last_verified_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
    'specs', json_build_object(
        'gpu', json_build_object(
            'count', node.gpu_count,
            'driver', NULLIF(node.driver_version, ''),
            'details', json_build_array(
                json_build_object('name', gpu.name, 'capacity', gpu.memory_mib))),
        'cpu', json_build_object('count', node.cpu_count),
        'ram', json_build_object('total', node.ram_mib::bigint * 1024),
        'hard_disk', json_build_object(
            'total', node.disk_gib::bigint * 1048576,
            'free', node.disk_gib::bigint * 1048576 * node.free_gpu_count / node.gpu_count),
        'sysbox_runtime', false,
        'available_port_count', node.free_port_count)
))::text
FROM marketplace_gpumodel gpu WHERE gpu.id = node.gpu_model_id
$$;
"""

# The client's own words: two or more failed starts, at least 30 % of the node's starts.
JUDGEMENTS = """
CREATE FUNCTION marketplace_often_fails(proven integer, failed integer) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$ SELECT failed >= 2 AND failed * 10 >= (proven + failed) * 3 $$;
CREATE FUNCTION marketplace_reliability(proven integer, failed integer) RETURNS numeric
LANGUAGE sql IMMUTABLE AS $$
SELECT trim_scale(round(100.0 * proven / NULLIF(proven + failed, 0), 1)) $$;
"""

KEPT_BY_NODE = """
CREATE FUNCTION marketplace_keep_offer() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.offer_json := COALESCE(marketplace_offer(NEW), '');
    RETURN NEW;
END $$;
CREATE TRIGGER node_keeps_offer BEFORE INSERT OR UPDATE ON marketplace_node
FOR EACH ROW EXECUTE FUNCTION marketplace_keep_offer();
"""

KEPT_BY_GPU_MODEL = """
CREATE FUNCTION marketplace_refresh_offers() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE marketplace_node SET offer_json = '' WHERE gpu_model_id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER gpu_model_refreshes_offers AFTER UPDATE OF name, memory_mib ON marketplace_gpumodel
FOR EACH ROW WHEN ((OLD.name, OLD.memory_mib) IS DISTINCT FROM (NEW.name, NEW.memory_mib))
EXECUTE FUNCTION marketplace_refresh_offers();
"""

UNDO = """
DROP TRIGGER gpu_model_refreshes_offers ON marketplace_gpumodel;
DROP FUNCTION marketplace_refresh_offers();
DROP TRIGGER node_keeps_offer ON marketplace_node;
DROP FUNCTION marketplace_keep_offer();
DROP FUNCTION marketplace_offer(marketplace_node);
DROP FUNCTION marketplace_often_fails(integer, integer);
DROP FUNCTION marketplace_reliability(integer, integer);
"""


class Migration(migrations.Migration):
    dependencies = [("marketplace", "0001_initial")]

    operations = [
        migrations.RunSQL([JUDGEMENTS, OFFER, KEPT_BY_NODE, KEPT_BY_GPU_MODEL], reverse_sql=[UNDO]),
    ]
