"""Deposit addresses that hold something, whether an invoice's or a workspace's standing one."""

from collections.abc import Collection
from typing import Final

from django.db.models import F, Sum

from billing.models import Invoice, StandingAddress

KINDS: Final = (Invoice, StandingAddress)
DepositHolder = Invoice | StandingAddress


def full(*, above: int, without: Collection[str], limit: int) -> list[DepositHolder]:
    """Give addresses that hold more than ``above`` rao, but those named; each has key, index, address and funds."""
    found: list[DepositHolder] = []
    for kind in KINDS:
        holding = kind.objects.filter(unswept_rao__gt=above).exclude(address__in=without)
        found.extend(holding.select_related("deposit_key").order_by("pk")[:limit])
    return found[:limit]


def moved(address: str, rao: int) -> None:
    """Count what came to an address, or, below zero, what left it."""
    for kind in KINDS:
        kind.objects.filter(address=address).update(unswept_rao=F("unswept_rao") + rao)


def all_that_hold() -> list[str]:
    """Give every deposit address on which something should lie."""
    return [
        address
        for kind in KINDS
        for address in kind.objects.filter(unswept_rao__gt=0).values_list("address", flat=True)
    ]


def held_rao(address: str = "") -> int:
    """Give what should lie on one deposit address, or on all of them, in rao."""
    which = {"address": address} if address else {}
    sums = (kind.objects.filter(**which).aggregate(rao=Sum("unswept_rao")) for kind in KINDS)
    return sum(found["rao"] or 0 for found in sums)
