"""The database proves the ledger: balanced entries, append-only rows, balances that only postings move."""

from django.db import migrations

POSTING_INSERTED = """
CREATE FUNCTION billing_posting_inserted() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    wrong bigint;
BEGIN
    -- One pass over the statement's rows: every entry whole, in one currency, on known rows, summing to zero.
    SELECT n.entry_id INTO wrong
    FROM inserted n
    LEFT JOIN billing_account a ON a.id = n.account_id
    LEFT JOIN billing_entry e ON e.id = n.entry_id
    GROUP BY n.entry_id
    HAVING sum(n.amount) <> 0 OR count(*) < 2
        OR min(n.leg) <> 1 OR max(n.leg) <> count(*)
        OR min(a.currency) <> max(a.currency)
        OR count(a.id) <> count(*) OR count(e.id) <> count(*)
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'Entry % does not balance: its legs must come in one statement, numbered from 1, '
            'in one currency, on accounts that exist, and sum to zero.', wrong
            USING ERRCODE = 'check_violation', CONSTRAINT = 'entry_balanced';
    END IF;

    -- Renters first, then providers, then the platform's own, which every transaction shares (docs/money.md).
    PERFORM FROM billing_account
    WHERE id IN (SELECT account_id FROM inserted)
    ORDER BY CASE kind WHEN 'renter' THEN 0 WHEN 'provider' THEN 1 ELSE 2 END, id
    FOR NO KEY UPDATE;
    UPDATE billing_account a SET balance = a.balance + d.amount
    FROM (SELECT account_id, sum(amount) AS amount FROM inserted GROUP BY account_id) d
    WHERE a.id = d.account_id AND d.amount <> 0;
    RETURN NULL;
END $$;

CREATE TRIGGER posting_inserted AFTER INSERT ON billing_posting
REFERENCING NEW TABLE AS inserted
FOR EACH STATEMENT EXECUTE FUNCTION billing_posting_inserted();
"""

APPEND_ONLY = """
CREATE FUNCTION billing_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: write a reversing entry instead.', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER entry_append_only BEFORE UPDATE OR DELETE ON billing_entry
FOR EACH STATEMENT EXECUTE FUNCTION billing_refuse_change();
CREATE TRIGGER posting_append_only BEFORE UPDATE OR DELETE ON billing_posting
FOR EACH STATEMENT EXECUTE FUNCTION billing_refuse_change();
CREATE TRIGGER payment_event_append_only BEFORE UPDATE OR DELETE ON billing_paymentevent
FOR EACH STATEMENT EXECUTE FUNCTION billing_refuse_change();
CREATE TRIGGER account_never_deleted BEFORE DELETE ON billing_account
FOR EACH STATEMENT EXECUTE FUNCTION billing_refuse_change();
"""

ACCOUNT_GUARD = """
CREATE FUNCTION billing_guard_account() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.code, NEW.kind, NEW.currency) IS DISTINCT FROM (OLD.code, OLD.kind, OLD.currency) THEN
        RAISE EXCEPTION 'Account % keeps its code, kind and currency.', OLD.code
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.balance <> OLD.balance AND pg_trigger_depth() < 2 THEN
        RAISE EXCEPTION 'The balance of account % is moved by postings only.', OLD.code
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER account_guarded BEFORE UPDATE ON billing_account
FOR EACH ROW EXECUTE FUNCTION billing_guard_account();

CREATE FUNCTION billing_open_account() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.balance <> 0 THEN
        RAISE EXCEPTION 'Account % must open with a balance of zero.', NEW.code
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER account_opens_empty BEFORE INSERT ON billing_account
FOR EACH ROW EXECUTE FUNCTION billing_open_account();
"""

UNDO = """
DROP TRIGGER account_opens_empty ON billing_account;
DROP TRIGGER account_guarded ON billing_account;
DROP TRIGGER account_never_deleted ON billing_account;
DROP TRIGGER payment_event_append_only ON billing_paymentevent;
DROP TRIGGER posting_append_only ON billing_posting;
DROP TRIGGER entry_append_only ON billing_entry;
DROP TRIGGER posting_inserted ON billing_posting;
DROP FUNCTION billing_open_account();
DROP FUNCTION billing_guard_account();
DROP FUNCTION billing_refuse_change();
DROP FUNCTION billing_posting_inserted();
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0001_initial")]

    operations = [
        migrations.RunSQL(POSTING_INSERTED + APPEND_ONLY + ACCOUNT_GUARD, UNDO),
    ]
