"""Counting what of renters' charges was their own money: credits and debts are nobody's payment (docs/money.md)."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

from django.db import transaction

from billing.models import Account
from billing.selectors import granted_usd
from marketplace.models import UsageFact
from rentals.models import PaidUse, PodMeter

NOTHING: Final = Decimal(0)
# Of one transaction; the rest is counted in the next.
AT_ONCE: Final = 5_000


def count() -> int:
    """Count what was paid for facts that wait for it, the oldest first; give how many."""
    with transaction.atomic():
        renters = _renters_of(_waiting())
        tallies = _locked(set(renters.values()))
        waiting = [fact for fact in _waiting() if fact.holder in renters]
        facts = _by_renter(waiting, renters)
        limits = _limits(tallies)
        for renter, of_renter in facts.items():
            _count(of_renter, tallies[renter], credits_and_debt=limits[renter])
        UsageFact.objects.bulk_update(waiting, ["paid_usd"], batch_size=500)
        PaidUse.objects.bulk_update(tallies.values(), ["charged_usd", "paid_usd"], batch_size=500)
    return len(waiting)


def paid_of(
    charged: Sequence[Decimal], *, before: Decimal, paid: Decimal, not_own: Decimal
) -> list[Decimal]:
    """Give what of each charge was paid with a renter's own money, credits first.

    :param charged: USD of each fact, in order; below zero where more was paid back than charged
    :param before: charged in all facts before these; ``paid`` is what of that was own money
    :param not_own: every credit ever given, and what is owed
    """
    parts = []
    for amount in charged:
        before += amount
        own = max(NOTHING, before - not_own)
        part = min(max(own - paid, min(amount, NOTHING)), max(amount, NOTHING))
        parts.append(part)
        paid += part
    return parts


def _waiting() -> list[UsageFact]:
    return list(UsageFact.objects.filter(paid_usd=None).order_by("pk")[:AT_ONCE])


def _renters_of(facts: Sequence[UsageFact]) -> dict[object, int]:
    """Give the account of the renter of each holder."""
    holders = {fact.holder for fact in facts}
    meters = PodMeter.objects.filter(pod__public_id__in=holders)
    return dict(meters.values_list("pod__public_id", "renter_account_id"))


def _locked(renters: set[int]) -> dict[int, PaidUse]:
    """Lock the renters' rows in order: whoever counts the same facts waits, and then finds them counted."""
    rows = (PaidUse(renter_account_id=renter) for renter in sorted(renters))
    PaidUse.objects.bulk_create(rows, ignore_conflicts=True)
    locked = PaidUse.objects.filter(pk__in=renters).select_for_update(no_key=True).order_by("pk")
    return {row.pk: row for row in locked}


def _by_renter(
    facts: Sequence[UsageFact], renters: Mapping[object, int]
) -> dict[int, list[UsageFact]]:
    grouped: dict[int, list[UsageFact]] = defaultdict(list)
    for fact in facts:
        grouped[renters[fact.holder]].append(fact)
    return grouped


def _limits(tallies: Mapping[int, PaidUse]) -> dict[int, Decimal]:
    """Give of each renter the credits and the debt."""
    granted = granted_usd(tallies.keys())
    balances = Account.objects.filter(pk__in=tallies).values_list("pk", "balance")
    return {pk: granted.get(pk, NOTHING) - min(balance, NOTHING) for pk, balance in balances}


def _count(facts: Sequence[UsageFact], tally: PaidUse, *, credits_and_debt: Decimal) -> None:
    charged = [fact.charged_usd for fact in facts]
    parts = paid_of(
        charged, before=tally.charged_usd, paid=tally.paid_usd, not_own=credits_and_debt
    )
    for fact, part in zip(facts, parts, strict=True):
        fact.paid_usd = part
    tally.charged_usd += sum(charged, NOTHING)
    tally.paid_usd += sum(parts, NOTHING)
