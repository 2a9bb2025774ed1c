"""The watcher waits for nobody while it holds what everybody needs."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import transaction

from billing.accounts import renter_account, trading_account
from billing.chain.local import node
from billing.models import Account
from billing.selectors import balance_usd
from billing.services import standing
from core import clock
from core.money import USD
from tests.factories.billing import TAO, LocalWallet, look, make_workspace
from tests.threads import hanging_up, until_somebody_waits

pytestmark = pytest.mark.django_db(transaction=True)


def test_renters_are_locked_before_the_platforms_accounts() -> None:
    wallet, renters = LocalWallet(), [make_workspace("alice"), make_workspace("bob")]
    for renter in renters:
        renter_account(renter)
        wallet.pay(standing.address_of(renter, now=clock.now()).address, TAO)
    trading = trading_account(USD)
    node.produce(3)

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            # Bob's balance is somebody else's for now; Alice's comes first in the block.
            Account.objects.select_for_update(no_key=True).get(workspace=renters[1])
            watching = pool.submit(hanging_up, look)
            until_somebody_waits()
            # Whoever holds Bob's balance can have the platform's account too: nobody who waits for Bob's has it.
            Account.objects.select_for_update(no_key=True, nowait=True).get(pk=trading.pk)
        watching.result()

    assert [balance_usd(renter) for renter in renters] == [350, 350]
