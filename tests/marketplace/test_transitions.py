"""Every pair of statuses, and what a move leaves behind."""

from itertools import product

import pytest

from core.actors import PLATFORM
from core.errors import IllegalTransition
from marketplace.models import NodeStatus
from marketplace.transitions import ALLOWED, Reason, move
from tests.factories.marketplace import NOON, make_node


def test_every_status_is_in_the_table() -> None:
    assert set(ALLOWED) == set(NodeStatus)


@pytest.mark.django_db
@pytest.mark.parametrize(("source", "target"), list(product(NodeStatus, NodeStatus)))
def test_moves_as_the_table_says_or_not_at_all(source: NodeStatus, target: NodeStatus) -> None:
    node = make_node(status=source)

    def act() -> None:
        move(node, to=target, reason=Reason.CHECKS_PASSED, actor=PLATFORM, now=NOON, detail="why")

    if target in ALLOWED[source]:
        act()
        event = node.events.get()
        assert (event.from_status, event.to_status, event.reason) == (source, target, "why")
        assert node.status_reason == "why"
    else:
        with pytest.raises(IllegalTransition):
            act()
        assert not node.events.exists()
    node.refresh_from_db()
    assert node.status == (target if target in ALLOWED[source] else source)
