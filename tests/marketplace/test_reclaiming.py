"""Taking a machine back early: stated before, told at once, and on the record for good."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from core.actors import Actor, ActorKind
from core.errors import Invalid
from marketplace import selectors
from marketplace.models import Node, NodeGpu, NodeStatus
from marketplace.selectors.notices import is_early
from marketplace.services import listing, outcomes, reclaiming
from tests.factories.marketplace import NOON, make_node

pytestmark = pytest.mark.django_db
BOB = Actor(kind=ActorKind.USER, id="1", name="Bob")


def test_takes_no_new_rentals_and_leaves_a_grace() -> None:
    node = make_node()

    notice = reclaiming.reclaim(node_id=node.pk, why="I need it", actor=BOB, now=NOON)

    node.refresh_from_db()
    assert node.status == NodeStatus.RECLAIMING
    assert notice.starts_at == NOON + timedelta(hours=1)
    assert is_early(notice)
    assert selectors.open_notice(node) == notice


def test_it_stays_on_the_record() -> None:
    node = make_node()
    reclaiming.reclaim(node_id=node.pk, why="I need it", actor=BOB, now=NOON)

    stated = reclaiming.consequences(node, now=NOON)

    assert stated.early_before == 1
    assert (stated.pods, stated.refund_usd) == (0, Decimal(0))


def test_a_reason_is_demanded() -> None:
    with pytest.raises(Invalid, match="reason"):
        reclaiming.reclaim(node_id=make_node().pk, why=" ", actor=BOB, now=NOON)


def readded(node: Node, **fields: Any) -> Node:
    """Take a machine off and add it again, as it is found there afterwards."""
    listing.delist(node_id=node.pk, why="Gone", actor=BOB, now=NOON)
    again = make_node(gpu_count=node.gpu_count, **fields)
    if not fields:
        again.gpus.all().delete()
        uuids = enumerate(node.gpus.values_list("uuid", flat=True))
        NodeGpu.objects.bulk_create(
            NodeGpu(node=again, uuid=uuid, position=position) for position, uuid in uuids
        )
    return again


class TestRecord:
    @pytest.mark.parametrize("same", ["host key", "GPUs"])
    def test_a_machine_that_was_added_again_keeps_it(self, same: str) -> None:
        node = make_node(gpu_count=2)
        reclaiming.reclaim(node_id=node.pk, why="I need it", actor=BOB, now=NOON)
        outcomes.record_start(node_id=node.pk, proven=True, seconds=7, now=NOON)
        outcomes.record_start(node_id=node.pk, proven=False, seconds=None, now=NOON)
        keys = {"host_key": node.host_key} if same == "host key" else {}

        again = readded(node, **keys)
        outcomes.carry_over(again)

        assert reclaiming.early_reclaims(again) == 1
        assert (again.starts_proven, again.starts_failed) == (1, 1)
        assert again.typical_ready_seconds == 7

    def test_it_does_not_grow_by_being_added_again(self) -> None:
        node = make_node(gpu_count=2)
        outcomes.record_start(node_id=node.pk, proven=False, seconds=None, now=NOON)
        for _ in range(2):
            node = readded(node)
            outcomes.carry_over(node)

        assert node.starts_failed == 1

    def test_a_claim_with_somebodys_key_has_no_record(self) -> None:
        node = make_node()
        reclaiming.reclaim(node_id=node.pk, why="I need it", actor=BOB, now=NOON)

        claim = make_node(host_key=node.host_key, proven_at=None, first_listed_at=None)

        assert reclaiming.early_reclaims(claim) == 0

    def test_other_machines_do_not_share_it(self) -> None:
        reclaiming.reclaim(node_id=make_node().pk, why="I need it", actor=BOB, now=NOON)

        assert reclaiming.early_reclaims(make_node()) == 0
