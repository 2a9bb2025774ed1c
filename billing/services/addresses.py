"""Deposit addresses that hold something, whether an invoice's or a workspace's standing one."""

from collections.abc import Collection
from datetime import datetime
from typing import Final

from django.db.models import F, Min, Q, Sum

from billing.models import Deposit, DepositStatus, Invoice, LinkedColdkey, StandingAddress

KINDS: Final = (Invoice, StandingAddress)
NOT_THERE: Final = (DepositStatus.REPLACED, DepositStatus.REFUNDED)
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


def with_alpha(netuid: int) -> list[str]:
    """Give the deposit addresses that alpha of a subnet came to, where it does not belong."""
    astray = Deposit.objects.filter(netuid=netuid).exclude(status__in=NOT_THERE)
    home = Q(invoice__isnull=False) | Q(standing_address__isnull=False)
    return list(
        astray.filter(home).order_by("address").values_list("address", flat=True).distinct()
    )


def first_shown() -> datetime | None:
    """Give when somebody was first told where to pay, None where nobody was."""
    told = [kind.objects.aggregate(first=Min("created_at"))["first"] for kind in KINDS]
    told.append(LinkedColdkey.objects.aggregate(first=Min("linked_at"))["first"])
    return min((moment for moment in told if moment is not None), default=None)


def held_rao(address: str = "") -> int:
    """Give what should lie on one deposit address, or on all of them, in rao."""
    which = {"address": address} if address else {}
    sums = (kind.objects.filter(**which).aggregate(rao=Sum("unswept_rao")) for kind in KINDS)
    return sum(found["rao"] or 0 for found in sums)
