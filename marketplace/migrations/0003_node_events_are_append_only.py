"""Let the database refuse to change or delete what happened to a node."""

from django.db import migrations

FORWARD = """
CREATE OR REPLACE FUNCTION marketplace_refuse_event_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'The events of a node are append-only: % of % is refused.', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$;
CREATE OR REPLACE TRIGGER node_event_append_only BEFORE UPDATE OR DELETE ON marketplace_nodeevent
    FOR EACH STATEMENT EXECUTE FUNCTION marketplace_refuse_event_change();
"""
BACKWARD = """
DROP TRIGGER node_event_append_only ON marketplace_nodeevent;
DROP FUNCTION marketplace_refuse_event_change();
"""


class Migration(migrations.Migration):
    dependencies = [("marketplace", "0002_offer")]

    operations = [
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
