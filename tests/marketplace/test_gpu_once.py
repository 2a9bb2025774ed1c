"""A GPU is on the market once: two ways to one machine are no two machines."""

from dataclasses import replace
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction

from core.actors import PLATFORM
from marketplace.checks import BY_ID, Evidence
from marketplace.models import Node, NodeGpu
from marketplace.selectors.same_machine import gpus_elsewhere
from marketplace.services import check_outcomes, check_visits, listing, reservations
from marketplace.services.check_visits import Visited, evidence_of
from marketplace.services.preflight import read
from marketplace.services.visiting import Visit
from marketplace.simulated import SIMULATED_UUID_PREFIX
from tests.factories.marketplace import NOON, make_node

pytestmark = pytest.mark.django_db
NAME = "NVIDIA H100 80GB HBM3"


def uuids(node: Node) -> list[str]:
    return list(node.gpus.order_by("position").values_list("uuid", flat=True))


def shown(node: Node, *gpus: str) -> Evidence:
    """Say what a machine shows that has these GPUs."""
    rows = [f"gpu {index}, {uuid}, {NAME}, 81559" for index, uuid in enumerate(gpus)]
    found = read("\n".join(["engine 28.3.1", "nvidia_hook yes", "driver 570.1", *rows]))
    return replace(evidence_of(node), found=found)


def test_what_another_node_lists_is_told() -> None:
    first, second = make_node(gpu_count=2), make_node(gpu_count=1)

    assert gpus_elsewhere(second, uuids(first)) == sorted(uuids(first))
    assert gpus_elsewhere(first, uuids(first)) == []


def test_the_check_of_a_second_way_to_a_machine_fails() -> None:
    first, second = make_node(gpu_count=2), make_node(gpu_count=2)
    evidence = shown(second, *uuids(first))
    there = Visit(evidence, address=None, where="", state_dir="")

    verdict = check_visits._judged(BY_ID["gpus"], there, second, Visited(now=NOON))

    assert (verdict.status, verdict.code) == ("failed", "gpu_listed_elsewhere")
    assert uuids(first)[0] in verdict.measured


def test_of_two_runs_at_once_one_gets_the_gpus() -> None:
    first, second = make_node(gpu_count=2), make_node(gpu_count=1)
    evidence = shown(second, *uuids(first))

    written = check_outcomes.write_findings(node_id=second.pk, evidence=evidence, now=NOON)

    assert not written
    assert second.gpus.count() == 1


def test_a_gpu_stays_with_the_pods_of_a_delisted_machine_until_they_end() -> None:
    gone, again, holder = make_node(gpu_count=2), make_node(), uuid4()
    reservations.reserve(node_id=gone.pk, gpu_count=1, port_count=1, holder=holder, now=NOON)
    held = NodeGpu.objects.get(holder=holder).uuid

    listing.delist(node_id=gone.pk, why="Fraud", actor=PLATFORM, now=NOON)

    assert gpus_elsewhere(again, uuids(gone)) == [held]
    reservations.release(holder=holder, now=NOON)
    assert gpus_elsewhere(again, uuids(gone)) == []
    assert check_outcomes.write_findings(
        node_id=again.pk, evidence=shown(again, *uuids(gone)), now=NOON
    )


def test_a_run_that_outlives_its_listing_takes_no_gpus() -> None:
    node, other = make_node(gpu_count=1), make_node()
    listing.delist(node_id=node.pk, why="Sold", actor=PLATFORM, now=NOON)

    assert not check_outcomes.write_findings(
        node_id=node.pk, evidence=shown(node, *uuids(node)), now=NOON
    )
    assert gpus_elsewhere(other, uuids(node)) == []


def test_the_database_refuses_what_nobody_looked_for() -> None:
    first, second = make_node(gpu_count=1), make_node(gpu_count=1)

    with pytest.raises(IntegrityError, match="gpu_on_one_node"), transaction.atomic():
        NodeGpu.objects.create(node=second, uuid=uuids(first)[0], position=1)


def test_stand_ins_may_be_alike() -> None:
    first, second = make_node(), make_node()
    uuid = f"{SIMULATED_UUID_PREFIX}0000-4000-8000-000000000001"
    NodeGpu.objects.create(node=first, uuid=uuid, position=9)
    NodeGpu.objects.create(node=second, uuid=uuid, position=9)

    assert gpus_elsewhere(first, [uuid]) == []
