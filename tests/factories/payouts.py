"""Providers with earnings, administrators, and a treasury with funds."""

from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count

from bittensor_core import Keypair

from accounts.models import User
from accounts.principal import person
from accounts.services import powers, suspension
from billing import ledger
from billing.accounts import (
    fee_account,
    provider_account,
    renter_account,
    trading_account,
    treasury_account,
)
from billing.chain.local import node
from billing.chain.local.gateway import LocalChainGateway
from billing.ledger import Leg
from billing.models import Entry, OutgoingTransfer, Payout, PayoutBatch
from billing.rates import Rate
from billing.services import paying, payout_batches
from core import clock
from core.actors import Actor, ActorKind
from core.money import USD, usd_to_whole_rao
from marketplace.models import Provider
from tests.factories.accounts import make_person
from tests.factories.billing import (
    TAO,
    TREASURY,
    USD_PER_TAO,
    blocks,
    fresh_balance,
    make_workspace,
)
from tests.factories.marketplace import make_provider

ADA = Actor(kind=ActorKind.ADMIN, id="ada", name="Ada")
GRACE = Actor(kind=ActorKind.ADMIN, id="grace", name="Grace")
WEEKS_AGO = timedelta(days=30)
_number = count(1)


def new_administrator(*, ago: timedelta = timedelta(0)) -> Actor:
    """Make somebody staff, some time ago."""
    user = make_person("newcomer").user
    powers.change(
        user=user,
        is_staff=True,
        is_superuser=False,
        groups=[],
        actor=ADA,
        reason="joined finance",
        now=clock.now() - ago,
    )
    return Actor(kind=ActorKind.ADMIN, id=str(user.public_id), name="Newcomer")


def reinstated_administrator() -> Actor:
    """Suspend somebody who was staff for a month, and let a superuser take that back now."""
    newcomer = new_administrator(ago=WEEKS_AGO)
    user = User.objects.get(public_id=newcomer.id)
    superuser = person(make_person("super", is_superuser=True).user)
    suspension.suspend(user=user, actor=ADA, reason="stolen laptop", now=clock.now())
    suspension.reinstate(user=user, actor=superuser, reason="found", now=clock.now())
    return newcomer


def payable_provider(usd: Decimal | int = 35, *, uri: str = "//Bob") -> Provider:
    """Make a provider with a proven coldkey and earnings that are not on hold."""
    provider = make_provider()
    proven(provider, uri)
    earn(provider, Decimal(usd))
    return provider


def proven(provider: Provider, uri: str, *, at: datetime | None = None) -> None:
    """Let a provider have proven a coldkey, a month ago unless said."""
    provider.coldkey = Keypair.create_from_uri(uri).ss58_address
    provider.coldkey_proven_at = at or clock.now() - WEEKS_AGO
    provider.save()


def earn(provider: Provider, usd: Decimal, *, ago: timedelta = WEEKS_AGO) -> None:
    """Post what a pod brought: a twentieth of it is the fee."""
    fee = usd / 20
    renter = renter_account(make_workspace())
    ledger.post(
        key=f"test:earned:{next(_number)}",
        kind="usage",
        legs=[
            Leg(renter, -usd - fee),
            Leg(provider_account(provider.public_id), usd),
            Leg(fee_account(), fee),
        ],
        occurred_at=clock.now() - ago,
    )


def fund_treasury(rao: int = 10 * TAO) -> None:
    """Put TAO on the treasury's address; the watcher holds them as a stranger's, so the ledger has them too."""
    node.mint(address=TREASURY, rao=rao)
    blocks(3)


def agrees_with_chain() -> bool:
    """Compare the treasury's account with its address."""
    return -fresh_balance(treasury_account()) * TAO == LocalChainGateway().balance(TREASURY)


def make_payout(provider: Provider, *, usd: Decimal, at: datetime) -> Entry:
    """Write a payout down as its approval does; give the entry that took it from the balance."""
    batch = PayoutBatch.objects.create(
        status="approved",
        usd=usd,
        rate_usd_per_tao=USD_PER_TAO,
        rate_source="test",
        rate_observed_at=at,
        proposer_id=ADA.id,
        proposer_name=ADA.name,
        proposed_at=at,
        expires_at=at,
        decider_id=GRACE.id,
        decider_name=GRACE.name,
        decided_at=at,
    )
    coldkey = Keypair.create_from_uri("//Bob").ss58_address
    rao = usd_to_whole_rao(usd, usd_per_tao=USD_PER_TAO)
    transfer = OutgoingTransfer.objects.create(
        kind="payout",
        sender=TREASURY,
        destination=coldkey,
        amount_rao=rao,
        fee_rao=0,
        created_at=at,
        updated_at=at,
    )
    payout = Payout.objects.create(
        batch=batch,
        status="approved",
        provider_id=provider.public_id,
        provider_name=provider.name,
        coldkey=coldkey,
        usd=usd,
        rao=rao,
        transfer=transfer,
        created_at=at,
    )
    return ledger.post(
        key=payout_batches.usd_key(payout),
        kind="payout",
        legs=[Leg(provider_account(provider.public_id), -usd), Leg(trading_account(USD), usd)],
        occurred_at=at,
        subject=("payout", payout.public_id),
        memo=f"Payout to {coldkey}",
    )


def rate(usd_per_tao: Decimal = USD_PER_TAO) -> Rate:
    """Give a rate of now."""
    return Rate(usd_per_tao, "test", clock.now(), simulated=True)


def propose(actor: Actor = ADA) -> PayoutBatch:
    """Propose whoever can be paid."""
    return payout_batches.propose(rate=rate(), reason="Weekly run", actor=actor, now=clock.now())


def approve(batch: PayoutBatch, actor: Actor = GRACE) -> PayoutBatch:
    """Approve a batch."""
    return payout_batches.approve(
        batch_id=batch.public_id,
        fee_rao=node.FEE_RAO,
        reason="Looks right",
        actor=actor,
        now=clock.now(),
    )


def pay() -> int:
    """Let the payout worker work once."""
    return paying.pay(gateway=LocalChainGateway(), now=clock.now())
