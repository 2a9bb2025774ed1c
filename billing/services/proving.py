"""Proving the ledger again, from its own rows: sums, balances, and that nothing hangs in the air."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import structlog
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Sum
from django.db.models.functions import Coalesce

from billing import days, hooks, ledger
from billing.accounts import alpha_currency
from billing.models import (
    Account,
    AccountKind,
    Deposit,
    DepositStatus,
    Entry,
    OutgoingTransfer,
    Posting,
    TransferStatus,
)
from core.money import TAO, rao_to_tao

log = structlog.get_logger(__name__)
ALERT: Final = "ledger_difference"
HELD: Final = (DepositStatus.UNMATCHED, DepositStatus.REFUND_REQUESTED)
SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that must not be; ``kind`` names the proof that found it."""

    kind: str
    text: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.text}"


def findings() -> list[Finding]:
    """Prove the ledger: sums, balances, days, orphans, facts without entries, and suspense."""
    proofs = (_unbalanced, _drifted, _days, _orphans, _without_entries, _suspense)
    return [finding for proof in proofs for finding in proof()]


def prove(*, now: datetime) -> list[Finding]:
    """Prove the ledger; operators are told of what does not hold, once."""
    found = findings()
    for finding in found:
        log.error("ledger.finding", kind=finding.kind, text=finding.text)
    if found:
        hooks.open_alert(ALERT, "; ".join(str(finding) for finding in found), now=now)
    else:
        hooks.close_alert(ALERT, now=now)
    return found


def to_settle() -> list[Finding]:
    """List the deposits that wait for an administrator: nothing is wrong with them but that."""
    rows = Deposit.objects.filter(status__in=HELD).order_by("pk")
    return [
        Finding("unmatched deposit", f"{row.public_id}, {row}, {row.get_status_display().lower()}")
        for row in rows
    ]


def _unbalanced() -> Iterator[Finding]:
    for currency, total in ledger.trial_balance().items():
        if total:
            yield Finding("trial balance", f"all {currency} postings sum to {total:f}")


def _drifted() -> Iterator[Finding]:
    summed = Account.objects.annotate(found=Coalesce(Sum("postings__amount"), Decimal(0)))
    for account in summed.exclude(found=F("balance")):
        words = f"{account.code} has {account.balance:f}, its postings sum to {account.found:f}"
        yield Finding("balance", words)


def _days() -> Iterator[Finding]:
    for code, day in days.different(limit=SHOWN):
        yield Finding("day", f"{code} on {day:%Y-%m-%d} is not the sum of its postings")


def _orphans() -> Iterator[Finding]:
    entries, accounts = Entry.objects.filter(pk=OuterRef("entry")), Account.objects
    lost = Posting.objects.filter(
        ~Exists(entries) | ~Exists(accounts.filter(pk=OuterRef("account")))
    )
    yield from _named("orphaned posting", lost)
    hollow = Entry.objects.filter(~Exists(Posting.objects.filter(entry=OuterRef("pk"))))
    yield from _named("entry without postings", hollow)
    for kind, model in (("deposit", Deposit), ("transfer", OutgoingTransfer)):
        facts = model._default_manager.filter(public_id=OuterRef("subject_id"))
        yield from _named(
            f"entry without its {kind}", Entry.objects.filter(~Exists(facts), subject_kind=kind)
        )


def _without_entries() -> Iterator[Finding]:
    entries = Entry.objects.filter(subject_id=OuterRef("public_id"))
    decided = Deposit.objects.exclude(status__in=[DepositStatus.SEEN, DepositStatus.REPLACED])
    yield from _named("deposit without entries", decided.filter(~Exists(entries)))
    sent = OutgoingTransfer.objects.filter(
        Q(status=TransferStatus.FINAL) | Q(status=TransferStatus.FAILED, block_number__isnull=False)
    )
    # A failure that cost nothing posts nothing.
    yield from _named("transfer without its entry", sent.filter(~Exists(entries), fee_rao__gt=0))


def _suspense() -> Iterator[Finding]:
    held = Deposit.objects.filter(status__in=HELD).values_list("netuid").annotate(Sum("amount_rao"))
    waiting = {
        TAO if netuid is None else alpha_currency(netuid): rao_to_tao(rao) for netuid, rao in held
    }
    accounts = Account.objects.filter(kind=AccountKind.SUSPENSE, code__startswith="suspense:")
    balances = dict(accounts.values_list("currency", "balance"))
    for currency in sorted(waiting.keys() | balances.keys()):
        recorded, found = balances.get(currency, Decimal(0)), waiting.get(currency, Decimal(0))
        if recorded != found:
            words = f"{recorded:f} {currency} in suspense, {found:f} wait for a decision"
            yield Finding("suspense", words)


def _named(kind: str, rows: QuerySet[Any]) -> Iterator[Finding]:
    for row in rows.order_by("pk")[:SHOWN]:
        yield Finding(kind, f"{row.pk}")
