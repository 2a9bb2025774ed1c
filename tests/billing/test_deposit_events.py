"""What the webhooks of a renter hear of payments."""

from decimal import Decimal
from typing import Any

import pytest

from billing.models import Deposit
from billing.rates import Rate
from billing.services import settlement, standing
from core import clock
from marketplace.models import WebhookDelivery
from marketplace.services import webhooks
from tests.factories.accounts import Person
from tests.factories.billing import TAO, TREASURY, LocalWallet, blocks
from tests.factories.payouts import ADA

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def hook(alice: Person) -> None:
    webhooks.add(
        principal=alice.principal,
        owner=alice.workspace,
        url="http://127.0.0.1:9/",
        kinds=["deposit.credited"],
        now=clock.now(),
    )


def heard() -> list[dict[str, Any]]:
    rows = WebhookDelivery.objects.filter(kind="deposit.credited").order_by("pk")
    return [row.payload["deposit"] for row in rows]


def test_a_deposit_is_told_once_when_it_is_final(alice: Person) -> None:
    wallet = LocalWallet()
    wallet.pay(standing.address_of(alice.workspace, now=clock.now()).address, TAO)
    blocks(1)
    assert heard() == []

    blocks(5)

    [told] = heard()
    deposit = Deposit.objects.get()
    assert told == {
        "id": str(deposit.public_id),
        "status": "credited",
        "amount": "1.000000000",
        "asset": "TAO",
        "usd": "350.000000000",
        "usd_per_tao": "350.000000000",
        "tao_per_alpha": None,
        "rate_observed_at": clock.iso(deposit.rate_observed_at),
        "sender": wallet.address,
        "block": deposit.block_number,
        "extrinsic": deposit.extrinsic_hash,
        "invoice": None,
    }


def test_what_an_admin_credits_is_told_to_whom_it_is_credited(alice: Person) -> None:
    LocalWallet().pay(TREASURY, TAO)
    blocks(4)
    deposit, now = Deposit.objects.get(), clock.now()
    assert (deposit.status, heard()) == ("unmatched", [])

    settlement.credit(
        deposit_id=deposit.public_id,
        workspace=alice.workspace,
        rate=Rate(Decimal(350), "test", now, simulated=True),
        reason="Theirs.",
        actor=ADA,
        now=now,
    )

    [told] = heard()
    assert (told["status"], told["usd"]) == ("settled", "350.000000000")
