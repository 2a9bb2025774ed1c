"""The chain's balances against the ledger's, key by key (docs/money.md, Reconciliation). The chain is only asked."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog
from django.conf import settings
from django.db import transaction

from billing import hooks
from billing.accounts import deposits_account, treasury_account
from billing.chain.port import ChainGateway, ChainUnavailable
from billing.models import (
    Account,
    AccountKind,
    ChainCursor,
    Reconciliation,
    ReconciliationLine,
    ReconciliationStatus,
)
from billing.services import addresses, between
from core import clock
from core.money import TAO

log = structlog.get_logger(__name__)
ALERT: Final = "chain_difference"
# What moved while it was compared is compared again.
TRIES: Final = 3
EVERY: Final = timedelta(hours=1)
AGAIN: Final = timedelta(minutes=5)
PAUSE_SECONDS: Final = 2.0
RAO: Final = 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """Something that holds funds, how the ledger's figure is read, and how the chain's is."""

    name: str
    address: str = ""
    currency: str = TAO
    recorded: Callable[[], int]
    found: Callable[[ChainGateway], int]
    shared: bool = True
    grows: bool = False


def reconcile(
    *, gateway: ChainGateway, now: datetime, pause: Callable[[float], None] = time.sleep
) -> Reconciliation:
    """Compare every key with the chain and keep what was found; operators are told of a difference, once."""
    final = _final(gateway)
    keys = _keys()
    lines = [_line(gateway, key) for key in keys]
    for _ in range(TRIES - 1):
        again = [place for place, line in enumerate(lines) if line.difference_rao]
        if not again:
            break
        # A block may have become final on the chain and not be read yet.
        pause(PAUSE_SECONDS)
        for place in again:
            lines[place] = _line(gateway, keys[place])
    found = _keep(keys, lines, final=final, now=now)
    _tell(found, lines, now=now)
    return found


def reconcile_if_due(*, gateway: ChainGateway, now: datetime) -> Reconciliation | None:
    """Compare once an hour; sooner where the last time told nothing, and at once where there was none."""
    last = latest()
    if last is not None:
        pause = AGAIN if last.status == ReconciliationStatus.UNKNOWN else EVERY
        if now - last.started_at < pause:
            return None
    return reconcile(gateway=gateway, now=now)


def latest() -> Reconciliation | None:
    """Give the newest reconciliation."""
    return Reconciliation.objects.order_by("-pk").first()


def words(line: ReconciliationLine) -> str:
    """Say in one sentence what a line shows."""
    found = "unknown" if line.found_rao is None else line.found_rao
    name = f"{line.key} {line.address}".strip()
    return f"{name}: {line.recorded_rao} rao {line.currency} recorded, {found} found"


def _keys() -> list[Key]:
    return [*_shared_keys(), *(_deposit_key(address) for address in addresses.all_that_hold())]


def _shared_keys() -> Iterator[Key]:
    yield Key(
        name="deposit addresses",
        recorded=lambda: _rao(deposits_account()),
        found=lambda _: addresses.held_rao(),
    )
    if not settings.TREASURY_ADDRESS:
        return
    yield Key(
        name="treasury",
        address=settings.TREASURY_ADDRESS,
        recorded=lambda: _rao(treasury_account()),
        found=lambda gateway: gateway.balance(settings.TREASURY_ADDRESS),
    )
    alpha = Account.objects.filter(kind=AccountKind.CHAIN, currency__startswith="SN")
    for account in alpha.order_by("code"):
        yield _alpha_key(account)


def _deposit_key(address: str) -> Key:
    return Key(
        name="deposit address",
        address=address,
        recorded=lambda: addresses.held_rao(address),
        found=lambda gateway: gateway.balance(address),
        shared=False,
    )


def _alpha_key(account: Account) -> Key:
    netuid = int(account.currency.removeprefix("SN"))
    on_treasury = account.code.startswith("chain:treasury:")

    def staked(gateway: ChainGateway) -> int:
        coldkeys = [settings.TREASURY_ADDRESS] if on_treasury else addresses.with_alpha(netuid)
        return sum(
            stake.alpha_rao for coldkey in coldkeys for stake in gateway.stake(coldkey, netuid)
        )

    return Key(
        name="treasury" if on_treasury else "deposit addresses",
        address=settings.TREASURY_ADDRESS if on_treasury else "",
        currency=account.currency,
        recorded=lambda: _rao(Account.objects.get(pk=account.pk)),
        found=staked,
        grows=True,
    )


def _line(gateway: ChainGateway, key: Key) -> ReconciliationLine:
    line = ReconciliationLine(
        key=key.name, address=key.address, currency=key.currency, recorded_rao=key.recorded()
    )
    for _ in range(TRIES):
        try:
            line.found_rao = found = key.found(gateway)
        except ChainUnavailable as error:
            log.warning("reconciliation.unknown", key=key.name, error=error.message)
            return line
        before, line.recorded_rao = line.recorded_rao, key.recorded()
        if before == line.recorded_rao:
            break
    _judge(line, key, found - line.recorded_rao)
    return line


def _judge(line: ReconciliationLine, key: Key, difference: int) -> None:
    line.difference_rao = difference
    if key.grows:
        # Stake earns more of itself; only too little is a difference.
        line.difference_rao = min(0, difference)
    elif difference and key.address:
        candidates = between.entries(key.address)
        used = between.explained_by(difference, candidates)
        line.between = [one.as_json(explains=one in (used or [])) for one in candidates]
        line.difference_rao = difference if used is None else 0


def _final(gateway: ChainGateway) -> int | None:
    try:
        return gateway.heads().finalized
    except ChainUnavailable:
        return None


def _status(
    lines: Sequence[ReconciliationLine], *, behind: bool
) -> tuple[ReconciliationStatus, str]:
    unknown = sum(line.difference_rao is None for line in lines)
    different = sum(bool(line.difference_rao) for line in lines)
    if different and behind:
        note = "The chain is not read up to its final block; what differs may only be unread."
        return ReconciliationStatus.UNKNOWN, note
    if different:
        return ReconciliationStatus.DIFFERENT, f"{different} of {len(lines)} keys differ."
    if unknown:
        return ReconciliationStatus.UNKNOWN, f"The chain did not answer for {unknown} keys."
    return ReconciliationStatus.CLEAN, ""


def _keep(
    keys: Sequence[Key],
    lines: Sequence[ReconciliationLine],
    *,
    final: int | None,
    now: datetime,
) -> Reconciliation:
    cursor = ChainCursor.objects.order_by("-read_at").first()
    status, note = _status(lines, behind=final is None or cursor is None or cursor.number < final)
    kept = [
        line
        for key, line in zip(keys, lines, strict=True)
        if key.shared or line.found_rao != line.recorded_rao
    ]
    with transaction.atomic(durable=True):
        found = Reconciliation.objects.create(
            status=status,
            genesis=cursor.genesis if cursor else "",
            read_upto=cursor.number if cursor else None,
            final_upto=final,
            keys=len(lines),
            note=note,
            started_at=now,
            finished_at=clock.now(),
        )
        for line in kept:
            line.reconciliation = found
        ReconciliationLine.objects.bulk_create(kept)
    return found


def _tell(found: Reconciliation, lines: Sequence[ReconciliationLine], *, now: datetime) -> None:
    different = [words(line) for line in lines if line.difference_rao]
    log.info("reconciliation.done", status=found.status, keys=found.keys, different=different)
    if found.status == ReconciliationStatus.DIFFERENT:
        hooks.open_alert(ALERT, "; ".join(different), now=now)
    elif found.status == ReconciliationStatus.CLEAN:
        hooks.close_alert(ALERT, now=now)


def _rao(account: Account) -> int:
    """Give what an account says lies on the chain, whose sign is the other one's."""
    return int(-account.balance * RAO)
