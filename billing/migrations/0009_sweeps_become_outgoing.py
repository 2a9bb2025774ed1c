"""Sweeps become outgoing transfers of one kind; those that exist are kept, open ones go on."""

from django.db import migrations, models

# A sweep that was signed before nonces were kept has it in its body.
NONCES = """
UPDATE billing_outgoingtransfer SET nonce = (body::json ->> 'nonce')::bigint
WHERE nonce IS NULL AND status = 'signed' AND body LIKE '{%'
"""
KINDS = [("sweep", "Sweep"), ("payout", "Payout"), ("refund", "Refund")]


class Migration(migrations.Migration):
    dependencies = [("billing", "0008_standing_addresses_and_alpha")]

    operations = [
        migrations.RemoveConstraint("sweep", "sweep_one_open_per_address"),
        migrations.RemoveConstraint("sweep", "sweep_status_known"),
        migrations.RemoveConstraint("sweep", "sweep_signed_is_kept"),
        migrations.RenameModel("Sweep", "OutgoingTransfer"),
        migrations.RenameField("outgoingtransfer", "address", "sender"),
        migrations.RenameField("outgoingtransfer", "treasury", "destination"),
        migrations.RenameField("outgoingtransfer", "signed_hash", "extrinsic_hash"),
        migrations.RenameField("outgoingtransfer", "signed_body", "body"),
        migrations.RenameField("outgoingtransfer", "signed_nonce", "nonce"),
        migrations.AddField(
            "outgoingtransfer",
            "kind",
            models.CharField(choices=KINDS, default="sweep", max_length=10),
            preserve_default=False,
        ),
        migrations.RunSQL(NONCES, migrations.RunSQL.noop),
    ]
