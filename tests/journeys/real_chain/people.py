"""Who is on the way: Alice with her linked coldkey, a stranger who pays for her, providers, and two administrators."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from bittensor_core import Keypair
from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.test import Client

from accounts.models import Workspace
from billing import rates
from billing.chain.port import ChainGateway
from billing.services import coldkeys, payout_batches, standing
from core import clock
from marketplace.models import Node, Provider
from rentals.models import Pod, PodMeter
from tests.factories.billing import make_workspace
from tests.factories.marketplace import make_node, make_provider
from tests.factories.payouts import ADA, GRACE, proven
from tests.factories.pods import make_pod, make_ready
from tests.factories.rates import price_is

COLDKEY: Final = Keypair.create_from_uri("//Alice")
STRANGER: Final = Keypair.create_from_uri("//Stranger")
PROVIDERS: Final = 7
# Time that pods have run for before the journey began, so that it need not wait for minutes to pass.
RUN_BEFORE: Final = timedelta(days=1)
HOURLY_USD: Final = Decimal(40)


@dataclass(frozen=True, slots=True)
class People:
    """Everybody's rows."""

    workspace: Workspace
    standing_address: str
    node: Node
    providers: tuple[Provider, ...]
    pod_ids: tuple[int, ...]
    ready_at: datetime

    @property
    def treasury(self) -> str:
        """Give the address that the linked coldkey pays to."""
        return str(settings.TREASURY_ADDRESS)

    @property
    def charged(self) -> bool:
        """Whether every pod was charged up to its last proof."""
        return not PodMeter.objects.exclude(posted_until=F("pod__last_proof_at")).exists()


def gather(node: Node, now: datetime) -> People:
    """Let everybody come: the coldkey is linked on its page, with the text that the page asks to be signed.

    Beside the machine that is there, others have pods whose readiness is only written down, a day ago and later.
    """
    price_is()
    workspace = make_workspace()
    _link(workspace, now)
    ready_at = now - RUN_BEFORE
    providers = tuple(_provider(number) for number in range(PROVIDERS))
    pods = [_pod(workspace, provider, ready_at) for provider in providers]
    return People(
        workspace=workspace,
        standing_address=standing.address_of(workspace, now=now).address,
        node=node,
        providers=(node.provider, *providers),
        pod_ids=tuple(pod.pk for pod in pods),
        ready_at=ready_at,
    )


def approve_payouts(chain: ChainGateway) -> None:
    """Have one administrator propose whoever can be paid, and another approve it."""
    now = clock.now()
    batch = payout_batches.propose(
        rate=rates.current(now=now), reason="Weekly run", actor=ADA, now=now
    )
    payout_batches.approve(
        batch_id=batch.public_id,
        fee_rao=chain.transfer_fee(),
        reason="Looks right",
        actor=GRACE,
        now=now,
    )


def _link(workspace: Workspace, now: datetime) -> None:
    browser = Client()
    browser.force_login(workspace.owner)
    text = coldkeys.challenge(workspace, now=now)
    proof = {
        "address": COLDKEY.ss58_address,
        "message": text,
        "signature": COLDKEY.sign(text.encode()).hex(),
    }
    answer = browser.post("/billing/coldkeys", proof)
    assert answer.status_code == 302, answer.content.decode()


def _provider(number: int) -> Provider:
    provider = make_provider(name=f"Provider {number}")
    proven(provider, f"//provider/{number}")
    return provider


@transaction.atomic
def _pod(workspace: Workspace, provider: Provider, ready_at: datetime) -> Pod:
    pod = make_pod(
        workspace=workspace,
        node=make_node(provider=provider),
        hourly_price_usd=HOURLY_USD,
        created_at=ready_at,
    )
    return make_ready(pod, at=ready_at)
