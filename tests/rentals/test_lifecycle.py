"""Wishes are written at once, by whom they may be, and only where the state allows."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.conf import settings
from django.db import connection, transaction

from accounts.principal import Principal
from core.actors import PLATFORM
from core.errors import NotFound
from marketplace.models import Node, NodeGpu, NodeStatus
from marketplace.services import reservations
from rentals import transitions
from rentals.models import Pod, PodStatus
from rentals.reasons import Reason
from rentals.services import lifecycle, renting
from rentals.services.equivalents import NodeTaken
from rentals.services.floors import InsufficientBalance
from rentals.services.lifecycle import NotNow, PastTime
from rentals.services.silences import RanUnproven
from tests.factories.pods import NOON, make_ready, make_template, meter_of
from tests.factories.rentals import make_node, make_principal, rent_request

pytestmark = pytest.mark.django_db
LATER = NOON + timedelta(minutes=1)


@pytest.fixture
def alice() -> Principal:
    return make_principal()


@pytest.fixture
def node() -> Node:
    make_template()
    return make_node(gpu_count=2)


@pytest.fixture
def pod(alice: Principal, node: Node) -> Pod:
    return renting.rent(principal=alice, request=rent_request(node), now=NOON)


WISHES: dict[str, Callable[..., Pod]] = {
    "remove": lifecycle.remove,
    "stop": lifecycle.stop,
    "start": lifecycle.start,
    "reboot": lifecycle.reboot,
    "cancel_removal": lifecycle.cancel_removal,
}


class TestAccess:
    @pytest.mark.parametrize("wish", WISHES)
    def test_a_stranger_is_told_that_there_is_no_such_pod(self, wish: str, pod: Pod) -> None:
        with pytest.raises(NotFound):
            WISHES[wish](principal=make_principal("charlie"), pod_id=pod.public_id, now=LATER)

        assert Pod.objects.get().status == PodStatus.PENDING


class TestRemove:
    def test_ends_the_meter_at_the_second_of_the_wish(self, alice: Principal, pod: Pod) -> None:
        make_ready(pod, at=NOON)

        lifecycle.remove(principal=alice, pod_id=pod.public_id, now=LATER)

        meter = meter_of(pod)
        assert (meter.ready_since, meter.counted_seconds) == (None, 60)
        assert meter.posted_usd == Decimal("0.033333333")

    def test_holds_gpus_and_ports_until_the_machine_shows_nothing(
        self, alice: Principal, pod: Pod, node: Node
    ) -> None:
        lifecycle.remove(principal=alice, pod_id=pod.public_id, now=LATER)

        node.refresh_from_db()
        assert node.free_gpu_count == 1
        assert Pod.objects.get().status == PodStatus.REMOVING

    def test_twice_is_once(self, alice: Principal, pod: Pod) -> None:
        for _ in range(2):
            lifecycle.remove(principal=alice, pod_id=pod.public_id, now=LATER)

        assert pod.events.filter(to_status="removing").count() == 1

    @pytest.mark.parametrize(
        "status", sorted(set(PodStatus) - {PodStatus.REMOVED, PodStatus.REMOVING})
    )
    def test_works_from_every_living_state_and_holds_what_may_be_in_use(
        self, status: PodStatus, alice: Principal, pod: Pod
    ) -> None:
        Pod.objects.update(status=status)

        lifecycle.remove(principal=alice, pod_id=pod.public_id, now=LATER)

        assert Pod.objects.get().status == PodStatus.REMOVING
        assert NodeGpu.objects.filter(holder=pod.public_id).exists()

    def test_of_a_failed_start_that_left_nothing_is_done_at_once(
        self, alice: Principal, pod: Pod
    ) -> None:
        Pod.objects.update(status=PodStatus.FAILED, gone_at=NOON)

        lifecycle.remove(principal=alice, pod_id=pod.public_id, now=LATER)

        assert Pod.objects.get().status == PodStatus.REMOVED

    def test_by_an_operator_leaves_their_words(self, pod: Pod) -> None:
        lifecycle.remove_as(
            pod_id=pod.public_id,
            reason=Reason.REMOVED_BY_ADMIN,
            actor=PLATFORM,
            now=LATER,
            detail="abuse",
        )

        assert pod.events.get(to_status="removing").detail == "abuse"


class TestStopAndStart:
    def test_only_a_running_pod_stops(self, alice: Principal, pod: Pod) -> None:
        with pytest.raises(NotNow):
            lifecycle.stop(principal=alice, pod_id=pod.public_id, now=LATER)

    def test_for_want_of_balance_notes_since_when(self, pod: Pod) -> None:
        make_ready(pod)

        lifecycle.stop_as(
            pod_id=pod.public_id, reason=Reason.STOPPED_LOW_BALANCE, actor=PLATFORM, now=LATER
        )

        assert Pod.objects.get().low_balance_since == LATER

    def test_a_start_takes_the_very_gpus_back(self, alice: Principal, pod: Pod, node: Node) -> None:
        stopped(pod)

        lifecycle.start(principal=alice, pod_id=pod.public_id, now=LATER)

        held = NodeGpu.objects.filter(holder=pod.public_id).values_list("uuid", flat=True)
        assert (list(held), Pod.objects.get().status) == (pod.gpu_uuids, PodStatus.STARTING)

    def test_a_start_whose_gpus_are_rented_is_offered_equivalents(
        self, alice: Principal, pod: Pod, node: Node
    ) -> None:
        stopped(pod)
        other = make_node()
        renting.rent(principal=alice, request=rent_request(node, gpu_count=2), now=NOON)

        with pytest.raises(NodeTaken) as refusal:
            lifecycle.start(principal=alice, pod_id=pod.public_id, now=LATER)

        assert "are rented to somebody else" in refusal.value.message
        assert refusal.value.data["equivalents"][0]["executor_id"] == str(other.public_id)
        assert Pod.objects.get(pk=pod.pk).status == PodStatus.STOPPED

    def test_a_start_on_a_machine_off_the_market_says_so(
        self, alice: Principal, pod: Pod, node: Node
    ) -> None:
        stopped(pod)
        Node.objects.update(status=NodeStatus.VALIDATION_FAILED)

        with pytest.raises(NodeTaken, match="is not on the market now"):
            lifecycle.start(principal=alice, pod_id=pod.public_id, now=LATER)

    def test_a_start_needs_a_balance_and_reserves_nothing_without(self, node: Node) -> None:
        poor = make_principal(usd=Decimal("0.51"))
        pod = renting.rent(principal=poor, request=rent_request(node), now=NOON)
        stopped(pod)
        Pod.objects.update(hourly_price_usd=Decimal(3))

        with pytest.raises(InsufficientBalance):
            lifecycle.start(principal=poor, pod_id=pod.public_id, now=LATER)

        node.refresh_from_db()
        assert node.free_gpu_count == 2


class TestReboot:
    def test_after_one_that_failed_takes_the_very_gpus_back(
        self, alice: Principal, pod: Pod
    ) -> None:
        stopped(pod)
        Pod.objects.update(status=PodStatus.REBOOT_FAILED)

        lifecycle.reboot(principal=alice, pod_id=pod.public_id, now=LATER)

        held = NodeGpu.objects.filter(holder=pod.public_id).values_list("uuid", flat=True)
        assert (list(held), Pod.objects.get().status) == (pod.gpu_uuids, PodStatus.REBOOTING)

    def test_after_one_that_failed_is_refused_where_they_are_rented(
        self, alice: Principal, pod: Pod, node: Node
    ) -> None:
        stopped(pod)
        Pod.objects.update(status=PodStatus.REBOOT_FAILED)
        renting.rent(principal=alice, request=rent_request(node, gpu_count=2), now=NOON)

        with pytest.raises(NodeTaken):
            lifecycle.reboot(principal=alice, pod_id=pod.public_id, now=LATER)

        assert Pod.objects.get(pk=pod.pk).status == PodStatus.REBOOT_FAILED

    @pytest.mark.parametrize("reason", [Reason.SSH_SILENT, Reason.GPUS_MISSING])
    def test_is_possible_where_the_machine_answers_and_the_pod_does_not(
        self, reason: Reason, alice: Principal, pod: Pod
    ) -> None:
        Pod.objects.update(status=PodStatus.UNREACHABLE, status_reason_code=reason.code)

        lifecycle.reboot(principal=alice, pod_id=pod.public_id, now=LATER)

        assert Pod.objects.get().status == PodStatus.REBOOTING

    @pytest.mark.parametrize("reason", [Reason.MACHINE_SILENT, Reason.ENGINE_SILENT])
    def test_reaches_no_machine_that_is_silent(
        self, reason: Reason, alice: Principal, pod: Pod
    ) -> None:
        Pod.objects.update(
            status=PodStatus.UNREACHABLE,
            status_reason_code=reason.code,
            status_reason=reason.words,
        )

        with pytest.raises(NotNow) as refused:
            lifecycle.reboot(principal=alice, pod_id=pod.public_id, now=LATER)

        assert refused.value.hint == reason.words
        assert Pod.objects.get().status == PodStatus.UNREACHABLE


class TestMinutes:
    """A pod that computed at no charge for too long of a day rests for an hour."""

    @pytest.fixture
    def used_up(self, pod: Pod) -> Pod:
        make_ready(pod)
        over = NOON + settings.MARKET_SSH_SILENCE + timedelta(seconds=1)
        for to, reason, at in (
            (PodStatus.UNREACHABLE, Reason.SSH_SILENT, NOON),
            (PodStatus.STOPPING, Reason.STOPPED_SILENT, over),
            (PodStatus.STOPPED, Reason.STOPPED_SILENT, over),
        ):
            transitions.move(pod, to=to, reason=reason, actor=PLATFORM, now=at)
        stopped(pod)
        return pod

    @pytest.mark.parametrize(
        ("wish", "status"),
        [
            (lifecycle.start, PodStatus.STOPPED),
            (lifecycle.reboot, PodStatus.REBOOT_FAILED),
            (lifecycle.reboot, PodStatus.RUNNING),
        ],
    )
    def test_is_told_when_it_may_run_again(
        self, wish: Callable[..., Pod], status: PodStatus, alice: Principal, used_up: Pod
    ) -> None:
        Pod.objects.update(status=status)

        for seconds in (1, 60 * 60 - 1):
            refused_at = NOON + timedelta(minutes=11, seconds=seconds)
            with pytest.raises(RanUnproven, match="again at 2026-11-21 13:11 UTC"):
                wish(principal=alice, pod_id=used_up.public_id, now=refused_at)

        assert Pod.objects.get().status == status
        wish(principal=alice, pod_id=used_up.public_id, now=NOON + timedelta(minutes=71))
        assert Pod.objects.get().status in {PodStatus.STARTING, PodStatus.REBOOTING}


def stopped(pod: Pod) -> None:
    Pod.objects.filter(pk=pod.pk).update(status=PodStatus.STOPPED)
    reservations.release_gpus(holder=pod.public_id, now=NOON)


class TestSchedule:
    def test_is_set_in_any_state_right_after_the_rent(self, alice: Principal, pod: Pod) -> None:
        at = NOON + timedelta(hours=1)

        for _ in range(2):
            lifecycle.schedule_removal(principal=alice, pod_id=pod.public_id, at=at, now=LATER)

        assert Pod.objects.get().removal_scheduled_at == at
        assert pod.events.filter(sub_type="pod-edit.success").count() == 1

    def test_pulls_the_next_look_to_the_end(self, alice: Principal, pod: Pod) -> None:
        Pod.objects.update(next_look_at=NOON + timedelta(days=1))
        at = NOON + timedelta(hours=1)

        lifecycle.schedule_removal(principal=alice, pod_id=pod.public_id, at=at, now=LATER)

        assert Pod.objects.get().next_look_at == at

    def test_refuses_the_past_with_400(self, alice: Principal, pod: Pod) -> None:
        with pytest.raises(PastTime) as refusal:
            lifecycle.schedule_removal(principal=alice, pod_id=pod.public_id, at=NOON, now=LATER)

        assert refusal.value.status == 400

    def test_is_taken_back(self, alice: Principal, pod: Pod) -> None:
        Pod.objects.update(removal_scheduled_at=NOON + timedelta(hours=1))

        lifecycle.cancel_removal(principal=alice, pod_id=pod.public_id, now=LATER)

        assert Pod.objects.get().removal_scheduled_at is None


@pytest.mark.django_db(transaction=True)
class TestRaces:
    def test_four_stops_at_once_are_one(self, alice: Principal, pod: Pod) -> None:
        with transaction.atomic():
            make_ready(pod)

        def stop(_: int) -> Any:
            try:
                return lifecycle.stop(principal=alice, pod_id=pod.public_id, now=LATER)
            finally:
                connection.close()

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(stop, range(4)))

        assert pod.events.filter(to_status="stopping").count() == 1
        assert meter_of(pod).posted_usd == Decimal("0.033333333")
