"""What a finished run means for a node, told from its results alone."""

from datetime import datetime, timedelta
from types import SimpleNamespace
from uuid import uuid4

import pytest
from django.conf import settings

from core.actors import PLATFORM
from marketplace.models import CheckStatus, Node, NodeStatus, Outcome, ProofVerdict, Trigger
from marketplace.services import (
    alerts,
    check_turns,
    checking,
    gpu_proofs,
    heartbeat,
    notices,
    outage,
)
from marketplace.services.check_outcomes import TRIED_IN_VAIN, finish
from tests.factories.marketplace import NOON, make_node

pytestmark = pytest.mark.django_db
LATE = NOON + settings.MARKET_VERIFIED_FOR
NOTHING = SimpleNamespace(evidence=None)


def ran(node: Node, *, at: datetime, **found: CheckStatus) -> Outcome:
    """Let a run end in which all passed but what is named."""
    run = checking.start(node_id=node.pk, trigger=Trigger.SCHEDULE, now=at)
    run.results.update(status=CheckStatus.PASSED)
    for check_id, status in found.items():
        run.results.filter(check_id=check_id).update(status=status)
    with check_turns.taken(run.pk, now=lambda: at) as token:
        run.results.filter(status=CheckStatus.RUNNING).update(status=CheckStatus.PASSED)
        outcome = finish(run_id=run.pk, token=token, visited=NOTHING, now=at)
    node.refresh_from_db()
    return outcome


def listed(**fields: object) -> Node:
    return make_node(listing_wanted_at=NOON, last_verified_at=NOON, **fields)


class TestNotReached:
    @pytest.mark.parametrize(
        ("in_vain", "minutes"), [(0, 1), (2, 2), (60, 60), (60 * 24, 60 * 6), (60 * 24 * 8, None)]
    )
    def test_is_tried_less_and_less_often_and_not_for_ever(
        self, in_vain: int, minutes: int | None
    ) -> None:
        at = NOON + timedelta(minutes=in_vain)
        node = make_node(status=NodeStatus.NOT_DETECTED)
        Node.objects.filter(pk=node.pk).update(created_at=NOON)

        ran(node, at=at, contact=CheckStatus.FAILED)

        if minutes is None:
            assert node.next_checks_at is None
        else:
            assert node.next_checks_at is not None
            wait = (node.next_checks_at - at).total_seconds() / 60
            assert minutes * 0.9 <= wait <= minutes * 1.1

    def test_starts_over_when_its_provider_asks(self) -> None:
        at = NOON + timedelta(days=8)
        node = make_node(status=NodeStatus.NOT_DETECTED)
        Node.objects.filter(pk=node.pk).update(created_at=NOON)
        run = checking.start(node_id=node.pk, trigger=Trigger.PROVIDER, now=at)
        run.results.update(status=CheckStatus.PASSED)

        ran(node, at=at, contact=CheckStatus.FAILED)

        assert node.next_checks_at is not None


class TestExpiry:
    @pytest.mark.parametrize(
        "found", [{"disk": CheckStatus.UNKNOWN}, {"contact": CheckStatus.FAILED}]
    )
    def test_a_listing_whose_checks_are_never_decided_ends_with_a_reason(
        self, found: dict[str, CheckStatus]
    ) -> None:
        node = listed()

        for index in range(TRIED_IN_VAIN):
            before = node.status
            ran(node, at=LATE + index * timedelta(minutes=5), **found)

        assert (before, node.status) == (NodeStatus.AVAILABLE, NodeStatus.VALIDATION_PENDING)
        assert node.events.get().reason_code == "verification_expired"
        assert "24 h" in node.status_reason

    def test_it_is_back_as_soon_as_a_run_passes(self) -> None:
        node = listed()
        for _ in range(TRIED_IN_VAIN):
            ran(node, at=LATE, disk=CheckStatus.UNKNOWN)

        assert ran(node, at=LATE) == Outcome.PASSED
        assert node.status == NodeStatus.AVAILABLE

    def test_until_the_deadline_what_could_not_be_told_costs_nothing(self) -> None:
        node = listed()

        for minute in range(10):
            at = LATE - timedelta(minutes=10 - minute)
            assert ran(node, at=at, disk=CheckStatus.UNKNOWN) == Outcome.INCOMPLETE

        assert node.status == NodeStatus.AVAILABLE

    def test_time_in_which_we_checked_nothing_is_not_held_against_anybody(self) -> None:
        node = listed()
        for _ in range(TRIED_IN_VAIN):
            run = checking.start(node_id=node.pk, trigger=Trigger.SCHEDULE, now=LATE)
            check_turns.break_off(run, now=LATE)

        ran(node, at=LATE + timedelta(days=1), disk=CheckStatus.UNKNOWN)

        assert node.status == NodeStatus.AVAILABLE

    def test_nor_is_an_outage_of_our_own(self) -> None:
        node = listed()
        alerts.open_alert(kind=outage.OWN_NETWORK, detail="-", now=LATE)

        for _ in range(TRIED_IN_VAIN):
            ran(node, at=LATE, contact=CheckStatus.FAILED)

        assert node.status == NodeStatus.AVAILABLE


class TestAFailedProof:
    def test_keeps_a_machine_off_the_market_whatever_its_checks_say(self) -> None:
        node = listed(status=NodeStatus.VALIDATION_FAILED, proof_verdict=ProofVerdict.FAIL)

        assert ran(node, at=NOON) == Outcome.PASSED

        assert node.status == NodeStatus.VALIDATION_FAILED
        assert node.events.latest("id").reason_code == "proof_failed"

    @pytest.mark.parametrize("permanent", [True, False])
    def test_is_not_forgotten_over_a_notice(self, permanent: bool) -> None:
        node, starts_at = listed(), NOON + timedelta(days=3)
        notices.give(
            node_id=node.pk, starts_at=starts_at, minutes=None if permanent else 30,
            permanent=permanent, reason="", actor=PLATFORM, now=NOON,
        )  # fmt: skip
        notices.sweep(NOON if permanent else starts_at)
        assert Node.objects.get().status == NodeStatus.RECLAIMING

        gpu_proofs.failed(node_id=node.pk, proof_id=uuid4(), why="-", now=NOON)
        notices.cancel(node_id=node.pk, actor=PLATFORM, now=NOON)

        assert Node.objects.get().status == NodeStatus.VALIDATION_FAILED

    def test_is_not_forgotten_over_a_silence(self) -> None:
        node = listed(status=NodeStatus.OFFLINE, missing_since=NOON)

        gpu_proofs.failed(node_id=node.pk, proof_id=uuid4(), why="-", now=NOON)
        heartbeat.record_seen(node_id=node.pk, now=NOON)

        assert Node.objects.get().status == NodeStatus.VALIDATION_FAILED

    def test_lets_it_back_once_one_passes(self) -> None:
        node = listed(status=NodeStatus.VALIDATION_FAILED, proof_verdict=ProofVerdict.FAIL)

        gpu_proofs.passed(node_id=node.pk, proof_id=uuid4(), now=NOON)
        ran(node, at=NOON)

        assert node.status == NodeStatus.AVAILABLE
