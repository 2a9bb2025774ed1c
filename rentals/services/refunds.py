"""Money back from a provider who took a machine back early: the last charges, mirrored once a pod."""

from datetime import datetime
from typing import Final

from django.conf import settings
from django.db.models import Sum

from billing import ledger
from billing.ledger import Leg
from billing.models import Account, Entry, Posting
from rentals.models import Pod, PodStatus
from rentals.models.pod import REFUND_KEY
from rentals.reasons import Reason
from rentals.services import metering

KIND: Final = "refund"


def pay(pod: Pod, *, now: datetime) -> None:
    """Pay back the last charges of a pod whose machine was taken back early; a repeat is a no-op.

    The pod's meter is settled before, and no row of the pod's is locked (docs/locking.md).
    """
    if legs := owed(pod):
        ledger.post(
            key=_key(pod),
            kind=KIND,
            legs=legs,
            occurred_at=now,
            subject=(metering.SUBJECT, pod.public_id),
            memo="The machine was taken back early",
        )


def owed(pod: Pod) -> list[Leg]:
    """Give what is to be paid back for a pod and was not; empty for one whose machine was not taken back."""
    taken_back = pod.events.filter(
        to_status=PodStatus.REMOVING, reason_code=Reason.RECLAIMED_EARLY.code
    ).first()
    if taken_back is None or Entry.objects.filter(idempotency_key=_key(pod)).exists():
        return []
    legs = _mirrored(pod, since=taken_back.occurred_at - settings.MARKET_RECLAIM_REFUND)
    return [leg for leg in legs if leg.amount]


def _key(pod: Pod) -> str:
    return f"{REFUND_KEY}{pod.public_id}"


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
