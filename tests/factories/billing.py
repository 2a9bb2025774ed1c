"""Minimal valid billing objects."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from itertools import count
from typing import TypeVar

from django.db import connection

from accounts.models import User, Workspace
from billing.models import Account, AccountKind

T = TypeVar("T")
_number = count(1)


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
