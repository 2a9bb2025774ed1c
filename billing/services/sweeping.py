"""Emptying deposit addresses into the treasury: the plan, and the key that signs.

Only the worker that holds MARKET_DEPOSIT_SEED can sign.
"""

import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from django.conf import settings
from django.db.models import Q

from billing import hooks
from billing.chain import keys
from billing.chain.port import ChainGateway, Signer
from billing.models import OPEN_TRANSFERS, OutgoingTransfer, TransferKind, TransferStatus
from billing.services import addresses, outgoing
from billing.services.addresses import DepositHolder

BATCH: Final = 50
ALERT: Final = "deposits_not_swept"
PAUSE_AFTER_FAILURE: Final = timedelta(hours=1)
FROM_DEPOSIT_ADDRESSES: Final = Q(derivation_index__isnull=False)


class SeedMissing(Exception):
    """This process cannot sign: MARKET_DEPOSIT_SEED or MARKET_DEPOSIT_SEED_FILE is not set here."""


def sweep(*, gateway: ChainGateway, now: datetime) -> int:
    """Plan sweeps, and take whatever leaves deposit addresses a step further; give the number of transfers sent.

    :raises SeedMissing: this process has no secret; :raises ChainUnavailable: the chain does not answer.
    """
    if not settings.TREASURY_ADDRESS:
        return 0
    seed, fee = _seed_or_alert(now), gateway.transfer_fee()
    busy = _busy_addresses(now)
    for holder in addresses.full(above=2 * fee, without=busy, limit=BATCH):
        _plan(holder, fee=fee, now=now)

    def signer_of(row: OutgoingTransfer) -> Signer:
        child: Signer = keys.child_keypair(seed, row.derivation_index or 0)
        return child

    return outgoing.send(
        gateway=gateway, which=FROM_DEPOSIT_ADDRESSES, signer_of=signer_of, now=now
    )


def _seed_or_alert(now: datetime) -> str:
    """Read the secret; where it is missing and something waits for it, operators are told."""
    try:
        seed = read_seed()
    except SeedMissing as missing:
        if addresses.all_that_hold():
            hooks.open_alert(ALERT, str(missing), now=now)
        raise
    hooks.close_alert(ALERT, now=now)
    return seed


def read_seed() -> str:
    """Read the secret at use; it is never a setting, so no error page and no log can show it.

    :raises SeedMissing: it is not set in this process.
    """
    if seed := os.environ.get("MARKET_DEPOSIT_SEED"):
        return seed
    if path := os.environ.get("MARKET_DEPOSIT_SEED_FILE"):
        return Path(path).read_text().strip()
    raise SeedMissing("Set MARKET_DEPOSIT_SEED_FILE for the worker of the queue `chain`.")


def _busy_addresses(now: datetime) -> list[str]:
    lately = Q(status=TransferStatus.FAILED, updated_at__gt=now - PAUSE_AFTER_FAILURE)
    busy = OutgoingTransfer.objects.filter(
        Q(status__in=OPEN_TRANSFERS) | lately, FROM_DEPOSIT_ADDRESSES
    )
    return list(busy.values_list("sender", flat=True))


def _plan(holder: DepositHolder, *, fee: int, now: datetime) -> None:
    # Another worker may plan the same address: the constraint lets one open sweep be.
    plan = OutgoingTransfer(
        kind=TransferKind.SWEEP,
        deposit_key=holder.deposit_key,
        derivation_index=holder.derivation_index,
        sender=holder.address,
        destination=settings.TREASURY_ADDRESS,
        amount_rao=holder.unswept_rao - fee,
        fee_rao=fee,
        created_at=now,
        updated_at=now,
    )
    OutgoingTransfer.objects.bulk_create([plan], ignore_conflicts=True)
