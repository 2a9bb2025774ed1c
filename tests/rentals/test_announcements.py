"""What providers announce reaches the pods: told once, withdrawn, ended with receipt and refund."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core import mail
from django.db import transaction

from billing import ledger
from core.actors import Actor, ActorKind
from marketplace.models import Node, Notice
from marketplace.selectors.notices import last_maintenance
from marketplace.services import notices, reclaiming
from rentals.models import Pod, PodStatus
from rentals.services import announcements, metering, notice_mail, receipts
from tests.factories.marketplace import NOON
from tests.factories.pods import make_pod, make_ready, refunded_usd

pytestmark = pytest.mark.django_db
BOB = Actor(kind=ActorKind.USER, id="1", name="Bob")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def pod() -> Pod:
    return make_ready(make_pod())


def announce(node: Node, *, permanent: bool = False, now: datetime = NOON) -> Notice:
    return notices.give(
        node_id=node.pk,
        starts_at=now + 2 * DAY,
        minutes=None if permanent else 30,
        permanent=permanent,
        reason="New driver",
        actor=BOB,
        now=now,
    )


def told(pod: Pod) -> list[str]:
    events = pod.events.filter(type="pod-notice").order_by("id")
    return list(events.values_list("reason_code", flat=True))


def proven_until(pod: Pod, moment: datetime) -> None:
    Pod.objects.filter(pk=pod.pk).update(last_proof_at=moment)


def test_a_renter_is_told_once_and_again_of_another_notice(pod: Pod) -> None:
    announce(pod.node)
    for _ in range(2):
        announcements.sweep(now=NOON)
    announce(pod.node, permanent=True, now=NOON + HOUR)
    announcements.sweep(now=NOON + HOUR)

    assert told(pod) == ["maintenance_announced", "removal_announced"]
    event = pod.events.get(reason_code="maintenance_announced")
    assert (event.actor_kind, event.actor_name) == ("provider", "Bob")
    assert "2026-11-23 12:00" in event.detail


def test_a_withdrawal_is_told_to_who_was_told(pod: Pod) -> None:
    announce(pod.node)
    announcements.sweep(now=NOON)
    notices.cancel(node_id=pod.node_id, actor=BOB, now=NOON + HOUR)
    later = make_pod(node=pod.node)

    for _ in range(2):
        announcements.sweep(now=NOON + HOUR)

    assert told(pod) == ["maintenance_announced", "notice_withdrawn"]
    assert told(later) == []


def test_the_mail_says_what_when_and_where(pod: Pod) -> None:
    announce(pod.node)
    announcements.sweep(now=NOON)

    notice_mail.send(event_id=pod.events.get(type="pod-notice").pk)

    [message] = mail.outbox
    assert message.to == [pod.workspace.owner.email]
    assert "New driver" in message.body
    assert f"/pods/{pod.public_id}" in message.body


def test_a_removal_ends_the_pod_at_its_time_and_costs_what_was_used(pod: Pod) -> None:
    notice = announce(pod.node, permanent=True)
    proven_until(pod, NOON + HOUR)

    announcements.sweep(now=notice.starts_at - HOUR)
    pod.refresh_from_db()
    assert pod.status == PodStatus.RUNNING
    announcements.sweep(now=notice.starts_at)

    pod.refresh_from_db()
    assert (pod.status, pod.status_reason_code) == (PodStatus.REMOVING, "reclaimed")
    assert refunded_usd(pod) == 0


def test_an_early_reclaim_pays_the_last_hour_back_once(pod: Pod) -> None:
    for minutes in range(1, 181):
        proven_until(pod, NOON + timedelta(minutes=minutes))
        if minutes % 30 == 0:
            metering.settle(pod_id=pod.pk, now=NOON + timedelta(minutes=minutes))
    gone = NOON + 3 * HOUR
    reclaiming.reclaim(node_id=pod.node_id, why="I need it", actor=BOB, now=gone - HOUR)

    for _ in range(2):
        announcements.sweep(now=gone)

    pod.refresh_from_db()
    assert pod.status_reason_code == "reclaimed_early"
    assert refunded_usd(pod) == Decimal(2)
    assert ledger.trial_balance() == {"USD": 0}
    with transaction.atomic():
        receipt = receipts.write(pod, gone)
    assert receipt.charged_usd == Decimal(4)
    assert receipt.charged_usd == sum(Decimal(line["charged_usd"]) for line in receipt.lines)
    assert receipt.charged_usd == sum(charge.amount_usd for charge in receipts.charges_of(pod))


def test_a_maintenance_counts_until_its_end_or_until_it_was_ended(pod: Pod) -> None:
    notice = announce(pod.node)
    begun = notice.starts_at

    def window(now: datetime) -> Any:
        found = last_maintenance(pod.node_id, now=now)
        return found and found.ends_at

    assert window(begun - HOUR) is None
    assert window(begun) == begun + timedelta(minutes=30)
    notices.cancel(node_id=pod.node_id, actor=BOB, now=begun + timedelta(minutes=5))
    assert window(begun + HOUR) == begun + timedelta(minutes=5)
