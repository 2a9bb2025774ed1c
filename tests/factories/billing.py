"""Minimal valid billing objects."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any, TypeVar

from bittensor_core import Keypair
from django.db import connection, transaction

from accounts.models import User, Workspace
from billing.chain.local import node
from billing.chain.local.gateway import LocalChainGateway, wish_from
from billing.models import (
    Account,
    AccountKind,
    ChainCursor,
    Deposit,
    Invoice,
    LinkedColdkey,
)
from billing.rates import Rate
from billing.services import checkout, standing
from billing.watcher import watch
from core import clock

T = TypeVar("T")
_number = count(1)

SEED = "//Seed"
PUBLIC_KEY = "0x" + Keypair.create_from_uri(SEED).public_key.hex()
TREASURY = Keypair.create_from_uri("//Treasury").ss58_address
HOTKEY = Keypair.create_from_uri("//Hot").ss58_address
TAO = 10**9
USD_PER_TAO = Decimal(350)


def make_workspace(name: str = "alice") -> Workspace:
    """Make a person; give the personal workspace."""
    user = User.objects.create_user(f"{name}{next(_number)}@example.com", "correct horse battery")
    return Workspace.objects.get(owner=user, is_personal=True)


def make_account(currency: str = "USD", kind: AccountKind = AccountKind.SUSPENSE) -> Account:
    """Make an account of its own."""
    return Account.objects.create(
        code=f"test:{next(_number)}:{currency}", kind=kind, currency=currency
    )


def fresh_balance(account: Account) -> Decimal:
    """Read a balance from the database."""
    return Account.objects.get(pk=account.pk).balance


def in_parallel(threads: int, work: Callable[[int], T]) -> list[T]:
    """Run ``work(0)``, ``work(1)``... at once, each on a connection of its own."""

    def run(number: int) -> T:
        try:
            return work(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(run, range(threads)))


class LocalWallet:
    """A key with test TAO on the local chain; its transfers land in the next block."""

    def __init__(self, uri: str = "//Alice", *, tao: int = 100) -> None:
        self.keypair = Keypair.create_from_uri(uri)
        self.address = self.keypair.ss58_address
        self.gateway = LocalChainGateway()
        if tao:
            node.mint(address=self.address, rao=tao * TAO)
            node.produce()

    def stake(self, netuid: int, alpha_rao: int) -> None:
        """Get test alpha with the hotkey ``//Hot``."""
        node.mint_alpha(coldkey=self.address, hotkey=HOTKEY, netuid=netuid, rao=alpha_rao)
        node.produce()

    def pay_alpha(self, address: str, netuid: int, alpha_rao: int) -> None:
        """Sign and submit a transfer of alpha."""
        signed = self.gateway.sign_stake_transfer(
            signer=self.keypair, to=address, hotkey=HOTKEY, netuid=netuid, alpha_rao=alpha_rao
        )
        self.gateway.submit(signed)

    def pay(self, address: str, rao: int) -> None:
        """Sign and submit a transfer."""
        signed = self.gateway.sign_transfer(signer=self.keypair, to=address, rao=rao)
        node.submit(wish_from(json.loads(signed.body)))


def make_invoice(
    workspace: Workspace | None = None,
    *,
    usd: Decimal = Decimal(35),
    life: timedelta = timedelta(minutes=30),
) -> Invoice:
    """Make an invoice of 0.1 TAO, counted from the local chain's present block."""
    workspace = workspace or make_workspace()
    state = node.chain()
    now = node.time_of(state, state.head)
    rate = Rate(USD_PER_TAO, "test", now, simulated=True)
    with transaction.atomic():
        invoice = checkout.create_invoice(
            workspace=workspace, created_by=workspace.owner, usd=usd, rate=rate, now=now
        )
    Invoice.objects.filter(pk=invoice.pk).update(expires_at=now + life)
    invoice.refresh_from_db()
    return invoice


def link_coldkey(workspace: Workspace, uri: str) -> LinkedColdkey:
    """Link a coldkey as if it had signed."""
    return LinkedColdkey.objects.create(
        workspace=workspace,
        address=Keypair.create_from_uri(uri).ss58_address,
        linked_by=workspace.owner,
        linked_at=clock.now(),
    )


def make_deposit(workspace: Workspace, **fields: Any) -> Deposit:
    """Make a transfer to a workspace's standing address that a block holds."""
    now, number = clock.now(), next(_number)
    address = standing.address_of(workspace, now=now)
    defaults = {
        "standing_address": address,
        "genesis": "0x" + "00" * 32,
        "block_hash": f"0x{number:064x}",
        "block_number": number,
        "block_at": now,
        "event_index": 0,
        "sender": TREASURY,
        "address": address.address,
        "amount_rao": TAO,
        "seen_at": now,
    }
    return Deposit.objects.create(workspace=workspace, **defaults | fields)


class Killed(Exception):
    """The process died here."""


def dying_at(number: int) -> Callable[..., Any]:
    """Make a wrapper of database calls that dies at the given one."""
    calls = count(1)

    def execute(run: Callable[..., Any], *call: Any) -> Any:
        if next(calls) == number:
            raise Killed
        return run(*call)

    return execute


def blocks(count: int) -> ChainCursor:
    """Make blocks and let the watcher read them."""
    state = node.produce(count)
    return look(node.time_of(state, state.head))


def look(now: datetime | None = None) -> ChainCursor:
    """Let the watcher read what there is."""
    state = node.chain()
    return watch(gateway=LocalChainGateway(), now=now or node.time_of(state, state.head))
