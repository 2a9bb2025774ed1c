"""Maintenance and removal with notice: in time, once, and with the machine off the market when it is due."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from core.actors import Actor, ActorKind
from core.errors import Conflict, Invalid
from marketplace import selectors
from marketplace.models import Node, NodeStatus, Notice
from marketplace.services import listing, notices, onboarding, reservations
from tests.factories.marketplace import NOON, make_node
from tests.factories.pods import make_pod

pytestmark = pytest.mark.django_db
BOB = Actor(kind=ActorKind.USER, id="1", name="Bob")
ADMIN = Actor(kind=ActorKind.ADMIN, id="2", name="Ada")
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def give(node: Node, *, now: datetime = NOON, actor: Actor = BOB, **wanted: Any) -> Notice:
    asked = {"starts_at": now + DAY, "minutes": 30, "permanent": False, "reason": "New driver"}
    return notices.give(node_id=node.pk, actor=actor, now=now, **{**asked, **wanted})


def remove(node: Node, *, now: datetime = NOON, actor: Actor = BOB) -> Notice:
    return give(node, now=now, actor=actor, starts_at=now + 2 * DAY, minutes=None, permanent=True)


def status_of(node: Node) -> str:
    node.refresh_from_db()
    return node.status


def rent(node: Node, *, now: datetime) -> Any:
    return reservations.reserve(
        node_id=node.pk, gpu_count=1, port_count=1, holder=uuid4(), now=now
    )  # fmt: skip


class TestGiving:
    def test_a_maintenance_is_told_a_day_before(self) -> None:
        with pytest.raises(notices.TooSoon, match="24 h") as refusal:
            give(make_node(), starts_at=NOON + DAY - HOUR)

        assert "2026-11-22 12:00" in refusal.value.hint

    def test_a_removal_is_told_two_days_before(self) -> None:
        with pytest.raises(notices.TooSoon, match="48 h"):
            give(make_node(), permanent=True, minutes=None, starts_at=NOON + DAY)

    def test_a_machine_that_promised_more_keeps_it(self) -> None:
        with pytest.raises(notices.TooSoon, match="72 h"):
            give(make_node(notice_hours=72), starts_at=NOON + 2 * DAY)

    def test_a_pod_keeps_the_notice_that_it_was_rented_with(self) -> None:
        node = make_node(notice_hours=336)
        make_pod(node=node, notice_hours=336)
        make_pod(node=node, notice_hours=72, status="stopped")
        make_pod(node=node, notice_hours=400, status="removed")

        onboarding.set_notice(node_id=node.pk, hours=24, actor=BOB, now=NOON)

        assert node.events.get().reason_code == "notice_changed"
        with pytest.raises(notices.TooSoon, match="336 h"):
            give(node, starts_at=NOON + 2 * DAY)
        give(node, starts_at=NOON + 14 * DAY)

    @pytest.mark.parametrize("minutes", [None, 0, 61])
    def test_a_maintenance_takes_up_to_an_hour(self, minutes: int | None) -> None:
        with pytest.raises(Invalid, match="1 to 60"):
            give(make_node(), minutes=minutes)

    def test_a_second_notice_takes_the_place_of_the_first(self) -> None:
        node = make_node()
        first, second = give(node), give(node, starts_at=NOON + 2 * DAY)

        first.refresh_from_db()
        assert first.cancelled_at == NOON
        assert selectors.open_notice(node) == second


class TestMaintenance:
    def test_rentals_go_on_until_it_begins(self) -> None:
        node = make_node()
        notice = give(node)

        assert rent(node, now=NOON + HOUR)
        with pytest.raises(reservations.NoCapacity):
            rent(node, now=notice.starts_at)

    def test_it_takes_the_machine_off_the_market_and_brings_it_back(self) -> None:
        node = make_node()
        notice = give(node)

        notices.sweep(NOON + HOUR)
        assert status_of(node) == NodeStatus.AVAILABLE
        notices.sweep(notice.starts_at)
        assert status_of(node) == NodeStatus.RECLAIMING
        assert "New driver" in selectors.standing_of(node).message
        notices.sweep(notice.starts_at + timedelta(minutes=30))

        assert status_of(node) == NodeStatus.AVAILABLE
        assert node.next_checks_at == notice.starts_at + timedelta(minutes=30)
        assert selectors.open_notice(node) is None

    def test_a_machine_that_is_silent_afterwards_is_offline(self) -> None:
        node = make_node()
        notice = give(node)
        notices.sweep(notice.starts_at)
        Node.objects.filter(pk=node.pk).update(missing_since=notice.starts_at)

        notices.sweep(notice.starts_at + HOUR)

        assert status_of(node) == NodeStatus.OFFLINE

    def test_it_ends_early_when_the_provider_says_so(self) -> None:
        node = make_node()
        notice = give(node)
        notices.sweep(notice.starts_at)

        notices.cancel(node_id=node.pk, actor=BOB, now=notice.starts_at + timedelta(minutes=5))

        assert status_of(node) == NodeStatus.AVAILABLE


class TestRemoval:
    def test_nothing_new_is_rented_from_the_notice_on(self) -> None:
        node = make_node()
        remove(node)

        assert status_of(node) == NodeStatus.RECLAIMING
        event = node.events.get()
        assert (event.to_status, event.actor_name) == ("reclaiming", "Bob")

    def test_an_offline_machine_that_comes_back_is_not_rented_either(self) -> None:
        node = make_node(status=NodeStatus.OFFLINE)
        remove(node)
        Node.objects.filter(pk=node.pk).update(status=NodeStatus.AVAILABLE)

        with pytest.raises(reservations.NoCapacity):
            rent(node, now=NOON + HOUR)
        notices.sweep(NOON + HOUR)

        assert status_of(node) == NodeStatus.RECLAIMING

    def test_a_machine_without_pods_leaves_at_its_time(self) -> None:
        node = make_node()
        notice = remove(node)

        notices.sweep(notice.starts_at - HOUR)
        node.refresh_from_db()
        assert node.delisted_at is None
        notices.sweep(notice.starts_at)

        node.refresh_from_db()
        assert node.delisted_at == notice.starts_at
        assert node.events.filter(reason_code="reclaim_done").count() == 1

    def test_a_machine_with_a_pod_waits_for_its_end_but_not_for_ever(self) -> None:
        node = make_node()
        rent(node, now=NOON)
        notice = remove(node)

        notices.sweep(notice.starts_at)
        node.refresh_from_db()
        assert node.delisted_at is None
        notices.sweep(notice.starts_at + notices.PATIENCE + HOUR)

        node.refresh_from_db()
        assert node.delisted_at is not None

    def test_it_can_be_taken_back_until_it_begins(self) -> None:
        node = make_node()
        notice = remove(node)

        notices.cancel(node_id=node.pk, actor=BOB, now=NOON + DAY)
        assert status_of(node) == NodeStatus.AVAILABLE
        notice = remove(node)
        with pytest.raises(Conflict, match="begun"):
            notices.cancel(node_id=node.pk, actor=BOB, now=notice.starts_at)

    def test_another_time_of_a_removal_never_brings_the_machine_back(self) -> None:
        node = make_node()
        remove(node)
        remove(node, now=NOON + HOUR)

        assert status_of(node) == NodeStatus.RECLAIMING
        assert not node.events.filter(reason_code="reclaim_cancelled").exists()

    def test_what_operators_announced_is_theirs_to_take_back(self) -> None:
        node = make_node()
        remove(node, actor=ADMIN)
        listing.freeze(node_id=node.pk, why="Wrong GPUs", actor=ADMIN, now=NOON)

        with pytest.raises(Conflict, match="Operators"):
            notices.cancel(node_id=node.pk, actor=BOB, now=NOON)

        notices.cancel(node_id=node.pk, actor=ADMIN, now=NOON)
        assert selectors.open_notice(node) is None
