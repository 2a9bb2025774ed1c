"""Counting what of renters' charges was their own money: credits and debts are nobody's payment (docs/money.md)."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final, NamedTuple
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Sum

from billing.models import Account
from billing.selectors import granted_usd
from core.money import quantize
from marketplace.models import UsageFact
from rentals.models import PaidUse, Pod, PodMeter
from rentals.services import usage_facts

NOTHING: Final = Decimal(0)
# Of one transaction; the rest is counted in the next.
AT_ONCE: Final = 5_000
# What credits paid, by the index of facts that were not paid wholly. What is not counted yet is not known to be paid.
CREDITED: Final = """
SELECT provider.public_id, meter.renter_account_id,
    sum((fact.charged_usd - coalesce(fact.paid_usd, 0) - fact.lent_usd) * (1 - meter.fee_rate))
FROM marketplace_provider provider
JOIN marketplace_node node ON node.provider_id = provider.id
JOIN marketplace_usagefact fact ON fact.node_id = node.id
JOIN rentals_pod pod ON pod.public_id = fact.holder
JOIN rentals_podmeter meter ON meter.pod_id = pod.id
WHERE provider.public_id = ANY(%s) AND fact.started_at < %s
AND (fact.paid_usd IS NULL OR fact.paid_usd < fact.charged_usd OR fact.paid_usd > fact.charged_usd)
GROUP BY provider.public_id, meter.renter_account_id
"""
# Of each renter the newest facts that were lent, until they come to what is still owed of them.
OWED: Final = """
SELECT provider.public_id,
    sum((least(greatest(upto, 0), usd) - least(greatest(upto - lent_usd, 0), usd)) * (1 - fee_rate))
FROM (
    SELECT fact.node_id, fact.started_at, fact.lent_usd, meter.fee_rate, owing.usd,
        sum(fact.lent_usd) OVER (PARTITION BY owing.renter_id ORDER BY fact.id DESC) AS upto
    FROM unnest(%s::bigint[], %s::numeric[]) owing (renter_id, usd)
    JOIN rentals_podmeter meter ON meter.renter_account_id = owing.renter_id
    JOIN rentals_pod pod ON pod.id = meter.pod_id
    JOIN marketplace_usagefact fact ON fact.holder = pod.public_id AND fact.lent_usd <> 0
) lent
JOIN marketplace_node node ON node.id = lent.node_id
JOIN marketplace_provider provider ON provider.id = node.provider_id
WHERE provider.public_id = ANY(%s) AND lent.started_at < %s
GROUP BY provider.public_id
"""


class Part(NamedTuple):
    """What of a charge was the renter's own money, and what was lent; the rest was paid with credits."""

    paid: Decimal
    lent: Decimal


def count() -> int:
    """Count what was paid for facts that wait for it, the oldest first; give how many."""
    with transaction.atomic():
        renters = _renters_of(_waiting())
        tallies = _locked(set(renters.values()))
        waiting = [fact for fact in _waiting() if fact.holder in renters]
        granted, balances = granted_usd(tallies.keys()), _balances(tallies.keys())
        for renter, facts in _by_renter(waiting, renters).items():
            _count(
                facts,
                tallies[renter],
                credits=granted.get(renter, NOTHING),
                debt=max(NOTHING, -balances[renter]),
            )
        UsageFact.objects.bulk_update(waiting, ["paid_usd", "lent_usd"], batch_size=500)
        PaidUse.objects.bulk_update(
            tallies.values(), ["charged_usd", "paid_usd", "lent_usd"], batch_size=500
        )
    return len(waiting)


def unpaid_of(provider_ids: Collection[UUID], *, before: datetime) -> dict[UUID, Decimal]:
    """Give what providers earned by use before a moment that no renter's own money paid, in USD after the fee.

    What is no fact yet is not known to be paid. Facts never change: what was lent counts as long as its renter owes
    it, the newest first.
    """
    unpaid = defaultdict(Decimal, usage_facts.untold_usd(provider_ids, before=before))
    providers, renters = list(provider_ids), set()
    with connection.cursor() as cursor:
        cursor.execute(CREDITED, [providers, before])
        for provider, renter, usd in cursor.fetchall():
            unpaid[provider] += usd
            renters.add(renter)
        if owing := _owing(renters):
            cursor.execute(OWED, [list(owing), list(owing.values()), providers, before])
            for provider, usd in cursor.fetchall():
                unpaid[provider] += usd
    return {provider: max(NOTHING, quantize(usd)) for provider, usd in unpaid.items()}


