"""Double-entry ledger: append-only entries of one currency whose postings sum to zero (docs/money.md)."""

from typing import Final

from django.db import models
from django.db.models import Q

from accounts.models import Workspace

MEMO_LENGTH: Final = 300


class AccountKind(models.TextChoices):
    """What an account is for; the sign convention is in docs/money.md."""

    RENTER = "renter"
    PROVIDER = "provider"
    FEE = "fee"
    GRANTS = "grants"
    TRADING = "trading"
    CHAIN = "chain"
    SUSPENSE = "suspense"


class Account(models.Model):
    """A named balance in one currency, e.g. ``renter:<workspace>:USD``; never deleted, never renamed.

    ``balance`` is a projection of the postings: the insert trigger alone moves it, `ledger_check` proves it.
    """

    code = models.CharField(max_length=120, unique=True)
    kind = models.CharField(max_length=10, choices=AccountKind.choices)
    currency = models.CharField(max_length=7)
    workspace = models.ForeignKey(
        Workspace, on_delete=models.PROTECT, null=True, related_name="ledger_accounts"
    )
    owner_id = models.UUIDField(null=True)
    balance = models.DecimalField(max_digits=30, decimal_places=9, default=0)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=AccountKind.values), name="account_kind_known"
            ),
            models.CheckConstraint(
                condition=Q(currency__regex=r"^(USD|TAO|SN[0-9]{1,5})$"),
                name="account_currency_known",
            ),
        ]

    def __str__(self) -> str:
        return self.code


class Entry(models.Model):
    """One business fact; its key names the fact, so that a repeat changes nothing."""

    idempotency_key = models.CharField(max_length=200)
    kind = models.CharField(max_length=30)
    subject_kind = models.CharField(max_length=20, blank=True)
    subject_id = models.UUIDField(null=True)
    memo = models.CharField(max_length=MEMO_LENGTH, blank=True)
    occurred_at = models.DateTimeField()
    created_at = models.DateTimeField(auto_now_add=True, db_default=models.functions.Now())

    class Meta:
        verbose_name_plural = "entries"
        # A constraint, not unique=True: that would add a second index for LIKE, which costs a tick a second.
        constraints = [models.UniqueConstraint(fields=["idempotency_key"], name="entry_once")]
        indexes = [models.Index(fields=["subject_id"], name="entry_by_subject")]

    def __str__(self) -> str:
        return self.idempotency_key


class Posting(models.Model):
    """One leg: a signed amount on an account; positive is owed to the account's holder.

    Legs are numbered from 1 and all come in one statement, so the unique number seals the entry. The insert
    trigger proves both references for the whole set at once: a foreign key would ask twice for each row.
    """

    entry = models.ForeignKey(
        Entry,
        on_delete=models.PROTECT,
        related_name="postings",
        db_constraint=False,
        db_index=False,
    )
    leg = models.PositiveSmallIntegerField()
    account = models.ForeignKey(
        Account,
        on_delete=models.PROTECT,
        related_name="postings",
        db_constraint=False,
        db_index=False,
    )
    amount = models.DecimalField(max_digits=30, decimal_places=9)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["entry", "leg"], name="posting_leg_once"),
            models.CheckConstraint(condition=~Q(amount=0), name="posting_not_zero"),
        ]
        indexes = [models.Index(fields=["account", "entry"], name="posting_by_account")]

    def __str__(self) -> str:
        return f"{self.amount:+} on {self.account}"


class AccountDay(models.Model):
    """What one kind of entry moved on a provider's account on one UTC day, and the fee in those entries.

    A projection of the postings as the balance is: an insert trigger alone keeps it, `ledger_check` proves it.
    """

    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="days", db_index=False
    )
    day = models.DateField()
    kind = models.CharField(max_length=30)
    subject_kind = models.CharField(max_length=20, blank=True)
    entries = models.PositiveIntegerField()
    amount = models.DecimalField(max_digits=30, decimal_places=9)
    fee = models.DecimalField(max_digits=30, decimal_places=9)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "day", "kind", "subject_kind"], name="account_day_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} on {self.day:%Y-%m-%d}: {self.amount:+}"
