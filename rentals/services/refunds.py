"""Money back from a provider who took a machine back early: the last charges, mirrored once a pod."""

from datetime import datetime
from decimal import Decimal
from typing import Final

from django.conf import settings
from django.db.models import Sum

from billing import ledger
from billing.ledger import Leg
from billing.models import Account, Posting
from rentals.models import Pod, PodStatus
from rentals.reasons import Reason
from rentals.services import metering

KIND: Final = "refund"


def pay(pod: Pod, *, now: datetime) -> None:
    """Pay back the last charges of a pod whose machine was taken back early; a repeat is a no-op."""
    taken_back = pod.events.filter(
        to_status=PodStatus.REMOVING, reason_code=Reason.RECLAIMED_EARLY.code
    ).first()
    if taken_back is None:
        return
    metering.settle(pod_id=pod.pk, now=now)
    legs = _mirrored(pod, since=taken_back.occurred_at - settings.MARKET_RECLAIM_REFUND)
    if any(leg.amount for leg in legs):
        ledger.post(
            key=f"reclaimed-early:{pod.public_id}",
            kind=KIND,
            legs=legs,
            occurred_at=now,
            subject=(metering.SUBJECT, pod.public_id),
            memo="The machine was taken back early",
        )


def refunded_usd(pod: Pod) -> Decimal:
    """Give what was paid back for a pod."""
    rows = Posting.objects.filter(
        entry__kind=KIND,
        entry__subject_kind=metering.SUBJECT,
        entry__subject_id=pod.public_id,
        account=pod.meter.renter_account_id,
    )
    return rows.aggregate(total=Sum("amount"))["total"] or Decimal(0)


def _mirrored(pod: Pod, *, since: datetime) -> list[Leg]:
    charged = Posting.objects.filter(
        entry__kind=metering.KIND,
        entry__subject_kind=metering.SUBJECT,
        entry__subject_id=pod.public_id,
        entry__occurred_at__gt=since,
    )
    sums = dict(charged.values_list("account").annotate(total=Sum("amount")))
    accounts = Account.objects.in_bulk(sums)
    return [Leg(accounts[pk], -sums[pk]) for pk in sorted(sums)]
