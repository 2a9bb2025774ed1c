"""The watcher waits for nobody while it holds what everybody needs."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from time import monotonic, sleep

import pytest
from django.db import connection, transaction

from billing.accounts import renter_account, trading_account
from billing.chain.local import node
from billing.models import Account
from billing.selectors import balance_usd
from billing.services import standing
from core import clock
from core.money import USD
from tests.factories.billing import TAO, LocalWallet, look, make_workspace

pytestmark = pytest.mark.django_db(transaction=True)
PATIENCE = timedelta(seconds=10).total_seconds()


def somebody_waits_for_a_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return bool(cursor.fetchone()[0])


def test_renters_are_locked_before_the_platforms_accounts() -> None:
    wallet, renters = LocalWallet(), [make_workspace("alice"), make_workspace("bob")]
    for renter in renters:
        renter_account(renter)
        wallet.pay(standing.address_of(renter, now=clock.now()).address, TAO)
    trading = trading_account(USD)
    node.produce(3)

    def watch() -> None:
        try:
            look()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            # Bob's balance is somebody else's for now; Alice's comes first in the block.
            Account.objects.select_for_update(no_key=True).get(workspace=renters[1])
            watching = pool.submit(watch)
            deadline = monotonic() + PATIENCE
            while not somebody_waits_for_a_lock() and monotonic() < deadline:
                sleep(0.02)
            # Whoever holds Bob's balance can have the platform's account too: nobody who waits for Bob's has it.
            Account.objects.select_for_update(no_key=True, nowait=True).get(pk=trading.pk)
        watching.result()

    assert [balance_usd(renter) for renter in renters] == [350, 350]
