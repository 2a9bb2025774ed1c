"""Taking a machine back early: stated before, told at once, and on the record for good."""

from datetime import timedelta
from decimal import Decimal

import pytest

from core.actors import Actor, ActorKind
from core.errors import Invalid
from marketplace import selectors
from marketplace.models import NodeStatus
from marketplace.selectors.notices import is_early
from marketplace.services import reclaiming
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
