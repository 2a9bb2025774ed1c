"""GPUs and ports go to one holder each, however many ask at once."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from threading import Barrier
from uuid import UUID, uuid4

import pytest
from django.db import connection, transaction

from marketplace.models import Node, NodeGpu, NodeStatus, PortReservation
from marketplace.services import reservations
from marketplace.services.reservations import NoCapacity, Reservation
from tests.factories.marketplace import NOON, make_node


def take(node: Node, *, gpus: int = 1, ports: int = 1, holder: UUID | None = None) -> Reservation:
    with transaction.atomic():
        return reservations.reserve(
            node_id=node.pk,
            gpu_count=gpus,
            port_count=ports,
            holder=holder or uuid4(),
            now=NOON,
        )


def take_again(node: Node, had: Reservation, holder: UUID) -> Reservation:
    with transaction.atomic():
        return reservations.reserve_again(
            node_id=node.pk, gpu_uuids=had.gpu_uuids, ports=had.ports, holder=holder, now=NOON
        )


@pytest.mark.django_db
class TestReserve:
    def test_gives_gpus_by_uuid_and_ports_of_the_range(self) -> None:
        node = make_node(gpu_count=4, first_port=500, last_port=509)

        got = take(node, gpus=2, ports=3)

        node.refresh_from_db()
        held = node.gpus.exclude(holder=None).order_by("position")
        assert got.gpu_uuids == list(held.values_list("uuid", flat=True))
        assert got.ports == [500, 501, 502]
        assert (node.free_gpu_count, node.free_port_count) == (2, 7)

    def test_the_same_holder_again_gets_the_same(self) -> None:
        node, holder = make_node(), uuid4()

        assert take(node, gpus=2, ports=2, holder=holder) == take(
            node, gpus=2, ports=2, holder=holder
        )
        assert NodeGpu.objects.filter(holder=holder).count() == 2

    @pytest.mark.parametrize(("gpus", "ports"), [(9, 1), (1, 1001)])
    def test_all_or_nothing(self, gpus: int, ports: int) -> None:
        node = make_node()

        with pytest.raises(NoCapacity) as refusal:
            take(node, gpus=gpus, ports=ports)

        node.refresh_from_db()
        assert refusal.value.code == "node_taken"
        assert refusal.value.hint
        assert node.free_gpu_count == 8
        assert not PortReservation.objects.exists()

    def test_a_node_rented_whole_is_not_split(self) -> None:
        with pytest.raises(NoCapacity, match="at least 8"):
            take(make_node(min_gpu_count=8), gpus=1)

    @pytest.mark.parametrize(
        "change", [{"status": NodeStatus.OFFLINE}, {"frozen_at": NOON}, {"delisted_at": NOON}]
    )
    def test_what_is_not_on_the_market_is_not_given(self, change: dict[str, object]) -> None:
        with pytest.raises(NoCapacity, match="not on the market"):
            take(make_node(**change))

    def test_a_machine_that_does_not_answer_is_not_given_before_it_is_called_offline(self) -> None:
        hiccup, silent = make_node(missed_probes=1), make_node(missed_probes=2)

        assert take(hiccup).gpu_uuids
        with pytest.raises(NoCapacity, match="not answered the last 2 probes"):
            take(silent)

    def test_a_gpu_that_the_machine_no_longer_shows_goes_to_nobody(self) -> None:
        node = make_node(gpu_count=1)
        node.gpus.update(missing_since=NOON)

        with pytest.raises(NoCapacity):
            take(node)


@pytest.mark.django_db
class TestRelease:
    def test_frees_everything_and_may_be_repeated(self) -> None:
        node, holder = make_node(), uuid4()
        take(node, gpus=3, ports=2, holder=holder)
        other = take(node, gpus=1, ports=1)

        for _ in range(2):
            reservations.release(holder=holder, now=NOON)

        node.refresh_from_db()
        assert (node.free_gpu_count, node.free_port_count) == (7, 999)
        assert NodeGpu.objects.get(uuid=other.gpu_uuids[0]).holder is not None

    def test_a_stopped_pod_keeps_its_ports_and_gets_its_very_gpus_back(self) -> None:
        node, holder = make_node(gpu_count=2), uuid4()
        had = take(node, gpus=1, ports=2, holder=holder)

        reservations.release_gpus(holder=holder, now=NOON)
        back = take_again(node, had, holder)

        assert back == had

    def test_ports_that_were_given_back_are_reserved_again(self) -> None:
        node, holder = make_node(gpu_count=2), uuid4()
        had = take(node, gpus=1, ports=2, holder=holder)
        reservations.release(holder=holder, now=NOON)

        assert take_again(node, had, holder) == had

    def test_ports_that_somebody_else_has_are_refused(self) -> None:
        node, holder = make_node(gpu_count=2), uuid4()
        had = take(node, gpus=1, ports=2, holder=holder)
        reservations.release(holder=holder, now=NOON)
        other = take(node, gpus=1, ports=1)
        free = NodeGpu.objects.filter(node=node, holder=None).values_list("uuid", flat=True)
        had = replace(had, gpu_uuids=list(free))

        with pytest.raises(NoCapacity, match="ports"), transaction.atomic():
            take_again(node, had, holder)
        assert set(other.ports) <= set(had.ports)
        assert not NodeGpu.objects.filter(holder=holder).exists()

    def test_gpus_that_somebody_else_has_are_refused(self) -> None:
        node, holder = make_node(gpu_count=1), uuid4()
        had = take(node, holder=holder)
        reservations.release_gpus(holder=holder, now=NOON)
        take(node)

        with pytest.raises(NoCapacity, match="somebody else"):
            take_again(node, had, holder)


@pytest.mark.django_db(transaction=True)
class TestRace:
    def test_sixteen_renters_for_the_last_gpu_leave_one_winner(self) -> None:
        node = make_node(gpu_count=1)

        won = _together(16, lambda: take(node))

        node.refresh_from_db()
        assert sum(won) == 1
        assert node.free_gpu_count == 0
        assert NodeGpu.objects.exclude(holder=None).count() == 1
        assert PortReservation.objects.count() == 1

    def test_parallel_renters_never_share_a_gpu_or_a_port(self) -> None:
        node = make_node(gpu_count=8, first_port=500, last_port=519)

        won = _together(12, lambda: take(node, gpus=1, ports=2))

        node.refresh_from_db()
        assert sum(won) == 8
        assert (node.free_gpu_count, node.free_port_count) == (0, 4)
        assert NodeGpu.objects.exclude(holder=None).values("holder").distinct().count() == 8

    def test_pods_that_come_back_and_new_ones_never_share_a_port(self) -> None:
        node = make_node(gpu_count=8, first_port=500, last_port=507)
        holders = [uuid4() for _ in range(4)]
        had = [take(node, gpus=1, ports=2, holder=holder) for holder in holders]
        with transaction.atomic():
            for holder in holders:
                reservations.release(holder=holder, now=NOON)
        acts: list[Callable[[], Reservation]] = [partial(take, node, gpus=1, ports=2)] * 4
        acts += [partial(take_again, node, *pair) for pair in zip(had, holders, strict=True)]
        queue = iter(acts)

        won = _together(8, lambda: next(queue)())

        assert sum(won) == 4
        held = PortReservation.objects.values_list("holder", flat=True)
        assert sorted(Counter(held).values()) == [2] * 4


def _together(people: int, act: Callable[[], object]) -> list[bool]:
    barrier = Barrier(people)

    def one() -> bool:
        barrier.wait()
        try:
            act()
        except NoCapacity:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(people) as pool:
        return [future.result() for future in [pool.submit(one) for _ in range(people)]]
