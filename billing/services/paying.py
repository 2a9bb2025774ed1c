"""Sending what leaves the treasury, and telling operators what keeps it."""

from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db.models import Q, QuerySet

from billing import hooks, payables, signing
from billing.chain.port import ChainGateway
from billing.models import (
    OPEN_TRANSFERS,
    Account,
    AccountKind,
    BatchStatus,
    Deposit,
    DepositStatus,
    OutgoingTransfer,
    Payout,
    PayoutBatch,
    PayoutStatus,
    TransferKind,
)
from billing.reasons import Reason
from billing.services import outgoing, payout_batches, settlement
from core.money import PLACES

FROM_TREASURY: Final = Q(derivation_index__isnull=True)
PATIENCE: Final = timedelta(minutes=30)
DAY: Final = timedelta(days=1)


def pay(*, gateway: ChainGateway, now: datetime) -> int:
    """Take payouts and refunds a step further; give the number of transfers sent. The key is not touched for nothing.

    :raises SignerMissing, SignerFailed: nobody signs for the treasury here; :raises ChainUnavailable: it does not answer.
    """
    if not _open().exists():
        return 0
    signer = signing.treasury_signer()
    return outgoing.send(gateway=gateway, which=FROM_TREASURY, signer_of=lambda _: signer, now=now)


def look_after(*, now: datetime) -> None:
    """Close proposals that nobody decided in time, and alert operators to what waits for them or does not move."""
    payout_batches.expire(now=now)
    for kind, detail in (
        ("payout_waits_for_approval", _waiting()),
        ("transfers_stuck", _stuck(now)),
        ("deposits_wait", _held()),
        ("refunds_wait_for_approval", _refunds()),
        ("payout_failed", _failed(now)),
        ("payout_run_due", _due(now)),
    ):
        if detail:
            hooks.open_alert(kind, detail, now=now)
        else:
            hooks.close_alert(kind, now=now)


def _open() -> QuerySet[OutgoingTransfer]:
    return OutgoingTransfer.objects.filter(FROM_TREASURY, status__in=OPEN_TRANSFERS)


def _waiting() -> str:
    batch = PayoutBatch.objects.filter(status=BatchStatus.PROPOSED).first()
    if batch is None:
        return ""
    return (
        f"{batch.proposer_name} proposed {batch.usd:.2f} USD, until {batch.expires_at:%H:%M} UTC."
    )


def _stuck(now: datetime) -> str:
    late = OutgoingTransfer.objects.filter(status__in=OPEN_TRANSFERS, created_at__lt=now - PATIENCE)
    oldest = late.order_by("pk").first()
    if oldest is None:
        return ""
    since = f"{oldest} is {oldest.status} since {oldest.updated_at:%F %H:%M} UTC."
    return f"{since} {oldest.error} ({late.count()} in all)"


def _held() -> str:
    """Say what waits for a decision; dust is not worth a word, and who lacks a rate alone needs no decision."""
    small = Q(netuid=None, amount_rao__lt=int(settings.MARKET_MIN_DEPOSIT_TAO.scaleb(PLACES)))
    held = Deposit.objects.filter(status=DepositStatus.UNMATCHED)
    waiting = (
        held.exclude(Q(held_for=Reason.DUST.code) | small)
        .exclude(pk__in=settlement.waiting_for_a_rate().values("pk"))
        .order_by("pk")
    )
    oldest = waiting.first()
    if oldest is None:
        return ""
    since = f"{oldest.finalized_at:%F %H:%M} UTC" if oldest.finalized_at else "long ago"
    return f"{waiting.count()} deposits wait for a decision, the oldest ({oldest.held_for}) since {since}."


def _refunds() -> str:
    asked = Deposit.objects.filter(status=DepositStatus.REFUND_REQUESTED)
    approved = OutgoingTransfer.objects.filter(
        kind=TransferKind.REFUND, status__in=OPEN_TRANSFERS
    ).values("deposit")
    count = asked.exclude(pk__in=approved).count()
    return f"{count} refunds wait for a second administrator." if count else ""


def _failed(now: datetime) -> str:
    failed = Payout.objects.filter(status=PayoutStatus.FAILED, ended_at__gt=now - DAY)
    count = failed.count()
    return f"{count} in the last day; the amounts are back on the balances." if count else ""


def _due(now: datetime) -> str:
    due = payables.last_run(now=now)
    if now - due > DAY * 3 or PayoutBatch.objects.filter(proposed_at__gte=due).exists():
        return ""
    payable = Account.objects.filter(
        kind=AccountKind.PROVIDER, balance__gte=settings.MARKET_PAYOUT_MIN_USD
    )
    return f"Due since {due:%F %H:%M} UTC; nobody proposed a batch." if payable.exists() else ""
