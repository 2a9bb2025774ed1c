"""Providers as billing pays them: to the coldkey that they proved; and the news of each payout."""

from collections.abc import Collection, Mapping
from datetime import datetime
from uuid import UUID

from billing.hooks import Payee
from billing.models import Payout, PayoutStatus
from core.money import rao_to_tao
from marketplace import outbox
from marketplace.models import Provider

PAID = "payout.paid"
FAILED = "payout.failed"


def payees(provider_ids: Collection[UUID], *, owing: Collection[UUID]) -> Mapping[UUID, Payee]:
    """Give who is paid, by the provider's public id; ``owing`` names those who owe refunds."""
    return {
        provider.public_id: Payee(
            name=provider.name,
            coldkey=provider.coldkey,
            proven_at=provider.coldkey_proven_at,
            owes_refunds=provider.public_id in owing,
        )
        for provider in Provider.objects.filter(public_id__in=provider_ids)
    }


def tell(payout: Payout, *, now: datetime) -> None:
    """Tell a provider that a payout is paid or failed, once this transaction commits."""
    provider = Provider.objects.filter(public_id=payout.provider_id).first()
    if provider is None:
        return
    paid = payout.status == PayoutStatus.PAID
    outbox.announce(
        None,
        provider=provider,
        kind=PAID if paid else FAILED,
        text=_paid(payout) if paid else _failed(payout),
        payload={"payout": _payload(payout)},
        now=now,
    )


def _paid(payout: Payout) -> str:
    return (
        f"{rao_to_tao(payout.rao):f} TAO ({payout.usd:.2f} USD) were paid to {payout.coldkey}. "
        f"Extrinsic {_hash(payout)}."
    )


def _failed(payout: Payout) -> str:
    return (
        f"A payout of {payout.usd:.2f} USD to {payout.coldkey} failed: {payout.reason} "
        "The amount is back on your balance, and part of the next run."
    )


def _payload(payout: Payout) -> dict[str, object]:
    batch = payout.batch
    return {
        "id": str(payout.public_id),
        "status": payout.status,
        "usd": f"{payout.usd:f}",
        "tao": f"{rao_to_tao(payout.rao):f}",
        "usd_per_tao": f"{batch.rate_usd_per_tao:f}",
        "coldkey": payout.coldkey,
        "extrinsic": _hash(payout),
    }


def _hash(payout: Payout) -> str:
    return payout.transfer.extrinsic_hash if payout.transfer else ""
