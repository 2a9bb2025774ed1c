"""What must hold at the end: the chain's own blocks against the rows, key by key and transfer by transfer."""

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal

from django.db.models import Sum

from billing import ledger
from billing.accounts import provider_account, renter_account
from billing.chain.port import Block, Transfer
from billing.models import (
    Account,
    Deposit,
    DepositStatus,
    OutgoingTransfer,
    Payout,
    PayoutStatus,
    Posting,
    Reconciliation,
    StandingAddress,
    TransferStatus,
)
from billing.services import proving
from core.money import usd_to_whole_rao
from rentals.models import PodMeter
from tests.journeys.real_chain.journey import GIFT, PAYMENT, Journey

RAO = 10**9


def findings(way: Journey) -> list[str]:
    """Compare everything; nothing found is an empty list."""
    blocks = _blocks(way)
    return [
        *_ledger(),
        *_came_in(way, blocks),
        *_went_out(blocks),
        *_providers(way),
        *_renter(way),
        *_reconciled(way),
    ]


def figures(way: Journey) -> Iterator[str]:
    """Tell what was moved."""
    sent = OutgoingTransfer.objects.filter(status=TransferStatus.FINAL)
    paid = Payout.objects.filter(status=PayoutStatus.PAID).aggregate(rao=Sum("rao"))["rao"]
    credited = Deposit.objects.filter(status=DepositStatus.CREDITED)
    yield f"{way.rounds} rounds, {way.chain.heads().best - way.first_block} blocks, {way.killer.made} kills"
    yield f"{credited.count()} deposits credited, {_tao(credited)} TAO"
    yield f"{sent.filter(kind='sweep').count()} sweeps, {sent.filter(kind='payout').count()} payouts of {paid} rao"
    yield f"{Reconciliation.objects.count()} reconciliations, trial balance {ledger.trial_balance()}"


def _tao(deposits: object) -> Decimal:
    return Decimal(deposits.aggregate(rao=Sum("amount_rao"))["rao"]) / RAO


def _blocks(way: Journey) -> list[Block]:
    blocks, upto = [], way.chain.heads().finalized
    at = way.first_block
    while at < upto:
        scan = way.chain.scan(after=at, upto=upto)
        blocks.extend(scan.blocks)
        at = scan.until.number
    return blocks


def _ledger() -> Iterator[str]:
    yield from map(str, proving.findings())
    yield from (f"{code}: {total}" for code, total in ledger.trial_balance().items() if total)


def _came_in(way: Journey, blocks: list[Block]) -> Iterator[str]:
    """Each transfer to one of our addresses by somebody else is one credited deposit, and no other deposit is there."""
    ours = _ours(way)
    told = Counter(
        (block.hash, one.event_index, one.sender, one.rao)
        for block in blocks
        for one in block.transfers
        if one.destination in ours and one.sender not in ours
    )
    rows = Counter(
        Deposit.objects.filter(status=DepositStatus.CREDITED).values_list(
            "block_hash", "event_index", "sender", "amount_rao"
        )
    )
    yield from _unlike("came in", told, rows)
    if (count := Deposit.objects.count()) != 2 * way.rounds:
        yield f"{count} deposits of {2 * way.rounds}"
    if sum(key[3] for key in told) != way.rounds * (PAYMENT + GIFT):
        yield "what was paid is not what the chain shows"


def _went_out(blocks: list[Block]) -> Iterator[str]:
    """Each transfer that left one of our addresses is one final row, and each row left once."""
    rows = OutgoingTransfer.objects.all()
    senders = set(rows.values_list("sender", flat=True))
    told = Counter(
        _leaving(one) for block in blocks for one in block.transfers if one.sender in senders
    )
    kept = rows.filter(status=TransferStatus.FINAL)
    yield from _unlike(
        "went out",
        told,
        Counter(kept.values_list("extrinsic_hash", "sender", "destination", "amount_rao")),
    )
    yield from (f"{row} is {row.status}: {row.error}" for row in rows if row not in set(kept))
    failed = [one for block in blocks for one in block.outcomes if one.failed]
    yield from (f"failed on the chain: {one}" for one in failed)


def _leaving(one: Transfer) -> tuple[str, str, str, int]:
    return (one.extrinsic_hash, one.sender, one.destination, one.rao)


def _providers(way: Journey) -> Iterator[str]:
    """Each provider's coldkey holds what its payouts were worth, and nothing earned is unexplained."""
    for provider in way.people.providers:
        payouts = Payout.objects.filter(provider_id=provider.public_id)
        yield from (f"{one} is {one.status}" for one in payouts.exclude(status=PayoutStatus.PAID))
        worth = [
            usd_to_whole_rao(one.usd, usd_per_tao=one.batch.rate_usd_per_tao) for one in payouts
        ]
        if (holds := way.chain.balance(provider.coldkey)) != sum(worth):
            yield f"{provider} holds {holds} rao, its payouts are worth {worth}"
        paid = sum(one.usd for one in payouts)
        account = Account.objects.get(pk=provider_account(provider.public_id).pk)
        earned = _posted(account, "usage")
        if not paid or earned != paid + account.balance:
            yield f"{provider} earned {earned}, was paid {paid} and has {account.balance} left"


def _renter(way: Journey) -> Iterator[str]:
    """The balance is what was credited less what the pods cost."""
    balance = Account.objects.get(pk=renter_account(way.people.workspace).pk).balance
    credited = Deposit.objects.aggregate(usd=Sum("credited_usd"))["usd"]
    charged = PodMeter.objects.aggregate(usd=Sum("posted_usd"))["usd"]
    expected = Decimal(350) * way.rounds * (PAYMENT + GIFT) / RAO
    if credited != expected or balance != credited - charged:
        yield f"{credited} of {expected} credited, {charged} charged, {balance} left"


def _reconciled(way: Journey) -> Iterator[str]:
    """Every reconciliation found every key equal, and so do we, now."""
    rows = Reconciliation.objects.all()
    if rows.count() < way.rounds:
        yield f"{rows.count()} reconciliations in {way.rounds} rounds"
    for row in rows:
        unlike = [line for line in row.lines.all() if line.found_rao != line.recorded_rao]
        if row.status != "clean" or unlike:
            yield f"{row} {row.note}: {[str(line) for line in unlike]}"
    holders = {one.address: one.unswept_rao for one in StandingAddress.objects.all()}
    holders[way.people.treasury] = int(
        -Account.objects.get(code="chain:treasury:TAO").balance * RAO
    )
    for address, recorded in holders.items():
        if (found := way.chain.balance(address)) != recorded:
            yield f"{address} holds {found}, recorded are {recorded}"


def _posted(account: Account, kind: str) -> Decimal:
    found = Posting.objects.filter(account=account, entry__kind=kind).aggregate(sum=Sum("amount"))
    return found["sum"] or Decimal(0)


def _ours(way: Journey) -> set[str]:
    return {way.people.treasury, way.people.standing_address}


def _unlike(what: str, told: Counter[object], kept: Counter[object]) -> Iterator[str]:
    yield from (f"{what} on the chain and in no row: {one}" for one in told - kept)
    yield from (f"{what} in a row and not on the chain: {one}" for one in kept - told)
