"""What providers' accounts moved by day, kept by the postings themselves."""

import django.db.models.deletion
from django.db import migrations, models

# The trigger's name comes after `posting_inserted`, so that the accounts, which guard their days, are locked by then.
SUMMED = """
CREATE FUNCTION billing_posting_summed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    first_entry bigint;
    last_entry bigint;
BEGIN
    SELECT min(entry_id), max(entry_id) INTO first_entry, last_entry FROM inserted;
    -- EXECUTE plans for the rows at hand, and the range keeps the rest of the ledger out of the join.
    EXECUTE 'INSERT INTO billing_accountday AS stored (account_id, day, kind, subject_kind, entries, amount, fee)
        SELECT mine.account_id, (entry.occurred_at AT TIME ZONE ''UTC'')::date, entry.kind, entry.subject_kind,
            count(*), sum(mine.amount), coalesce(sum(fees.amount), 0)
        FROM inserted mine
        JOIN billing_account account ON account.id = mine.account_id AND account.kind = ''provider''
        JOIN billing_entry entry ON entry.id = mine.entry_id AND entry.id BETWEEN $1 AND $2
        LEFT JOIN (
            SELECT entry_id, sum(amount) AS amount
            FROM inserted JOIN billing_account platform ON platform.id = account_id AND platform.kind = ''fee''
            GROUP BY entry_id
        ) AS fees ON fees.entry_id = mine.entry_id
        GROUP BY 1, 2, 3, 4
        ON CONFLICT (account_id, day, kind, subject_kind) DO UPDATE
        SET entries = stored.entries + excluded.entries, amount = stored.amount + excluded.amount,
            fee = stored.fee + excluded.fee' USING first_entry, last_entry;
    RETURN NULL;
END $$;

CREATE TRIGGER posting_summed AFTER INSERT ON billing_posting
REFERENCING NEW TABLE AS inserted
FOR EACH STATEMENT EXECUTE FUNCTION billing_posting_summed();
"""
GUARDED = """
CREATE FUNCTION billing_refuse_by_hand() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF pg_trigger_depth() < 2 THEN
        RAISE EXCEPTION '% is moved by postings only.', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER account_day_guarded BEFORE INSERT OR UPDATE OR DELETE ON billing_accountday
FOR EACH STATEMENT EXECUTE FUNCTION billing_refuse_by_hand();
"""
FILL = """
INSERT INTO billing_accountday (account_id, day, kind, subject_kind, entries, amount, fee)
SELECT mine.account_id, (entry.occurred_at AT TIME ZONE 'UTC')::date, entry.kind, entry.subject_kind,
    count(*), sum(mine.amount), coalesce(sum(fees.amount), 0)
FROM billing_posting mine
JOIN billing_account account ON account.id = mine.account_id AND account.kind = 'provider'
JOIN billing_entry entry ON entry.id = mine.entry_id
LEFT JOIN (
    SELECT entry_id, sum(amount) AS amount
    FROM billing_posting JOIN billing_account platform ON platform.id = account_id AND platform.kind = 'fee'
    GROUP BY entry_id
) AS fees ON fees.entry_id = mine.entry_id
GROUP BY 1, 2, 3, 4
"""
# Nothing may be posted between the first sums and the trigger that goes on with them.
STILL = "LOCK TABLE billing_posting IN SHARE ROW EXCLUSIVE MODE"
UNDO = """
DROP TRIGGER posting_summed ON billing_posting;
DROP FUNCTION billing_posting_summed();
DROP TRIGGER account_day_guarded ON billing_accountday;
DROP FUNCTION billing_refuse_by_hand();
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0004_fuel_for_deposit_addresses")]

    operations = [
        migrations.CreateModel(
            name="AccountDay",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("day", models.DateField()),
                ("kind", models.CharField(max_length=30)),
                ("subject_kind", models.CharField(blank=True, max_length=20)),
                ("entries", models.PositiveIntegerField()),
                ("amount", models.DecimalField(decimal_places=9, max_digits=30)),
                ("fee", models.DecimalField(decimal_places=9, max_digits=30)),
                (
                    "account",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="days",
                        to="billing.account",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("account", "day", "kind", "subject_kind"), name="account_day_once"
                    )
                ],
            },
        ),
        migrations.RunSQL(STILL, migrations.RunSQL.noop),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
        migrations.RunSQL(SUMMED + GUARDED, UNDO),
    ]
