"""Emptying deposit addresses into the treasury: planned, signed once, sent until it is final.

Only the worker that holds MARKET_DEPOSIT_SEED can sign. A stored transfer is never signed anew: its nonce lets
exactly one through, however often it is sent.
"""

import os
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F, Q

from billing import ledger, transitions
from billing.accounts import deposits_account, network_fees_account, treasury_account
from billing.chain import keys
from billing.chain.port import Block, ChainGateway, SignedTransfer, Transfer, TransferRefused
from billing.ledger import Leg
from billing.models import Invoice, Sweep, SweepStatus
from core.money import rao_to_tao

log = structlog.get_logger(__name__)
OPEN: Final = (SweepStatus.PLANNED, SweepStatus.SIGNED)
BATCH: Final = 50
PAUSE_AFTER_REFUSAL: Final = timedelta(hours=1)


class SeedMissing(Exception):
    """This process cannot sign: MARKET_DEPOSIT_SEED or MARKET_DEPOSIT_SEED_FILE is not set here."""


def sweep(*, gateway: ChainGateway, now: datetime) -> int:
    """Take every sweep a step further and plan new ones; give the number of transfers sent.

    :raises SeedMissing: this process has no secret; :raises ChainUnavailable: the chain does not answer.
    """
    if not settings.TREASURY_ADDRESS:
        return 0
    seed, fee = read_seed(), gateway.transfer_fee()
    for invoice in _full_addresses(above=2 * fee, now=now):
        _plan(invoice, fee=fee, now=now)
    sent = 0
    for row in Sweep.objects.filter(status__in=OPEN).order_by("pk")[:BATCH]:
        sent += _step(gateway, row, seed, now)
    return sent


def addresses_of(senders: Iterable[str]) -> frozenset[str]:
    """Give those senders that are deposit addresses of ours whose funds are on their way."""
    signed = Sweep.objects.filter(address__in=set(senders), status=SweepStatus.SIGNED)
    return frozenset(signed.values_list("address", flat=True))


def finish(transfer: Transfer, *, block: Block, now: datetime) -> bool:
    """Post a sweep that became final; False when the transfer is no sweep of ours."""
    row = (
        Sweep.objects.select_for_update(no_key=True)
        .filter(
            address=transfer.sender,
            treasury=transfer.destination,
            amount_rao=transfer.rao,
            status=SweepStatus.SIGNED,
        )
        .first()
    )
    if row is None:
        return False
    amount, fee = rao_to_tao(row.amount_rao), rao_to_tao(row.fee_rao)
    ledger.post(
        key=f"sweep:{row.public_id}",
        kind="sweep",
        legs=[
            Leg(deposits_account(), amount + fee),
            Leg(treasury_account(), -amount),
            Leg(network_fees_account(), -fee),
        ],
        occurred_at=block.at,
        subject=("sweep", row.public_id),
        memo=f"Sweep of {row.address}, block {block.number}",
    )
    Invoice.objects.filter(address=row.address).update(
        unswept_rao=F("unswept_rao") - row.amount_rao - row.fee_rao
    )
    transitions.move_sweep(row, to=SweepStatus.FINAL, now=now)
    return True


def read_seed() -> str:
    """Read the secret at use; it is never a setting, so no error page and no log can show it.

    :raises SeedMissing: it is not set in this process.
    """
    if seed := os.environ.get("MARKET_DEPOSIT_SEED"):
        return seed
    if path := os.environ.get("MARKET_DEPOSIT_SEED_FILE"):
        return Path(path).read_text().strip()
    raise SeedMissing("Set MARKET_DEPOSIT_SEED_FILE for the worker of the queue `chain`.")


def _full_addresses(*, above: int, now: datetime) -> list[Invoice]:
    open_or_refused = Sweep.objects.filter(
        Q(status__in=OPEN) | Q(status=SweepStatus.FAILED, updated_at__gt=now - PAUSE_AFTER_REFUSAL)
    )
    full = Invoice.objects.filter(unswept_rao__gt=above)
    full = full.exclude(address__in=open_or_refused.values("address"))
    return list(full.select_related("deposit_key").order_by("pk")[:BATCH])


def _plan(invoice: Invoice, *, fee: int, now: datetime) -> None:
    # Another worker may plan the same address: the constraint lets one open sweep be.
    plan = Sweep(
        deposit_key=invoice.deposit_key,
        derivation_index=invoice.derivation_index,
        address=invoice.address,
        treasury=settings.TREASURY_ADDRESS,
        amount_rao=invoice.unswept_rao - fee,
        fee_rao=fee,
        created_at=now,
        updated_at=now,
    )
    Sweep.objects.bulk_create([plan], ignore_conflicts=True)


def _step(gateway: ChainGateway, row: Sweep, seed: str, now: datetime) -> int:
    if row.status == SweepStatus.PLANNED:
        row = _signed(gateway, row, seed, now)
    try:
        gateway.submit(_signed_transfer(row))
    except TransferRefused as error:
        log.error("sweep.refused", address=row.address, error=error.message)
        _fail(row, error.message, now)
        return 0
    return 1


def _signed(gateway: ChainGateway, row: Sweep, seed: str, now: datetime) -> Sweep:
    signer = keys.child_keypair(seed, row.derivation_index)
    signed = gateway.sign_transfer(signer=signer, to=row.treasury, rao=row.amount_rao)
    with transaction.atomic(durable=True):
        held = _lock(row)
        if held.status == SweepStatus.PLANNED:
            held.signed_hash, held.signed_body = signed.hash, signed.body
            held.signed_nonce = signed.nonce
            transitions.move_sweep(held, to=SweepStatus.SIGNED, now=now)
    return held


def _signed_transfer(row: Sweep) -> SignedTransfer:
    if row.signed_nonce is None:
        raise ValueError(f"{row} was never signed.")
    return SignedTransfer(hash=row.signed_hash, body=row.signed_body, nonce=row.signed_nonce)


def _fail(row: Sweep, error: str, now: datetime) -> None:
    with transaction.atomic(durable=True):
        held = _lock(row)
        if held.status == SweepStatus.SIGNED:
            transitions.move_sweep(held, to=SweepStatus.FAILED, now=now, error=error)


def _lock(row: Sweep) -> Sweep:
    return Sweep.objects.select_for_update(no_key=True).get(pk=row.pk)