def credit_used(renter_account_id: int, *, granted_usd: Decimal) -> Decimal:
    """Give what of all that a renter was charged was paid with credits; what waits is taken as it will be counted.

    By the meters, and not by the ledger: who asks has locked the account.
    """
    pods = Pod.objects.filter(meter__renter_account=renter_account_id).with_cost()
    charged = pods.aggregate(usd=Sum("net_usd", default=NOTHING))["usd"]
    tally = PaidUse.objects.filter(pk=renter_account_id).first() or PaidUse()
    return used_of(
        charged - tally.charged_usd,
        before=tally.charged_usd,
        paid=tally.paid_usd,
        lent=tally.lent_usd,
        credits=granted_usd,
    )


def used_of(
    waiting: Decimal, *, before: Decimal, paid: Decimal, lent: Decimal, credits: Decimal
) -> Decimal:
    """Give what of all charges was neither own money nor lent, once what waits is counted and nothing is owed."""
    counted = {"before": before, "paid": paid, "lent": lent}
    (part,) = parts_of([waiting], **counted, credits=credits, debt=NOTHING)
    return before + waiting - paid - part.paid - lent - part.lent


def parts_of(
    charged: Sequence[Decimal],
    *,
    before: Decimal,
    paid: Decimal,
    lent: Decimal,
    credits: Decimal,
    debt: Decimal,
) -> list[Part]:
    """Split each charge: credits come first, what was lent before was charged already, the debt is the newest of these.

    :param charged: USD of each fact, in order; below zero where more was paid back than charged, first of what was lent
    :param before: charged in all facts before these; of that ``paid`` was own money, and ``lent`` was owed
    :param credits: all that were ever given
    :param debt: what is owed now
    """
    parts = []
    for amount in charged:
        before += amount
        own = before - credits
        if amount < 0:
            back = min(max(max(NOTHING, own - debt) - paid, amount), NOTHING)
            part = Part(back, max(amount - back, -lent))
        else:
            part = Part(min(max(own - paid - lent, NOTHING), amount), NOTHING)
        parts.append(part)
        paid, lent = paid + part.paid, lent + part.lent
    return _with_debt(parts, debt)


def still_owed(
    *, charged: Decimal, paid: Decimal, lent: Decimal, credits: Decimal, balance: Decimal
) -> Decimal:
    """Give what of all that was lent to a renter no own money made good: what is owed, or was settled with credits."""
    used = charged - paid - lent
    return min(max(credits - used - balance, NOTHING), lent)


def _with_debt(parts: Sequence[Part], debt: Decimal) -> list[Part]:
    newest_first = []
    for part in reversed(parts):
        owed = min(max(part.paid, NOTHING), debt)
        newest_first.append(Part(part.paid - owed, part.lent + owed))
        debt -= owed
    return newest_first[::-1]


def _owing(renters: Collection[int]) -> dict[int, Decimal]:
    """Give what renters still owe of what was lent; who owes nothing is left out."""
    tallies = PaidUse.objects.filter(pk__in=renters, lent_usd__gt=0).in_bulk()
    granted, balances = granted_usd(tallies), _balances(tallies)
    owing = {
        renter: still_owed(
            charged=tally.charged_usd,
            paid=tally.paid_usd,
            lent=tally.lent_usd,
            credits=granted.get(renter, NOTHING),
            balance=balances[renter],
        )
        for renter, tally in tallies.items()
    }
    return {renter: usd for renter, usd in owing.items() if usd}


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


def _balances(renters: Collection[int]) -> dict[int, Decimal]:
    return dict(Account.objects.filter(pk__in=renters).values_list("pk", "balance"))


def _count(facts: Sequence[UsageFact], tally: PaidUse, *, credits: Decimal, debt: Decimal) -> None:
    parts = parts_of(
        [fact.charged_usd for fact in facts],
        before=tally.charged_usd,
        paid=tally.paid_usd,
        lent=tally.lent_usd,
        credits=credits,
        debt=debt,
    )
    for fact, part in zip(facts, parts, strict=True):
        fact.paid_usd, fact.lent_usd = part
        tally.charged_usd += fact.charged_usd
        tally.paid_usd += part.paid
        tally.lent_usd += part.lent
