"""Payment events are a record: the ledger's refusal guards them too."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("billing", "0003_invoices_and_local_chain")]

    operations = [
        migrations.RunSQL(
            "CREATE TRIGGER payment_event_append_only BEFORE UPDATE OR DELETE ON billing_paymentevent "
            "FOR EACH STATEMENT EXECUTE FUNCTION billing_refuse_change()",
            "DROP TRIGGER payment_event_append_only ON billing_paymentevent",
        )
    ]
